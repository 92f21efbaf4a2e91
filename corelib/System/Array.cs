#pragma warning disable CS0169, CS0649

namespace System;

/// <summary>Arrays cannot be allocated; the type exists because static data and <c>params</c> name it.</summary>
public abstract class Array
{
    private readonly int _numComponents;

    public int Length => _numComponents;
}

internal class Array<T> : Array;
