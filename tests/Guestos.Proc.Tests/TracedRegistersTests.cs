using System;
using Xunit;

namespace Guestos.Proc.Tests;

/// <summary>
/// Registers that a tracer stores in its tracee: what the way back to user mode would refuse, or what would be another privilege's, is refused where it is stored. Machines
/// show no harm without these checks, since SYSRET is not used for such addresses (Guestos.Tests/ImageTests) and a refused IRETQ is the process's own fault
/// (programs/tracing.c): each of the three is enough.
/// </summary>
public sealed unsafe class TracedRegistersTests
{
    // Places in struct user_regs_struct (arch/x86/include/asm/user_64.h).
    private const int Rbx = 5, Rip = 16, Cs = 17, Flags = 18, Rsp = 19, Ss = 20, FsBase = 21, GsBase = 22, Ds = 23, Es = 24, Fs = 25, Gs = 26;

    private static readonly ulong[] s_foreign =
    [
        (1UL << 47) - 0x1000, 1UL << 47, 1UL << 63, 0xffff_8000_0000_0000, 0xffff_c000_0010_0000, 0xffff_ffff_8100_0000, ulong.MaxValue,
    ];

    public static TheoryData<int, ulong> Refused
    {
        get
        {
            TheoryData<int, ulong> data = [];
            foreach (ulong address in s_foreign)
                foreach (int place in new[] { Rip, FsBase, GsBase })
                    data.Add(place, address);
            // No program has code there.
            data.Add(Rip, AddressSpace.End);
            foreach (ulong selector in new ulong[] { 0, 3, 8, 0x10, 0x18, 0x23, 0x1_0000_0033, ulong.MaxValue })
            {
                data.Add(Cs, selector);
                data.Add(Ss, selector);
            }
            foreach (int place in new[] { Ds, Es, Fs, Gs })
                data.Add(place, 0x2b);
            data.Add(TracedRegisters.Count, 1);
            data.Add(-1, 1);
            return data;
        }
    }

    /// <summary>As one of them, and among all: what comes before it is stored, it and what follows are as they were.</summary>
    [Theory, MemberData(nameof(Refused))]
    public void What_no_program_may_have_is_refused(int place, ulong value) => InTracee(thread =>
    {
        ulong[] before = All(thread);
        Assert.Equal(Errno.EIO, TracedRegisters.Set(thread, place, value));
        Assert.Equal(before, All(thread));
        if (place is < 0 or >= TracedRegisters.Count)
            return;
        ulong[] wanted = [.. before];
        wanted[Rbx] = 0xffff_ffff_ffff_fff0;
        wanted[place] = value;
        fixed (ulong* values = wanted)
            Assert.Equal(Errno.EIO, TracedRegisters.Set(thread, values));
        before[Rbx] = wanted[Rbx];
        Assert.Equal(before, All(thread));
    });

    [Fact]
    public void What_a_program_may_have_is_stored() => InTracee(thread =>
    {
        foreach ((int place, ulong value) in new[]
        {
            (Rip, AddressSpace.End - 1), (Rip, 0UL), (FsBase, AddressSpace.End - 1), (GsBase, 0x1000UL), (Rsp, ulong.MaxValue), (Rbx, 1UL << 63),
            (Cs, (ulong)Descriptors.UserCode), (Ss, (ulong)Descriptors.UserData), (Ds, 0UL), (Gs, 0UL),
        })
        {
            Assert.Equal(0, TracedRegisters.Set(thread, place, value));
            Assert.Equal(value, TracedRegisters.Get(thread, place));
        }
        ulong[] all = All(thread);
        fixed (ulong* values = all)
            Assert.Equal(0, TracedRegisters.Set(thread, values));
        Assert.Equal(all, All(thread));
    });

    /// <summary>Interrupts stay on; the privilege of ports, the nested task and the virtual modes (SDM vol. 1 §3.4.3) stay off.</summary>
    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(0UL)]
    [InlineData(0x3000UL)]
    [InlineData(0x4000UL)]
    [InlineData(0x1a0000UL)]
    public void Flags_of_the_system_are_not_a_tracers(ulong value) => InTracee(thread =>
    {
        const ulong System = ~0x0024_0dd5UL, AsTheyAre = 0x202;
        Assert.Equal(0, TracedRegisters.Set(thread, Flags, value));
        Assert.Equal(AsTheyAre, thread->UserFrame->Flags & System);
        Assert.Equal(value & ~System, thread->UserFrame->Flags & ~System);
    });

    private static ulong[] All(Thread* thread)
    {
        ulong[] values = new ulong[TracedRegisters.Count];
        fixed (ulong* into = values)
            TracedRegisters.Get(thread, into);
        return values;
    }

    private delegate void Body(Thread* thread);

    /// <summary>For a thread of a program that has been interrupted in user mode.</summary>
    private static void InTracee(Body body) => Simulation.Run(() =>
    {
        int child = Simulation.Fork(() =>
        {
            TrapFrame* frame = Thread.Current->UserFrame;
            *frame = default;
            frame->Rip = 0x40_0000;
            frame->Rsp = UserMemory.StackTop - 256;
            frame->Cs = Descriptors.UserCode;
            frame->Ss = Descriptors.UserData;
            frame->Flags = FlagsRegister.Interrupt | FlagsRegister.AlwaysOne;
            Thread.Current->CurrentCall = -1;
            body(Thread.Current);
        });
        Assert.Equal((child, 0), Simulation.Wait());
    });
}
