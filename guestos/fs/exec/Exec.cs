using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Board;

namespace Guestos;

/// <summary>A program laid out in an address space.</summary>
internal struct LoadedImage
{
    public ulong Entry;
    public ulong Base;
    public ulong ProgramHeaders;
    public ulong End;
    public uint ProgramHeaderCount;

    /// <summary>PT_GNU_STACK asks for code on the stack.</summary>
    public bool ExecutableStack;
}

/// <summary>execve: replaces the memory of the current process by a program.</summary>
public static unsafe class Exec
{
    private const int MaxProgramHeaders = 32;

    /// <summary>
    /// Where position-independent programs go; their interpreter goes below <see cref="AddressSpace.MapTop"/>.
    /// </summary>
    private const ulong IndependentBase = 0x5555_5555_4000;
    private const int MaxScriptDepth = 4;

    /// <param name="path">
    /// Kernel memory, zero-terminated; at least <see cref="Vfs.PathCapacity"/> bytes, which are overwritten.
    /// </param>
    /// <returns>0: the registers are the new program's. Or -errno: nothing has changed.</returns>
    public static long Run(byte* path, UserPointer<UserString> arguments, UserPointer<UserString> environment)
    {
        ArgumentBlock block = default;
        if (!block.Begin())
            return Errno.ENOMEM;
        long result = block.Add(arguments, isEnvironment: false);
        if (result == 0 && block.ArgumentCount == 0)
            result = block.AddText(path);       // as Linux does
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
            long result = Vfs.Lookup(path, out Place place);
            if (result < 0)
                return result;
            Inode* file = place.Inode;
            bool mayRun = file->Type == InodeType.REG && !place.Has(Mounts.NoExecute)
                && FileRights.Check(file, FileRights.Execute) == 0;
            result = mayRun ? Vfs.ReadInode(file, 0, head, 255) : Errno.EACCES;
            if (result < 0)
            {
                place.Drop();
                return result;
            }
            if (result >= 2 && head[0] == '#' && head[1] == '!')
            {
                place.Drop();
                if (depth == MaxScriptDepth)
                    return Errno.ELOOP;
                head[result] = 0;
                result = block.Interpret(head + 2, path);
                if (result < 0)
                    return result;
                continue;
            }
            if (result < sizeof(ElfHeader))
                result = Errno.ENOEXEC;
            else if (file->Writers > 0)
                result = Errno.ETXTBSY;
            else if (!ProgramRights.MayRun(place))
                result = Errno.EPERM;
            else
                result = Replace(place, path, ref block);
            place.Drop();
            return result;
        }
    }

    /// <summary>What execve(2) needs, made before anything of the old program is given up.</summary>
    private struct Prepared
    {
        public AddressSpace* Space;
        public LoadedImage Program;

        /// <summary>Of PT_INTERP; all zeros without one.</summary>
        public LoadedImage Interpreter;

        /// <summary>Copies of what the process has shared with others; null where it did not.</summary>
        public SignalActions* Actions;
        public FileTable* Files;

        /// <summary>Address of the vDSO; 0: none.</summary>
        public ulong Vdso;
    }

    /// <summary>Makes the new memory; the old goes when that has succeeded.</summary>
    private static long Replace(in Place program, byte* path, ref ArgumentBlock block)
    {
        Process* process = Process.Current;
        Prepared made = default;
        made.Space = AddressSpace.Create();
        if (made.Space == null)
            return Errno.ENOMEM;
        long result = Prepare(process, program.Inode, block, ref made);
        int formerId = Thread.Current->Id;
        if (result == 0 && !Processes.KeepOnlyCurrentThread())
            result = Errno.EINTR;
        if (result < 0)
        {
            if (made.Actions != null)
                SignalActions.Release(made.Actions);
            FileTable.Release(made.Files);
            AddressSpace.Release(made.Space);
            return result;
        }
        byte* fileName = block.FileName(path);
        Commit(process, program, fileName, made);
        ulong rsp = BuildStack(made, ref block, fileName);
        ulong entry = made.Interpreter.Entry != 0 ? made.Interpreter.Entry : made.Program.Entry;
        TrapFrame* frame = Thread.Current->UserFrame;
        TrapFrame.ResetForProgram(frame, entry, rsp);
        FloatState.ClearUpper(frame);
        FloatState.Load(frame);
        frame->Vector = 0;
        if (rsp == 0)
            Signals.Send(process, Signal.Kill);
        Tracing.Executed(Thread.Current, formerId);
        return 0;
    }

    private static long Prepare(Process* process, Inode* file, in ArgumentBlock block, ref Prepared made)
    {
        byte* interpreterPath = stackalloc byte[256];
        interpreterPath[0] = 0;
        long result = Load(made.Space, file, IndependentBase, interpreterPath, ref made.Program);
        if (result == 0 && interpreterPath[0] != 0)
            result = LoadInterpreter(made.Space, interpreterPath, ref made.Interpreter);
        if (result < 0)
            return result;
        if (!AddStack(made.Space, block, made.Program))
            return Errno.ENOMEM;
        made.Vdso = Vdso.Map(made.Space);
        if (process->Actions->References > 1)
        {
            made.Actions = SignalActions.Fork(process->Actions);
            if (made.Actions == null)
                return Errno.ENOMEM;
        }
        FileTable* files = FileContext.TableOf(process);
        if (files->References > 1)
        {
            made.Files = FileTable.Fork(files);
            if (made.Files == null)
                return Errno.ENOMEM;
        }
        return 0;
    }

    /// <summary>The stack as large as what <see cref="BuildStack"/> puts there; it grows by itself.</summary>
    private static bool AddStack(AddressSpace* space, in ArgumentBlock block, in LoadedImage program)
    {
        ulong pointers = (ulong)(block.ArgumentCount + block.EnvironmentCount) * 8;
        ulong size = (ulong)block.Length + pointers + 2 * Frames.Size & ~(ulong)(Frames.Size - 1);
        return PageRange.TryMake(AddressSpace.StackTop - size, size, out PageRange pages)
            && AddressSpace.Add(space, pages, StackProtection(program), AreaFlags.GrowsDown) != null;
    }

    /// <summary>The process becomes the new program, which can no longer fail.</summary>
    /// <param name="fileName">What execve(2) was given: a script's path, not its interpreter's.</param>
    private static void Commit(Process* process, in Place program, byte* fileName, in Prepared made)
    {
        Inode* file = program.Inode;
        made.Space->BreakStart = (made.Program.End + Frames.Size - 1) & ~(ulong)(Frames.Size - 1);
        made.Space->Break = made.Space->BreakStart;
        AddressSpace.SetExecutable(made.Space, &file->Object);
        AddressSpace* old = process->Space;
        process->Space = made.Space;
        Thread* thread = Thread.Current;
        thread->FsBase = default;
        thread->GsBase = default;
        thread->ClearThreadId = default;
        thread->RobustList = default;
        Scheduler.LoadSpace(thread);
        AddressSpace.Release(old);
        Processes.ReleaseVforkParent(process);
        ResetSignals(thread, made.Actions);
        if (made.Files != null)
        {
            FileTable.Release(FileContext.TableOf(process));
            process->Files.Table = made.Files;
        }
        FileTable.CloseOnExec(FileContext.TableOf(process));
        SetName(thread, fileName);
        ProgramRights.Take(process, program);
        PosixTimers.DeleteAll(process);
        AioContexts.DestroyAll(process);
        process->HasExecuted = true;
        thread->CurrentCall = -1;
    }

    /// <summary>Bytes below <see cref="AddressSpace.MapTop"/> where the interpreter of a program goes.</summary>
    private const ulong InterpreterRoom = 16 << 20;

    private static long LoadInterpreter(AddressSpace* space, byte* path, ref LoadedImage image)
    {
        long result = Vfs.Lookup(path, out Place place);
        if (result < 0)
            return result;
        Inode* file = place.Inode;
        result = place.Has(Mounts.NoExecute) ? Errno.EACCES : 0;
        if (result == 0)
            result = file->Type == InodeType.REG ? FileRights.Check(file, FileRights.Execute) : Errno.EACCES;
        if (result == 0)
            result = Load(space, file, AddressSpace.MapTop - InterpreterRoom, null, ref image);
        place.Drop();
        return result;
    }

    /// <param name="interpreterPath">
    /// Receives PT_INTERP (255 bytes and a zero at most); null: there must be none.
    /// </param>
    private static long Load(
        AddressSpace* space, Inode* file, ulong independentBase, byte* interpreterPath, ref LoadedImage image)
    {
        ElfHeader header;
        if (Vfs.ReadInode(file, 0, (byte*)&header, (ulong)sizeof(ElfHeader)) != sizeof(ElfHeader) || !CanRun(header))
            return Errno.ENOEXEC;
        ElfProgramHeader* segments = stackalloc ElfProgramHeader[MaxProgramHeaders];
        int bytes = header.ProgramHeaderCount * sizeof(ElfProgramHeader);
        if (Vfs.ReadInode(file, header.ProgramHeaders, (byte*)segments, (ulong)bytes) != bytes)
            return Errno.ENOEXEC;
        ulong bias = header.Type == ElfHeader.SharedObject ? independentBase : 0;
        image.Entry = header.Entry + bias;
        image.Base = bias;
        image.ProgramHeaderCount = header.ProgramHeaderCount;
        for (int i = 0; i < header.ProgramHeaderCount; i++)
        {
            ElfProgramHeader* segment = segments + i;
            long result = 0;
            if (segment->Type == ElfProgramHeader.Load)
                result = Map(space, file, segment, header, bias, ref image);
            else if (segment->Type == ElfProgramHeader.GnuStack)
                image.ExecutableStack = (segment->Flags & ElfProgramHeader.Execute) != 0;
            else if (segment->Type == ElfProgramHeader.ProgramHeaders)
                image.ProgramHeaders = segment->Address + bias;
            else if (segment->Type == ElfProgramHeader.Interpreter)
                result = ReadInterpreter(file, segment, interpreterPath);
            if (result < 0)
                return result;
        }
        return image.End != 0 && image.Entry < AddressSpace.End ? 0 : Errno.ENOEXEC;
    }

    private static bool CanRun(in ElfHeader header) =>
        header.Magic == ElfHeader.ElfMagic
        && header.Class == ElfHeader.Class64
        && header.Data == ElfHeader.LittleEndian
        && header.Machine == ElfHeader.MachineX64
        && header.Type is ElfHeader.Executable or ElfHeader.SharedObject
        && header.ProgramHeaderSize == sizeof(ElfProgramHeader)
        && header.ProgramHeaderCount is > 0 and <= MaxProgramHeaders;

    private static long ReadInterpreter(Inode* file, ElfProgramHeader* segment, byte* path)
    {
        if (path == null || segment->FileSize is 0 or > 255)
            return Errno.ENOEXEC;
        long read = Vfs.ReadInode(file, segment->Offset, path, segment->FileSize);
        return read == (long)segment->FileSize ? 0 : Errno.ENOEXEC;
    }

    private static uint StackProtection(in LoadedImage program)
    {
        const uint readWrite = Protection.READ | Protection.WRITE;
        return program.ExecutableStack ? readWrite | Protection.EXEC : readWrite;
    }

    private static long Map(
        AddressSpace* space, Inode* file, ElfProgramHeader* segment, in ElfHeader header, ulong bias,
        ref LoadedImage image)
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
        ulong headersInSegment = header.ProgramHeaders - segment->Offset;
        bool holdsHeaders = header.ProgramHeaders >= segment->Offset && headersInSegment < segment->FileSize;
        if (holdsHeaders && image.ProgramHeaders == 0)
            image.ProgramHeaders = headersInSegment + address;
        if (!AddressSpace.Unmap(space, range))
            return Errno.ENOMEM;
        MemoryObject* content = segment->FileSize != 0 ? &file->Object : null;
        ulong offset = segment->Offset & ~InPage;
        ulong fileEnd = address + segment->FileSize;
        Area* area = AddressSpace.Add(
            space, range, ProtectionOf(segment->Flags), AreaFlags.None, content, offset, fileEnd);
        if (area == null)
            return Errno.ENOMEM;
        image.End = Math.Max(image.End, range.End);
        return 0;
    }

    private static uint ProtectionOf(uint flags)
    {
        uint protection = Protection.NONE;
        if ((flags & ElfProgramHeader.Read) != 0)
            protection |= Protection.READ;
        if ((flags & ElfProgramHeader.Write) != 0)
            protection |= Protection.WRITE;
        if ((flags & ElfProgramHeader.Execute) != 0)
            protection |= Protection.EXEC;
        return protection;
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
        SignalActions.Clear(process->Actions);
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

    // AT_ of the auxiliary vector (include/uapi/linux/auxvec.h).
    private const ulong AtHeaders = 3;
    private const ulong AtHeaderSize = 4;
    private const ulong AtHeaderCount = 5;
    private const ulong AtPageSize = 6;
    private const ulong AtBase = 7;
    private const ulong AtFlags = 8;
    private const ulong AtEntry = 9;
    private const ulong AtUser = 11;
    private const ulong AtEffectiveUser = 12;
    private const ulong AtGroup = 13;
    private const ulong AtEffectiveGroup = 14;
    private const ulong AtPlatform = 15;
    private const ulong AtHardware = 16;
    private const ulong AtClockTick = 17;
    private const ulong AtSecure = 23;
    private const ulong AtRandom = 25;
    private const ulong AtHardware2 = 26;
    private const ulong AtFileName = 31;
    private const ulong AtVdso = 33;            // AT_SYSINFO_EHDR
    private const ulong AtMinimumSignalStack = 51;

    /// <summary>
    /// Strings, random bytes, auxiliary vector, environment and argument pointers, count (psABI §3.4.1). 0 without
    /// memory.
    /// </summary>
    /// <param name="name">AT_EXECFN.</param>
    private static ulong BuildStack(
        in Prepared made, ref ArgumentBlock block, byte* name)
    {
        AddressSpace* space = made.Space;
        LoadedImage program = made.Program;
        LoadedImage interpreter = made.Interpreter;
        int nameLength = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name).Length + 1;
        ulong fileName = AddressSpace.StackTop - 8 - (ulong)nameLength;
        ulong strings = fileName - (ulong)block.Length;
        ulong platform = (strings - 8) & ~15UL;
        ulong random = platform - 16;
        int words = 1 + block.ArgumentCount + 1 + block.EnvironmentCount + 1 + 2 * 21;
        ulong at = (random - (ulong)words * 8) & ~15UL;
        if (!UserRange.TryMake(at, AddressSpace.StackTop - at, out UserRange range)
            || !range.TryBegin(Access.Write, out byte* bottom))
            return 0;
        // SAFETY: the whole range was made writable just now; all that follows lies in it.
        Unsafe.CopyBlock(bottom + (fileName - at), name, (uint)nameLength);
        Unsafe.CopyBlock(bottom + (strings - at), block.Base, (uint)block.Length);
        "x86_64\0"u8.CopyTo(new Span<byte>(bottom + (platform - at), 8));
        Randomness.Fill(new Span<byte>(bottom + (random - at), 16));
        space->ArgumentsStart = strings;
        space->EnvironmentStart = strings + (ulong)block.ArgumentBytes;
        space->ArgumentsEnd = space->EnvironmentStart;
        space->EnvironmentEnd = strings + (ulong)block.Length;
        ulong* word = (ulong*)bottom;
        byte* text = block.Base;
        Push(ref word, (ulong)block.ArgumentCount);
        for (int i = 0; i < block.ArgumentCount; i++)
            Push(ref word, strings + NextString(block.Base, ref text));
        Push(ref word, 0);
        for (int i = 0; i < block.EnvironmentCount; i++)
            Push(ref word, strings + NextString(block.Base, ref text));
        Push(ref word, 0);
        Process* process = Process.Current;
        space->AuxiliaryStart = at + (ulong)((byte*)word - bottom);
        uint* leaf = stackalloc uint[4];
        Processor.CpuId(1, 0, leaf);
        Pair(ref word, AtHeaders, program.ProgramHeaders);
        Pair(ref word, AtHeaderSize, (ulong)sizeof(ElfProgramHeader));
        Pair(ref word, AtHeaderCount, program.ProgramHeaderCount);
        Pair(ref word, AtPageSize, Frames.Size);
        Pair(ref word, AtBase, interpreter.Base);
        Pair(ref word, AtFlags, 0);
        Pair(ref word, AtEntry, program.Entry);
        ref Credentials own = ref Credentials.Current;
        Pair(ref word, AtUser, own.RealUserId);
        Pair(ref word, AtEffectiveUser, own.EffectiveUserId);
        Pair(ref word, AtGroup, own.RealGroupId);
        Pair(ref word, AtEffectiveGroup, own.EffectiveGroupId);
        Pair(ref word, AtPlatform, platform);
        Pair(ref word, AtHardware, leaf[3]);
        Pair(ref word, AtClockTick, 100);
        Pair(ref word, AtSecure, process->RunsSecurely ? 1ul : 0);
        Pair(ref word, AtRandom, random);
        Pair(ref word, AtHardware2, 0);
        Pair(ref word, AtFileName, fileName);
        Pair(ref word, AtMinimumSignalStack, 2048);
        if (made.Vdso != 0)
            Pair(ref word, AtVdso, made.Vdso);
        Pair(ref word, 0, 0);
        space->AuxiliaryEnd = at + (ulong)((byte*)word - bottom);
        return at;
    }

    private static void Push(ref ulong* word, ulong value)
    {
        *word = value;
        word++;
    }

    private static void Pair(ref ulong* word, ulong kind, ulong value)
    {
        Push(ref word, kind);
        Push(ref word, value);
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
