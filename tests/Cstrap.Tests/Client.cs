using System;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>What a client of an empty domain sends and reads.</summary>
internal static class Client
{
    public static byte[] Upload(byte[] loader)
    {
        byte[] all = new byte[Wire.Upload.Size + loader.Length];
        Wire.Upload.Emit(all, (uint)loader.Length);
        loader.CopyTo(all, Wire.Upload.Size);
        return all;
    }

    public static byte[] Bundle(string commandLine, byte[] kernel, byte[] initramfs, bool hashed = true)
    {
        byte[] line = Encoding.ASCII.GetBytes(commandLine), body = [.. line, .. kernel, .. initramfs];
        byte[] header = new byte[KernelBundle.Size];
        KernelBundle.Emit(header, (uint)line.Length, (uint)kernel.Length, (uint)initramfs.Length, hashed ? SHA1.HashData(body) : []);
        return [.. header, .. body];
    }

    /// <summary>Exactly so many bytes, or fewer when the stream ends first.</summary>
    public static byte[] Read(Socket socket, int count)
    {
        byte[] buffer = new byte[count];
        int have = 0;
        while (have < count)
        {
            int got = socket.Receive(buffer, have, count - have, SocketFlags.None);
            if (got == 0)
                break;
            have += got;
        }
        return buffer[..have];
    }

    public static (UploadStage, UploadRefusal, ulong) Answer(Socket socket)
    {
        byte[] answer = Read(socket, UploadAnswer.Size);
        Assert.True(UploadAnswer.TryParse(answer, out UploadStage stage, out UploadRefusal refusal, out ulong detail), $"no answer but {answer.Length} bytes");
        return (stage, refusal, detail);
    }

    public static (HandOverKind Kind, CheckpointRefusal Reason, ulong Detail) Verdict(Socket socket)
    {
        byte[] record = Read(socket, HandOver.Size);
        Assert.True(HandOver.TryParse(record, out HandOverKind kind, out CheckpointRefusal reason, out ulong detail), $"no hand-over record but {record.Length} bytes");
        return (kind, reason, detail);
    }

    public static byte[] Record(HandOverKind kind, ulong detail = 0)
    {
        byte[] record = new byte[HandOver.Size];
        HandOver.Emit(record, kind, CheckpointRefusal.None, detail);
        return record;
    }
}
