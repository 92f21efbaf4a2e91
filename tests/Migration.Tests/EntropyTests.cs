using System;
using System.IO;
using System.Runtime.InteropServices;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>Where a guest's random numbers come from, at its start and wherever it arrives.</summary>
public sealed partial class EntropyTests
{
    /// <summary>Each copy of one checkpoint draws its own numbers; their counters alone would do for that, so RandomnessTests (Guestos.Proc.Tests) holds them still.</summary>
    [RootTheory, Monitors]
    public void Copies_of_one_guest_draw_different_numbers(string monitor)
    {
        byte[] checkpoint = RecordedCheckpoint.Of(monitor);
        (string one, uint oneSequence) = Draw(monitor, checkpoint);
        (string other, uint otherSequence) = Draw(monitor, checkpoint);
        Assert.Matches("^([0-9a-f]{2}\\s+){32}exit 0$", one);
        Assert.NotEqual(one, other);
        // The keys of TCP's sequence numbers are drawn anew on arrival, too.
        Assert.NotEqual(oneSequence, otherSequence);
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

    /// <summary>
    /// Resumes the checkpoint on a new machine and asks the guest there for 32 random bytes, and for the sequence number of a connection.
    /// </summary>
    private static (string Bytes, uint Sequence) Draw(string monitor, byte[] checkpoint)
    {
        const ushort Echo = 7;
        using var space = new Space();
        using Machine machine = RecordedCheckpoint.Resume(checkpoint, space, monitor);
        using var peer = new RawPeer(space, machine.Boot, Guest.Address);
        uint sequence = peer.AskSequence(Echo);
        return (Guest.RunIn(space, "/bin/busybox", "od", "-An", "-tx1", "-N32", "/dev/urandom"), sequence);
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
