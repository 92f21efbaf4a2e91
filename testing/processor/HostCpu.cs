using System;
using System.IO;
using System.Runtime.InteropServices;
using Domain;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Testing.Processor;

/// <summary>Registers, flags and the FXSAVE image around one instruction.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HostContext
{
    public fixed ulong Gpr[16];
    public ulong Flags;
    public ulong HostStack;
    public fixed byte Fx[512];
    public fixed byte HostFx[512];
}

/// <summary>Runs single instructions on the processor that this test runs on.</summary>
/// <remarks>
/// Everything lies below 2 GiB at addresses that the emulated machine maps too, so both see the same pointers. RSP is
/// always inside <see cref="Data"/> with room below it: a signal may arrive at any moment.
/// </remarks>
internal sealed unsafe class HostCpu
{
    public const ulong Code = 0x500000, Data = 0x600000, DataSize = 0x20000;
    private const ulong ContextAt = Code + 0x8000;

    private readonly delegate* unmanaged<void> entry = (delegate* unmanaged<void>)Code;

    [DllImport("libc", SetLastError = true)]
    private static extern nint mmap(nint address, nint length, int protection, int flags, int descriptor, nint offset);

    public HostCpu()
    {
        // PROT_READ|WRITE|EXEC, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE
        foreach (var (at, size) in new[] { (Code, 0x10000UL), (Data, DataSize) })
        {
            if (mmap((nint)at, (nint)size, 7, 0x100022, -1, 0) != (nint)at)
                throw new InvalidOperationException($"address {at:x} is taken on this host");
        }
    }

    public static HostContext* Context => (HostContext*)ContextAt;

    private static AssemblerMemoryOperand At(void* field) => __qword_ptr[(ulong)field];

    /// <summary>Where the instruction goes: behind what loads its registers. The same for every instruction.</summary>
    public ulong InstructionAt { get; private set; }

    // Selectors of Linux on x86-64 (arch/x86/include/asm/segment.h): user code of both widths, user data.
    private const ushort Code32 = 0x23, Code64 = 0x33, Data32 = 0x2b;

    private const ulong FarPointer = ContextAt - 16;

    /// <summary>Puts <paramref name="instruction"/> between what loads and what stores the registers.</summary>
    /// <param name="bits">64, or 32: then the instruction runs in a 32-bit code segment</param>
    public void Prepare(byte[] instruction, int bits = 64)
    {
        var context = Context;
        var registers = new[] { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };
        var before = new Assembler(64);
        foreach (var saved in new[] { rbx, rbp, r12, r13, r14, r15 })
            before.push(saved);
        before.pushfq();
        before.fxsave64(At(context->HostFx));
        before.mov(At(&context->HostStack), rsp);
        if (bits == 32)
        {
            before.mov(eax, Data32);
            before.mov(ds, eax);
            before.mov(es, eax);
        }
        before.fxrstor64(At(context->Fx));
        before.push(At(&context->Flags));
        before.popfq();
        for (int i = 0; i < 16; i++)
            before.mov(registers[i], At(&context->Gpr[i]));
        if (bits == 32)
            before.jmp(__fword_ptr[FarPointer]);
        var after = new Assembler(64);
        for (int i = 0; i < 16; i++)
            after.mov(At(&context->Gpr[i]), registers[i]);
        after.mov(rsp, At(&context->HostStack));
        after.pushfq();
        after.pop(At(&context->Flags));
        if (bits == 32)
        {
            after.xor(eax, eax);
            after.mov(ds, eax);
            after.mov(es, eax);
        }
        after.fxsave64(At(context->Fx));
        after.fxrstor64(At(context->HostFx));
        after.popfq();
        foreach (var saved in new[] { r15, r14, r13, r12, rbp, rbx })
            after.pop(saved);
        after.ret();
        var stream = new MemoryStream();
        before.Assemble(new StreamCodeWriter(stream), Code);
        InstructionAt = Code + (ulong)stream.Length;
        *(uint*)FarPointer = (uint)InstructionAt;
        *(ushort*)(FarPointer + 4) = Code32;
        stream.Write(instruction);
        if (bits == 32)
        {
            uint behind = (uint)(Code + (ulong)stream.Length) + 7;
            stream.Write([0xea, .. BitConverter.GetBytes(behind), .. BitConverter.GetBytes(Code64)]);
        }
        after.Assemble(new StreamCodeWriter(stream), Code + (ulong)stream.Length);
        stream.ToArray().CopyTo(new Span<byte>((byte*)Code, 0x8000));
    }

    public void Run() => entry();
}
