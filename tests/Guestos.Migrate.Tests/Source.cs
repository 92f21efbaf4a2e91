using System;
using System.Collections.Generic;
using System.Linq;
using Guestos.Mm.Tests;
using Wire;
using Xunit;

namespace Guestos.Migrate.Tests;

/// <summary>
/// A guest with some memory that its kernel and two address spaces write to at random, through page tables as the
/// processor would: a store to a page that is not writable faults, and may happen only once the kernel has answered the
/// fault. What the guest's memory was at the fork is kept, beside everything under test, for <see cref="Check"/>.
/// </summary>
/// <remarks>
/// The kernel's own stores, of the code under test and of mm, are not seen one by one: while the guest works, each frame
/// whose address mm asks for counts as written to. Descriptors and slabs are written to through pointers kept from
/// before: here their frames are among those that no checkpoint has.
/// </remarks>
internal sealed unsafe class Source : IDisposable
{
    private const ulong Base = 0x4000_0000;
    private const ulong Pages = 700;

    public const int MoverId = 7;
    public const int WriterId = 9;

    private readonly Random random;
    private readonly List<ulong> kernelFrames = [];
    private readonly nint[] spaces = new nint[2];
    private readonly ulong freeBefore;
    private bool works;
    private bool isDisposed;

    /// <summary>At the fork: each frame that is compared, and what it held; page tables as they are sent.</summary>
    private readonly Dictionary<uint, byte[]> atFork = [];

    public Source(int seed)
    {
        SimulatedMachine.Require();
        Connection.Reset();
        Scheduler.WhileAsleep.Clear();
        Descriptor.Open.Clear();
        Network.Speaking = null;
        Network.IsSilent = false;
        Network.Delivered.Clear();
        RingPool.Rings.Clear();
        Console.Text = "";
        Clock.Step = 100;
        random = new Random(seed);
        Mover = NewProcess(MoverId);
        Writer = NewProcess(WriterId);
        Process.Current = Mover;
        // Slabs, and the tables of the checkpoint's window, stay once there are some.
        AddressSpace.Release(NewSpace());
        Assert.True(CheckpointMemory.Take(8 << 20) != null);
        CheckpointMemory.Give();
        freeBefore = Frames.Free;
        for (int i = 0; i < spaces.Length; i++)
        {
            AddressSpace* space = NewSpace();
            spaces[i] = (nint)space;
            Exclude(space, 1);
            Exclude(space->FirstArea, 1);
        }
        Exclude(Frames.Descriptors, Frames.Count * (ulong)sizeof(FrameDescriptor));
        Mover->Space = Space(0);
        Writer->Space = Space(1);
        for (int i = 0; i < 300; i++)
            AllocateKernelFrame();
        for (int i = 0; i < 600; i++)
            WriteUser();
        CheckpointDevice.Register();
        Device = (File*)System.Runtime.InteropServices.NativeMemory.AllocZeroed((nuint)sizeof(File));
        Device->Operations = Devices.Registered;
        ForkEntry.Happened = KeepMemory;
    }

    public Process* Mover { get; }
    public Process* Writer { get; }
    public File* Device { get; }

    public AddressSpace* Space(int index) => (AddressSpace*)spaces[index];

    private static void Exclude(void* memory, ulong length)
    {
        ulong first = DirectMap.PhysicalOf(memory) & ~(ulong)(Frames.Size - 1);
        for (ulong frame = first; frame < DirectMap.PhysicalOf(memory) + length; frame += Frames.Size)
            Frames.SetState(frame, FrameState.Excluded);
    }

    private static AddressSpace* NewSpace()
    {
        AddressSpace* space = AddressSpace.Create();
        PageRange.TryMake(Base, Pages * Frames.Size, out PageRange range);
        Assert.True(AddressSpace.Add(space, range, Protection.READ | Protection.WRITE, AreaFlags.None, null, 0, 0) != null);
        return space;
    }

    private static Process* NewProcess(int id)
    {
        var process = (Process*)System.Runtime.InteropServices.NativeMemory.AllocZeroed((nuint)sizeof(Process));
        process->Id = id;
        process->ProcessGroupId = id;
        return process;
    }

    // ---- the device ----

    public long Open()
    {
        // The window of CheckpointMemory: zeros, as fresh frames are.
        if (Checkpoint.State == null)
            DirectMap.Map(DirectMap.Base + (1UL << 38), 32 << 20);
        return Device->Operations->Open(Device);
    }

    public void Close() => Device->Operations->Release(Device);

    public long Ioctl(CheckpointControl request, ulong argument = 0) => Device->Operations->Ioctl(Device, (uint)request, argument);

    public CheckpointProgress Progress()
    {
        Assert.Equal(0, Ioctl(CheckpointControl.GetProgress, UserMemory.Put(default(CheckpointProgress))));
        return UserMemory.Get<CheckpointProgress>();
    }

    /// <summary>read(2): what came is added.</summary>
    public long Read(List<byte> to, ulong count)
    {
        Assert.True(UserRange.TryMake(UserMemory.At, count, out UserRange range));
        var transfer = Transfer.Of(range);
        long result = Device->Operations->Read(Device, ref transfer);
        if (result > 0)
            to.AddRange(UserMemory.All.Slice(0, (int)result));
        return result;
    }

    /// <summary>A descriptor of a TCP connection, or of something like one.</summary>
    public uint OpenSocket(uint descriptor, int handle, SocketKind kind = SocketKind.Stream, bool listening = false)
    {
        var socket = (Socket*)System.Runtime.InteropServices.NativeMemory.AllocZeroed((nuint)sizeof(Socket));
        socket->Kind = kind;
        socket->Handle = handle;
        socket->Listening = listening;
        var file = (File*)System.Runtime.InteropServices.NativeMemory.AllocZeroed((nuint)sizeof(File));
        file->Operations = SocketFile.Operations;
        file->Object = socket;
        file->References = 1;
        Descriptor.Open[descriptor] = (nint)file;
        return descriptor;
    }

    public long SendFile(uint descriptor, ulong count) =>
        Device->Operations->SendTo(Device, Descriptor.FileOf(descriptor), count);

    // ---- memory ----

    /// <summary>A store as the processor makes it. Fails the test when the kernel does not allow it.</summary>
    public static void Store(ulong root, ulong address, int count, Action<nint> store)
    {
        ulong* entry = PageTable.Find(root, address);
        Assert.True(entry != null && (*entry & PageTable.Present) != 0, $"nothing is mapped at {address:x}");
        if ((*entry & PageTable.ReadWrite) == 0)
        {
            Board.Processor.WriteCr3(root);
            TrapFrame frame = new() { FaultAddress = address, FromUser = address < AddressSpace.End };
            Assert.True(Traps.OnWriteFault != null, "a page is protected, and nobody answers the fault");
            Assert.NotEqual(WriteFault.Other, Traps.OnWriteFault(&frame));
            Assert.True((*entry & PageTable.ReadWrite) != 0, "the fault is answered, and the page is still protected");
            Board.Processor.WriteCr3(PageTable.KernelRoot);
        }
        Assert.InRange((int)(address % Frames.Size) + count, 1, Frames.Size);
        store((nint)(DirectMap.At(*entry & PageTable.AddressMask) + address % Frames.Size));
    }

    // What mm may write to through the direct map.
    private static void NoteAccess(ulong physical)
    {
        FrameState use = Frames.StateOf(physical);
        if (use is not (FrameState.Kernel or FrameState.User or FrameState.Free))
            return;
        DirectMap.Asked = null;
        Store(PageTable.KernelRoot, DirectMap.Base + physical, 1, _ => { });
        DirectMap.Asked = NoteAccess;
    }

    /// <summary>Lets mm do something, with its stores noticed.</summary>
    private static void InKernel(Action work)
    {
        DirectMap.Asked = NoteAccess;
        try
        {
            work();
        }
        finally
        {
            DirectMap.Asked = null;
        }
    }

    private void AllocateKernelFrame()
    {
        ulong frame = 0;
        InKernel(() => frame = Frames.Allocate());
        Assert.NotEqual(0ul, frame);
        kernelFrames.Add(frame);
        if (random.Next(4) > 0)
            WriteKernel(frame);
    }

    private void Scribble(nint to, int count)
    {
        var bytes = new Span<byte>((void*)to, count);
        if (random.Next(8) == 0)
            bytes.Clear();
        else
            random.NextBytes(bytes);
    }

    private void WriteKernel(ulong frame)
    {
        int offset = random.Next(Frames.Size), count = random.Next(1, Math.Min(random.Next(2) == 0 ? 8 : Frames.Size, Frames.Size - offset) + 1);
        Store(PageTable.KernelRoot, DirectMap.Base + frame + (ulong)offset, count, to => Scribble(to, count));
    }

    private void WriteUser() => WriteUser(Space(random.Next(spaces.Length)), (ulong)random.Next((int)Pages));

    public void WriteUser(AddressSpace* space, ulong page)
    {
        int offset = random.Next(Frames.Size), count = random.Next(1, Math.Min(random.Next(2) == 0 ? 8 : Frames.Size, Frames.Size - offset) + 1);
        ulong address = Base + page * Frames.Size + (ulong)offset;
        var at = (nint)space;
        InKernel(() => Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve((AddressSpace*)at, address, Access.Write, Frames.KernelReserve)));
        Store(space->Root, address, count, to => Scribble(to, count));
    }

    /// <summary>The address of a page that <see cref="WriteUser(AddressSpace*, ulong)"/> writes to.</summary>
    public static ulong AddressOf(ulong page) => Base + page * Frames.Size;

    public static uint FrameAt(AddressSpace* space, ulong page) =>
        (uint)((PageTable.EntryOf(space->Root, AddressOf(page)) & PageTable.AddressMask) / Frames.Size);

    /// <summary>The guest works: so many random steps, most of them on few pages.</summary>
    public void Work(int steps, int hotPages = 12)
    {
        // What mm does for the guest gives way, too.
        if (works)
            return;
        works = true;
        Process* current = Process.Current;
        Process.Current = Writer;
        for (; steps > 0; steps--)
            WorkOnce(hotPages);
        Process.Current = current;
        works = false;
    }

    private void WorkOnce(int hotPages)
    {
        int hot = random.Next(hotPages);
        switch (random.Next(24))
        {
            case 0:
                AllocateKernelFrame();
                break;
            case 1 when kernelFrames.Count > 200:
                int index = random.Next(kernelFrames.Count);
                ulong freed = kernelFrames[index];
                kernelFrames.RemoveAt(index);
                InKernel(() => Frames.Release(freed));
                break;
            case 2:
                int which = random.Next(spaces.Length);
                ulong from = (ulong)random.Next((int)Pages - 8);
                PageRange.TryMake(AddressOf(from), (ulong)random.Next(1, 8) * Frames.Size, out PageRange range);
                InKernel(() => AddressSpace.DropPages(Space(which), range));
                break;
            case 3:
                // A frame becomes a page table and back.
                InKernel(() =>
                {
                    ulong frame = Frames.Allocate();
                    Frames.SetState(frame, FrameState.PageTable);
                    Frames.Release(frame);
                });
                break;
            case 4:
                InKernel(() => Frames.Release(Frames.AllocateExcluded(1)));
                break;
            case 5:
                WriteUser();
                break;
            case 6:
                WriteKernel(kernelFrames[random.Next(kernelFrames.Count)]);
                break;
            case < 15:
                WriteKernel(kernelFrames[hot]);
                break;
            default:
                WriteUser(Space(hot & 1), (ulong)hot);
                break;
        }
    }

    // ---- the fork ----

    private void KeepMemory()
    {
        atFork.Clear();
        foreach (ulong frame in kernelFrames)
            atFork[(uint)(frame / Frames.Size)] = Content(frame);
        for (uint frame = CheckpointHeader.FirstFrame; frame < Frames.Count; frame++)
        {
            ulong physical = (ulong)frame * Frames.Size;
            if (Frames.StateOf(physical) == FrameState.User)
                atFork[frame] = Content(physical);
            if (Frames.StateOf(physical) == FrameState.PageTable)
                atFork[frame] = Cleaned(Content(physical));
        }
    }

    public static byte[] Content(ulong physical) => new ReadOnlySpan<byte>(DirectMap.At(physical), Frames.Size).ToArray();

    // As docs/migration.md has it: marks are write access again, accessed and dirty do not arrive.
    private static byte[] Cleaned(byte[] table)
    {
        const ulong Mark = 1 << 9, Writable = 2, AccessedAndDirty = 0x60;
        Span<ulong> entries = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(table.AsSpan());
        foreach (ref ulong entry in entries)
            if ((entry & 1) != 0)
                entry = ((entry & Mark) != 0 ? entry | Writable : entry) & ~(Mark | AccessedAndDirty);
        return table;
    }

    /// <summary>What arrived is what was at the fork. Some frames may be left out.</summary>
    public void Check(Receiver receiver, params uint[] dead)
    {
        Assert.Equal(Frames.Count, receiver.Frames);
        Assert.True(atFork.Count > 500, "there was no fork");
        uint[] wrong = atFork.Where(page => !dead.Contains(page.Key) && receiver.Page(page.Key)?.AsSpan().SequenceEqual(page.Value) != true)
            .Select(page => page.Key).ToArray();
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {atFork.Count} frames are not what they were at the fork, the first {wrong.FirstOrDefault():x}");
    }

    /// <summary>The end of a test that went well: all frames are given back.</summary>
    public void Finish()
    {
        Dispose();
        Assert.Equal(freeBefore, Frames.Free);
    }

    public void Dispose()
    {
        if (isDisposed)
            return;
        isDisposed = true;
        ForkEntry.Begins = null;
        ForkEntry.Happened = null;
        ForkEntry.Arrives = false;
        Connection.Work = null;
        Signals.Pending = false;
        if (Checkpoint.State != null)
        {
            Process.Current = Checkpoint.State->Mover == WriterId ? Writer : Mover;
            if (Checkpoint.State->Stage == CheckpointStage.Committed)
                Ioctl(CheckpointControl.Stay);
            Close();
        }
        foreach (ulong frame in kernelFrames)
            Frames.Release(frame);
        foreach (nint space in spaces)
            AddressSpace.Release((AddressSpace*)space);
    }
}
