using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

public sealed class VectorFactAttribute : FactAttribute
{
    public static string? Refusal => (ExtensionTable.Host & ExtensionTable.Vectors) == ExtensionTable.Vectors ? null
        : "this host has no AVX2 and FMA";

    public VectorFactAttribute() => Skip = Refusal;
}

public sealed class VectorTheoryAttribute : TheoryAttribute
{
    public VectorTheoryAttribute() => Skip = VectorFactAttribute.Refusal;
}

/// <summary>
/// The upper halves of the YMM registers: XSAVE and what it is switched on with, the exceptions of instructions in VEX
/// encoding, operands that cross pages, and those that access memory element by element. What the instructions compute
/// HostComparisonTests sees.
/// </summary>
[Collection("host")]
public sealed unsafe class VectorTests
{
    private const ulong Handler = 0x110000, Data = 0x200000, Absent = Data + 0x1000;

    // Without code memory there are none.
    private static TestMachine Machine()
    {
        var machine = new TestMachine(true, TestMachine.Translates ? 0 : int.MaxValue);
        for (int vector = 0; vector < 32; vector++)
        {
            int number = vector;
            ulong at = Handler + (ulong)vector * 32;
            machine.Gate(vector, at);
            machine.Place(at, a =>
            {
                a.mov(ebp, number + 1);
                a.hlt();
            });
        }
        return machine;
    }

    /// <summary>Runs code and returns the vector of the exception that it ends with, or -1.</summary>
    private static int Run(TestMachine machine, Action<Assembler> write)
    {
        machine.Place(TestMachine.CodeAt, a =>
        {
            write(a);
            a.xor(ebp, ebp);
            a.hlt();
        });
        return Run(machine);
    }

    private static int Run(TestMachine machine)
    {
        machine.S->Rip = TestMachine.CodeAt;
        machine.S->Gpr[4] = TestMachine.StackTop;
        machine.RunToHalt();
        return (int)machine.S->Gpr[5] - 1;
    }

    private static void Fill(TestMachine machine, ulong seed)
    {
        for (int i = 0; i < 64; i++)
            machine.S->Ymm[i] = seed + (ulong)i;
    }

    [VectorFact]
    public void XSAVE_writes_what_it_is_asked_for_and_XRSTOR_takes_it_back()
    {
        var machine = Machine();
        Fill(machine, 0x1000);
        machine.S->Mxcsr = 0x3f80;
        for (ulong at = 0; at < 832; at += 8)
            machine.Write(Data + at, 0x5555555555555555);
        machine.Write(Data + 512, 0);
        machine.S->Gpr[0] = 6;
        machine.S->Gpr[2] = 0;
        Assert.Equal(-1, Run(machine, a => a.xsave64(__[(ulong)Data])));
        Assert.Equal(6UL, machine.Read(Data + 512));
        // x87 was not asked for.
        Assert.Equal(0x5555555555555555UL, machine.Read(Data));
        Assert.Equal(0x5555555555555555UL, machine.Read(Data + 32));
        // The runtime's compiler raises flags, too.
        Assert.Equal(0xffff_0000_3f80UL, machine.Read(Data + 24) & ~(ulong)HostFloat.Flags);
        Assert.Equal(0x5555555555555555UL, machine.Read(Data + 416));
        for (int i = 0; i < 16; i++)
        {
            Assert.Equal(0x1000UL + 4 * (ulong)i, machine.Read(Data + 160 + 16 * (ulong)i));
            Assert.Equal(0x1003UL + 4 * (ulong)i, machine.Read(Data + 576 + 8 + 16 * (ulong)i));
        }

        // The lower halves alone.
        machine.Write(Data + 520, 0);
        machine.Write(Data + 528, 0);
        Fill(machine, 0x9000);
        machine.S->Gpr[0] = 2;
        machine.S->Gpr[2] = 0;
        Assert.Equal(-1, Run(machine, a => a.xrstor64(__[(ulong)Data])));
        Assert.Equal((0x1004UL, 0x9006UL), (machine.S->Ymm[4], machine.S->Ymm[6]));
        // All; what the header does not name becomes what it is initially.
        machine.Write(Data + 512, 2);
        machine.S->Gpr[0] = 7;
        machine.S->FpuControl = 0x27f;
        Assert.Equal(-1, Run(machine, a => a.xrstor64(__[(ulong)Data])));
        Assert.Equal((0x1004UL, 0UL, 0x37f, 0x3f80u),
            (machine.S->Ymm[4], machine.S->Ymm[6], machine.S->FpuControl, machine.S->Mxcsr & ~HostFloat.Flags));
        // And nothing is in use but that.
        machine.S->Gpr[0] = 7;
        Assert.Equal(-1, Run(machine, a => a.xsaveopt64(__[(ulong)Data])));
        Assert.Equal(2UL, machine.Read(Data + 512));
    }

    [VectorFact]
    public void XSAVE_and_XRSTOR_fault_as_the_manual_says()
    {
        var machine = Machine();
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.xsave64(__[(ulong)Data + 16])));
        machine.Write(Data + 512, 8);
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.xrstor64(__[(ulong)Data])));
        machine.Write(Data + 512, 0);
        machine.Write(Data + 520, 1UL << 63);
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.xrstor64(__[(ulong)Data])));
        machine.Write(Data + 520, 0);
        machine.Write(Data + 24, 0x10000);
        machine.S->Gpr[0] = 2;
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.xrstor64(__[(ulong)Data])));
        machine.S->Gpr[0] = 1;
        Assert.Equal(-1, Run(machine, a => a.xrstor64(__[(ulong)Data])));
        // Half of the area is in a page that is not there: nothing is written.
        machine.Entry(Absent) = 0;
        machine.Cpu.FlushTlbs();
        machine.S->Gpr[0] = 7;
        machine.Write(Absent - 64, 77);
        Assert.Equal(ExceptionVector.PF, Run(machine, a => a.xsave64(__[(ulong)Absent - 64])));
        Assert.Equal((Absent, 77UL), (machine.S->Cr2, machine.Read(Absent - 64)));
        machine.S->Cr0 |= Cr0.TS;
        machine.Cpu.FlushTlbs();
        Assert.Equal(ExceptionVector.NM, Run(machine, a => a.xsave64(__[(ulong)Data])));
        machine.S->Cr4 &= ~Cr4.OSXSAVE;
        machine.Cpu.FlushTlbs();
        Assert.Equal(ExceptionVector.UD, Run(machine, a => a.xsave64(__[(ulong)Data])));
        Assert.Equal(ExceptionVector.UD, Run(machine, a => a.xgetbv()));
    }

    [VectorTheory]
    [InlineData(0, 7u, -1)]
    [InlineData(0, 3u, -1)]
    [InlineData(0, 1u, -1)]
    [InlineData(0, 6u, ExceptionVector.GP)]
    [InlineData(0, 5u, ExceptionVector.GP)]
    [InlineData(0, 15u, ExceptionVector.GP)]
    [InlineData(1, 7u, ExceptionVector.GP)]
    public void XCR0_takes_what_there_is(int register, uint value, int vector)
    {
        var machine = Machine();
        Assert.Equal(vector, Run(machine, a =>
        {
            a.mov(ecx, register);
            a.xor(edx, edx);
            a.mov(eax, value);
            a.xsetbv();
            a.xor(ecx, ecx);
            a.xor(eax, eax);
            a.xgetbv();
        }));
        Assert.Equal(vector < 0 ? value : 7u, machine.S->Xcr0);
        if (vector < 0)
            Assert.Equal(value, machine.S->Gpr[0]);
    }

    [VectorFact]
    public void CPUID_tells_of_the_area_and_whether_XSAVE_is_switched_on()
    {
        var machine = Machine();
        foreach (var (leaf, subleaf, expected) in new[] { (0xdu, 0u, (7UL, 832UL, 832UL, 0UL)), (0xdu, 1u, (1UL, 0UL, 0UL, 0UL)),
            (0xdu, 2u, (256UL, 576UL, 0UL, 0UL)), (0xdu, 3u, (0UL, 0UL, 0UL, 0UL)) })
        {
            Run(machine, a =>
            {
                a.mov(eax, leaf);
                a.mov(ecx, subleaf);
                a.cpuid();
            });
            Assert.Equal(expected, (machine.S->Gpr[0], machine.S->Gpr[3], machine.S->Gpr[1], machine.S->Gpr[2]));
        }
        Run(machine, a =>
        {
            a.xor(eax, eax);
            a.cpuid();
        });
        Assert.Equal(0xdUL, machine.S->Gpr[0]);
        foreach (bool isOn in new[] { true, false })
        {
            machine.S->Cr4 = isOn ? machine.S->Cr4 : machine.S->Cr4 & ~Cr4.OSXSAVE;
            Run(machine, a =>
            {
                a.mov(eax, 1);
                a.cpuid();
            });
            Assert.Equal(isOn, (machine.S->Gpr[1] >> 27 & 1) != 0);
        }
        // Without XSAVE its bit of CR4 is reserved.
        machine.S->Announced = Extensions.None;
        Assert.False(machine.Cpu.WriteControl(4, machine.S->Cr4 | Cr4.OSXSAVE));
    }

    [VectorFact]
    public void Vectors_that_are_switched_off_are_invalid_opcodes_and_no_use()
    {
        var machine = Machine();
        machine.S->Xcr0 = Xcr0.X87 | Xcr0.SSE;
        machine.Cpu.FlushTlbs();
        Assert.Equal(ExceptionVector.UD, Run(machine, a => a.vaddps(xmm1, xmm2, xmm3)));
        Assert.Equal(Extensions.None, machine.S->Used);
        machine.S->Xcr0 = 7;
        machine.S->Cr4 &= ~Cr4.OSXSAVE;
        machine.Cpu.FlushTlbs();
        Assert.Equal(ExceptionVector.UD, Run(machine, a => a.vaddps(xmm1, xmm2, xmm3)));
        Assert.Equal(Extensions.None, machine.S->Used);
        machine.S->Cr4 |= Cr4.OSXSAVE;
        machine.S->Cr0 |= Cr0.TS;
        machine.Cpu.FlushTlbs();
        Assert.Equal(ExceptionVector.NM, Run(machine, a => a.vaddps(xmm1, xmm2, xmm3)));
        // CR0.EM is not heeded.
        machine.S->Cr0 = machine.S->Cr0 & ~Cr0.TS | Cr0.EM;
        machine.Cpu.FlushTlbs();
        Assert.Equal(-1, Run(machine, a => a.vaddps(xmm1, xmm2, xmm3)));
        Assert.Equal(Extensions.Avx, machine.S->Used);
    }

    [VectorTheory]
    // LOCK, operand size, repeat and REX before VEX; VVVV where there is none; L where it must not be, and W.
    [InlineData(new byte[] { 0xf0, 0xc5, 0xe8, 0x58, 0xcb })]
    [InlineData(new byte[] { 0x66, 0xc5, 0xe8, 0x58, 0xcb })]
    [InlineData(new byte[] { 0xf3, 0xc5, 0xe8, 0x58, 0xcb })]
    [InlineData(new byte[] { 0xf2, 0xc5, 0xe8, 0x58, 0xcb })]
    [InlineData(new byte[] { 0x48, 0xc5, 0xe8, 0x58, 0xcb })]
    [InlineData(new byte[] { 0xc5, 0xe8, 0x28, 0xcb })]
    [InlineData(new byte[] { 0xc5, 0xfd, 0x6e, 0xc8 })]
    [InlineData(new byte[] { 0xc4, 0xe3, 0x79, 0x06, 0xcb, 0x01 })]
    [InlineData(new byte[] { 0xc4, 0xe2, 0xfd, 0x18, 0x08 })]
    public void Encodings_that_do_not_exist_are_invalid(byte[] code)
    {
        var machine = Machine();
        machine.Place(TestMachine.CodeAt, [.. code, 0x31, 0xed, 0xf4]);
        Assert.Equal(ExceptionVector.UD, Run(machine));
        Assert.Equal(Extensions.None, machine.S->Used);
    }

    [VectorFact]
    public void Only_moves_that_say_so_need_alignment()
    {
        var machine = Machine();
        machine.S->Gpr[0] = Data + 16;
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.vmovaps(ymm1, __ymmword_ptr[rax])));
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.vmovdqa(__ymmword_ptr[rax], ymm1)));
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.vmovntps(__ymmword_ptr[rax], ymm1)));
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.vmovntdqa(ymm1, __ymmword_ptr[rax])));
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.vmovaps(ymm1, __ymmword_ptr[Data + 16])));
        Assert.Equal(-1, Run(machine, a => a.vmovaps(xmm1, __xmmword_ptr[rax])));
        machine.S->Gpr[0] = Data + 1;
        Assert.Equal(ExceptionVector.GP, Run(machine, a => a.vmovaps(xmm1, __xmmword_ptr[rax])));
        Assert.Equal(-1, Run(machine, a => a.vmovups(ymm1, __ymmword_ptr[rax])));
        Assert.Equal(-1, Run(machine, a => a.vaddps(ymm1, ymm2, __ymmword_ptr[rax])));
        Assert.Equal(-1, Run(machine, a => a.vpaddd(xmm1, xmm2, __xmmword_ptr[rax])));
    }

    [VectorFact]
    public void Operands_across_two_pages_are_read_and_written_whole_or_not_at_all()
    {
        var machine = Machine();
        for (ulong at = 0; at < 64; at += 8)
            machine.Write(Absent - 32 + at, 0x100 + at);
        machine.S->Gpr[0] = Absent - 12;
        machine.S->Gpr[3] = Data + 0x40;
        Assert.Equal(-1, Run(machine, a =>
        {
            a.vmovdqu(ymm1, __ymmword_ptr[rax]);
            a.vmovdqu(__ymmword_ptr[rbx], ymm1);
            a.vpaddd(ymm2, ymm1, ymm1);
            a.vmovdqu(__ymmword_ptr[rax], ymm2);
        }));
        var first = new Span<uint>(machine.Memory.Base + Data + 0x40, 8);
        var second = new Span<uint>(machine.Memory.Base + Absent - 12, 8);
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(i % 2 == 0 ? 0u : 0x118u + 4 * (uint)(i - 1), first[i]);
            Assert.Equal(2 * first[i], second[i]);
        }

        machine.Entry(Absent) = 0;
        machine.Cpu.FlushTlbs();
        Fill(machine, 0x7000);
        uint before = second[0];
        Assert.Equal(ExceptionVector.PF, Run(machine, a => a.vmovdqu(ymm1, __ymmword_ptr[rax])));
        Assert.Equal(Absent, machine.S->Cr2);
        Assert.Equal(ExceptionVector.PF, Run(machine, a => a.vmovdqu(__ymmword_ptr[rax], ymm1)));
        Assert.Equal((0x7004UL, 0x7007UL, before), (machine.S->Ymm[4], machine.S->Ymm[7], second[0]));
    }

    [VectorFact]
    public void Masked_moves_access_what_the_mask_names_only()
    {
        var machine = Machine();
        machine.Entry(Absent) = 0;
        machine.Cpu.FlushTlbs();
        var data = new Span<uint>(machine.Memory.Base + Absent - 16, 4);
        for (int i = 0; i < 4; i++)
            data[i] = 10 + (uint)i;
        Fill(machine, 0);
        // Elements 1 and 3 of eight, of which the last four lie in the page that is not there.
        new Span<uint>(machine.S->Ymm + 8, 8).Clear();
        new Span<uint>(machine.S->Ymm + 8, 8)[1] = new Span<uint>(machine.S->Ymm + 8, 8)[3] = 0x80000000;
        machine.S->Gpr[0] = Absent - 16;
        Assert.Equal(-1, Run(machine, a => a.vpmaskmovd(ymm1, ymm2, __ymmword_ptr[rax])));
        Assert.Equal([0u, 11, 0, 13, 0, 0, 0, 0], new Span<uint>(machine.S->Ymm + 4, 8).ToArray());
        new Span<uint>(machine.S->Ymm + 4, 8).Fill(99);
        Assert.Equal(-1, Run(machine, a => a.vmaskmovps(__ymmword_ptr[rax], ymm2, ymm1)));
        Assert.Equal([10u, 99, 12, 99], data.ToArray());
        new Span<uint>(machine.S->Ymm + 8, 8)[5] = 0x80000000;
        new Span<uint>(machine.S->Ymm + 4, 8).Fill(55);
        Assert.Equal(ExceptionVector.PF, Run(machine, a => a.vmaskmovps(__ymmword_ptr[rax], ymm2, ymm1)));
        Assert.Equal((Absent + 4, 99u), (machine.S->Cr2, data[1]));
        Assert.Equal(ExceptionVector.PF, Run(machine, a => a.vpmaskmovd(ymm1, ymm2, __ymmword_ptr[rax])));
        Assert.Equal(55u, (uint)machine.S->Ymm[4]);
    }

    [VectorFact]
    public void A_gather_that_faults_has_what_came_before_and_goes_on_there()
    {
        var machine = Machine();
        var entry = machine.Entry(Absent);
        machine.Entry(Absent) = 0;
        machine.Cpu.FlushTlbs();
        for (uint i = 0; i < 1024; i++)
        {
            ((uint*)(machine.Memory.Base + Data))[i] = i;
            ((uint*)(machine.Memory.Base + Absent))[i] = 5000 + i;
        }
        Span<uint> result = new(machine.S->Ymm + 4, 8), mask = new(machine.S->Ymm + 8, 8), index = new(machine.S->Ymm + 12, 8);
        result.Fill(7);
        mask.Fill(0x80000000);
        mask[1] = 0x7fffffff;
        for (int i = 0; i < 8; i++)
            index[i] = (uint)i * 3;
        index[0] = unchecked((uint)-1);
        index[4] = 1026;
        machine.S->Gpr[0] = Data + 4;
        Assert.Equal(ExceptionVector.PF, Run(machine, a => a.vpgatherdd(ymm1, __[rax + ymm3 * 4], ymm2)));
        Assert.Equal(Data + 4 + 4 * 1026, machine.S->Cr2);
        Assert.Equal([0u, 7, 7, 10, 7, 7, 7, 7], result.ToArray());
        Assert.Equal([0u, 0, 0, 0, 0x80000000, 0x80000000, 0x80000000, 0x80000000], mask.ToArray());
        machine.Entry(Absent) = entry;
        Assert.Equal(-1, Run(machine));
        Assert.Equal([0u, 7, 7, 10, 5003, 16, 19, 22], result.ToArray());
        Assert.Equal([0u, 0, 0, 0, 0, 0, 0, 0], mask.ToArray());
        // Registers that are the same.
        Assert.Equal(ExceptionVector.UD, Run(machine, a => a.vpgatherdd(ymm1, __[rax + ymm3 * 4], ymm1)));
        Assert.Equal(ExceptionVector.UD, Run(machine, a => a.vpgatherdd(ymm3, __[rax + ymm3 * 4], ymm1)));
    }

    /// <summary>Each width of elements and indices, against what the host does.</summary>
    [VectorFact]
    public void Gathers_do_what_the_host_does()
    {
        var machine = Machine();
        var host = HostComparison.Host;
        var random = new Random(7);
        Action<Assembler>[] forms =
        [
            a => a.vpgatherdd(xmm1, __[rax + xmm3 * 4], xmm2), a => a.vpgatherdd(ymm9, __[rax + ymm3 * 1 - 8], ymm2),
            a => a.vpgatherdq(xmm1, __[rax + xmm13 * 4], xmm2), a => a.vpgatherdq(ymm1, __[rax + xmm3 * 8 + 0x100], ymm12),
            a => a.vpgatherqd(xmm1, __[rax + xmm3 * 4], xmm2), a => a.vpgatherqd(xmm1, __[r8 + ymm3 * 4], xmm2),
            a => a.vpgatherqq(xmm1, __[rax + xmm3 * 4], xmm2), a => a.vpgatherqq(ymm1, __[rax + ymm3 * 2], ymm2),
            a => a.vgatherdps(ymm1, __[rax + ymm3 * 4], ymm2), a => a.vgatherdpd(ymm1, __[rax + xmm3 * 4], ymm2),
            a => a.vgatherqps(xmm1, __[rax + ymm3 * 4], xmm2), a => a.vgatherqpd(ymm1, __[rax + ymm3 * 4], ymm2),
        ];
        for (int i = 0; i < 0x4000; i++)
            *(ulong*)(HostCpu.Data + 8 * (ulong)i) = (ulong)random.NextInt64();
        for (int round = 0; round < 20 * forms.Length; round++)
        {
            byte[] code = TestMachine.Assemble(host.InstructionAt, forms[round % forms.Length]);
            var context = HostCpu.Context;
            host.Prepare(code);
            for (int i = 0; i < 16; i++)
                context->Gpr[i] = HostCpu.Data + 0x8000;
            context->Flags = 0x202;
            *(uint*)(context->Fx + 24) = 0x1f80;
            // Small in halves and wholes alike; the masks random.
            for (int i = 0; i < 32; i++)
            {
                bool isMask = i / 2 is 2 or 12;
                ulong value = isMask ? (ulong)random.NextInt64(long.MinValue, long.MaxValue) : (ulong)(long)random.Next(-0x400, 0x400);
                *(ulong*)(context->Fx + 160 + 8 * i) = value;
                context->Upper[i] = value * (isMask ? 3u : 1u);
            }
            machine.Cpu.LoadCode(TestMachine.KernelCode, 0);
            HostComparison.Load(machine, context);
            new Span<byte>((void*)HostCpu.Data, (int)HostCpu.DataSize).CopyTo(
                new Span<byte>(machine.Memory.Base + HostCpu.Data, (int)HostCpu.DataSize));
            machine.Place(host.InstructionAt, [.. code, 0xf4]);
            machine.S->Rip = host.InstructionAt;
            machine.RunToHalt();
            host.Run();
            for (int i = 0; i < 32; i++)
            {
                int at = i / 2 * 4 + i % 2;
                Assert.Equal((round % forms.Length, i, *(ulong*)(context->Fx + 160 + 8 * i), context->Upper[i]),
                    (round % forms.Length, i, machine.S->Ymm[at], machine.S->Ymm[at + 2]));
            }
        }
    }

    /// <summary>
    /// SSE keeps the upper halves, VEX of 128 bits clears that of its destination, and VZEROUPPER and VZEROALL clear all;
    /// across blocks, calls and loads that miss.
    /// </summary>
    [VectorFact]
    public void Upper_halves_last_from_block_to_block()
    {
        var machine = Machine();
        Fill(machine, 0x100);
        machine.S->Gpr[0] = Data;
        Assert.Equal(-1, Run(machine, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 100);
            a.Label(ref loop);
            a.paddq(xmm1, xmm2);
            a.vpaddq(ymm4, ymm4, ymm5);
            a.movdqa(xmm6, __xmmword_ptr[rax]);
            a.add(rax, 64);
            a.dec(ecx);
            a.jne(loop);
            a.vpaddq(xmm7, xmm7, xmm8);
        }));
        Assert.Equal((0x104UL + 100 * 0x108, 0x106UL), (machine.S->Ymm[4], machine.S->Ymm[6]));
        Assert.Equal((0x110UL + 100 * 0x114, 0x113UL + 100 * 0x117), (machine.S->Ymm[16], machine.S->Ymm[19]));
        Assert.Equal((0UL, 0x11aUL, 0x11bUL), (machine.S->Ymm[24], machine.S->Ymm[26], machine.S->Ymm[27]));
        Assert.Equal((0x11cUL + 0x120, 0UL, 0UL), (machine.S->Ymm[28], machine.S->Ymm[30], machine.S->Ymm[31]));

        Fill(machine, 0x100);
        Assert.Equal(-1, Run(machine, a =>
        {
            a.vpaddq(ymm15, ymm14, ymm13);
            a.vpaddq(ymm1, ymm2, ymm3);
            a.vzeroupper();
            a.vpaddq(ymm4, ymm1, ymm15);
        }));
        for (int i = 0; i < 16; i++)
            Assert.Equal((0UL, 0UL), (machine.S->Ymm[4 * i + 2], machine.S->Ymm[4 * i + 3]));
        Assert.Equal((0x138UL + 0x134, 0x108UL + 0x10c), (machine.S->Ymm[60], machine.S->Ymm[4]));
        Assert.Equal(machine.S->Ymm[60] + machine.S->Ymm[4], machine.S->Ymm[16]);
        Assert.Equal(-1, Run(machine, a => a.vzeroall()));
        for (int i = 0; i < 64; i++)
            Assert.Equal(0UL, machine.S->Ymm[i]);
    }
}
