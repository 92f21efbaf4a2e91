using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Domain.Boot;
using Domain.Devices;
using Domain.Host;
using Domain.Linux;

namespace Domain;

/// <summary>Why a machine ended.</summary>
internal enum MachineEnd
{
    None,

    /// <summary>The guest pulled the reset line.</summary>
    Reset,

    /// <summary>The guest switched the machine off.</summary>
    PowerOff,

    /// <summary>The processor shut down.</summary>
    TripleFault,

    /// <summary>The guest has reported a panic (pvpanic).</summary>
    Panic,

    /// <summary>The daemon closed a descriptor, or the user asked for the end.</summary>
    Disconnected,
}

/// <summary>The machine: its devices, how they are connected, and the loop that runs it on the CPU thread.</summary>
internal sealed unsafe class Machine
{
    private const ulong VirtioBase = 0xfeb0_0000;
    private const int VirtioFirstPin = 16;

    /// <summary>
    /// How often a block is interpreted before it is translated. With 8 a boot takes a tenth longer, with 3 and with 32
    /// freezes are longer.
    /// </summary>
    private const int InterpretedRuns = 16;

    private readonly GuestMemory memory;
    private readonly Bus bus = new();
    private readonly LocalApic localApic = new();
    private readonly IoApic ioApic;
    private readonly Cpu cpu;
    private readonly Uart uart;
    private readonly HostConsole console;
    private readonly VirtioNet? net;
    private readonly VirtioConsole virtioConsole;
    private readonly List<VirtioDevice> virtio = [];
    private readonly ControlChannel? control;
    private readonly WatchList list = new();
    private readonly Watcher watcher;
    private readonly PollDescriptor[] polled = GC.AllocateArray<PollDescriptor>(WatchList.MaxDescriptors, pinned: true);
    private readonly int netSlot = -1, controlSlot = -1, inputSlot;
    private MachineEnd end;

    /// <summary>Makes the devices and connects them. Nothing that comes from the guest is read yet.</summary>
    /// <param name="code">where translated code lives; null: everything is interpreted</param>
    /// <param name="extensions">what the processor has beyond x86-64-v2; null: what the host has</param>
    public Machine(GuestMemory memory, HostConsole console, FrameDescriptor? channel, ReadOnlySpan<byte> mac,
        ControlChannel? control, DiskFile? disk, CodeMemory? code = null, Extensions? extensions = null)
    {
        this.memory = memory;
        this.console = console;
        this.control = control;
        ioApic = new IoApic(localApic);
        cpu = new Cpu(memory, bus, localApic, code, InterpretedRuns);
        cpu.State->Announced = extensions ?? ExtensionTable.HostWith(code);
        uart = new Uart(console, ioApic.Line(Uart.Irq));
        watcher = new Watcher(list, cpu.RaiseAttention);
        localApic.TimerChanged = UpdateWatch;
        uart.Drained = UpdateWatch;
        console.FlushScheduled = UpdateWatch;

        bus.MapMmio(LocalApic.Address, LocalApic.Length, localApic);
        bus.MapMmio(IoApic.Address, IoApic.Length, ioApic);
        bus.MapPorts(Uart.Port, Uart.PortCount, uart);
        bus.MapPorts(Cmos.Port, Cmos.PortCount, new Cmos());
        bus.MapPorts(I8042.Port, I8042.PortCount, new I8042(() => Finish(MachineEnd.Reset)));
        bus.MapPorts(Pvpanic.Port, Pvpanic.PortCount,
            new Pvpanic(() => Finish(MachineEnd.Panic), () => Finish(MachineEnd.PowerOff)));
        bus.MapPorts(SleepRegisters.Port, SleepRegisters.PortCount,
            new SleepRegisters(() => Finish(MachineEnd.PowerOff)));

        var dma = new DmaMemory(memory, cpu.InvalidateCode);
        if (channel is not null)
        {
            net = new VirtioNet(dma, channel, mac);
            virtio.Add(net);
            netSlot = list.Add(channel.Descriptor);
        }
        if (disk is { } file)
            virtio.Add(new VirtioBlock(dma, file.Descriptor, file.Bytes, file.ReadOnly));
        virtioConsole = new VirtioConsole(dma, console);
        virtio.Add(virtioConsole);
        virtio.Add(new VirtioEntropy(dma));
        for (int i = 0; i < virtio.Count; i++)
        {
            virtio[i].Notified = UpdateWatch;
            if (Log.Level >= LogLevel.Debug)
                LogDriver(virtio[i]);
            bus.MapMmio(VirtioBase + (ulong)i * VirtioMmio.Length, VirtioMmio.Length,
                new VirtioMmio(virtio[i], ioApic.Line(VirtioFirstPin + i)));
        }

        if (control is not null)
        {
            controlSlot = list.Add(control.Descriptor);
            list.Set(controlSlot, Libc.POLLIN);
        }
        inputSlot = list.Add(0);
        list.Set(inputSlot, -1);
    }

    /// <summary>The descriptor that the machine itself opened.</summary>
    public int WatcherDescriptor => watcher.Descriptor;

    /// <summary>Starts the second thread: before the sandbox forbids new ones.</summary>
    public void StartWatcher() => watcher.Start();

    /// <summary>Loads the kernel and the module and points the processor at them.</summary>
    /// <exception cref="ImageError">they cannot be started</exception>
    public void Load(ImageFile kernel, ImageFile? initrd, string append)
    {
        var loaded = PvhLoader.Load(kernel, memory);
        StartInfo.Module? module = null;
        if (initrd is not null)
        {
            // At the top of RAM, behind the kernel and all that is written below it.
            ulong length = (initrd.Length + GuestMemory.PageBytes - 1) & ~(GuestMemory.PageBytes - 1);
            if (length > memory.Size || memory.Size - length < Math.Max(loaded.End, StartInfo.End))
                throw new ImageError(
                    $"{initrd.Name} does not fit into {memory.Size >> 20} MiB of RAM beside the kernel");
            ulong at = memory.Size - length;
            if (initrd.Length > int.MaxValue)
                throw new ImageError($"{initrd.Name} is larger than 2 GiB");
            initrd.Read(0, memory.Slice(at, (int)initrd.Length));
            module = new StartInfo.Module(at, initrd.Length);
        }
        var line = new StringBuilder(append);
        var described = new AcpiTables.VirtioDevice[virtio.Count];
        for (int i = 0; i < virtio.Count; i++)
        {
            ulong address = VirtioBase + (ulong)i * VirtioMmio.Length;
            if (line.Length > 0)
                line.Append(' ');
            int input = VirtioFirstPin + i;
            line.Append(CultureInfo.InvariantCulture, $"virtio_mmio.device={VirtioMmio.Length}@0x{address:x}:{input}");
            described[i] = new AcpiTables.VirtioDevice((uint)address, (uint)VirtioMmio.Length, (uint)input);
        }
        AcpiTables.Write(memory, described);
        cpu.ResetToPvh(loaded.Entry, StartInfo.Write(memory, line.ToString(), module));
    }

    /// <summary>Runs until the machine ends.</summary>
    public MachineEnd Run()
    {
        UpdateWatch();
        watcher.Resume();
        while (end == MachineEnd.None)
        {
            switch (cpu.Run())
            {
                case CpuExit.Attention:
                    Poll(0);
                    watcher.Served();
                    break;
                case CpuExit.Halted:
                    Idle();
                    break;
                default:
                    Finish(MachineEnd.TripleFault);
                    break;
            }
        }
        console.Close();
        return end;
    }

    private static void LogDriver(VirtioDevice device) => device.DriverChanged = change => Log.Debug(change switch
    {
        VirtioDriverChange.Ready => $"{device.Name}: its driver is ready, features 0x{device.Negotiated:x}",
        VirtioDriverChange.Reset => $"{device.Name}: its driver resets it",
        _ => $"{device.Name}: its driver broke the rules",
    });

    /// <summary>Where the processor stands: for a guest that has crashed.</summary>
    public string Registers
    {
        get
        {
            var s = cpu.State;
            return string.Create(CultureInfo.InvariantCulture, $"cpu: RIP {s->Rip:x}, RSP {s->Gpr[4]:x}, CR0 {s->Cr0:x}, ")
                + string.Create(CultureInfo.InvariantCulture, $"CR2 {s->Cr2:x}, CR3 {s->Cr3:x}, CR4 {s->Cr4:x}, ")
                + string.Create(CultureInfo.InvariantCulture, $"EFER {s->Efer:x}, IDT {s->IdtBase:x}+{s->IdtLimit:x}");
        }
    }

    /// <summary>One line of counters for each device.</summary>
    public void Summarise(Action<string> write)
    {
        write($"cpu: {cpu.InstructionsRetired} instructions");
        if (cpu.LastUnknown.Length > 0)
            write($"cpu: the last instruction that it does not have: {cpu.LastUnknown}");
        write($"interrupts: {localApic.Metrics.Delivered} delivered, "
            + $"{localApic.Metrics.TimerInterrupts} by the timer, {localApic.Metrics.Errors} errors");
        write($"uart: sent {uart.Metrics.Transmitted}, received {uart.Metrics.Received}, "
            + $"overruns {uart.Metrics.Overruns}; console dropped {console.Dropped}");
        foreach (var device in virtio)
            write(device.Summary);
        write($"bus: {bus.Unclaimed} unclaimed accesses");
    }

    private void Finish(MachineEnd reason)
    {
        if (end != MachineEnd.None)
            return;
        end = reason;
        cpu.RaiseAttention();
    }

    private ulong Deadline => Math.Min(localApic.Deadline, console.FlushAt);

    private void Idle()
    {
        console.Flush();
        watcher.Pause();
        // It may end by a signal, or for an event that raises no interrupt: the processor runs, and halts again if no
        // interrupt is pending.
        ulong deadline = Deadline, now = Clock.Nanoseconds;
        Poll(deadline <= now || Backlog ? 0 : deadline == LocalApic.Never ? ulong.MaxValue : deadline - now);
        watcher.Resume();
    }

    /// <summary>Waits up to <paramref name="nanoseconds"/> for the host and the timer, then serves both.</summary>
    private void Poll(ulong nanoseconds)
    {
        UpdateWatch();
        int ready;
        fixed (PollDescriptor* descriptors = polled)
        {
            int count = list.Fill(polled);
            var timeout = TimeSpecification.FromNanoseconds(nanoseconds);
            ready = Libc.ppoll(descriptors, (nuint)count, nanoseconds == ulong.MaxValue ? null : &timeout, null);
        }
        localApic.Expire(Clock.Nanoseconds);
        if (ready > 0)
            Serve();
        if (console.FlushAt <= Clock.Nanoseconds)
            console.Flush();
        foreach (var device in virtio)
        {
            if (device.Backlog)
                device.Continue();
        }
        UpdateWatch();
    }

    /// <summary>
    /// A device has stopped before the end of its queue, for the timer and the host to be served first.
    /// </summary>
    private bool Backlog
    {
        get
        {
            foreach (var device in virtio)
            {
                if (device.Backlog)
                    return true;
            }
            return false;
        }
    }

    private void Serve()
    {
        if (net is not null && polled[netSlot].Returned != 0)
        {
            net.Service();
            const int Lost = Libc.POLLHUP | Libc.POLLERR | Libc.POLLNVAL;
            if (net.Gone || ((polled[netSlot].Returned & Lost) != 0 && (polled[netSlot].Returned & Libc.POLLIN) == 0))
                Finish(MachineEnd.Disconnected);
        }
        if (control is not null && polled[controlSlot].Returned != 0 && !control.Receive())
            Finish(MachineEnd.Disconnected);
        if (polled[inputSlot].Returned != 0)
            ReadInput();
    }

    private bool InputGoesToVirtio => virtioConsole.Listening && !uart.Listening;

    private void ReadInput()
    {
        Span<byte> typed = stackalloc byte[InputGoesToVirtio ? 256 : Math.Max(uart.Room, 1)];
        int count = console.Read(typed);
        if (console.QuitRequested)
            Finish(MachineEnd.Disconnected);
        typed = typed[..count];
        if (InputGoesToVirtio)
            typed = typed[virtioConsole.Receive(typed)..];
        if (typed.Length > 0)
            uart.Receive(typed);
    }

    /// <summary>
    /// Tells the watcher what the devices wait for now, and the processor to come back where they wait for nothing.
    /// </summary>
    private void UpdateWatch()
    {
        if (Backlog)
            cpu.RaiseAttention();
        bool more = false;
        if (net is not null)
            more |= list.Set(netSlot, (net.WantsInput ? Libc.POLLIN : 0) | (net.WantsOutput ? Libc.POLLOUT : 0));
        bool input = console.InputOpen && (uart.Room > 0 || InputGoesToVirtio);
        more |= list.Set(inputSlot, input ? Libc.POLLIN : -1);
        watcher.Update(Deadline, more);
    }
}
