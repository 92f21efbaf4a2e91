using System;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Wire;

namespace Evilman.Net;

/// <summary>What is sent into an empty domain: a loader, and what loader/kernel makes a guest of.</summary>
public sealed record BootImage(byte[] Loader, byte[] Kernel, byte[] Initramfs, string CommandLine)
{
    /// <summary>With the key that the guest will obey among its first files.</summary>
    public BootImage With(ReadOnlySpan<byte> guestKey) =>
        this with { Initramfs = GuestKeyArchive.Append(Initramfs, guestKey) };
}

/// <summary>
/// The client's side of an upload to <c>cstrap</c> (thesis §8.2.1, steps 3 and 4; docs/protocols.md).
/// </summary>
public static class BootClient
{
    const int Chunk = 32 * 1024, MaxFileSize = 1 << 30;

    /// <inheritdoc cref="Tcp.ConnectSoon"/>
    public static Socket Connect(IPEndPoint to, TimeSpan patience) => Tcp.ConnectSoon(to, patience);

    /// <summary>
    /// Connects to a machine's firmware and lets it prove that it has the machine's key, as this side does.
    /// </summary>
    public static SecureSocket Open(IPEndPoint to, ReadOnlySpan<byte> machineKey, TimeSpan patience) =>
        Prove(Connect(to, patience), machineKey, patience);

    /// <summary>The same over a connection that is there already.</summary>
    public static SecureSocket Prove(Socket socket, ReadOnlySpan<byte> machineKey, TimeSpan patience)
    {
        socket.SendTimeout = socket.ReceiveTimeout = (int)patience.TotalMilliseconds;
        var to = socket.RemoteEndPoint;
        try
        {
            return SecureSocket.Connect(socket, Wire.Upload.Magic, Wire.Upload.Version, machineKey);
        }
        catch (ChannelException refused)
        {
            throw new Failure($"{to} is not the machine that the key is for: {refused.Message}");
        }
        catch (SocketException failure)
        {
            throw Failure.NoAnswer($"the machine at {to} does not finish the handshake: {failure.Message}");
        }
    }

    /// <summary>
    /// Sends loader and bundle; <paramref name="progress"/> is called with (bytes sent, bytes in all).
    /// </summary>
    public static void Upload(SecureSocket socket, BootImage image, Action<long, long> progress, TimeSpan patience)
    {
        var commandLine = Encoding.ASCII.GetBytes(image.CommandLine);
        if (commandLine.Length > KernelBundle.MaxCommandLine)
            throw Failure.Usage($"a command line has at most {KernelBundle.MaxCommandLine} bytes");
        if (image.Kernel.Length == 0)
            throw Failure.Usage("the kernel is empty");
        if (image.Loader.Length is 0 or > (int)Wire.Upload.MaxLoaderSize)
            throw Failure.Usage($"a loader has 1 to {Wire.Upload.MaxLoaderSize} bytes");

        var header = new byte[Wire.Upload.Size];
        Wire.Upload.Emit(header, (uint)image.Loader.Length);
        byte[] body = [.. commandLine, .. image.Kernel, .. image.Initramfs];
        var hash = new byte[Sha1.DigestSize];
        Sha1.Hash(body, hash);
        var bundle = new byte[KernelBundle.Size];
        KernelBundle.Emit(bundle, (uint)commandLine.Length, (uint)image.Kernel.Length, (uint)image.Initramfs.Length,
            hash);

        socket.Socket.SendTimeout = socket.Socket.ReceiveTimeout = (int)patience.TotalMilliseconds;
        long sent = 0;
        var total = header.Length + image.Loader.Length + bundle.Length + (long)body.Length;
        try
        {
            SendAll(header);
            SendAll(image.Loader);
            Expect(UploadStage.Firmware, "the firmware");
            SendAll(bundle);
            SendAll(body);
            Expect(UploadStage.KernelLoader, "the loader");
        }
        catch (SocketException failure) when (failure.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            throw Failure.NoAnswer($"the machine stopped taking the upload after {sent} of {total} bytes");
        }
        catch (Exception failure) when (failure is SocketException or ChannelException)
        {
            throw new Failure($"the connection broke after {sent} of {total} bytes: {failure.Message}");
        }

        void SendAll(ReadOnlySpan<byte> bytes)
        {
            for (; bytes.Length > 0;)
            {
                var count = Math.Min(Chunk, bytes.Length);
                socket.Send(bytes[..count]);
                bytes = bytes[count..];
                sent += count;
                progress(sent, total);
            }
        }

        void Expect(UploadStage stage, string who)
        {
            var answer = new byte[UploadAnswer.Size];
            for (var have = 0; have < answer.Length;)
            {
                var count = socket.Receive(answer.AsSpan(have));
                if (count == 0)
                    throw new Failure($"{who} closed the connection without an answer");
                have += count;
            }
            if (!UploadAnswer.TryParse(answer, out var from, out var refusal, out var detail))
                throw new Failure($"what answers is not {who}");
            if (refusal != UploadRefusal.None)
                throw new Failure($"{who} refused: "
                    + $"{UploadAnswer.Sentence(refusal)}{(detail == 0 ? "" : $" The limit is {detail}.")}");
            if (from != stage)
                throw new Failure($"{who} answered out of turn");
        }
    }

    public static BootImage Read(string loader, string kernel, string? initramfs, string commandLine) =>
        new(ReadFile(loader), ReadFile(kernel), initramfs is null ? [] : ReadFile(initramfs), commandLine);

    /// <summary>A loader, kernel or initramfs: none has more bytes than the wire's length fields allow.</summary>
    public static byte[] ReadFile(string file) =>
        Files.Read(file, MaxFileSize, "something that a machine can be given");
}
