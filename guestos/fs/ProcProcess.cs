using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// The files of /proc/PID and /proc/PID/task/TID (proc(5)). A zombie has no memory and no descriptors any more.
/// </summary>
public static unsafe class ProcProcess
{
    private const ulong NanosecondsPerTick = 10_000_000;

    /// <param name="thread">The first of the process, in a file of all of it.</param>
    /// <param name="space">
    /// The memory that the file was opened for, null when there is none: what only some may see is of this one.
    /// </param>
    public static void Make(ProcNode node, Thread* thread, AddressSpace* space, TextBuffer* text)
    {
        Process* process = thread->Process;
        switch (node)
        {
            case ProcNode.ProcessStat:
                Stat(thread, process->UserTime, process->KernelTime, text);
                break;
            case ProcNode.TaskStat:
                Stat(thread, thread->UserTime, thread->KernelTime, text);
                break;
            case ProcNode.ProcessStatus or ProcNode.TaskStatus:
                Status(thread, text);
                break;
            case ProcNode.ProcessSizes or ProcNode.TaskSizes:
                Sizes(process, text);
                break;
            case ProcNode.ProcessCommandLine or ProcNode.TaskCommandLine:
                if (process->Space != null)
                    Copy(process->Space, process->Space->ArgumentsStart, process->Space->ArgumentsEnd, text);
                break;
            case ProcNode.ProcessEnvironment or ProcNode.TaskEnvironment:
                if (space != null)
                    Copy(space, space->EnvironmentStart, space->EnvironmentEnd, text);
                break;
            case ProcNode.ProcessAuxiliary or ProcNode.TaskAuxiliary:
                if (space != null)
                    Copy(space, space->AuxiliaryStart, space->AuxiliaryEnd, text);
                break;
            case ProcNode.ProcessName or ProcNode.TaskName:
                text->Add(thread->Name, Thread.NameLength);
                text->Add((byte)'\n');
                break;
            case >= ProcNode.ProcessMaps and <= ProcNode.ProcessMapSums
                or >= ProcNode.TaskMaps and <= ProcNode.TaskMapSums:
                if (space == null || !AddressSpace.TryHold(space))
                    break;
                ProcMappings.Make(node, space, text);
                AddressSpace.LetGo(space);
                break;
            case ProcNode.ProcessMounts or ProcNode.TaskMounts:
                MountText.List(text);
                break;
            case ProcNode.ProcessMountInformation or ProcNode.TaskMountInformation:
                MountText.Information(text);
                break;
            case ProcNode.ProcessLimits or ProcNode.TaskLimits:
                text->Add("Limit                     Soft Limit           Hard Limit           Units     \n"u8);
                for (ulong number = 0; ResourceLimits.TryMake(number, out Resource resource); number++)
                    LimitLine(text, process, resource);
                break;
        }
    }

    /// <summary>What /proc/PID/fdinfo says of a descriptor; false when it is none.</summary>
    internal static bool MakeDescriptor(Process* process, int descriptor, TextBuffer* text)
    {
        FileTable* table = FileContext.TableOf(process);
        File* file = FileTable.Get(table, (ulong)descriptor);
        if (file == null)
            return false;
        uint closeOnExec = FileTable.IsCloseOnExec(table, descriptor) ? OpenFlags.CLOEXEC : 0;
        text->Add("pos:\t"u8);
        text->Add(file->Position);
        text->Add("\nflags:\t0"u8);
        uint flags = file->Flags | closeOnExec;
        for (int shift = 21; shift >= 0; shift -= 3)
            if (flags >> shift != 0 || shift == 0)
                text->Add((byte)('0' + (flags >> shift & 7)));
        text->Add("\nmnt_id:\t"u8);
        text->Add(file->Mount != null ? file->Mount->Id : 0);
        text->Add("\nino:\t"u8);
        text->Add(Vfs.NumberOf(file));
        text->Add((byte)'\n');
        if (!PidFile.Is(file))
            return true;
        Process* meant = PidFile.ProcessOf(file);
        text->Add("Pid:\t"u8);
        text->AddSigned(meant != null ? meant->Id : -1);
        text->Add((byte)'\n');
        return true;
    }

    private static void LimitLine(TextBuffer* text, Process* process, Resource resource)
    {
        Padded(text, NameOf(resource), 26);
        LimitValue(text, ResourceLimits.Of(process, resource));
        LimitValue(text, ResourceLimits.HardOf(process, resource));
        if (!UnitOf(resource).IsEmpty)
            Padded(text, UnitOf(resource), 10);
        text->Add((byte)'\n');
    }

    private static void LimitValue(TextBuffer* text, ulong value)
    {
        byte* digits = stackalloc byte[20];
        Padded(text,
            value == ResourceLimits.Infinity
                ? "unlimited"u8
                : new ReadOnlySpan<byte>(digits, ProcTree.Decimal(digits, value)), 21);
    }

    private static void Padded(TextBuffer* text, ReadOnlySpan<byte> value, int width)
    {
        text->Add(value);
        for (int i = value.Length; i < width; i++)
            text->Add((byte)' ');
    }

    private static ReadOnlySpan<byte> NameOf(Resource resource) => resource switch
    {
        Resource.ProcessorTime => "Max cpu time"u8,
        Resource.FileSize => "Max file size"u8,
        Resource.Data => "Max data size"u8,
        Resource.Stack => "Max stack size"u8,
        Resource.Core => "Max core file size"u8,
        Resource.ResidentSet => "Max resident set"u8,
        Resource.Processes => "Max processes"u8,
        Resource.OpenFiles => "Max open files"u8,
        Resource.LockedMemory => "Max locked memory"u8,
        Resource.AddressSpace => "Max address space"u8,
        Resource.Locks => "Max file locks"u8,
        Resource.PendingSignals => "Max pending signals"u8,
        Resource.MessageQueues => "Max msgqueue size"u8,
        Resource.Nice => "Max nice priority"u8,
        Resource.RealTimePriority => "Max realtime priority"u8,
        _ => "Max realtime timeout"u8,
    };

    private static ReadOnlySpan<byte> UnitOf(Resource resource) => resource switch
    {
        Resource.ProcessorTime => "seconds"u8,
        Resource.Processes => "processes"u8,
        Resource.OpenFiles => "files"u8,
        Resource.Locks => "locks"u8,
        Resource.PendingSignals => "signals"u8,
        Resource.Nice or Resource.RealTimePriority => default,
        Resource.RealTimeRun => "us"u8,
        _ => "bytes"u8,
    };

    private static byte StateLetter(Thread* thread) => thread->State switch
    {
        ThreadState.Stopped => (byte)'T',
        ThreadState.Traced => (byte)'t',
        ThreadState.Ended => (byte)'Z',
        ThreadState.Sleeping => (byte)'S',
        _ => (byte)'R',
    };

    private static ulong VirtualPages(AddressSpace* space)
    {
        ulong pages = 0;
        if (space != null)
            for (Area* area = space->FirstArea; area != null; area = area->Next)
                pages += (area->End - area->Start) / 4096;
        return pages;
    }

    /// <summary>52 fields; those that nothing here has are 0.</summary>
    private static void Stat(Thread* thread, ulong userTime, ulong kernelTime, TextBuffer* text)
    {
        Process* process = thread->Process;
        AddressSpace* space = process->Space;
        Terminal* terminal = Terminal.OfSession(process->SessionId);
        text->Add((ulong)thread->Id);
        text->Add(" ("u8);
        text->Add(thread->Name, Thread.NameLength);
        text->Add(") "u8);
        text->Add(StateLetter(thread));
        Field(text, process->ParentId);
        Field(text, process->ProcessGroupId);
        Field(text, process->SessionId);
        Field(text, terminal != null ? terminal->DeviceNumber : 0);
        Field(text, terminal != null ? terminal->ForegroundGroup : -1);
        Field(text, 0);                                             // flags
        Field(text, (long)process->Faults);
        Field(text, (long)process->ChildrenFaults);
        Field(text, 0);
        Field(text, 0);
        Field(text, (long)(userTime / NanosecondsPerTick));
        Field(text, (long)(kernelTime / NanosecondsPerTick));
        Field(text, (long)(process->ChildrenUserTime / NanosecondsPerTick));
        Field(text, (long)(process->ChildrenKernelTime / NanosecondsPerTick));
        Field(text, thread->Precedence > 0 ? -1 - thread->Precedence : 20 + thread->NiceValue);
        Field(text, thread->NiceValue);
        Field(text, process->ThreadCount);
        Field(text, 0);
        Field(text, (long)(process->StartTime / NanosecondsPerTick));
        Field(text, (long)VirtualPages(space) * 4096);
        Field(text, space != null ? (long)space->ResidentPages : 0);
        Field(text, long.MaxValue);                                 // resident limit
        for (int i = 26; i <= 30; i++)
            Field(text, 0);                                         // code, stack, instruction pointer: not shown
        Field(text, (long)(Signals.PendingOf(thread) & 0x7fffffff));
        Field(text, (long)(thread->BlockedSignals & 0x7fffffff));
        Field(text, 0);
        Field(text, 0);
        for (int i = 35; i <= 52; i++)
        {
            Field(text, i switch
            {
                38 => process->ExitSignal.Number,
                40 => thread->RealTimePriority,
                41 => thread->Policy,
                _ => 0,
            });
        }
        text->Add((byte)'\n');
    }

    private static void Field(TextBuffer* text, long value)
    {
        text->Add((byte)' ');
        text->AddSigned(value);
    }

    private static void Status(Thread* thread, TextBuffer* text)
    {
        Process* process = thread->Process;
        AddressSpace* space = process->Space;
        ref Credentials of = ref thread->Credentials;
        text->Add("Name:\t"u8);
        text->Add(thread->Name, Thread.NameLength);
        text->Add("\nUmask:\t0"u8);
        for (int shift = 6; shift >= 0; shift -= 3)
            text->Add((byte)('0' + (process->Umask >> shift & 7)));
        text->Add("\nState:\t"u8);
        text->Add(StateLetter(thread));
        text->Add(StateLetter(thread) switch
        {
            (byte)'R' => " (running)"u8,
            (byte)'T' => " (stopped)"u8,
            (byte)'t' => " (tracing stop)"u8,
            (byte)'Z' => " (zombie)"u8,
            _ => " (sleeping)"u8,
        });
        Entry(text, "\nTgid:\t"u8, (ulong)process->Id);
        Entry(text, "\nPid:\t"u8, (ulong)thread->Id);
        Entry(text, "\nPPid:\t"u8, (ulong)process->ParentId);
        Entry(text, "\nTracerPid:\t"u8, (ulong)Tracing.TracerIdOf(thread));
        Field(text, "\nUid:"u8, of.RealUserId);
        Field(text, of.EffectiveUserId, of.SavedUserId, of.FileUserId);
        Field(text, "\nGid:"u8, of.RealGroupId);
        Field(text, of.EffectiveGroupId, of.SavedGroupId, of.FileGroupId);
        Entry(text, "\nFDSize:\t"u8, FileContext.TableOf(process) != null ? FileContext.TableOf(process)->Size : 0);
        text->Add("\nGroups:\t"u8);
        for (int i = 0; i < of.Groups.Count; i++)
        {
            if (i > 0)
                text->Add((byte)' ');
            text->Add(of.Groups.At(i));
        }
        text->Add((byte)' ');
        if (space != null)
        {
            Size(text, "\nVmPeak:\t"u8, VirtualPages(space));
            Size(text, "\nVmSize:\t"u8, VirtualPages(space));
            Size(text, "\nVmLck:\t"u8, space->LockedPages);
            Size(text, "\nVmRSS:\t"u8, space->ResidentPages);
            Size(text, "\nVmData:\t"u8, space->DataPages);
            Size(text, "\nVmPTE:\t"u8, space->TablePages);
            Size(text, "\nVmSwap:\t"u8, 0);
        }

        Entry(text, "\nThreads:\t"u8, (ulong)process->ThreadCount);
        Mask(text, "\nSigPnd:\t"u8, thread->Pending.Set);
        Mask(text, "\nShdPnd:\t"u8, process->Pending.Set);
        Mask(text, "\nSigBlk:\t"u8, thread->BlockedSignals);
        Mask(text, "\nCapInh:\t"u8, of.Capabilities.Inheritable);
        Mask(text, "\nCapPrm:\t"u8, of.Capabilities.Permitted);
        Mask(text, "\nCapEff:\t"u8, of.Capabilities.Effective);
        Mask(text, "\nCapBnd:\t"u8, of.Capabilities.Bounding);
        Mask(text, "\nCapAmb:\t"u8, of.Capabilities.Ambient);
        Entry(text, "\nNoNewPrivs:\t"u8, of.NoNewPrivileges ? 1u : 0);
        Entry(text, "\nvoluntary_ctxt_switches:\t"u8, process->VoluntarySwitches);
        Entry(text, "\nnonvoluntary_ctxt_switches:\t"u8, process->InvoluntarySwitches);
        text->Add((byte)'\n');
    }

    private static void Entry(TextBuffer* text, ReadOnlySpan<byte> name, ulong value)
    {
        text->Add(name);
        text->Add(value);
    }

    private static void Size(TextBuffer* text, ReadOnlySpan<byte> name, ulong pages)
    {
        text->Add(name);
        text->Add(pages * 4, 8);
        text->Add(" kB"u8);
    }

    private static void Mask(TextBuffer* text, ReadOnlySpan<byte> name, ulong value)
    {
        text->Add(name);
        text->AddHex(value, 16);
    }

    private static void Field(TextBuffer* text, ReadOnlySpan<byte> name, uint id)
    {
        text->Add(name);
        text->Add((byte)'\t');
        text->Add(id);
    }

    private static void Field(TextBuffer* text, uint effective, uint saved, uint ofFiles)
    {
        Field(text, default, effective);
        Field(text, default, saved);
        Field(text, default, ofFiles);
    }

    private static void Sizes(Process* process, TextBuffer* text)
    {
        text->Add(VirtualPages(process->Space));
        Field(text, process->Space != null ? (long)process->Space->ResidentPages : 0);
        text->Add(" 0 0 0 0 0\n"u8);
    }

    private static void Copy(AddressSpace* space, ulong start, ulong end, TextBuffer* text)
    {
        byte* piece = stackalloc byte[256];
        while (start < end)
        {
            int count = AddressSpace.Peek(space, start, piece, (int)Math.Min(256, end - start));
            if (count <= 0)
                return;
            text->Add(new ReadOnlySpan<byte>(piece, count));
            start += (ulong)count;
        }
    }
}
