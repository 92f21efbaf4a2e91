using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;
using Xunit.Abstractions;

namespace Testing;

/// <summary>
/// The classes or collections of a test project that take longest, the longest first: they begin before the others, so that none of them is
/// left to run alone at the end. Goes with [assembly: TestCollectionOrderer(LongestFirst.Orderer, LongestFirst.Assembly)].
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class LongestAttribute(params string[] names) : Attribute
{
    public string[] Names => names;
}

/// <inheritdoc cref="LongestAttribute"/>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public const string Orderer = "Testing.LongestFirst", Assembly = "Testing";

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections)
    {
        ITestCollection[] all = [.. testCollections];
        string[] names = all.Length == 0 ? [] : Names(all[0].TestAssembly.Assembly);
        // The name of a collection is its own, or ends with its class's.
        return all.OrderBy(collection => Array.FindIndex(names, name => IsCalled(collection.DisplayName, name)) is >= 0 and var at ? at : names.Length);
    }

    private static string[] Names(IAssemblyInfo assembly) => assembly.GetCustomAttributes(typeof(LongestAttribute).AssemblyQualifiedName)
        .SelectMany(attribute => attribute.GetConstructorArguments()).SelectMany(argument => (IEnumerable<string>)argument).ToArray();

    private static bool IsCalled(string collection, string name) => collection == name || collection.EndsWith("." + name, StringComparison.Ordinal);
}
