using System.Linq;
using Packetd;
using Wire;

namespace Testing.Nodes;

/// <summary>How a domain comes to its end.</summary>
public enum Ending
{
    Killed,
    ExitCode,
    Crash,
    FramesClosed,
}

/// <summary>One thing that happens to a node. 0 stands for the link where a domain would be named by its boot address.</summary>
public abstract record Happening
{
    /// <summary>A magic ping from the link.</summary>
    /// <param name="Token">Null when the ping has no token that can be read.</param>
    /// <param name="Form">What is wrong with the ping before anything in it is looked at; for a payment that nobody meters here.</param>
    /// <param name="Kind">What the answer repeats as the kind.</param>
    public sealed record Offer(Tokens? Token, byte[] Payload, Refusal Form, ushort Kind) : Happening
    {
        public override string ToString() => Token == null ? $"a ping that is {Form}"
            : $"token {Token.Seed} for {Dotted(Token.Boot)} and {Token.Guests.Length} guests, {Token.Issued} to {Token.Expires}"
                + $"{(Token.Node == TestHost.Node ? "" : ", other node")}{(Token.Key == TestHost.Key ? "" : ", other key")}"
                + $"{(Token.BreakChain ? ", broken chain" : "")}{(Form == Refusal.None ? "" : $", {Form}")}, {Token.MemoryMiB} MiB, {Token.Count} tokens";
    }

    /// <param name="Own">The addresses of the domain that sends it, its boot address first; none for the link.</param>
    /// <param name="Forged">Whether the domain that sends it may not.</param>
    /// <param name="Answer">The frame that the node itself answers with, if it does.</param>
    public sealed record Frame(uint[] Own, byte[] Packet, bool Forged, byte[]? Answer, string What) : Happening
    {
        public uint From => Own.FirstOrDefault();

        public override string ToString() => $"{What} from {(From == 0 ? "the link" : Dotted(From))} to {System.Convert.ToHexString(Packet, 10, 6)}"
            + (Forged ? ", forged" : "");
    }

    public sealed record End(uint Boot, Ending How) : Happening
    {
        public override string ToString() => $"the end of {Dotted(Boot)}: {How}";
    }

    public sealed record Clock(ulong Seconds) : Happening
    {
        public override string ToString() => $"the clock says {Seconds}";
    }

    public sealed record Restart(bool Politely) : Happening
    {
        public override string ToString() => Politely ? "a restart by SIGTERM" : "a restart by SIGKILL";
    }

    public sealed record Monitor(bool Missing) : Happening
    {
        public override string ToString() => Missing ? "the monitor's program is gone" : "the monitor's program is there";
    }

    public static string Dotted(uint address) => $"{address >> 24}.{(byte)(address >> 16)}.{(byte)(address >> 8)}.{(byte)address}";
}
