using System;
using Domain.Boot;
using Domain.Devices;
using Domain.Host;
using Domain.Linux;
using Domain.Sandbox;

namespace Domain;

internal static class Program
{
    private const int Good = 0, BadArguments = 1, GuestCrashed = 2, NoSandbox = 3, MonitorFailed = 4;

    private static int Main(string[] arguments)
    {
#if SANDBOX_PROBE
        Probe.What = Environment.GetEnvironmentVariable("DOMAIN_PROBE");
#endif
        try
        {
            var options = CommandLine.Parse(arguments, Lockdown.IsSecondStart(Environment.GetCommandLineArgs()[0]));
            if (options.ShowHelp || options.ShowVersion)
            {
                Log.Print(1, options.ShowHelp ? CommandLine.Help : "domain 0.1\n");
                return Good;
            }
            Log.Level = options.LogLevel;
            return Run(options);
        }
        catch (Exception error) when (error is UsageError or ImageError)
        {
            Log.Error(error.Message);
            return BadArguments;
        }
    }

    private static int Run(CommandLine options)
    {
        // A reader of the console or of frames may go away at any time: that is an error value, not a signal.
        Libc.signal(Libc.SIGPIPE, Libc.SIG_IGN);
        HostNetwork.CheckInherited(options.NetDescriptor, options.ControlDescriptor);
        // Where descriptor 0 is closed, a file that is opened below would become the guest's keyboard.
        for (int i = 0; i <= 2; i++)
        {
            if (Libc.fcntl(i, Libc.F_GETFD, 0) < 0)
                Libc.open("/dev/null", Libc.O_RDWR, 0);
        }
        Open(options);
        if (options.DeathSignal == 0)
            (options.DeathSignal, options.Parent) = Lockdown.FindParent();
        if (!options.NoSandbox)
            Lockdown.Reenter(Environment.GetCommandLineArgs()[0], options.WithDescriptors());

        var kernel = ImageFile.Use(options.Kernel!, options.KernelDescriptor);
        var initrd = options.Initrd is null ? null : ImageFile.Use(options.Initrd, options.InitrdDescriptor);
        DiskFile? disk = options.Disk is null ? null
            : DiskFile.Use(options.Disk, options.DiskDescriptor, options.DiskReadOnly);
        var channel = options.NetDescriptor < 0 ? null : HostNetwork.Inherit(options.NetDescriptor, options.Offload);
        ControlChannel? control = null;
        if (options.ControlDescriptor >= 0)
        {
            HostNetwork.SetNonBlocking(options.ControlDescriptor, "--control-fd");
            control = new ControlChannel(options.ControlDescriptor);
        }
        GuestMemory memory;
        try
        {
            memory = GuestMemory.Allocate(options.MemoryMib << 20);
        }
        catch (OutOfMemoryException)
        {
            throw new UsageError($"--memory: the host has no address space for {options.MemoryMib} MiB");
        }

        var translated = options.Translates == false ? null : MemoryForCode(options);

        int code = MonitorFailed;
        var console = new HostConsole(options.ConsoleStdio);
        try
        {
            var machine = new Machine(memory, console, channel, options.Mac, control, disk, translated,
                options.IsPlainProcessor ? Extensions.None : ExtensionTable.HostWith(translated));
            LockIn(options, machine, console);
            // Nothing of the guest's was looked at before this line.
            machine.Load(kernel, initrd, options.Append);
            control?.Send(ControlChannel.LockedIn);
            code = Report(machine.Run(), machine, control);
        }
        catch (ImageError error)
        {
            console.Close();
            Log.Error(error.Message);
            code = BadArguments;
        }
        catch (SandboxError error)
        {
            console.Close();
            Log.Error($"no sandbox, so nothing is run: {error.Message}");
            code = NoSandbox;
        }
        catch (Exception error)
        {
            console.Close();
            Log.Error($"the monitor failed: {error.GetType().Name}: {error.Message}");
            control?.Send(ControlChannel.MonitorError, (uint)error.HResult);
        }
        // At once: what the runtime does at an orderly end is not among the calls a locked-in process may make.
        Libc._exit(code);
        return code;
    }

    /// <summary>Memory for translated code; null where the host refuses it and nobody insists.</summary>
    private static CodeMemory? MemoryForCode(CommandLine options)
    {
        try
        {
            return CodeMemory.Allocate(CodeMemory.DefaultBytes);
        }
        catch (PlatformNotSupportedException error) when (options.Translates == true)
        {
            throw new UsageError($"--engine translator: the host gives no memory for code: {error.Message}");
        }
        catch (PlatformNotSupportedException error)
        {
            Log.Info($"code is interpreted, without AVX: the host gives no memory for its translation: {error.Message}");
            return null;
        }
    }

    /// <summary>Opens everything that has a name, with the rights of whoever started the monitor.</summary>
    private static void Open(CommandLine options)
    {
        if (options.KernelDescriptor < 0)
            options.KernelDescriptor = ImageFile.Open(options.Kernel!).Descriptor;
        if (options.Initrd is not null && options.InitrdDescriptor < 0)
            options.InitrdDescriptor = ImageFile.Open(options.Initrd).Descriptor;
        if (options.Disk is not null && options.DiskDescriptor < 0)
            options.DiskDescriptor = DiskFile.Open(options.Disk, options.DiskReadOnly).Descriptor;
        if (options.Tap is not null)
            options.NetDescriptor = HostNetwork.OpenTap(options.Tap, options.Offload);
    }

    private static void LockIn(CommandLine options, Machine machine, HostConsole console)
    {
        if (options.NoSandbox)
        {
            machine.StartWatcher();
            return;
        }
        Lockdown.LockThreads();
        Lockdown.DieWith(options.Parent, options.DeathSignal);
        machine.StartWatcher();
        var own = new OwnDescriptors(options.NetDescriptor, options.ControlDescriptor, options.DiskDescriptor,
            options.KernelDescriptor,
            options.InitrdDescriptor, machine.WatcherDescriptor, console.OwnsTerminal, options.DiskReadOnly);
#if SANDBOX_PROBE
        if (Probe.What is not null)
        {
            Probe.Prepare();
            Lockdown.Enter(own, Probe.Action);
            Libc._exit(Probe.Run());
        }
#endif
        Lockdown.Enter(own);
    }

    private static int Report(MachineEnd end, Machine machine, ControlChannel? control)
    {
        machine.Summarise(Log.Info);
        switch (end)
        {
            case MachineEnd.TripleFault:
                control?.Send(ControlChannel.TripleFault);
                Log.Error("the guest crashed: triple fault");
                Log.Debug(machine.Registers);
                return GuestCrashed;
            case MachineEnd.Panic:
                control?.Send(ControlChannel.Panic);
                Log.Error("the guest crashed: it says that it panicked");
                Log.Debug(machine.Registers);
                return GuestCrashed;
            case MachineEnd.Reset:
                control?.Send(ControlChannel.GuestEnded, ControlChannel.ByReset);
                Log.Info("the guest reset the machine");
                return Good;
            case MachineEnd.PowerOff:
                control?.Send(ControlChannel.GuestEnded, ControlChannel.ByPowerOff);
                Log.Info("the guest switched the machine off");
                return Good;
            default:
                return Good;
        }
    }
}
