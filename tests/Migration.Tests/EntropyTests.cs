using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>Where a guest's random numbers come from, at its start and wherever it arrives.</summary>
public sealed partial class EntropyTests
{
    /// <summary>Each copy of one checkpoint draws its own numbers; their counters alone would do for that, so RandomnessTests holds them still.</summary>
    [RootTheory, Monitors]
    public void Copies_of_one_guest_draw_different_numbers(string monitor)
    {
        byte[] checkpoint = Record(monitor);
        string one = Draw(monitor, checkpoint), other = Draw(monitor, checkpoint);
        Assert.Matches("^([0-9a-f]{2}\\s+){32}exit 0$", one);
        Assert.NotEqual(one, other);
    }

    /// <summary>QEMU's entropy device is read by the firmware, by the guest at its start, and by the guest when it has arrived.</summary>
    [RootTheory]
    [InlineData(64)]
    public void The_device_is_read_at_the_start_and_on_arrival(int least)
    {
        using Source first = new(), second = new();
        using var space = new Space();
        using var guest = new Guest(space, "qemu", entropy: first.Path);
        int atStart = first.Read;
        Assert.True(atStart >= 2 * least, $"firmware and guest have read {atStart} bytes");

        var destination = new Machine(space, "qemu", Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.20", entropy: second.Path); // the guest ends it
        int byFirmware = second.Read;
        Assert.True(byFirmware >= least, $"the firmware has read {byFirmware} bytes");
        using Machine source = guest.Source;
        guest.Source = destination;
        Assert.EndsWith("exit 0", guest.Migrate(destination.Boot), StringComparison.Ordinal);
        Assert.True(second.Read - byFirmware >= least, $"the guest that has arrived has read {second.Read - byFirmware} bytes");
        guest.Hear(20);
    }

    /// <summary>Lets a guest move into nothing: all of its checkpoint, and the word that commits it.</summary>
    private static byte[] Record(string monitor)
    {
        using var space = new Space();
        using var guest = new Guest(space, monitor);
        var stream = new MemoryStream();
        using var destination = new FakeDestination(space, (fake, socket) =>
        {
            FakeDestination.ReadAll(socket, stream);
            FakeDestination.Say(socket, HandOverKind.Verified);
            while (Client.Read(socket, HandOver.Size) is { Length: HandOver.Size } record && HandOver.TryParse(record, out HandOverKind kind, out _, out ulong length))
            {
                if (kind == HandOverKind.Commit)
                    break;
                Client.Read(socket, (int)(length + 7) & ~7);
            }
            FakeDestination.Say(socket, HandOverKind.Running);
        });
        var asking = new Thread(() =>
        {
            try
            {
                guest.Migrate(FakeDestination.Address);
            }
            catch (Exception gone) when (gone is System.Net.Sockets.SocketException or Xunit.Sdk.XunitException)
            {
                // The connection ends with the machine.
            }
        }) { IsBackground = true };
        asking.Start();
        Assert.True(guest.Source.HasEnded(60_000), "the guest does not leave");
        return stream.ToArray();
    }

    /// <summary>Resumes the checkpoint on a new machine and asks the guest there for 32 random bytes.</summary>
    private static string Draw(string monitor, byte[] checkpoint)
    {
        using var space = new Space();
        byte[] loader = Repository.ReadImage("loader-checkpoint");
        using var machine = new Machine(space, monitor, loader);
        using (SecureSocket socket = machine.UploadLoader(loader))
        {
            socket.Send(checkpoint);
            Assert.Equal(HandOverKind.Verified, Client.Verdict(socket).Kind);
            socket.Send(Client.Record(HandOverKind.Commit, detail: 1_000_000));
            Assert.Equal(HandOverKind.Running, Client.Verdict(socket).Kind);
        }
        return Guest.RunIn(space, "/bin/busybox", "od", "-An", "-tx1", "-N32", "/dev/urandom");
    }

    /// <summary>A pipe full of bytes in place of a source of entropy, which knows how many have been taken.</summary>
    private sealed partial class Source : IDisposable
    {
        private const int FionRead = 0x541B, Full = 32 * 1024;
        private readonly string folder = Directory.CreateTempSubdirectory("entropy").FullName;
        private readonly FileStream pipe;

        public Source()
        {
            Path = System.IO.Path.Combine(folder, "source");
            Programs.Run("mkfifo", Path);
            // For reading too, so that it opens at once and its bytes stay.
            pipe = new FileStream(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
            byte[] bytes = new byte[Full];
            new Random(1).NextBytes(bytes);
            pipe.Write(bytes);
        }

        public string Path { get; }

        /// <summary>Bytes that have been taken out of it.</summary>
        public int Read
        {
            get
            {
                Assert.Equal(0, ioctl((int)pipe.SafeFileHandle.DangerousGetHandle(), FionRead, out int left));
                return Full - left;
            }
        }

        [LibraryImport("libc")]
        private static partial int ioctl(int descriptor, nuint request, out int value);

        public void Dispose()
        {
            pipe.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }
}
