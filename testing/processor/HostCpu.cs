using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
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

    /// <summary>The upper halves of the YMM registers, where the host has them.</summary>
    public fixed ulong Upper[32];

    /// <summary>The exception that ended the instruction, or -1; where it stood; and where to go on.</summary>
    public long FaultVector;
    public ulong FaultRip, Resume;
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

    /// <summary>What signal handlers are, as the C library has it (signal.h).</summary>
    [StructLayout(LayoutKind.Sequential, Size = 152)]
    private struct SignalAction
    {
        public ulong Handler;
        private fixed ulong mask[16];
        public int Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SignalStack
    {
        public ulong At;
        public int Flags;
        public ulong Size;
    }

    // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV.
    private static readonly int[] s_faults = [4, 5, 7, 8, 11];
    private const int ActionFlags = 4 | 0x0800_0000 | 0x4000_0000;   // SA_SIGINFO, SA_ONSTACK, SA_NODEFER
    private const ulong HandlerAt = Code + 0xc000, SignalStackAt = Data + DataSize, SignalStackBytes = 0x20000;

    [DllImport("libc")]
    private static extern int sigaction(int signal, SignalAction* action, SignalAction* old);

    [DllImport("libc")]
    private static extern int sigaltstack(SignalStack* stack, SignalStack* old);

    [DllImport("libc", SetLastError = true)]
    private static extern nint mmap(nint address, nint length, int protection, int flags, int descriptor, nint offset);

    public HostCpu()
    {
        // PROT_READ|WRITE|EXEC, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE
        foreach (var (at, size) in new[] { (Code, 0x10000UL), (Data, DataSize + SignalStackBytes) })
        {
            if (mmap((nint)at, (nint)size, 7, 0x100022, -1, 0) != (nint)at)
                throw new InvalidOperationException($"address {at:x} is taken on this host");
        }
        before64 = Loads(64);
        before32 = Loads(32);
        after64 = Stores(64);
        after32 = Stores(32);
        TestMachine.Assemble(HandlerAt, Handle).CopyTo(new Span<byte>((void*)HandlerAt, 0x1000));
    }

    // Of ucontext_t, in RDX: RIP, CS, and the number of the exception.
    private const int SavedRip = 40 + 16 * 8, SavedCs = 40 + 18 * 8, SavedVector = 40 + 20 * 8;

    /// <summary>What a fault of the instruction leads to: it is noted, and what stores the registers comes next.</summary>
    private static void Handle(Assembler a)
    {
        a.mov(rax, __qword_ptr[rdx + SavedRip]);
        a.mov(At(&Context->FaultRip), rax);
        a.mov(rax, __qword_ptr[rdx + SavedVector]);
        a.mov(At(&Context->FaultVector), rax);
        a.mov(rax, At(&Context->Resume));
        a.mov(__qword_ptr[rdx + SavedRip], rax);
        a.mov(__word_ptr[rdx + SavedCs], Code64);
        a.ret();
    }

    public static HostContext* Context => (HostContext*)ContextAt;

    private static AssemblerMemoryOperand At(void* field) => __qword_ptr[(ulong)field];

    /// <summary>Where an instruction of 64-bit code goes: behind what loads its registers.</summary>
    public ulong InstructionAt => At(64);

    /// <summary>Where an instruction goes in a code segment of that width.</summary>
    public ulong At(int bits) => Code + (ulong)Before(bits).Length;

    private readonly byte[] before64, before32, after64, after32;

    private byte[] Before(int bits) => bits == 64 ? before64 : before32;

    // Selectors of Linux on x86-64 (arch/x86/include/asm/segment.h): user code of both widths, user data.
    private const ushort Code32 = 0x23, Code64 = 0x33, Data32 = 0x2b;

    private const ulong FarPointer = ContextAt - 16;

    /// <summary>Puts <paramref name="instruction"/> between what loads and what stores the registers.</summary>
    /// <param name="bits">64, or 32: then the instruction runs in a 32-bit code segment</param>
    public void Prepare(byte[] instruction, int bits = 64)
    {
        var to = new Span<byte>((byte*)Code, 0x8000);
        byte[] before = Before(bits);
        before.CopyTo(to);
        to = to[before.Length..];
        instruction.CopyTo(to);
        to = to[instruction.Length..];
        if (bits == 32)
        {
            *(uint*)FarPointer = (uint)At(32);
            *(ushort*)(FarPointer + 4) = Code32;
            uint behind = (uint)(At(32) + (ulong)instruction.Length) + 7;
            byte[] jump = [0xea, .. BitConverter.GetBytes(behind), .. BitConverter.GetBytes(Code64)];
            jump.CopyTo(to);
            to = to[jump.Length..];
        }
        Context->Resume = Code + 0x8000 - (ulong)to.Length;
        (bits == 64 ? after64 : after32).CopyTo(to);
    }

    private static readonly AssemblerRegister64[] s_registers =
        [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];

    private static readonly AssemblerRegisterYMM[] s_vectors =
        [ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15];

    private static byte[] Loads(int bits) => TestMachine.Assemble(Code, a =>
    {
        foreach (var saved in new[] { rbx, rbp, r12, r13, r14, r15 })
            a.push(saved);
        a.pushfq();
        a.fxsave64(At(Context->HostFx));
        a.mov(At(&Context->HostStack), rsp);
        if (bits == 32)
        {
            a.mov(eax, Data32);
            a.mov(ds, eax);
            a.mov(es, eax);
        }
        a.fxrstor64(At(Context->Fx));
        for (int i = 0; i < 16 && Avx.IsSupported; i++)
            a.vinsertf128(s_vectors[i], s_vectors[i], __xmmword_ptr[(ulong)(Context->Upper + 2 * i)], 1);
        a.push(At(&Context->Flags));
        a.popfq();
        for (int i = 0; i < 16; i++)
            a.mov(s_registers[i], At(&Context->Gpr[i]));
        if (bits == 32)
            a.jmp(__fword_ptr[FarPointer]);
    });

    // Absolute addresses only: it runs wherever the instruction ends.
    private static byte[] Stores(int bits) => TestMachine.Assemble(Code, a =>
    {
        for (int i = 0; i < 16; i++)
            a.mov(At(&Context->Gpr[i]), s_registers[i]);
        a.mov(rsp, At(&Context->HostStack));
        a.pushfq();
        a.pop(At(&Context->Flags));
        if (bits == 32)
        {
            a.xor(eax, eax);
            a.mov(ds, eax);
            a.mov(es, eax);
        }
        for (int i = 0; i < 16 && Avx.IsSupported; i++)
            a.vextractf128(__xmmword_ptr[(ulong)(Context->Upper + 2 * i)], s_vectors[i], 1);
        if (Avx.IsSupported)
            a.vzeroupper();
        a.fxsave64(At(Context->Fx));
        a.fxrstor64(At(Context->HostFx));
        a.popfq();
        foreach (var saved in new[] { r15, r14, r13, r12, rbp, rbx })
            a.pop(saved);
        a.ret();
    });

    /// <summary>Runs what was prepared; a fault of it ends in <see cref="HostContext.FaultVector"/>.</summary>
    public void Run()
    {
        Context->FaultVector = -1;
        var stack = new SignalStack { At = SignalStackAt, Size = SignalStackBytes };
        SignalStack oldStack;
        var action = new SignalAction { Handler = HandlerAt, Flags = ActionFlags };
        var old = stackalloc SignalAction[s_faults.Length];
        sigaltstack(&stack, &oldStack);
        for (int i = 0; i < s_faults.Length; i++)
            sigaction(s_faults[i], &action, old + i);
        entry();
        for (int i = 0; i < s_faults.Length; i++)
            sigaction(s_faults[i], old + i, null);
        sigaltstack(&oldStack, null);
    }
}
