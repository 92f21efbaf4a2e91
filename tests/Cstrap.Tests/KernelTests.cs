using System;
using System.Buffers.Binary;
using System.Linq;
using System.Net.Sockets;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>loader/kernel: boots what is a kernel, refuses what is none.</summary>
public sealed class KernelTests
{
    private static readonly byte[] s_loader = Repository.ReadImage("loader-kernel"), s_guest = Repository.ReadImage("hello-guest");

    [RootTheory, Monitors]
    public void Boots_a_kernel_with_its_command_line_and_files(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] files = new byte[1_234_567];
        new Random(1).NextBytes(files);
        using SecureSocket socket = machine.UploadLoader(s_loader);
        socket.Send(Client.Bundle("quiet answer=42", s_guest, files));
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(socket));
        uint sum = 0;
        foreach (byte value in files)
            sum += value;
        string console = machine.Await($"; MiB 64; zeroed 0; module of {files.Length} bytes, sum {sum}");
        string line = console.Split('\n').Single(l => l.StartsWith("guest: ", StringComparison.Ordinal));
        Assert.Contains("evilman.boot=10.0.0.2/24 evilman.gateway=10.0.0.1 evilman.loader=", line, StringComparison.Ordinal);
        Assert.Contains("virtio_mmio.device=", line, StringComparison.Ordinal);
        Assert.Contains(" quiet answer=42;", line, StringComparison.Ordinal);
        Assert.True(machine.HasEnded(5000), "the kernel's reset does not end the machine");
    }

    [RootTheory, Monitors]
    public void Refuses_bundles_and_kernels_with_the_reason(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] good = Client.Bundle("", s_guest, []);
        Expect(UploadRefusal.BadBundle, 0, With(good, 0, 0));
        Expect(UploadRefusal.BadBundle, 0, With(good, 4, 9));
        Expect(UploadRefusal.BadBundle, 0, With(good, 20, 1));
        Expect(UploadRefusal.BadBundle, 0, With(good, KernelBundle.Size + 100, 0xAA)); // the hash
        Expect(UploadRefusal.BadBundle, 4095, Client.Bundle(new string('x', 4000), s_guest, []));
        Expect(UploadRefusal.BadBundle, 0, good[..^1]); // ends too soon
        Expect(UploadRefusal.NotEnoughMemory, 64, Sizes(good, 0x3000_0000, 0));
        Expect(UploadRefusal.NotEnoughMemory, 64, Sizes(good, 1, 0x4000_0000));
        Expect(UploadRefusal.NotEnoughMemory, 64, Sizes(good, 0x3f0_0000, 0x10_0000));

        Expect(UploadRefusal.BadKernel, 0, Kernel(new byte[100]));
        Expect(UploadRefusal.BadKernel, 0, Kernel(s_guest[..63]));
        Expect(UploadRefusal.BadKernel, 0, Kernel(Repository.ReadImage("hello-pvh"))); // linked into the firmware's window
        Expect(UploadRefusal.BadKernel, 0, Kernel(With(s_guest, 4, 1))); // 32 bits
        Expect(UploadRefusal.BadKernel, 0, Kernel(With(s_guest, 18, 3))); // another processor
        Expect(UploadRefusal.BadKernel, 0, Kernel(With64(s_guest, 32, ulong.MaxValue - 20))); // program headers
        Expect(UploadRefusal.BadKernel, 0, Kernel(With64(s_guest, 32, (ulong)s_guest.Length - 8)));
        Expect(UploadRefusal.BadKernel, 0, Kernel(With(s_guest, 56, 0)));
        for (int field = 8; field <= 40; field += 8) // offset, (virtual), physical, size in file, size in memory of the first segment
            if (field != 16)
                Expect(UploadRefusal.BadKernel, 0, Kernel(With64(s_guest, 64 + field, 0xffff_ffff_ffff_f000)));
        Expect(UploadRefusal.BadKernel, 0, Kernel(With64(s_guest, 64 + 24, 64 << 20))); // beyond memory
        Expect(UploadRefusal.BadKernel, 0, Kernel(With64(s_guest, 64 + 40, 62 << 20))); // over itself
        Expect(UploadRefusal.BadKernel, 0, Kernel(WithoutNote(s_guest)));

        using SecureSocket last = machine.UploadLoader(s_loader);
        last.Send(good);
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(last));
        machine.Await("guest: ");

        void Expect(UploadRefusal refusal, ulong detail, byte[] bundle)
        {
            using SecureSocket socket = machine.UploadLoader(s_loader);
            socket.Send(bundle);
            socket.Socket.Shutdown(SocketShutdown.Send);
            Assert.Equal((UploadStage.KernelLoader, refusal, detail), Client.Answer(socket));
        }
    }

    private static byte[] Kernel(byte[] kernel) => Client.Bundle("", kernel, []);

    private static byte[] With(byte[] bytes, int at, byte value)
    {
        byte[] copy = (byte[])bytes.Clone();
        copy[at] = value;
        return copy;
    }

    private static byte[] With64(byte[] bytes, int at, ulong value)
    {
        byte[] copy = (byte[])bytes.Clone();
        BinaryPrimitives.WriteUInt64LittleEndian(copy.AsSpan(at), value);
        return copy;
    }

    private static byte[] Sizes(byte[] bundle, uint kernel, uint initramfs)
    {
        byte[] copy = (byte[])bundle.Clone();
        BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(12), kernel);
        BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(16), initramfs);
        return copy;
    }

    private static byte[] WithoutNote(byte[] kernel)
    {
        int at = kernel.AsSpan().IndexOf("Xen\0"u8);
        Assert.True(at > 0);
        return With(kernel, at, (byte)'Y');
    }
}
