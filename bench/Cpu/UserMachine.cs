using System;
using System.Buffers.Binary;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

namespace Domain.Bench;

/// <summary>Runs a static Linux program on the emulated processor alone: its system calls go to the host.</summary>
/// <remarks>
/// All memory is mapped to itself, so a guest pointer is an offset into RAM. The kernel is three instructions at
/// <see cref="Stub"/>: HLT hands the call to this class, SYSRET returns. Enough calls for busybox applets that neither
/// fork nor map files; it is there to exercise the processor, and is no operating system.
/// </remarks>
internal sealed unsafe class UserMachine : IInterruptController
{
    private const ulong Ram = 256 << 20, Tables = 0x100000, Stub = 0x80000, Fault = 0x81000, StackTop = 0xf000000,
        MmapBase = 0x4000000;

    private readonly GuestMemory memory = GuestMemory.Allocate(Ram);
    private readonly CpuState* s;
    private ulong programBreak, nextMap = MmapBase;

    public Cpu Cpu { get; }

    public bool Pending => false;

    public uint TaskPriority { get; set; }

    public ulong TscDeadline { get; set; }

    public ulong TscOffset { get; set; }

    public int Acknowledge() => 0;

    [DllImport("libc", SetLastError = true)]
    private static extern nint syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    public UserMachine(bool translates)
    {
        Cpu = new Cpu(memory, new Bus(), this, translates ? CodeMemory.Allocate(CodeMemory.DefaultBytes) : null);
        s = Cpu.State;
        Cpu.ResetToPvh(0, 0);
        Put(0x1008, 0x00af9b000000ffff);
        Put(0x1010, 0x00cf93000000ffff);
        Put(0x1018, 0x00cff3000000ffff);
        Put(0x1020, 0x00affb000000ffff);
        Put(0x3004, 0x90000);
        Put(Tables, (Tables + 0x1000) | 7);
        Put(Tables + 0x1000, (Tables + 0x2000) | 7);
        for (ulong table = 0; table < Ram >> 21; table++)
        {
            Put(Tables + 0x2000 + 8 * table, (Tables + 0x3000 + 0x1000 * table) | 7);
            for (ulong page = 0; page < 512; page++)
                Put(Tables + 0x3000 + 0x1000 * table + 8 * page, ((table * 512 + page) << 12) | 7);
        }
        for (ulong vector = 0; vector < 32; vector++)
        {
            Put(0x2000 + vector * 16,
                ((Fault + vector) & 0xffff) | 8 << 16 | 0x8eUL << 40 | ((Fault + vector) >> 16) << 48);
            memory.Base[Fault + vector] = 0xf4;
        }
        new byte[] { 0xf4, 0x48, 0x0f, 0x07 }.CopyTo(new Span<byte>(memory.Base + Stub, 4));
        s->GdtBase = 0x1000;
        s->GdtLimit = 0x37;
        s->IdtBase = 0x2000;
        s->IdtLimit = 0x1ff;
        s->TssBase = 0x3000;
        s->TssLimit = 0x67;
        s->Cr3 = Tables;
        s->Cr4 = Cr4.PAE | Cr4.OSFXSR;
        s->Efer = Efer.LME | Efer.LMA | Efer.SCE | Efer.NXE;
        s->Cr0 |= Cr0.PG | Cr0.WP;
        s->Star = 8UL << 32 | 0x10UL << 48;
        s->Lstar = Stub;
        s->Code64 = true;
        s->Selector[1] = 0x23;
        s->Selector[2] = 0x1b;
        Cpu.SetPrivilege(3);
        Cpu.FlushTlbs();
    }

    private void Put(ulong at, ulong value) => *(ulong*)(memory.Base + at) = value;

    /// <summary>Loads a static ELF program and runs it to its end.</summary>
    /// <returns>its exit code</returns>
    public int Run(string path, string[] arguments)
    {
        byte[] file = File.ReadAllBytes(path);
        ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(24));
        int headers = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(32));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(56));
        ulong bias = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(16)) == 3 ? 0x400000UL : 0;
        ulong headersAt = 0;
        for (int i = 0; i < count; i++)
        {
            var header = file.AsSpan(headers + 56 * i, 56);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != 1)
                continue;
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]) + bias;
            ulong fileSize = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
            ulong size = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
            file.AsSpan((int)offset, (int)fileSize).CopyTo(new Span<byte>(memory.Base + address, (int)fileSize));
            if (offset <= (ulong)headers && (ulong)headers < offset + fileSize)
                headersAt = address + (ulong)headers - offset;
            programBreak = Math.Max(programBreak, (address + size + 0xfff) & ~0xfffUL);
        }
        ulong top = StackTop;
        ulong Text(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text + "\0");
            top -= (ulong)bytes.Length;
            bytes.CopyTo(new Span<byte>(memory.Base + top, bytes.Length));
            return top;
        }
        var pointers = new ulong[arguments.Length];
        for (int i = 0; i < arguments.Length; i++)
            pointers[i] = Text(arguments[i]);
        ulong home = Text("HOME=/"), random = Text("0123456789abcdef");
        top &= ~15UL;
        ulong words = (ulong)(1 + pointers.Length + 1 + 2 + 2 * 7);
        top -= (words + (words & 1)) * 8;
        ulong at = top;
        void Push(ulong value)
        {
            Put(at, value);
            at += 8;
        }
        Push((ulong)pointers.Length);
        foreach (ulong pointer in pointers)
            Push(pointer);
        Push(0);
        Push(home);
        Push(0);
        foreach (var (type, value) in new[] { (3UL, headersAt), (4UL, 56UL), (5UL, (ulong)count), (6UL, 4096UL),
            (9UL, entry + bias), (25UL, random), (0UL, 0UL) })
        {
            Push(type);
            Push(value);
        }
        s->Gpr[4] = top;
        s->Rip = entry + bias;
        for (; ; )
        {
            var exit = Cpu.Run();
            if (exit != CpuExit.Halted)
                throw new InvalidOperationException($"{exit} at {s->Rip:x}; {Cpu.LastUnknown}");
            s->Halted = false;
            if (s->Rip != Stub + 1)
            {
                ulong* frame = (ulong*)(memory.Base + s->Gpr[4]);
                throw new InvalidOperationException($"exception {s->Rip - Fault - 1}, frame {frame[0]:x} "
                    + $"{frame[1]:x} {frame[2]:x}, CR2 {s->Cr2:x}; {Cpu.LastUnknown}");
            }
            if (s->Gpr[0] is 60 or 231)
                return (int)s->Gpr[7];
            s->Gpr[0] = (ulong)Call((int)s->Gpr[0], s->Gpr[7], s->Gpr[6], s->Gpr[2], s->Gpr[10], s->Gpr[8]);
        }
    }

    private nint Host(ulong pointer) => pointer == 0 ? 0 : (nint)(memory.Base + pointer);

    private static nint Result(nint value) => value == -1 ? -Marshal.GetLastPInvokeError() : value;

    private long Call(int number, ulong a, ulong b, ulong c, ulong d, ulong e)
    {
        switch (number)
        {
            case 0 or 1: // read, write
                return Result(syscall(number, (nint)a, Host(b), (nint)c, 0, 0, 0));
            case 20: // writev
            {
                long total = 0;
                for (ulong i = 0; i < c; i++)
                {
                    ulong* vector = (ulong*)(memory.Base + b + 16 * i);
                    total += Result(syscall(1, (nint)a, Host(vector[0]), (nint)vector[1], 0, 0, 0));
                }
                return total;
            }
            // close, lseek, dup, dup2, fcntl, ids, dup3
            case 3 or 8 or 32 or 33 or 72 or 102 or 104 or 107 or 108 or 39 or 110 or 292:
                return Result(syscall(number, (nint)a, (nint)b, (nint)c, 0, 0, 0));
            case 2 or 4 or 6 or 21 or 89: // open, stat, lstat, access, readlink
                return Result(syscall(number, Host(a), number is 4 or 6 or 89 ? Host(b) : (nint)b, (nint)c, 0, 0, 0));
            case 5 or 217: // fstat, getdents64
                return Result(syscall(number, (nint)a, Host(b), (nint)c, 0, 0, 0));
            case 257 or 267 or 262: // openat, readlinkat, newfstatat
                return Result(syscall(number, (nint)a, Host(b), number == 257 ? (nint)c : Host(c), (nint)d, 0, 0));
            case 9: // mmap, anonymous only
            {
                if ((long)e >= 0 && (d & 0x20) == 0)
                    return -19;
                ulong at = nextMap;
                nextMap += (b + 0xfff) & ~0xfffUL;
                new Span<byte>(memory.Base + at, (int)b).Clear();
                return (long)at;
            }
            case 10 or 11 or 28: // mprotect, munmap, madvise
                return 0;
            case 12: // brk
                if (a >= programBreak && a < MmapBase)
                    programBreak = a;
                return (long)programBreak;
            case 63: // uname
                return Result(syscall(number, Host(a), 0, 0, 0, 0, 0));
            case 96 or 228: // gettimeofday, clock_gettime
                return Result(syscall(number, number == 96 ? Host(a) : (nint)a, Host(b), 0, 0, 0, 0));
            case 158: // arch_prctl(ARCH_SET_FS)
                if (a != 0x1002)
                    return -22;
                s->SegmentBase[Cpu.SegmentFs] = b;
                return 0;
            case 318: // getrandom
                return Result(syscall(number, Host(a), (nint)b, (nint)c, 0, 0, 0));
            case 218: // set_tid_address
                return 1;
            case 13 or 14: // signals
                return 0;
            default:
                return -38;
        }
    }
}
