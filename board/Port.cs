using System;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace Board;

/// <summary>I/O ports (Intel SDM vol. 1 §19).</summary>
public static class Port
{
    [RuntimeImport("*", "port_in8"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern byte In8(ushort port);

    [RuntimeImport("*", "port_out8"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Out8(ushort port, byte value);
}
