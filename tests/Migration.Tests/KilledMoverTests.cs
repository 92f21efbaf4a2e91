using System;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;
using Xunit.Abstractions;

namespace Migration.Tests;

/// <summary>
/// The program that moves a guest is killed, at any moment: there is one guest afterwards, here or there, and a client of it notices
/// nothing but a pause.
/// </summary>
public sealed class KilledMoverTests(ITestOutputHelper output) : IDisposable
{
    private const string Killed = "exit 137";

    private readonly Space space = new();
    private Guest? guest;

    public void Dispose()
    {
        guest?.Dispose();
        space.Dispose();
    }

    /// <summary>Before the snapshot, and after it while late frames go and the verdict is waited for: the guest stays.</summary>
    [RootTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Killed_while_the_destination_takes_its_time_it_leaves_the_guest_here(bool afterTheSnapshot)
    {
        guest = new Guest(space, "domain");
        bool isHere = false;
        // When it is killed too early, later the next time: the guest stays in either case.
        for (int seconds = 2; !isHere; seconds *= 2)
        {
            Assert.True(seconds <= 32, "it never comes so far");
            bool isOver = false;
            using var fake = new FakeDestination(space, (_, socket) =>
            {
                if (afterTheSnapshot)
                    FakeDestination.ReadAll(socket);
                else
                    FakeDestination.ReadRecords(socket, 1000);
                isHere = true;
                // Frames for the guest, which its destination would get.
                using Socket late = space.Open(SocketType.Dgram, ProtocolType.Udp);
                for (int frames = 0; !Volatile.Read(ref isOver) && frames < 20_000; frames++, Thread.Sleep(2))
                    late.SendTo(new byte[32], new IPEndPoint(IPAddress.Parse(Guest.Address), 9999));
            });
            try
            {
                Assert.EndsWith(Killed, Move(seconds * 1_000_000, FakeDestination.Address), StringComparison.Ordinal);
                guest.Hear(100);
            }
            finally
            {
                Volatile.Write(ref isOver, true);
            }
        }
    }

    /// <summary>Moves to real machines, killed earlier and later, most of them about where the snapshot and the commit are.</summary>
    [RootTheory]
    [InlineData("domain", 10)]
    public void Killed_at_any_moment_it_leaves_one_guest(string monitor, int moves)
    {
        guest = new Guest(space, monitor);
        // Later after a move that was cut off, earlier after one that ended, however the time of a move changes.
        double whole = 0, about = 0.9;
        int left = 0, cut = 0;
        for (int move = 0; move <= moves; move++)
        {
            // Twice as long as a whole move, which is measured first, is never.
            double share = move == 0 ? 2 : move % 4 == 0 ? Random.Shared.NextDouble() : about;
            var destination = new Machine(space, monitor, Repository.ReadImage("loader-checkpoint"), boot: $"10.0.0.{30 + move}");
            Machine source = guest.Source, gone = destination;
            try
            {
                string said = Move(whole == 0 ? 20_000_000 : (int)(share * whole), destination.Boot);
                bool hasLeft = source.HasEnded(2000);
                output.WriteLine($"{share:0.00} of a move: {(hasLeft ? "there" : "here")}, {said.Split('\n')[^1]}");
                if (hasLeft)
                {
                    guest.Source = destination;
                    gone = source;
                    left++;
                }
                else
                {
                    // An empty machine as before, which would take another guest.
                    Assert.EndsWith(Killed, said, StringComparison.Ordinal);
                    Client.Open(space.Connect(address: destination.Boot)).Dispose();
                    cut++;
                }
                guest.Hear(50);
                if (move % 4 != 0)
                    about += hasLeft ? -0.12 : 0.12;
                if (whole == 0)
                    whole = 1000 * double.Parse(said.Split(" MiB and ")[1].Split(' ')[0], CultureInfo.InvariantCulture);
            }
            finally
            {
                gone.Dispose();
            }
        }
        Assert.True(left > 1 && cut > 0, $"the moments are badly chosen: {left} moves ended, {cut} were cut off");
    }

    private string Move(int microseconds, string destination) =>
        guest!.Run("/bin/killer", $"{microseconds}", "/bin/migrate", "--key", "/etc/machine.key", "--patience", "60", destination);
}
