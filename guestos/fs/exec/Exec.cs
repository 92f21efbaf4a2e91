using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Board;

namespace Guestos;

/// <summary>ELF64 file header (System V gABI, chapter 4).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ElfHeader
{
    public uint Magic;
    public byte Class, Data, Version, OsAbi;
    public ulong Padding;
    public ushort Type, Machine;
    public uint FormatVersion;
    public ulong Entry, ProgramHeaders, SectionHeaders;
    public uint Flags;
    public ushort HeaderSize, ProgramHeaderSize, ProgramHeaderCount, SectionHeaderSize, SectionHeaderCount, NamesIndex;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ElfProgramHeader
{
    public uint Type, Flags;
    public ulong Offset, Address, PhysicalAddress, FileSize, MemorySize, Alignment;
}

/// <summary>A program laid out in an address space.</summary>
internal struct LoadedImage
{
    public ulong Entry, Base, ProgramHeaders, End;
    public uint ProgramHeaderCount;

    /// <summary>PT_GNU_STACK asks for code on the stack.</summary>
    public bool ExecutableStack;
}

/// <summary>execve: replaces the memory of the current process by a program.</summary>
public static unsafe class Exec
{
    private const uint ElfMagic = 0x464c457f;
    private const int MaximumProgramHeaders = 32;
    private const uint SegmentLoad = 1, SegmentInterpreter = 3, SegmentProgramHeaders = 6, SegmentStack = 0x6474e551;

    /// <summary>
    /// Where position-independent programs go; their interpreter goes below <see cref="AddressSpace.MapTop"/>.
    /// </summary>
    private const ulong IndependentBase = 0x1555_5555_4000;
    private const int MaximumScriptDepth = 4;

    /// <param name="path">Kernel memory, zero-terminated; scratch for at least <see cref="Vfs.PathCapacity"/>
    /// bytes.</param>
    /// <returns>0: the registers are the new program's. Or -errno: nothing has changed.</returns>
    public static long Run(byte* path, UserPointer<UserString> arguments, UserPointer<UserString> environment)
    {
        ArgumentBlock block = default;
        if (!block.Begin())
            return Errno.ENOMEM;
        long result = block.Add(arguments, isEnvironment: false);
        if (result == 0 && block.ArgumentCount == 0)
            result = block.AddText(path);       // Linux too makes an empty argv[0] up
        if (result == 0)
            result = block.Add(environment, isEnvironment: true);
        if (result == 0)
            result = Find(path, ref block);
        block.Free();
        return result;
    }

    /// <summary>
    /// The same for the first process, whose arguments and environment are null-terminated arrays in kernel memory.
    /// </summary>
    public static long Run(byte* path, byte** arguments, byte** environment)
    {
        ArgumentBlock block = default;
        if (!block.Begin())
            return Errno.ENOMEM;
        long result = block.AddFromKernel(arguments, isEnvironment: false);
        if (result == 0)
            result = block.AddFromKernel(environment, isEnvironment: true);
        if (result == 0)
            result = Find(path, ref block);
        block.Free();
        return result;
    }

    /// <summary>Looks the file up and follows "#!" to the program that is to run it.</summary>
    private static long Find(byte* path, ref ArgumentBlock block)
    {
        byte* head = stackalloc byte[256];
        Process* process = Process.Current;
        for (int depth = 0; ; depth++)
        {
            Inode* file;
            long result = Vfs.Lookup(FileContext.WorkingDirectoryOf(process), path, true, &file);
            if (result < 0)
                return result;
            result = file->Type != InodeType.Regular || FileRights.Check(file, FileRights.Execute) < 0 ? Errno.EACCES : Vfs.ReadInode(file, 0, head, 255);
            if (result < 0)
            {
                Vfs.Release(file);
                return result;
            }
            if (result >= 2 && head[0] == '#' && head[1] == '!')
            {
                Vfs.Release(file);
                if (depth == MaximumScriptDepth)
                    return Errno.ELOOP;
                head[result] = 0;
                result = block.Interpret(head + 2, path);
                if (result < 0)
                    return result;
                continue;
            }
            result = result < sizeof(ElfHeader) ? Errno.ENOEXEC : file->Writers > 0 ? Errno.ETXTBSY : Replace(file, path, ref block);
            Vfs.Release(file);
            return result;
        }
    }

    /// <summary>Builds the new memory; only when that has succeeded does the old go.</summary>
    private static long Replace(Inode* file, byte* path, ref ArgumentBlock block)
    {
        Process* process = Process.Current;
        AddressSpace* space = AddressSpace.Create();
        if (space == null)
            return Errno.ENOMEM;
        LoadedImage program = default, interpreter = default;
        byte* interpreterPath = stackalloc byte[256];
        interpreterPath[0] = 0;
        long result = Load(space, file, IndependentBase, interpreterPath, ref program);
        if (result == 0 && interpreterPath[0] != 0)
            result = LoadInterpreter(space, interpreterPath, ref interpreter);
        ulong stackStart = AddressSpace.StackTop - ((ulong)block.Length + (ulong)(block.ArgumentCount + block.EnvironmentCount) * 8 + 2 * Frames.Size & ~(ulong)(Frames.Size - 1));
        Area* stack = result == 0 && PageRange.TryMake(stackStart, AddressSpace.StackTop - stackStart, out PageRange pages)
            ? AddressSpace.Add(space, pages, StackProtection(program), AreaFlags.GrowsDown) : null;
        if (result == 0 && stack == null)
            result = Errno.ENOMEM;
        SignalActions* actions = null;
        FileTable* files = null;
        if (result == 0 && process->Actions->References > 1 && (actions = SignalActions.Fork(process->Actions)) == null)
            result = Errno.ENOMEM;
        if (result == 0 && FileContext.TableOf(process)->References > 1 && (files = FileTable.Fork(FileContext.TableOf(process))) == null)
            result = Errno.ENOMEM;
        if (result < 0)
        {
            if (actions != null)
                SignalActions.Release(actions);
            AddressSpace.Release(space);
            return result;
        }
        // From here on there is no way back.
        space->BreakStart = space->Break = (program.End + Frames.Size - 1) & ~(ulong)(Frames.Size - 1);
        AddressSpace.SetExecutable(space, &file->Object);
        AddressSpace* old = process->Space;
        process->Space = space;
        Thread* thread = Thread.Current;
        thread->FsBase = default;
        thread->GsBase = default;
        thread->ClearThreadId = default;
        thread->RobustList = default;
        Scheduler.LoadSpace(thread);
        AddressSpace.Release(old);
        Processes.ReleaseVforkParent(process);
        ResetSignals(thread, actions);
        if (files != null)
        {
            FileTable.Release(FileContext.TableOf(process));
            process->Files.Table = files;
        }
        FileTable.CloseOnExec(FileContext.TableOf(process));
        SetName(thread, path);
        FileRights.TakeIds(process, file);
        process->HasExecuted = true;
        thread->CurrentCall = -1;
        ulong rsp = BuildStack(space, ref block, path, program, interpreter);
        TrapFrame.ResetForProgram(thread->UserFrame, interpreter.Entry != 0 ? interpreter.Entry : program.Entry, rsp);
        thread->UserFrame->Vector = 0;
        if (rsp == 0)
            Signals.Send(process, Signal.Kill);
        return 0;
    }

    private static long LoadInterpreter(AddressSpace* space, byte* path, ref LoadedImage image)
    {
        Inode* file;
        long result = Vfs.Lookup(FileContext.WorkingDirectoryOf(Process.Current), path, true, &file);
        if (result < 0)
            return result;
        result = file->Type == InodeType.Regular ? Load(space, file, AddressSpace.MapTop - (16 << 20), null, ref image) : Errno.EACCES;
        Vfs.Release(file);
        return result;
    }

    /// <param name="interpreterPath">Receives PT_INTERP (255 bytes and a zero at most); null: there must be
    /// none.</param>
    private static long Load(AddressSpace* space, Inode* file, ulong independentBase, byte* interpreterPath, ref LoadedImage image)
    {
        ElfHeader header;
        if (Vfs.ReadInode(file, 0, (byte*)&header, (ulong)sizeof(ElfHeader)) != sizeof(ElfHeader) || header.Magic != ElfMagic
            || header.Class != 2 || header.Data != 1 || header.Machine != 62 || header.Type is not (2 or 3)
            || header.ProgramHeaderSize != sizeof(ElfProgramHeader) || header.ProgramHeaderCount is 0 or > MaximumProgramHeaders)
            return Errno.ENOEXEC;
        ElfProgramHeader* segments = stackalloc ElfProgramHeader[MaximumProgramHeaders];
        int bytes = header.ProgramHeaderCount * sizeof(ElfProgramHeader);
        if (Vfs.ReadInode(file, header.ProgramHeaders, (byte*)segments, (ulong)bytes) != bytes)
            return Errno.ENOEXEC;
        ulong bias = header.Type == 3 ? independentBase : 0;
        image.Entry = header.Entry + bias;
        image.Base = bias;
        image.ProgramHeaderCount = header.ProgramHeaderCount;
        for (int i = 0; i < header.ProgramHeaderCount; i++)
        {
            ElfProgramHeader* segment = segments + i;
            long result = 0;
            if (segment->Type == SegmentLoad)
                result = Map(space, file, segment, header, bias, ref image);
            else if (segment->Type == SegmentStack)
                image.ExecutableStack = (segment->Flags & 1) != 0;
            else if (segment->Type == SegmentProgramHeaders)
                image.ProgramHeaders = segment->Address + bias;
            else if (segment->Type == SegmentInterpreter)
                result = interpreterPath == null || segment->FileSize is 0 or > 255
                    || Vfs.ReadInode(file, segment->Offset, interpreterPath, segment->FileSize) != (long)segment->FileSize ? Errno.ENOEXEC : 0;
            if (result < 0)
                return result;
        }
        return image.End != 0 && image.Entry < AddressSpace.End ? 0 : Errno.ENOEXEC;
    }

    private static uint StackProtection(in LoadedImage program)
    {
        const uint readWrite = Protection.Read | Protection.Write;
        return program.ExecutableStack ? readWrite | Protection.Execute : readWrite;
    }

    private static long Map(AddressSpace* space, Inode* file, ElfProgramHeader* segment, in ElfHeader header, ulong bias, ref LoadedImage image)
    {
        const ulong InPage = Frames.Size - 1;
        ulong address = segment->Address + bias;
        if (segment->FileSize > segment->MemorySize || ((segment->Offset ^ segment->Address) & InPage) != 0)
            return Errno.ENOEXEC;
        if (segment->MemorySize == 0)
            return 0;
        if (!PageRange.TryMakeAround(address, segment->MemorySize, out PageRange range)
            || range.Start < AddressSpace.MapBottom || range.End > AddressSpace.MapTop)
            return Errno.ENOEXEC;
        if (header.ProgramHeaders >= segment->Offset && header.ProgramHeaders < segment->Offset + segment->FileSize && image.ProgramHeaders == 0)
            image.ProgramHeaders = header.ProgramHeaders - segment->Offset + address;
        uint protection = ((segment->Flags & 4) != 0 ? Protection.Read : 0) | ((segment->Flags & 2) != 0 ? Protection.Write : 0)
            | ((segment->Flags & 1) != 0 ? Protection.Execute : 0);
        MemoryObject* content = segment->FileSize != 0 ? &file->Object : null;
        if (!AddressSpace.Unmap(space, range)
            || AddressSpace.Add(space, range, protection, AreaFlags.None, content, segment->Offset & ~InPage, address + segment->FileSize) == null)
            return Errno.ENOMEM;
        image.End = Math.Max(image.End, range.End);
        return 0;
    }

    /// <summary>Caught signals go back to their default; ignored ones stay ignored (POSIX exec).</summary>
    private static void ResetSignals(Thread* thread, SignalActions* own)
    {
        Process* process = thread->Process;
        if (own != null)
        {
            SignalActions.Release(process->Actions);
            process->Actions = own;
        }
        for (ulong number = 1; Signal.TryMake(number, out Signal signal); number++)
        {
            SignalAction* action = SignalActions.Of(process->Actions, signal);
            ulong handler = action->Handler == SignalAction.Ignore ? SignalAction.Ignore : SignalAction.Default;
            *action = default;
            action->Handler = handler;
        }
        thread->AlternateStack = 0;
        thread->AlternateStackSize = 0;
        thread->RestoreMask = false;
    }

    private static void SetName(Thread* thread, byte* path)
    {
        byte* name = path;
        for (byte* at = path; *at != 0; at++)
            if (*at == '/' && at[1] != 0)
                name = at + 1;
        int length = 0;
        for (; length < Thread.NameLength - 1 && name[length] != 0; length++)
            thread->Name[length] = name[length];
        for (; length < Thread.NameLength; length++)
            thread->Name[length] = 0;
    }

    // Auxiliary vector (include/uapi/linux/auxvec.h).
    private const ulong AtHeaders = 3, AtHeaderSize = 4, AtHeaderCount = 5, AtPageSize = 6, AtBase = 7, AtFlags = 8, AtEntry = 9, AtUser = 11,
        AtEffectiveUser = 12, AtGroup = 13, AtEffectiveGroup = 14, AtPlatform = 15, AtHardware = 16, AtClockTick = 17, AtSecure = 23,
        AtRandom = 25, AtHardware2 = 26, AtFileName = 31, AtMinimumSignalStack = 51;

    /// <summary>
    /// Strings, random bytes, auxiliary vector, environment and argument pointers, count (psABI §3.4.1). 0 without
    /// memory.
    /// </summary>
    private static ulong BuildStack(AddressSpace* space, ref ArgumentBlock block, byte* path, in LoadedImage program, in LoadedImage interpreter)
    {
        int pathLength = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(path).Length + 1;
        ulong fileName = AddressSpace.StackTop - 8 - (ulong)pathLength;
        ulong strings = fileName - (ulong)block.Length;
        ulong platform = (strings - 8) & ~15UL;
        ulong random = platform - 16;
        int words = 1 + block.ArgumentCount + 1 + block.EnvironmentCount + 1 + 2 * 20;
        ulong at = (random - (ulong)words * 8) & ~15UL;
        if (!UserRange.TryMake(at, AddressSpace.StackTop - at, out UserRange range) || !range.TryBegin(Access.Write, out byte* bottom))
            return 0;
        // SAFETY: the whole range was made writable just now; all that follows lies in it.
        Unsafe.CopyBlock(bottom + (fileName - at), path, (uint)pathLength);
        Unsafe.CopyBlock(bottom + (strings - at), block.Base, (uint)block.Length);
        "x86_64\0"u8.CopyTo(new Span<byte>(bottom + (platform - at), 8));
        Randomness.Fill(new Span<byte>(bottom + (random - at), 16));
        space->ArgumentsStart = strings;
        space->ArgumentsEnd = space->EnvironmentStart = strings + (ulong)block.ArgumentBytes;
        space->EnvironmentEnd = strings + (ulong)block.Length;
        ulong* word = (ulong*)bottom;
        *word++ = (ulong)block.ArgumentCount;
        byte* text = block.Base;
        for (int i = 0; i < block.ArgumentCount; i++)
            *word++ = strings + NextString(block.Base, ref text);
        *word++ = 0;
        for (int i = 0; i < block.EnvironmentCount; i++)
            *word++ = strings + NextString(block.Base, ref text);
        *word++ = 0;
        Process* process = Process.Current;
        uint* leaf = stackalloc uint[4];
        Processor.CpuId(1, 0, leaf);
        Pair(ref word, AtHeaders, program.ProgramHeaders);
        Pair(ref word, AtHeaderSize, (ulong)sizeof(ElfProgramHeader));
        Pair(ref word, AtHeaderCount, program.ProgramHeaderCount);
        Pair(ref word, AtPageSize, Frames.Size);
        Pair(ref word, AtBase, interpreter.Base);
        Pair(ref word, AtFlags, 0);
        Pair(ref word, AtEntry, program.Entry);
        Pair(ref word, AtUser, process->UserId);
        Pair(ref word, AtEffectiveUser, process->EffectiveUserId);
        Pair(ref word, AtGroup, process->GroupIdReal);
        Pair(ref word, AtEffectiveGroup, process->EffectiveGroupId);
        Pair(ref word, AtPlatform, platform);
        Pair(ref word, AtHardware, leaf[3]);
        Pair(ref word, AtClockTick, 100);
        Pair(ref word, AtSecure, process->UserId != process->EffectiveUserId || process->GroupIdReal != process->EffectiveGroupId ? 1ul : 0);
        Pair(ref word, AtRandom, random);
        Pair(ref word, AtHardware2, 0);
        Pair(ref word, AtFileName, fileName);
        Pair(ref word, AtMinimumSignalStack, 2048);
        Pair(ref word, 0, 0);
        return at;
    }

    private static void Pair(ref ulong* word, ulong kind, ulong value)
    {
        *word++ = kind;
        *word++ = value;
    }

    /// <summary>How far behind the first string the next one begins; passes over it.</summary>
    private static ulong NextString(byte* first, ref byte* text)
    {
        ulong start = (ulong)(text - first);
        while (*text != 0)
            text++;
        text++;
        return start;
    }
}
