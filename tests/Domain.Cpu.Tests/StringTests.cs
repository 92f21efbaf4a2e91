using System;
using System.Diagnostics;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// Repeated string instructions give way to the machine around them and resume where they were (SDM vol. 2, REP).
/// </summary>
public sealed unsafe class StringTests
{
    private const ulong Handler = 0x110000, Buffer = 0x400000;

    private sealed class Port : IDevice
    {
        public ulong Accesses;

        public ulong Read(ulong offset, int size) => ++Accesses;

        public void Write(ulong offset, int size, ulong value) => Accesses++;
    }

    public static TheoryData<string> Families()
    {
        var data = new TheoryData<string>();
        foreach (string name in new[] { "movs", "stos", "lods", "scas", "cmps", "ins", "outs" })
            data.Add(name);
        return data;
    }

    private static void Repeat(Assembler a, string family)
    {
        switch (family)
        {
            case "movs": a.rep.movsb(); break;
            case "stos": a.rep.stosb(); break;
            case "lods": a.rep.lodsb(); break;
            case "scas": a.repe.scasb(); break;
            case "cmps": a.repe.cmpsb(); break;
            case "ins": a.rep.insb(); break;
            default: a.rep.outsb(); break;
        }
    }

    /// <summary>
    /// The address space is one page, mapped everywhere in a window: a count of 2^38 never faults and never ends.
    /// </summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void GivesWayAndKeepsItsPlace(string family)
    {
        var machine = new TestMachine();
        machine.Bus.MapPorts(0x80, 1, new Port());
        // 512 GiB at 1 << 39, all of it one page of zeros: 1 GiB of it by each upper table, which all lead to the same
        // one below.
        machine.Write(0x10008, 0x1d000 | 7);
        for (ulong i = 0; i < 512; i++)
        {
            machine.Write(0x1d000 + 8 * i, 0x1e000 | 7);
            machine.Write(0x1e000 + 8 * i, 0x1f000 | 7);
            machine.Write(0x1f000 + 8 * i, Buffer | 7);
        }
        machine.Cpu.FlushTlbs();
        machine.Gate(0x40, Handler);
        machine.Place(Handler, a => a.iretq());
        machine.Place(TestMachine.CodeAt, a => Repeat(a, family));
        machine.S->Gpr[1] = 1UL << 38;
        machine.S->Gpr[2] = 0x80;
        machine.S->Gpr[6] = machine.S->Gpr[7] = 1UL << 39;
        machine.S->SystemFlags = Flags.IF;
        var clock = Stopwatch.StartNew();
        ulong before = machine.S->Gpr[1];
        for (int round = 0; round < 20; round++)
        {
            machine.Interrupts.Enqueue(0x40);
            // Attention may be asked for before the interrupt has been seen, or in its handler.
            do
            {
                using var timer = new System.Threading.Timer(_ => machine.Cpu.RaiseAttention(), null, 1, -1);
                Assert.Equal(CpuExit.Attention, machine.Cpu.Run());
            }
            while (machine.Interrupts.Count != 0 || machine.S->Rip != TestMachine.CodeAt);
            ulong done = before - machine.S->Gpr[1];
            Assert.InRange(done, 0UL, (1UL << 38) - 1);
            if (family is "movs" or "cmps" or "lods" or "outs")
                Assert.Equal((1UL << 39) + done, machine.S->Gpr[6]);
            if (family is "movs" or "cmps" or "stos" or "scas" or "ins")
                Assert.Equal((1UL << 39) + done, machine.S->Gpr[7]);
        }
        Assert.NotEqual(before, machine.S->Gpr[1]);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 60_000);
    }

    /// <summary>How many device accesses happen between two looks of the run loop.</summary>
    [Theory]
    [InlineData("ins")]
    [InlineData("outs")]
    public void PortsAreAccessedInSmallSlices(string family)
    {
        var machine = new TestMachine();
        var port = new Stopping(machine);
        machine.Bus.MapPorts(0x80, 1, port);
        machine.Place(TestMachine.CodeAt, a => Repeat(a, family));
        machine.S->Gpr[1] = 1 << 20;
        machine.S->Gpr[2] = 0x80;
        machine.S->Gpr[6] = machine.S->Gpr[7] = Buffer;
        Assert.Equal(CpuExit.Attention, machine.Cpu.Run());
        Assert.InRange(port.Accesses, 1UL, 1024UL);
        Assert.Equal((1UL << 20) - port.Accesses, machine.S->Gpr[1]);
    }

    private sealed class Stopping(TestMachine machine) : IDevice
    {
        public ulong Accesses;

        public ulong Read(ulong offset, int size)
        {
            Accesses++;
            machine.Cpu.RaiseAttention();
            return 0;
        }

        public void Write(ulong offset, int size, ulong value) => Read(offset, size);
    }

    /// <summary>
    /// A page fault in the middle leaves registers and memory as far as the repetition came; it then goes on.
    /// </summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void FaultInTheMiddleKeepsTheState(string family)
    {
        foreach (bool down in new[] { false, true })
        {
            var machine = new TestMachine();
            var port = new Port();
            machine.Bus.MapPorts(0x80, 1, port);
            const ulong present = 0x401000, absent = 0x402000;
            ulong first = down ? absent + 99 : present + 0x1000 - 100;
            if (down)
                machine.Entry(present) = 0;
            else
                machine.Entry(absent) = 0;
            machine.Cpu.FlushTlbs();
            machine.Gate(14, Handler);
            machine.Place(Handler, a => a.hlt());
            machine.Place(TestMachine.CodeAt, a =>
            {
                Repeat(a, family);
                a.hlt();
            });
            machine.S->Gpr[0] = 0;
            machine.S->Gpr[1] = 150;
            machine.S->Gpr[2] = 0x80;
            machine.S->Gpr[6] = machine.S->Gpr[7] = first;
            machine.S->SystemFlags = down ? Flags.DF : 0;
            machine.RunToHalt();
            ulong step = down ? ulong.MaxValue : 1;
            ulong expected = first + 100 * step;
            Assert.Equal(50UL, machine.S->Gpr[1]);
            Assert.Equal(expected, machine.S->Cr2);
            Assert.Equal(TestMachine.CodeAt, machine.Read(machine.S->Gpr[4] + 8));
            if (family is "movs" or "cmps" or "lods" or "outs")
                Assert.Equal(expected, machine.S->Gpr[6]);
            if (family is "movs" or "cmps" or "stos" or "scas" or "ins")
                Assert.Equal(expected, machine.S->Gpr[7]);
            if (family is "ins" or "outs")
                Assert.Equal(100UL, port.Accesses);
            // The handler maps the page and returns.
            machine.Entry(present) = present | 7;
            machine.Entry(absent) = absent | 7;
            machine.S->Gpr[4] = TestMachine.StackTop;
            machine.S->Rip = TestMachine.CodeAt;
            machine.RunToHalt();
            Assert.Equal(0UL, machine.S->Gpr[1]);
        }
    }
}
