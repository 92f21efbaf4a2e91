using System;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Blocks that are interpreted until they have run often enough to be translated.</summary>
public sealed unsafe class WaitingBlockTests
{
    private const ulong FirstAt = 0x200000;
    private const int BlockBytes = 64, Nops = 46;

    /// <summary>A chain of blocks that count in RAX, with HLT behind it.</summary>
    private static void Chain(TestMachine machine, int blocks)
    {
        var code = new Span<byte>(machine.Memory.Base + FirstAt, blocks * BlockBytes + 1);
        code.Fill(0x90);
        for (int block = 0; block < blocks; block++)
        {
            // inc rax; nop …; jmp to the next
            var at = code.Slice(block * BlockBytes, BlockBytes);
            new byte[] { 0x48, 0xff, 0xc0 }.CopyTo(at);
            at[3 + Nops - 1] = 0xe9;
            BitConverter.TryWriteBytes(at[(3 + Nops)..], BlockBytes - (3 + Nops + 4));
        }
        code[^1] = 0xf4;
    }

    private static ulong Searches(TestMachine machine)
    {
        ulong before = machine.S->Searches;
        machine.S->Rip = FirstAt;
        machine.RunToHalt();
        return machine.S->Searches - before;
    }

    [Fact]
    public void What_runs_a_few_times_takes_a_bounded_room()
    {
        const int blocks = 20_000;
        var machine = new TestMachine(true, interpretedRuns: 8);
        Chain(machine, blocks);
        for (ulong lap = 1; lap <= 2; lap++)
        {
            Searches(machine);
            Assert.Equal(lap * blocks, machine.S->Gpr[0]);
        }
        Assert.InRange(machine.Cpu.ArenaUsed, 0, 64 << 10);
    }

    [Fact]
    public void What_runs_by_turns_is_translated_however_much_it_is()
    {
        // Twice what the ring has room for: each is decoded anew each time.
        const int blocks = 64, runs = 5;
        var machine = new TestMachine(true, interpretedRuns: runs);
        Chain(machine, blocks);
        for (int lap = 0; lap < runs; lap++)
            Assert.InRange(Searches(machine), (ulong)blocks, blocks + 8UL);
        Searches(machine);
        Assert.InRange(Searches(machine), 0UL, 8UL);
        Assert.Equal((runs + 2UL) * blocks, machine.S->Gpr[0]);
    }

    [Fact]
    public void What_waits_gives_way_to_what_is_written_over_it()
    {
        // The loop writes another number into the block that it calls, which is so decoded anew each time.
        const int rounds = 20_000;
        var machine = new TestMachine(true, interpretedRuns: 8);
        const ulong called = FirstAt + 0x1000;
        machine.Place(called, a =>
        {
            a.mov(eax, 0);
            a.add(rbx, rax);
            a.ret();
        });
        machine.Place(FirstAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, rounds);
            a.mov(ebx, 0);
            a.Label(ref loop);
            a.mov(__dword_ptr[called + 1], ecx);
            a.call(called);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.S->Rip = FirstAt;
        machine.RunToHalt();
        Assert.Equal((ulong)rounds * (rounds + 1) / 2, machine.S->Gpr[3]);
        Assert.InRange(machine.Cpu.ArenaUsed, 0, 64 << 10);
    }
}
