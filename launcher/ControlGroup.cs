using System;
using System.Linux;
using System.Runtime.InteropServices;
using Wire;
using static System.Linux.Uapi;

namespace Launcher;

/// <summary>
/// The machine's control group, PATH/machine-UID, as deploy/cgroups makes it (Documentation/admin-guide/cgroup-v2.rst):
/// what it may take holds for all its processes together. Its files belong to the machine's user, and nobody may write
/// them but for the moment in which it is done here; <see cref="Confinement"/> keeps the monitor from giving
/// itself one.
/// </summary>
internal ref struct ControlGroup(Span<byte> texts)
{
    /// <summary>Bytes of a path that the command line gives: so short that it fits a sentence of Failure.</summary>
    public const int MaxPath = 160;

    /// <summary>Room for the path of the longest name.</summary>
    public const int PathSize = MaxPath + 64;

    /// <summary>Processes and threads; a monitor has some ten.</summary>
    private const uint MaxProcesses = 32;

    /// <summary>In microseconds: cpu.max counts within each of these.</summary>
    private const uint Period = 100_000;

    private const int Attempts = 200;

    /// <summary>Nanoseconds between two of them.</summary>
    private const ulong Pause = 10_000_000;

    private const int OwnerMayWrite = 0x80; // 0200
    private const int NobodyMayWrite = 0x124; // 0444

    /// <summary>The group's path.</summary>
    private TextBuffer path = new(texts);

    private int folder;

    /// <summary>
    /// Ends what is left of the machine before. False when there is no such group, or something goes on running in it,
    /// and that has been said.
    /// </summary>
    public unsafe bool TryEmpty(in Options options)
    {
        path.Add(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(options.Groups));
        int groups = Open(AT_FDCWD, options.Groups);
        if (groups < 0)
            return CannotOpen(groups);
        TextBuffer name = new(stackalloc byte[32]);
        name.Add("machine-%\0"u8, (ulong)Syscall.Call(CallNumber.GetUid));
        path.Add("/"u8);
        path.Add(name.Text.Slice(0, name.Length - 1));
        folder = Open(groups, (byte*)Syscall.AddressOf(name.Text));
        Syscall.Close(groups);
        if (folder < 0)
            return CannotOpen(folder);
        int populated = Populated();
        if (populated > 0 && !TryWrite("cgroup.kill"u8, "1"u8))
            return false;
        for (int attempt = 1; attempt < Attempts && populated > 0; attempt++)
        {
            Timing.Sleep(Pause);
            populated = Populated();
        }
        if (populated == 0)
            return true;
        if (populated < 0)
            return CannotWrite("/cgroup.events"u8, " cannot be read"u8, populated);
        return CannotWrite(""u8, " has processes that go on running"u8, 0);
    }

    /// <summary>
    /// Sets what the token's machine may take, and moves this process into the group; the last of its calls. False when
    /// something of it cannot be done, and it has been said what.
    /// </summary>
    public bool TryEnter(BootToken token, in Options options)
    {
        uint percent = token.CpuPercent;
        if (percent == 100)
            percent = options.CpuMax;
        bool done = TryWrite("memory.max"u8, "%"u8, ((ulong)token.MemoryMiB + options.MonitorMemory) << 20)
            && TryWrite("memory.swap.max"u8, "0"u8)
            && TryWrite("cpu.max"u8, "% %"u8, (ulong)percent * (Period / 100), Period)
            && TryWrite("pids.max"u8, "%"u8, MaxProcesses)
            && TryWrite("cgroup.procs"u8, "0"u8);
        Syscall.Close(folder);
        return done;
    }

    /// <summary>A folder, by its own name: a link is none. −errno when it is not there.</summary>
    private static unsafe int Open(int within, byte* name) => Syscall.Call(
        CallNumber.OpenAt,
        within,
        (nint)name,
        O_PATH | O_CLOEXEC | Architecture.O_DIRECTORY | Architecture.O_NOFOLLOW);

    /// <summary>1 where the group, or one below it, has a process; 0 where not; or −errno.</summary>
    private readonly int Populated()
    {
        ReadOnlySpan<byte> name = "cgroup.events"u8;
        int file = Syscall.Call(CallNumber.OpenAt, folder, Syscall.AddressOf(name), O_CLOEXEC);
        if (file < 0)
            return file;
        Span<byte> events = stackalloc byte[256];
        int length = Syscall.Read(file, events);
        Syscall.Close(file);
        if (length < 0)
            return length;
        return events.Slice(0, length).IndexOf("populated 0"u8) < 0 ? 1 : 0;
    }

    /// <summary>
    /// Writes a value to a file of the group, which nobody may write before and afterwards. False when it cannot,
    /// and that has been said.
    /// </summary>
    private bool TryWrite(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, params ReadOnlySpan<ulong> numbers)
    {
        TextBuffer text = new(stackalloc byte[64]);
        text.Add(value, numbers);
        int code = Syscall.Call(CallNumber.FChModAt, folder, Syscall.AddressOf(name), OwnerMayWrite);
        if (code == 0)
        {
            int flags = O_WRONLY | O_CLOEXEC | Architecture.O_NOFOLLOW;
            int file = Syscall.Call(CallNumber.OpenAt, folder, Syscall.AddressOf(name), flags);
            code = Syscall.Call(CallNumber.FChModAt, folder, Syscall.AddressOf(name), NobodyMayWrite);
            if (file >= 0 && code == 0)
                code = Syscall.Write(file, text.Text);
            else if (file < 0)
                code = file;
            if (file >= 0)
                Syscall.Close(file);
        }
        if (code >= 0)
            return true;
        path.Add("/"u8);
        return CannotWrite(name, " cannot be written"u8, code);
    }

    private bool CannotOpen(int code) =>
        CannotWrite(""u8, code == ENOTDIR ? " is a link, or no folder"u8 : " cannot be opened"u8, code);

    private bool CannotWrite(ReadOnlySpan<byte> file, ReadOnlySpan<byte> why, int code)
    {
        path.Add(file);
        Failure.Say(Failure.NotStarted, path.Text, why, code);
        return false;
    }
}
