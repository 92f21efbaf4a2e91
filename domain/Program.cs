using System;
using Domain.Boot;
using Domain.Devices;
using Domain.Host;
using Domain.Linux;

namespace Domain;

internal static class Program
{
    private const int Good = 0, BadArguments = 1, GuestCrashed = 2, MonitorFailed = 4;

    private static int Main(string[] arguments)
    {
        try
        {
            var options = CommandLine.Parse(arguments);
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
        var kernel = ImageFile.Open(options.Kernel!);
        var initrd = options.Initrd is null ? null : ImageFile.Open(options.Initrd);
        FrameDescriptor? channel = null;
        if (options.Tap is not null)
            channel = HostNetwork.OpenTap(options.Tap, options.Offload);
        else if (options.NetDescriptor >= 0)
            channel = HostNetwork.Inherit(options.NetDescriptor, options.Offload);
        ControlChannel? control = null;
        if (options.ControlDescriptor >= 0)
        {
            HostNetwork.SetNonBlocking(options.ControlDescriptor, "--control-fd");
            control = new ControlChannel(options.ControlDescriptor);
        }
        DiskFile? disk = options.Disk is null ? null : DiskFile.Open(options.Disk, options.DiskReadOnly);
        GuestMemory memory;
        try
        {
            memory = GuestMemory.Allocate(options.MemoryMib << 20);
        }
        catch (OutOfMemoryException)
        {
            throw new UsageError($"--memory: the host has no address space for {options.MemoryMib} MiB");
        }

        var console = new HostConsole(options.ConsoleStdio);
        int code;
        try
        {
            var machine = new Machine(memory, console, channel, options.Mac, control, disk);
            machine.StartWatcher();
            code = RunLockedIn(machine, kernel, initrd, options.Append, control);
        }
        catch (ImageError error)
        {
            console.Close();
            Log.Error(error.Message);
            code = BadArguments;
        }
        catch (Exception error)
        {
            console.Close();
            Log.Error($"the monitor failed: {error.GetType().Name}: {error.Message}");
            control?.Send(ControlChannel.MonitorError, (uint)error.HResult);
            code = MonitorFailed;
        }
        // At once: what the runtime does at an orderly end is not among the calls a locked-in process may make.
        Libc._exit(code);
        return code;
    }

    private static int RunLockedIn(Machine machine, ImageFile kernel, ImageFile? initrd, string append, ControlChannel? control)
    {
        machine.Load(kernel, initrd, append);
        control?.Send(ControlChannel.LockedIn);
        var end = machine.Run();
        machine.Summarise(Log.Info);
        switch (end)
        {
            case MachineEnd.TripleFault:
                control?.Send(ControlChannel.TripleFault);
                Log.Error("the guest crashed: triple fault");
                return GuestCrashed;
            case MachineEnd.Reset:
                control?.Send(ControlChannel.Reset);
                Log.Info("the guest reset the machine");
                return Good;
            default:
                return Good;
        }
    }
}
