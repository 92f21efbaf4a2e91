using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>From the PVH start state to long mode, as a kernel's first instructions go.</summary>
public sealed unsafe class StartTests
{
    [Fact]
    public void ThirtyTwoBitCodeReachesLongMode()
    {
        var machine = new TestMachine();
        machine.Cpu.ResetToPvh((uint)TestMachine.CodeAt, 0x7000);
        machine.Write(0x40000, 0x1000_0000_0037);
        // lgdt's operand: limit and base.
        *(ushort*)(machine.Memory.Base + 0x40000) = 0x37;
        *(uint*)(machine.Memory.Base + 0x40002) = 0x1000;
        var assembler = new Assembler(32);
        assembler.mov(esp, 0x80000);
        assembler.push(ebx);
        assembler.pop(edi);
        assembler.lgdt(__[0x40000]);
        assembler.mov(eax, cr4);
        assembler.or(eax, 0x620);
        assembler.mov(cr4, eax);
        assembler.mov(eax, 0x10000);
        assembler.mov(cr3, eax);
        assembler.mov(ecx, 0xc0000080);
        assembler.rdmsr();
        assembler.or(eax, 0x901);
        assembler.wrmsr();
        assembler.mov(eax, cr0);
        assembler.or(eax, unchecked((int)0x80010000));
        assembler.mov(cr0, eax);
        var stream = new System.IO.MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), TestMachine.CodeAt);
        byte[] jump = [0xea, 0x00, 0x00, 0x12, 0x00, 0x08, 0x00];
        machine.Place(TestMachine.CodeAt, [.. stream.ToArray(), .. jump]);
        machine.Place(0x120000, a =>
        {
            a.mov(ax, 0x10);
            a.mov(ds, ax);
            a.mov(ss, ax);
            a.mov(rax, 0x123456789abcdef0);
            a.movq(xmm0, rax);
            a.ltr(__word_ptr[0x40010]);
            a.hlt();
        });
        machine.Write(0x40010, TestMachine.Task);
        machine.RunToHalt();
        Assert.Equal(0x7000UL, machine.S->Gpr[7]);
        Assert.Equal(0x123456789abcdef0UL, machine.S->Ymm[0]);
        Assert.Equal(Efer.LMA, machine.S->Efer & Efer.LMA);
        Assert.Equal(0x3000UL, machine.S->TssBase);
    }

    [Fact]
    public void IdentifiesItself()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 0x40000000);
            a.cpuid();
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal("EvilManDomn\0", System.Text.Encoding.ASCII.GetString(
        [
            .. System.BitConverter.GetBytes((uint)machine.S->Gpr[3]), .. System.BitConverter.GetBytes((uint)machine.S->Gpr[1]),
            .. System.BitConverter.GetBytes((uint)machine.S->Gpr[2]),
        ]));
    }

    private const uint WallTime = 0x4b564d00, HostTime = 0x4b564d01, Counter = 0x10;

    [Fact]
    public void SharesTheHostsClock()
    {
        var machine = new TestMachine();
        byte* page = machine.Memory.Base + 0x50000;
        Assert.True(machine.Cpu.WriteModelSpecific(Counter, 5_000));
        ulong before = Clock.Nanoseconds;
        Assert.True(machine.Cpu.WriteModelSpecific(HostTime, 0x50000 | 1));
        ulong counted = *(ulong*)(page + 8), time = *(ulong*)(page + 16);
        Assert.InRange(time, before, Clock.Nanoseconds);
        Assert.Equal(machine.S->TscOffset, counted - time);
        // What a kernel makes of it: a thousand ticks are a thousand nanoseconds.
        Assert.Equal(1000UL, (1000UL << page[28]) * *(uint*)(page + 24) >> 32);
        Assert.Equal(1, page[29]);

        uint version = *(uint*)page;
        Assert.True(machine.Cpu.WriteModelSpecific(Counter, 0));
        Assert.NotEqual(version, *(uint*)page);
        Assert.Equal(0U, *(uint*)page & 1);
        Assert.Equal(machine.S->TscOffset, *(ulong*)(page + 8) - *(ulong*)(page + 16));

        version = *(uint*)page;
        Assert.True(machine.Cpu.WriteModelSpecific(HostTime, 0));
        Assert.True(machine.Cpu.WriteModelSpecific(Counter, 0));
        Assert.Equal(version, *(uint*)page);

        Assert.True(machine.Cpu.WriteModelSpecific(WallTime, 0x50100));
        double wall = *(uint*)(page + 0x104) + *(uint*)(page + 0x108) / 1e9 + Clock.Nanoseconds / 1e9;
        Assert.InRange((System.DateTime.UtcNow - System.DateTime.UnixEpoch).TotalSeconds - wall, -1, 5);
    }

    /// <summary>CPUID announces the deadline timer and that it never stops; its register and the counter reach the local APIC.</summary>
    [Fact]
    public void HasATimerWithDeadlines()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 6);
            a.cpuid();
            a.mov(esi, eax);
            a.mov(eax, 1);
            a.cpuid();
            a.mov(edi, ecx);
            a.mov(ecx, 0x6e0);
            a.mov(eax, 0x55667788);
            a.mov(edx, 0x11223344);
            a.wrmsr();
            a.xor(eax, eax);
            a.xor(edx, edx);
            a.rdmsr();
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(1UL << 2, machine.S->Gpr[6]);
        Assert.Equal(1UL << 24, machine.S->Gpr[7] & 1UL << 24);
        Assert.Equal(0x1122334455667788UL, machine.TscDeadline);
        Assert.Equal((0x55667788UL, 0x11223344UL), (machine.S->Gpr[0], machine.S->Gpr[2]));
        Assert.True(machine.Cpu.WriteModelSpecific(Counter, 5_000));
        Assert.Equal(machine.S->TscOffset, machine.TscOffset);
    }

    [Theory]
    [InlineData(HostTime, 0x50002 | 1)]
    [InlineData(HostTime, TestMachine.Ram | 1)]
    [InlineData(HostTime, TestMachine.Ram - 28 | 1)]
    [InlineData(HostTime, ulong.MaxValue - 2)]
    [InlineData(WallTime, 0x50001)]
    [InlineData(WallTime, TestMachine.Ram - 8)]
    [InlineData(WallTime, ulong.MaxValue - 3)]
    public void AClockOutsideRamIsRefused(uint register, ulong value)
    {
        var machine = new TestMachine();
        Assert.False(machine.Cpu.WriteModelSpecific(register, value));
        Assert.True(machine.Cpu.ReadModelSpecific(register, out ulong kept));
        Assert.Equal(0UL, kept);
    }
}
