using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Tokend;

/// <summary>Calls home (docs/protocols.md, "Home").</summary>
internal static class Home
{
    /// <summary>
    /// Milliseconds between two copies of a call, and how many there are: home asks node and broker before it answers.
    /// </summary>
    private const int Repeat = 1000;
    private const int Tries = 3;

    /// <param name="machine">The machine as it is known until now, zeros for not at all.</param>
    public static bool TryAsk(in Settings settings, in Digest machine, out HomeCall answer)
    {
        answer = default;
        HomeCall call = new() { Number = Host.Random(), Machine = machine };
        Span<byte> request = stackalloc byte[HomeCall.Size];
        call.EmitRequest(request);
        int socket = Inet.OpenDatagram();
        if (socket < 0)
            return false;
        bool isAnswered = false;
        for (int attempt = 0; attempt < Tries && !isAnswered; attempt++)
        {
            if (Inet.Connect(socket, settings.Home, HomeCall.Port) < 0)
                break;
            Inet.Send(socket, request);
            isAnswered = TryHear(socket, call.Number, out answer);
        }
        Syscall.Close(socket);
        return isAnswered;
    }

    private static bool TryHear(int socket, ulong number, out HomeCall answer)
    {
        Span<byte> bytes = stackalloc byte[HomeCall.Size + 1];
        ulong until = Timing.Now() + Repeat * 1_000_000UL;
        answer = default;
        while (Timing.Poll(socket, POLLIN, Repeat) > 0)
        {
            int length = Syscall.Receive(socket, bytes);
            if (length == HomeCall.Size && HomeCall.TryParseAnswer(bytes.Slice(0, length), out answer)
                && answer.Number == number)
                return true;
            // A port that nobody listens on is an error each time, and no reason to ask faster.
            if (length < 0)
                Timing.Sleep(Repeat * 1_000_000UL);
            if (Timing.Now() >= until)
                break;
        }
        return false;
    }
}
