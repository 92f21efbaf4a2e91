using System;
using System.Diagnostics;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>A machine that nobody comes to: what it takes meanwhile, and until when it is there.</summary>
public sealed class WaitingTests
{
    private static readonly byte[] s_loader = Repository.ReadImage("loader-kernel");

    [RootTheory, Monitors]
    public void A_machine_that_nobody_wants_ends_when_its_lease_does(string monitor)
    {
        using var machine = new Machine(monitor, s_loader, lease: 5);
        // A customer renews it when he is lost, strangers do not.
        using (SecureSocket customer = machine.UploadLoader(s_loader))
            Thread.Sleep(5500);
        var clock = Stopwatch.StartNew();
        Assert.False(machine.HasEnded(3000), "it ended although a customer was there");
        Assert.Throws<ChannelException>(() => Client.Open(machine.Space.Connect(), new byte[20]));
        Assert.True(machine.HasEnded(9000), "nobody wants it and it stays");
        Assert.InRange(clock.ElapsedMilliseconds, 4500, 7500);
        Assert.Contains("nobody came with the machine's key in time", machine.Console, StringComparison.Ordinal);
    }

    [RootTheory, Monitors]
    public void A_domain_that_waits_takes_no_processor_time(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        Thread.Sleep(300);
        TimeSpan before = machine.ProcessorTime;
        Thread.Sleep(2000);
        Assert.InRange((machine.ProcessorTime - before).TotalMilliseconds, 0, 100);
    }
}
