using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// Instruction sets that are announced where the host has them: what CPUID says, what happens without, and what the
/// guest is said to rely on. That they do what the manual says, HostComparisonTests sees.
/// </summary>
[Collection("host")]
public sealed unsafe class ExtensionTests
{
    private const ulong Handler = 0x110000;
    private const uint UsedLeaf = 0x40000011;

    // PCLMULQDQ, FMA, MOVBE, AES, XSAVE, AVX, F16C; and what XSAVE being switched on says.
    private const uint LeafOneBits = 1u << 1 | 1u << 12 | 1u << 22 | 1u << 25 | 1u << 26 | 1u << 28 | 1u << 29;
    private const uint OsXsave = 1u << 27;

    private static (uint First, uint Seventh, uint Extended) Told(TestMachine machine)
    {
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 1);
            a.cpuid();
            a.mov(esi, ecx);
            a.mov(eax, 7);
            a.xor(ecx, ecx);
            a.cpuid();
            a.mov(edi, ebx);
            a.mov(eax, 0x80000001);
            a.cpuid();
            a.mov(ebp, ecx);
            a.hlt();
        });
        machine.Gate(13, TestMachine.CodeAt + 0x200);
        machine.Place(TestMachine.CodeAt + 0x200, a => a.hlt());
        machine.S->Rip = TestMachine.CodeAt;
        machine.RunToHalt();
        return ((uint)machine.S->Gpr[6], (uint)machine.S->Gpr[7], (uint)machine.S->Gpr[5]);
    }

    private static Extensions Used(TestMachine machine) => machine.S->Used;

    [Fact]
    public void What_the_host_has_is_announced_and_on_a_plain_processor_nothing_of_it()
    {
        var machine = new TestMachine(true);
        Assert.Equal(ExtensionTable.Host, machine.S->Announced);
        var (first, seventh, extended) = Told(machine);
        Assert.Equal(ExtensionTable.LeafOne(ExtensionTable.Host), first & LeafOneBits);
        Assert.Equal(ExtensionTable.LeafSeven(ExtensionTable.Host), seventh);
        Assert.Equal(ExtensionTable.LeafExtendedOne(ExtensionTable.Host) | 1, extended);
        // A kernel that asks relies on nothing yet.
        Assert.Equal(Extensions.None, Used(machine));

        machine = new TestMachine();
        machine.S->Announced = Extensions.None;
        (first, seventh, extended) = Told(machine);
        Assert.Equal((0u, 0u, 1u), (first & (LeafOneBits | OsXsave), seventh, extended));
    }

    [Fact]
    public void What_programs_are_told_is_used_and_can_be_held_to_that()
    {
        var machine = new TestMachine();
        machine.ToUser();
        machine.S->TellsUsedOnly = true;
        var (first, seventh, extended) = Told(machine);
        Assert.Equal((0u, 0u, 1u), (first & (LeafOneBits | OsXsave), seventh, extended));
        Assert.Equal(Extensions.None, Used(machine));

        machine = new TestMachine(true);
        machine.ToUser();
        Told(machine);
        Assert.Equal(ExtensionTable.Host, Used(machine));
        // Leaf by leaf.
        machine = new TestMachine();
        machine.ToUser();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 0x80000001);
            a.cpuid();
            a.hlt();
        });
        machine.Gate(13, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(eax, UsedLeaf);
            a.cpuid();
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(ExtensionTable.Host & Extensions.Lzcnt, Used(machine));
        Assert.Equal((0UL, 0UL, (ulong)ExtensionTable.LeafExtendedOne(ExtensionTable.Host)),
            (machine.S->Gpr[0], machine.S->Gpr[3], machine.S->Gpr[1]));
    }

    [Fact]
    public void The_register_that_holds_CPUID_to_what_is_used_takes_0_and_1()
    {
        var machine = new TestMachine();
        Assert.True(machine.Cpu.WriteModelSpecific(UsedLeaf, 1));
        Assert.True(machine.Cpu.ReadModelSpecific(UsedLeaf, out ulong value));
        Assert.Equal((1UL, true), (value, machine.S->TellsUsedOnly));
        Assert.False(machine.Cpu.WriteModelSpecific(UsedLeaf, 2));
        Assert.True(machine.S->TellsUsedOnly);
        Assert.True(machine.Cpu.WriteModelSpecific(UsedLeaf, 0));
        Assert.False(machine.S->TellsUsedOnly);
    }

    /// <summary>
    /// Programs that have asked keep both ways, and take one: the other is translated with it, and is not used by that.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_jumped_over_is_not_used(bool isReached)
    {
        Extensions aes = ExtensionTable.Host & Extensions.Aes;
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            Label again = a.CreateLabel();
            Label without = a.CreateLabel();
            a.mov(ecx, 1000);
            a.Label(ref again);
            a.test(eax, eax);
            a.je(without);
            a.aesenc(xmm1, xmm2);
            a.Label(ref without);
            a.dec(ecx);
            a.jne(again);
            a.hlt();
        });
        machine.S->Rip = TestMachine.CodeAt;
        machine.S->Gpr[0] = isReached ? 1u : 0;
        machine.Gate(6, Handler);
        machine.Place(Handler, a => a.hlt());
        machine.RunToHalt();
        Assert.Equal(isReached ? aes : Extensions.None, Used(machine));
    }

    public static TheoryData<string, uint> Instructions() => new()
    {
        { nameof(Extensions.Lzcnt), (uint)Code.Lzcnt_r64_rm64 },
        { nameof(Extensions.Bmi1), (uint)Code.VEX_Andn_r64_r64_rm64 },
        { nameof(Extensions.Bmi2), (uint)Code.VEX_Pdep_r64_r64_rm64 },
        { nameof(Extensions.Movbe), (uint)Code.Movbe_r64_m64 },
        { nameof(Extensions.Aes), (uint)Code.Aesenc_xmm_xmmm128 },
        { nameof(Extensions.Pclmulqdq), (uint)Code.Pclmulqdq_xmm_xmmm128_imm8 },
        { nameof(Extensions.Sha), (uint)Code.Sha256rnds2_xmm_xmmm128 },
        { nameof(Extensions.Xsave), (uint)Code.Xgetbv },
        { nameof(Extensions.Avx), (uint)Code.VEX_Vaddps_ymm_ymm_ymmm256 },
        { nameof(Extensions.Avx2), (uint)Code.VEX_Vpaddd_ymm_ymm_ymmm256 },
        { nameof(Extensions.F16c), (uint)Code.VEX_Vcvtph2ps_ymm_xmmm128 },
        { nameof(Extensions.Fma), (uint)Code.VEX_Vfmadd213ps_ymm_ymm_ymmm256 },
    };

    private static byte[] Encoded(Code code)
    {
        var random = new Random(1);
        byte[]? bytes = null;
        while (bytes == null)
        {
            var instruction = RandomInstruction.Create(code, random, new ulong[16]);
            bytes = RandomInstruction.Encode(in instruction, TestMachine.CodeAt);
        }
        return bytes;
    }

    /// <summary>
    /// What executes without having asked is used, too; without the extension it is an invalid opcode, and LZCNT is BSR.
    /// </summary>
    [Theory]
    [MemberData(nameof(Instructions))]
    public void An_instruction_is_used_or_refused(string name, uint code)
    {
        var extension = Enum.Parse<Extensions>(name);
        byte[] bytes = [.. Encoded((Code)code), 0xf4];
        var machine = new TestMachine(true);
        machine.S->Announced |= extension;
        // The operand may lie anywhere.
        machine.Gate(13, Handler);
        machine.Gate(14, Handler);
        machine.Place(Handler, a => a.hlt());
        if ((ExtensionTable.Host & extension) != 0)
        {
            machine.Place(TestMachine.CodeAt, bytes);
            machine.RunToHalt();
            Assert.Equal(extension, Used(machine));
        }

        machine = new TestMachine(true);
        machine.S->Announced &= ~extension;
        machine.Gate(6, Handler);
        machine.Gate(13, Handler + 0x100);
        machine.Gate(14, Handler + 0x100);
        machine.Place(Handler, a =>
        {
            a.mov(ecx, 6);
            a.hlt();
        });
        machine.Place(Handler + 0x100, a => a.hlt());
        machine.S->Gpr[1] = 0;
        machine.Place(TestMachine.CodeAt, bytes);
        machine.RunToHalt();
        Assert.Equal(Extensions.None, Used(machine));
        Assert.Equal(extension == Extensions.Lzcnt ? 0UL : 6, machine.S->Gpr[1]);
    }

    /// <summary>Compilers write TZCNT where BSF gives the same: that says nothing of what a program relies on.</summary>
    [Fact]
    public void TZCNT_counts_where_BMI1_is_there_and_is_BSF_elsewhere_and_is_not_taken_for_a_use()
    {
        foreach (bool isThere in new[] { true, false })
        {
            var machine = new TestMachine();
            machine.S->Announced = isThere ? ExtensionTable.Host | Extensions.Bmi1 : Extensions.None;
            machine.Place(TestMachine.CodeAt, a =>
            {
                a.mov(edx, 77);
                a.xor(eax, eax);
                a.tzcnt(rdx, rax);
                a.mov(r13d, 0x50);
                a.tzcnt(r14, r13);
                a.hlt();
            });
            machine.RunToHalt();
            Assert.Equal((isThere ? 64UL : 77, 4UL), (machine.S->Gpr[2], machine.S->Gpr[14]));
            Assert.Equal(Extensions.None, Used(machine));
        }
    }

    /// <summary>VEX encodings exist in protected mode only (SDM vol. 2A, 2.3.1).</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void In_real_mode_there_is_no_BMI(bool isProtected)
    {
        var machine = new TestMachine();
        machine.ToUnpaged();
        machine.S->SegmentRights[Cpu.SegmentCs] &= ~Segment.Big;
        machine.Cpu.FlushTlbs();
        if (!isProtected)
            machine.S->Cr0 &= ~Cr0.PE;
        machine.S->Announced |= Extensions.Bmi1;
        machine.S->Gpr[0] = 0xf0;
        machine.S->Gpr[3] = 0xff;
        // ANDN ECX, EAX, EBX
        machine.Place(TestMachine.CodeAt, [0xc4, 0xe2, 0x78, 0xf2, 0xcb, 0xf4]);
        machine.S->Vector = -1;
        var exit = machine.Cpu.Run();
        Assert.Equal(isProtected ? CpuExit.Halted : CpuExit.TripleFault, exit);
        if (isProtected)
            Assert.Equal(0x0fUL, machine.S->Gpr[1]);
    }
}
