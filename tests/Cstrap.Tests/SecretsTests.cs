using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>What runs in a machine does not learn the firmware's keys: all of the machine's memory is looked through for them.</summary>
public sealed class SecretsTests
{
    private const int MiB = 1 << 20;

    [RootTheory, Monitors]
    public void A_guest_that_arrives_finds_no_keys(string monitor)
    {
        byte[] loader = Repository.ReadImage("loader-checkpoint");
        using var machine = new Machine(monitor, loader);
        Stranger(machine);
        using SecureSocket socket = machine.UploadLoader(loader);
        byte[] loop = new byte[4096];
        loop[0] = 0xeb; // JMP to itself
        loop[1] = 0xfe;
        socket.Send(new CheckpointStream().Page(0x400, loop).End());
        Assert.Equal(HandOverKind.Verified, Client.Verdict(socket).Kind);
        var keys = Keys(socket);
        // So that looking means something.
        List<string> before = Find(machine, keys);
        Assert.Contains("the handshake's key", before);
        Assert.Contains("the key of what the client sends", before);
        socket.Send(Client.Record(HandOverKind.Commit));
        Assert.Equal(HandOverKind.Running, Client.Verdict(socket).Kind);
        Thread.Sleep(500);
        Assert.False(machine.HasEnded(0), machine.Console);
        Assert.Empty(Find(machine, keys));
    }

    [RootTheory, Monitors]
    public void A_guest_that_is_booted_finds_no_keys(string monitor)
    {
        byte[] loader = Repository.ReadImage("loader-kernel");
        using var machine = new Machine(monitor, loader);
        Stranger(machine);
        using SecureSocket socket = machine.UploadLoader(loader);
        var keys = Keys(socket);
        socket.Send(Client.Bundle("", Looping(Repository.ReadImage("hello-guest")), new byte[300_000]));
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(socket));
        machine.Await("starting the kernel");
        Thread.Sleep(500);
        Assert.False(machine.HasEnded(0), machine.Console);
        Assert.Empty(Find(machine, keys));
    }

    /// <summary>Another client has made a handshake before.</summary>
    private static void Stranger(Machine machine) => Client.Open(machine.Space.Connect(address: machine.Boot)).Dispose();

    private static (string What, byte[] Bytes)[] Keys(SecureSocket socket)
    {
        byte[] preShared = new byte[32];
        SecureChannel.PreSharedKey(Client.Key, preShared);
        object channel = Field(socket, "channel");
        return
        [
            ("the machine's key", Client.Key), ("the handshake's key", preShared),
            ("the key of what the client sends", Key("sendingKey")), ("the key of what the firmware sends", Key("receivingKey")),
        ];

        byte[] Key(string name)
        {
            Bytes32 key = (Bytes32)Field(channel, name);
            return MemoryMarshal.AsBytes(MemoryMarshal.CreateReadOnlySpan(ref key, 1)).ToArray();
        }

        static object Field(object of, string name) => of.GetType().GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(of)!;
    }

    /// <summary>Which of the keys, or halves of them, lie in the machine's memory, and where.</summary>
    private static List<string> Find(Machine machine, (string What, byte[] Bytes)[] keys)
    {
        byte[] memory = machine.ReadMemory(64 * MiB);
        List<string> found = [];
        foreach ((string what, byte[] bytes) in keys)
        {
            if (memory.AsSpan().IndexOf(bytes.AsSpan(0, bytes.Length / 2)) >= 0 || memory.AsSpan().IndexOf(bytes.AsSpan(bytes.Length / 2)) >= 0)
                found.Add(what);
        }
        return found;
    }

    /// <summary>The same kernel, whose first instruction is a jump to itself.</summary>
    private static byte[] Looping(byte[] kernel)
    {
        byte[] copy = (byte[])kernel.Clone();
        int note = copy.AsSpan().IndexOf("Xen\0"u8);
        uint entry = BinaryPrimitives.ReadUInt32LittleEndian(copy.AsSpan(note + 4));
        int table = (int)BinaryPrimitives.ReadUInt64LittleEndian(copy.AsSpan(32)), count = BinaryPrimitives.ReadUInt16LittleEndian(copy.AsSpan(56));
        for (int i = 0; i < count; i++)
        {
            Span<byte> header = copy.AsSpan(table + 56 * i, 56);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]), physical = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
            if (header[0] != 1 || entry < physical || entry - physical >= BinaryPrimitives.ReadUInt64LittleEndian(header[32..]))
                continue;
            copy[(int)(offset + entry - physical)] = 0xeb;
            copy[(int)(offset + entry - physical) + 1] = 0xfe;
            return copy;
        }
        Assert.Fail("the kernel's entry is not in its image");
        return copy;
    }
}
