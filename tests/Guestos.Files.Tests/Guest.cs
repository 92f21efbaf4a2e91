using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Guestos.Tests;

/// <summary>A guest with one process and a root directory, and its system calls in C#'s terms. One at a time: the kernel's state is static.</summary>
internal static unsafe class Guest
{
    public const ulong Here = unchecked((ulong)-100);

    /// <summary>The archive of the last start was whole.</summary>
    public static bool Whole;

    public static void Start(byte[]? archive = null, byte* placed = null)
    {
        Stop();
        Shortage.Leave(8192);
        Clock.Monotonic += 1_000_000_000; // longer than any turn
        UserMemory.BadStart = UserMemory.BadEnd = 0;
        Scheduler.WhileAsleep.Clear();
        Scheduler.Wakes = 0;
        Signals.Sent.Clear();
        Board.Uart.Written.Clear();
        byte* memory = placed;
        if (archive != null && placed == null)
        {
            memory = (byte*)NativeMemory.Alloc((nuint)archive.Length + 1);
            archive.CopyTo(new Span<byte>(memory, archive.Length));
        }

        Console.Text = "";
        InitialTree.KeepsArchive = false;
        Whole = Vfs.Init(memory, (ulong)(archive?.Length ?? 0));
        var process = (Process*)NativeMemory.AllocZeroed((nuint)sizeof(Process));
        process->Id = process->ProcessGroupId = process->SessionId = 1;
        process->FirstThread = (Thread*)NativeMemory.AllocZeroed((nuint)sizeof(Thread));
        process->FirstThread->State = ThreadState.Runnable;
        process->FirstThread->Process = process;
        process->FirstThread->Id = process->Id;
        process->ThreadCount = 1;
        process->Credentials.Capabilities = CapabilitySets.OfFirst;
        process->Files.Table = FileTable.Create();
        FileContext.SetWorkingDirectory(process, new Place(Vfs.Root, Mounts.First).Hold());
        Process.Current = process;
    }

    /// <summary>Closes, unmounts and removes everything: then not one inode and not one open file may be left.</summary>
    public static void Stop()
    {
        if (Vfs.Root == null)
            return;
        if (Process.Current != null)
        {
            FileTable.Release(FileContext.TableOf(Process.Current));
            FileContext.SetWorkingDirectory(Process.Current, default);
            FileContext.SetRootDirectory(Process.Current, default);
            Process.Current = null;
        }

        while (Mounts.First->Next != null)
            Mounts.Unmount(new Place(Mounts.First->Next->Root, Mounts.First->Next), isLazy: true);
        Mounts.Release(Mounts.First);
        foreach (nint root in new[] { (nint)Vfs.Root, (nint)Vfs.DeviceRoot, (nint)ProcTree.Root })
        {
            Mounts.Dissolve((Inode*)root);
            Vfs.Release((Inode*)root);
        }

        Vfs.FreeDead();
        Vfs.Root = null;
        int inodes = Vfs.InodesInUse, files = Files.InUse;
        Vfs.InodesInUse = 0;
        Files.InUse = 0;
        if (inodes != 0 || files != 0)
            throw new InvalidOperationException($"left behind: {inodes} inodes, {files} open files");
    }

    public static ulong Text(string text) => Bytes(Encoding.UTF8.GetBytes(text + "\0"));

    public static ulong Bytes(byte[] bytes)
    {
        ulong memory = UserMemory.Take((ulong)bytes.Length + 1);
        bytes.CopyTo(new Span<byte>((void*)memory, bytes.Length));
        return memory;
    }

    public static ulong Room(int bytes) => UserMemory.Take((ulong)bytes);

    public static long Open(string path, uint flags = 0, uint mode = 0x1b6) => FileCalls.Open(Text(path), flags, mode);
    public static long Mkdir(string path) => FileCalls.Mkdir(Text(path), 0x1ff);
    public static long Symlink(string target, string path) => FileCalls.Symlink(Text(target), Text(path));

    public static long Write(long descriptor, byte[] bytes) => FileCalls.Write((ulong)descriptor, Bytes(bytes), (ulong)bytes.Length);

    public static long Put(string path, string content)
    {
        long descriptor = Open(path, OpenFlags.CREAT | OpenFlags.TRUNC | OpenFlags.WRONLY);
        if (descriptor < 0)
            return descriptor;
        long result = Write(descriptor, Encoding.UTF8.GetBytes(content));
        FileCalls.Close((ulong)descriptor);
        return result;
    }

    public static byte[] ReadAll(string path)
    {
        long descriptor = Open(path);
        if (descriptor < 0)
            throw new InvalidOperationException($"{path}: {descriptor}");
        var all = new List<byte>();
        ulong buffer = Room(5000);
        long count;
        while ((count = FileCalls.Read((ulong)descriptor, buffer, 5000)) > 0)
            all.AddRange(new Span<byte>((void*)buffer, (int)count).ToArray());
        FileCalls.Close((ulong)descriptor);
        return all.ToArray();
    }

    public static string Get(string path) => Encoding.UTF8.GetString(ReadAll(path));

    public static long Stat(string path, out FileStatus status, bool follow = true)
    {
        ulong buffer = Room(FileStatus.Length);
        long result = FileCalls.Newfstatat(Here, Text(path), buffer, follow ? 0u : UserPath.NoFollow);
        status = *(FileStatus*)buffer;
        return result;
    }

    public static string LinkText(string path)
    {
        ulong buffer = Room(5000);
        long length = FileCalls.Readlink(Text(path), buffer, 5000);
        return length < 0 ? $"{length}" : Encoding.UTF8.GetString(new Span<byte>((void*)buffer, (int)length));
    }

    public static List<string> List(string path, int bufferSize = 4096)
    {
        long descriptor = Open(path, OpenFlags.DIRECTORY);
        var names = new List<string>();
        ulong buffer = Room(bufferSize);
        long count;
        while ((count = FileCalls.Getdents64((ulong)descriptor, buffer, (ulong)bufferSize)) > 0)
            for (byte* at = (byte*)buffer; at < (byte*)buffer + count; at += *(ushort*)(at + 16))
                names.Add(Marshal.PtrToStringUTF8((nint)(at + 19))!);
        if (count < 0)
            throw new InvalidOperationException($"{path}: {count}");
        FileCalls.Close((ulong)descriptor);
        return names;
    }

    public static string WorkingDirectory()
    {
        ulong buffer = Room(5000);
        long length = FileCalls.Getcwd(buffer, 5000);
        return length < 0 ? $"{length}" : Encoding.UTF8.GetString(new Span<byte>((void*)buffer, (int)length - 1));
    }
}
