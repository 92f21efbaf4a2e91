using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Iced.Intel;
using Testing.Machines;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Whole machines: a few instructions of 32-bit code under the real processor, the real devices and the sandbox.</summary>
public partial class MachineTests
{
    private static byte[] Code(Action<Assembler> write, int bits = 32, uint offset = 0)
    {
        var assembler = new Assembler(bits);
        write(assembler);
        var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), TinyKernel.LoadAddress + offset);
        return stream.ToArray();
    }

    private static void Reset(Assembler c)
    {
        c.mov(al, 0xfe);
        c.@out(0x64, al);
    }

    private static Monitor.Result Run(Action<Assembler> write, string[] arguments, string input = "")
    {
        using var kernel = new Monitor.Kernel(Code(write));
        return Monitor.Run(["--kernel", kernel.Path, .. arguments], input);
    }

    /// <summary>Prints the zero-terminated text at ESI.</summary>
    private static void Print(Assembler c)
    {
        var next = c.CreateLabel();
        var done = c.CreateLabel();
        c.mov(edx, 0x3f8);
        c.Label(ref next);
        c.mov(al, __byte_ptr[esi]);
        c.inc(esi);
        c.test(al, al);
        c.je(done);
        c.@out(dx, al);
        c.jmp(next);
        c.Label(ref done);
    }

    [Fact]
    public void Prints_its_command_line_and_resets()
    {
        var result = Run(c =>
        {
            c.mov(esi, __dword_ptr[ebx + 24]);
            Print(c);
            Reset(c);
        }, ["--append", "hello there"]);
        Assert.Equal(("hello there virtio_mmio.device=512@0xfeb00000:16 virtio_mmio.device=512@0xfeb00200:17", 0), (result.Output, result.ExitCode));
    }

    [Fact]
    public void The_start_information_leads_to_the_ACPI_tables()
    {
        var result = Run(c =>
        {
            c.mov(esi, __dword_ptr[ebx + 32]);
            Print(c);
            Reset(c);
        }, []);
        Assert.StartsWith("RSD PTR ", result.Output);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public void A_triple_fault_is_told()
    {
        var result = Run(c =>
        {
            c.lidt(__[ebx]);     // hvm_start_info is no descriptor table
            c.int3();
        }, []);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("triple fault", result.Errors);
    }

    [Theory]
    [InlineData(0x505, 1, 2, 5, 0)]    // pvpanic: panicked
    [InlineData(0x505, 5, 2, 5, 0)]
    [InlineData(0x505, 4, 0, 2, 1)]    // pvpanic: shut down
    [InlineData(0x600, 0x34, 0, 2, 1)] // ACPI: soft off
    [InlineData(0x64, 0xfe, 0, 2, 0)]  // i8042: reset
    public void A_guest_ends_its_machine_in_its_own_words(int port, int value, int exitCode, int kind, int detail)
    {
        int[] pair = Sockets();
        var result = Run(c =>
        {
            c.mov(edx, port);
            c.mov(eax, value);
            c.@out(dx, al);
            c.hlt();
        }, ["--control-fd", $"{pair[1]}"]);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Equal(exitCode == 0 ? "" : "domain: the guest crashed: it says that it panicked\n", result.Errors);
        byte[] record = new byte[64];
        Assert.Equal(16, read(pair[0], record, 64));
        Assert.Equal(1, record[0]);
        Assert.Equal(16, read(pair[0], record, 64));
        Assert.Equal((kind, detail), (record[0], record[4]));
        close(pair[0]);
        close(pair[1]);
    }

    [Theory]
    [InlineData(0x505, 0)]
    [InlineData(0x505, 2)]      // an event that the device does not know
    [InlineData(0x600, 0x14)]   // without SLP_EN
    [InlineData(0x600, 0x20)]   // S0
    [InlineData(0x601, 0x34)]   // the status register
    public void Other_words_end_nothing(int port, int value)
    {
        var result = Run(c =>
        {
            c.mov(edx, port);
            c.mov(eax, value);
            c.@out(dx, al);
            // What pvpanic knows, as a letter.
            c.mov(edx, 0x505);
            c.@in(al, dx);
            c.add(al, (byte)'0');
            c.mov(edx, 0x3f8);
            c.@out(dx, al);
            Reset(c);
        }, []);
        Assert.Equal(("5", 0), (result.Output, result.ExitCode));
    }

    [Fact]
    public void Echoes_input_while_it_computes()
    {
        var result = Run(c =>
        {
            var wait = c.CreateLabel();
            c.Label(ref wait);
            c.mov(edx, 0x3fd);
            c.@in(al, dx);
            c.test(al, 1);
            c.je(wait);
            c.mov(edx, 0x3f8);
            c.@in(al, dx);
            c.@out(dx, al);
            c.cmp(al, (byte)'q');
            c.jne(wait);
            Reset(c);
        }, [], "a line that is longer than the receive buffer of the port, which has sixty-four places, and ends with q");
        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith("a line that is longer", result.Output);
        Assert.EndsWith("ends with q", result.Output);
    }

    [Fact]
    public void The_timer_wakes_a_halted_processor_on_time_and_waiting_costs_nothing()
    {
        const int Interrupts = 40, Microseconds = 20_000;
        using var kernel = new Monitor.Kernel(Interrupted(vector: 0x40, count: Interrupts, enable: c =>
        {
            c.mov(__dword_ptr[rsi + 0x3e0], 0xb);
            c.mov(__dword_ptr[rsi + 0x320], 0x2_0040);   // periodic
            c.mov(__dword_ptr[rsi + 0x380], Microseconds * 1000);
        }));
        var watch = Stopwatch.StartNew();
        using var process = Monitor.Start(["--kernel", kernel.Path]);
        Thread.Sleep(600);
        var used = process.TotalProcessorTime;
        Assert.True(process.WaitForExit(10_000));
        Assert.Equal(0, process.ExitCode);
        double expected = Interrupts * Microseconds / 1e6;
        Assert.InRange(watch.Elapsed.TotalSeconds, expected, expected + 1.0);
        Assert.True(used.TotalSeconds < 0.1, $"used {used.TotalSeconds} s of processor time in 0.6 s of waiting");
    }

    [Fact]
    public void Input_interrupts_a_halted_processor()
    {
        using var kernel = new Monitor.Kernel(Interrupted(vector: 0x34, count: 1, enable: c =>
        {
            c.mov(__dword_ptr[rdi], 0x10 + 2 * 4 + 1);
            c.mov(__dword_ptr[rdi + 0x10], 0);
            c.mov(__dword_ptr[rdi], 0x10 + 2 * 4);
            c.mov(__dword_ptr[rdi + 0x10], 0x34);
            c.mov(edx, 0x3f9);
            c.mov(al, 1);
            c.@out(dx, al);
        }));
        Assert.Equal(0, Monitor.Run(["--kernel", kernel.Path], "x").ExitCode);
    }

    /// <summary>64-bit code that halts until <paramref name="count"/> interrupts of <paramref name="vector"/> have come, then resets.</summary>
    private static byte[] Interrupted(int vector, int count, Action<Assembler> enable)
    {
        const uint Gdt = 0x20_0000, GdtPointer = 0x20_0100, IdtPointer = 0x20_0110, Idt = 0x20_1000, Pml4 = 0x20_2000, Pdpt = 0x20_3000, Pd = 0x20_4000;
        const int LongModeAt = 0x200, HandlerAt = 0x600;
        const uint Handler = TinyKernel.LoadAddress + HandlerAt;

        byte[] image = new byte[HandlerAt + 0x80];
        Code(c =>
        {
            var page = c.CreateLabel();
            c.mov(esp, 0x30_0000);
            // The first 4 GiB in 2 MiB pages.
            c.mov(__dword_ptr[Pml4], unchecked((int)Pdpt) | 3);
            for (int i = 0; i < 4; i++)
                c.mov(__dword_ptr[Pdpt + 8 * i], unchecked((int)Pd) + 0x1000 * i | 3);
            c.mov(edi, Pd);
            c.mov(eax, 0x83);
            c.mov(ecx, 2048);
            c.Label(ref page);
            c.mov(__dword_ptr[edi], eax);
            c.add(edi, 8);
            c.add(eax, 0x20_0000);
            c.dec(ecx);
            c.jne(page);
            c.mov(eax, Pml4);
            c.mov(cr3, eax);
            c.mov(eax, cr4);
            c.or(eax, 0x20);
            c.mov(cr4, eax);
            c.mov(ecx, 0xc000_0080);
            c.rdmsr();
            c.or(eax, 0x100);
            c.wrmsr();
            c.mov(eax, cr0);
            c.or(eax, unchecked((int)0x8000_0000));
            c.mov(cr0, eax);
            // A 64-bit code segment at selector 8, data at 16 (IRETQ loads SS); a gate for the handler.
            c.mov(__dword_ptr[Gdt + 8], 0x0000_ffff);
            c.mov(__dword_ptr[Gdt + 12], 0x00af_9b00);
            c.mov(__dword_ptr[Gdt + 16], 0x0000_ffff);
            c.mov(__dword_ptr[Gdt + 20], 0x00cf_9300);
            c.mov(__word_ptr[GdtPointer], 23);
            c.mov(__dword_ptr[GdtPointer + 2], unchecked((int)Gdt));
            c.lgdt(__[GdtPointer]);
            c.mov(__dword_ptr[Idt + vector * 16], unchecked((int)(0x8_0000 | Handler & 0xffff)));
            c.mov(__dword_ptr[Idt + vector * 16 + 4], unchecked((int)(Handler & 0xffff_0000 | 0x8e00)));
            c.mov(__word_ptr[IdtPointer], 0xfff);
            c.mov(__dword_ptr[IdtPointer + 2], unchecked((int)Idt));
            c.push(8);
            c.push(unchecked((int)TinyKernel.LoadAddress) + LongModeAt);
            c.retf();
        }).CopyTo(image, 0);
        Code(c =>
        {
            var wait = c.CreateLabel();
            c.lidt(__[IdtPointer]);
            c.xor(ebx, ebx);
            c.mov(esi, 0xfee0_0000);
            c.mov(edi, 0xfec0_0000);
            c.mov(__dword_ptr[rsi + 0xf0], 0x1ff);
            enable(c);
            c.Label(ref wait);
            c.sti();
            c.hlt();
            c.cli();
            c.cmp(ebx, count);
            c.jb(wait);
            Reset(c);
        }, 64, LongModeAt).CopyTo(image, LongModeAt);
        Code(c =>
        {
            c.inc(ebx);
            c.mov(__dword_ptr[rsi + 0xb0], 0);
            c.iretq();
        }, 64, HandlerAt).CopyTo(image, HandlerAt);
        return image;
    }

    [Fact]
    public void Tells_the_daemon_what_happens_and_goes_when_it_goes()
    {
        int[] pair = Sockets();
        using (var kernel = new Monitor.Kernel(Code(Reset)))
        {
            var result = Monitor.Run(["--kernel", kernel.Path, "--control-fd", $"{pair[1]}"]);
            Assert.Equal((0, ""), (result.ExitCode, result.Errors));
            byte[] record = new byte[64];
            Assert.Equal(16, read(pair[0], record, 64));
            Assert.Equal(1, record[0]);
            Assert.Equal(16, read(pair[0], record, 64));
            Assert.Equal(2, record[0]);
        }
        using (var kernel = new Monitor.Kernel([0xeb, 0xfe]))   // jmp $
        {
            using var process = Monitor.Start(["--kernel", kernel.Path, "--control-fd", $"{pair[1]}"]);
            byte[] record = new byte[64];
            Assert.Equal(16, read(pair[0], record, 64));
            Assert.Equal(1, record[0]);
            close(pair[1]);
            Thread.Sleep(50);
            Assert.False(process.HasExited);
            close(pair[0]);
            Assert.True(process.WaitForExit(5000));
            Assert.Equal(0, process.ExitCode);
        }
    }

    [Fact]
    public void Goes_when_the_other_end_of_its_network_goes()
    {
        int[] pair = Sockets();
        using var kernel = new Monitor.Kernel([0xfa, 0xf4]);   // cli; hlt: not even a driver is there
        using var process = Monitor.Start(["--kernel", kernel.Path, "--net-fd", $"{pair[1]}"]);
        close(pair[1]);
        Thread.Sleep(100);
        Assert.False(process.HasExited);
        // It has its namespaces, which are always there for root, without being started a second time (Lockdown.Reenter).
        if (Environment.IsPrivilegedProcess)
            Assert.DoesNotContain("+", File.ReadAllText($"/proc/{process.Id}/cmdline"), StringComparison.Ordinal);
        close(pair[0]);
        Assert.True(process.WaitForExit(5000));
        Assert.Equal(0, process.ExitCode);
    }

    [Theory]
    [InlineData("not an ELF image", "--kernel", "/etc/passwd")]
    [InlineData("is not a file", "--kernel", "/")]
    [InlineData("is not a file", "--kernel", "/dev/zero")]
    [InlineData("is empty", "--kernel", "/proc/self/status")]
    [InlineData("not an open descriptor", "--kernel", "/etc/passwd", "--net-fd", "3", "exec 3>&-")]
    [InlineData("not an open descriptor", "--kernel", "/etc/passwd", "--control-fd", "4", "exec 4>&-")]
    [InlineData("neither a socket", "--kernel", "/etc/passwd", "--net-fd", "7", "exec 7<>$0")]
    [InlineData("not a socket", "--kernel", "/etc/passwd", "--control-fd", "7", "exec 7<>$0")]
    [InlineData("is not a file", "--kernel", "FIFO")]
    [InlineData("is not a file", "--kernel", "/etc/passwd", "--initrd", "FIFO")]
    [InlineData("not a file of at least", "--kernel", "/etc/passwd", "--disk-read-only", "--disk", "FIFO")]
    [InlineData("is not an ELF image", "--kernel", "HUGE")]
    [InlineData("unknown argument", "--kernel-fd", "0:x")]
    [InlineData("no such file", "--kernel", "/nowhere")]
    [InlineData("not an open descriptor", "--kernel", "/etc/passwd", "--net-fd", "900")]
    [InlineData("cannot attach", "--kernel", "/etc/passwd", "--tap", "a/b")]
    [InlineData("--disk", "--kernel", "/etc/passwd", "--disk", "/nowhere")]
    public void Refuses_with_one_sentence_and_status_1(string sentence, params string[] arguments)
    {
        string fifo = Path.GetTempFileName(), huge = Path.GetTempFileName();
        File.Delete(fifo);
        Assert.Equal(0, mkfifo(fifo, 0x1b6));
        using (var file = File.OpenWrite(huge))
            file.SetLength(1L << 42);
        bool redirected = arguments[^1].StartsWith("exec ");
        string[] words = [.. (redirected ? arguments[..^1] : arguments)
            .Select(word => word.Replace("FIFO", fifo).Replace("HUGE", huge))];
        var result = redirected ? RunAfter(arguments[^1], fifo, words) : Monitor.Run(words);
        File.Delete(fifo);
        File.Delete(huge);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(sentence, result.Errors);
        Assert.Single(result.Errors.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void Explains_itself()
    {
        var result = Monitor.Run(["--help"]);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("--kernel IMAGE", result.Output);
    }

    /// <summary>Two ends of AF_UNIX/SOCK_SEQPACKET. Only the second is inherited: whoever holds the first keeps it open.</summary>
    internal static int[] Sockets()
    {
        int[] pair = new int[2];
        Assert.Equal(0, socketpair(1, 5 | 0x8_0000, 0, pair));
        Assert.Equal(0, fcntl(pair[1], 2, 0));   // F_SETFD without FD_CLOEXEC
        return pair;
    }

    /// <summary>Runs the monitor with what a shell has done to its descriptors; $0 is <paramref name="file"/>.</summary>
    private static Monitor.Result RunAfter(string redirection, string file, string[] arguments) =>
        Monitor.Run(["-c", $"{redirection}; exec \"$@\"", file, Monitor.Path, .. arguments], program: "/bin/bash");

    /// <summary>The kernel would else be the guest's keyboard, and the disk its screen.</summary>
    [Fact]
    public void Closed_standard_streams_do_not_become_files_of_the_machine()
    {
        using var kernel = new Monitor.Kernel(Code(c =>
        {
            var wait = c.CreateLabel();
            c.mov(edx, 0x3f8);
            c.mov(al, (byte)'x');
            c.@out(dx, al);
            c.xor(ebx, ebx);
            c.mov(edx, 0x3fd);
            c.mov(ecx, 1_000_000);
            c.Label(ref wait);
            c.@in(al, dx);
            c.and(al, 1);
            c.or(bl, al);
            c.dec(ecx);
            c.jne(wait);
            c.test(bl, bl);
            var quiet = c.CreateLabel();
            c.je(quiet);
            c.mov(edx, 0x505);
            c.mov(al, 1);
            c.@out(dx, al);
            c.Label(ref quiet);
            Reset(c);
        }));
        string disk = Path.GetTempFileName();
        File.WriteAllBytes(disk, new byte[512]);
        var result = RunAfter("exec 0<&- 1>&-", disk, ["--kernel", kernel.Path, "--disk", disk]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Equal(new byte[512], File.ReadAllBytes(disk));
        File.Delete(disk);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkfifo(string path, uint mode);

    [LibraryImport("libc")]
    private static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc")]
    private static partial int socketpair(int domain, int type, int protocol, [Out] int[] pair);

    [LibraryImport("libc")]
    private static partial nint read(int descriptor, [Out] byte[] buffer, nint count);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
