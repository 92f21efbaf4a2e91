using System;
using System.Linq;
using System.Runtime.InteropServices;
using Iced.Intel;
using Testing.Processor;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Bench;

/// <summary>
/// bench-cpu: loops here and on the host, then programs, kernels and boots beside QEMU. bench-cpu loops [NAME]: the
/// loops, or one of them. bench-cpu run|translate PROGRAM ARGUMENTS: a static program in user mode, interpreted or
/// translated. bench-cpu systems: kernels and boots beside QEMU. bench-cpu conformance [CASES [SEED]]: every user-mode instruction against the host.
/// </summary>
internal static unsafe class Program
{
    [DllImport("libc")]
    private static extern nint mmap(nint address, nint length, int protection, int flags, int descriptor, nint offset);

    private static int Main(string[] arguments)
    {
        if (arguments.Length >= 2 && arguments[0] is "run" or "translate")
        {
            var machine = new UserMachine(arguments[0] == "translate");
            var begin = Environment.CpuUsage.TotalTime;
            int code = machine.Run(arguments[1], arguments[1..]);
            Console.Error.WriteLine($"{machine.Cpu.InstructionsRetired} instructions, "
                + $"{machine.Cpu.InstructionsRetired / (Environment.CpuUsage.TotalTime - begin).TotalMicroseconds:f0} M/s");
            return code;
        }
        if (arguments.Length >= 1 && arguments[0] == "loops")
        {
            Loops(arguments.Length > 1 ? arguments[1] : "");
            return 0;
        }
        if (arguments.Length >= 1 && arguments[0] == "conformance")
        {
            return Conformance.Run(arguments.Length > 1 ? long.Parse(arguments[1]) : 1_000_000,
                arguments.Length > 2 ? int.Parse(arguments[2]) : Random.Shared.Next());
        }
        if (arguments.Length >= 1 && arguments[0] == "guest")
        {
            BesideQemu.RunGuests(arguments.Length > 1 ? int.Parse(arguments[1]) : 1);
            return 0;
        }
        if (arguments.Length >= 1 && arguments[0] == "systems")
        {
            BesideQemu.RunSystems();
            return 0;
        }
        Loops("");
        Transitions(false);
        Transitions(true);
        BesideQemu.Run();
        return 0;
    }

    /// <summary>How often each loop is measured, the engines in turn; the shortest time of each counts.</summary>
    private const int LoopRounds = 5;

    private static void Loops(string only)
    {
        foreach (var (name, iterations, write) in new (string, int, Action<Assembler>)[]
        {
            ("integer", 10_000_000, IntegerLoop),
            ("memory", 5_000_000, MemoryLoop),
            ("hash", 5_000_000, HashLoop),
            ("calls", 5_000_000, CallLoop),
            ("flags", 5_000_000, FlagLoop),
        })
        {
            if (only.Length != 0 && only != name)
                continue;
            double native = double.MaxValue, interpreted = double.MaxValue, translated = double.MaxValue;
            ulong instructions = 0;
            for (int round = 0; round < LoopRounds; round++)
            {
                native = Math.Min(native, Native(write, iterations));
                interpreted = Math.Min(interpreted, Emulated(write, iterations, false).Seconds);
                (double seconds, instructions) = Emulated(write, iterations, true);
                translated = Math.Min(translated, seconds);
            }
            Console.WriteLine($"{name,-8} {instructions / translated / 1e6,6:f0} M/s, times native: interpreted "
                + $"{interpreted / native,5:f1}, translated {translated / native,5:f2}");
        }
    }

    private static (double Seconds, ulong Instructions) Emulated(Action<Assembler> write, int iterations,
        bool translates)
    {
        var machine = new TestMachine(translates);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, iterations);
            a.mov(rsi, 0x600000);
            write(a);
            a.hlt();
        });
        // Of this process: others may be running, too.
        var begin = Environment.CpuUsage.TotalTime;
        machine.RunToHalt();
        return ((Environment.CpuUsage.TotalTime - begin).TotalSeconds, machine.Cpu.InstructionsRetired);
    }

    /// <summary>Write faults handled and undone, as a migrating kernel sees them, and system calls.</summary>
    private static void Transitions(bool translates)
    {
        const int count = 500_000;
        const ulong page = 0x200000, handler = 0x110000, entry = TestMachine.PageTable + (page >> 12) * 8;
        var machine = new TestMachine(translates);
        machine.Gate(14, handler);
        machine.Place(handler, a =>
        {
            a.push(rax);
            a.mov(rax, cr2);
            a.or(__qword_ptr[entry], 2);
            a.invlpg(__byte_ptr[rax]);
            a.pop(rax);
            a.add(rsp, 8);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, count);
            a.Label(ref loop);
            a.and(__qword_ptr[entry], ~2);
            a.invlpg(__byte_ptr[page]);
            a.mov(__qword_ptr[page], rcx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        var begin = Environment.CpuUsage.TotalTime;
        machine.RunToHalt();
        Console.WriteLine($"{(translates ? "translated" : "interpreted"),-11} faults   "
            + $"{(Environment.CpuUsage.TotalTime - begin).TotalNanoseconds / count,6:f0} ns each");

        machine = new TestMachine(translates);
        machine.Place(handler, a => a.sysretq());
        machine.S->Star = 8UL << 32 | 0x10UL << 48;
        machine.S->Lstar = handler;
        machine.Gate(13, handler + 0x100);
        machine.Place(handler + 0x100, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ebx, count);
            a.Label(ref loop);
            a.syscall();
            a.dec(ebx);
            a.jne(loop);
            a.hlt();
        });
        machine.ToUser();
        begin = Environment.CpuUsage.TotalTime;
        machine.RunToHalt();
        Console.WriteLine($"{(translates ? "translated" : "interpreted"),-11} syscalls "
            + $"{(Environment.CpuUsage.TotalTime - begin).TotalNanoseconds / count,6:f0} ns each");
    }

    /// <summary>The same code on the host: [RSI] is a buffer, RCX counts.</summary>
    private static double Native(Action<Assembler> write, int iterations)
    {
        byte* code = (byte*)mmap(0, 0x20000, 7, 0x22, -1, 0);
        TestMachine.Assemble((ulong)code, a =>
        {
            a.push(rbx);
            a.push(rbp);
            a.mov(ecx, iterations);
            a.mov(rsi, (long)code + 0x10000);
            write(a);
            a.pop(rbp);
            a.pop(rbx);
            a.ret();
        }).CopyTo(new Span<byte>(code, 0x1000));
        var begin = Environment.CpuUsage.TotalTime;
        ((delegate* unmanaged<void>)code)();
        return (Environment.CpuUsage.TotalTime - begin).TotalSeconds;
    }

    private static void IntegerLoop(Assembler a)
    {
        var loop = a.CreateLabel();
        a.xor(eax, eax);
        a.Label(ref loop);
        a.lea(rdx, rax + rcx * 2);
        a.add(rax, rdx);
        a.mov(rdi, rax);
        a.shr(rdi, 7);
        a.xor(rax, rdi);
        a.sub(ecx, 1);
        a.jne(loop);
    }

    private static void MemoryLoop(Assembler a)
    {
        var loop = a.CreateLabel();
        a.Label(ref loop);
        a.mov(eax, ecx);
        a.and(eax, 0x7ff);
        a.mov(rdx, __qword_ptr[rsi + rax * 8]);
        a.add(rdx, rcx);
        a.mov(__qword_ptr[rsi + rax * 8], rdx);
        a.movzx(edi, __byte_ptr[rsi + rax]);
        a.add(__dword_ptr[rsi + 0x4000], edi);
        a.dec(ecx);
        a.test(ecx, ecx);
        a.jne(loop);
    }

    // FNV over a buffer with a bounds check, as compiled C# does it.
    private static void HashLoop(Assembler a)
    {
        var loop = a.CreateLabel();
        var fail = a.CreateLabel();
        a.mov(eax, 0x811c9dc5);
        a.Label(ref loop);
        a.mov(edx, ecx);
        a.and(edx, 0xfff);
        a.cmp(edx, 0x1000);
        a.jae(fail);
        a.movzx(edx, __byte_ptr[rsi + rdx]);
        a.xor(eax, edx);
        a.imul(eax, eax, 0x01000193);
        a.dec(ecx);
        a.jne(loop);
        a.Label(ref fail);
        a.nop();
    }

    private static void CallLoop(Assembler a)
    {
        var loop = a.CreateLabel();
        var function = a.CreateLabel();
        var end = a.CreateLabel();
        a.xor(eax, eax);
        a.Label(ref loop);
        a.call(function);
        a.dec(ecx);
        a.jne(loop);
        a.jmp(end);
        a.Label(ref function);
        a.push(rbp);
        a.mov(rbp, rsp);
        a.push(rbx);
        a.mov(ebx, ecx);
        a.add(eax, ebx);
        a.pop(rbx);
        a.pop(rbp);
        a.ret();
        a.Label(ref end);
        a.nop();
    }

    // Loads between comparisons and what reads their flags, as compilers put them there.
    private static void FlagLoop(Assembler a)
    {
        var loop = a.CreateLabel();
        var end = a.CreateLabel();
        a.xor(eax, eax);
        a.xor(edx, edx);
        a.Label(ref loop);
        a.cmp(ecx, 0);
        a.mov(rax, __qword_ptr[rsi + rdx * 8]);
        a.je(end);
        a.add(rbx, rax);
        a.cmp(rax, rbx);
        a.mov(rdi, __qword_ptr[rsi + 0x20]);
        a.cmovb(rax, rdi);
        a.add(rbx, rax);
        a.dec(ecx);
        a.jne(loop);
        a.Label(ref end);
        a.nop();
    }
}
