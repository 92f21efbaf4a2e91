using System.Numerics;

namespace Netstack;

/// <summary>
/// SipHash-2-4 (Aumasson and Bernstein 2012) of whole words: for initial sequence numbers (RFC 6528), SYN cookies and
/// ephemeral ports.
/// </summary>
internal static class KeyedHash
{
    private struct State
    {
        public ulong V0;
        public ulong V1;
        public ulong V2;
        public ulong V3;

        public State(ulong low, ulong high)
        {
            V0 = low ^ 0x736f6d6570736575;
            V1 = high ^ 0x646f72616e646f6d;
            V2 = low ^ 0x6c7967656e657261;
            V3 = high ^ 0x7465646279746573;
        }

        public void Add(ulong word)
        {
            V3 ^= word;
            Round();
            Round();
            V0 ^= word;
        }

        public ulong Finish()
        {
            V2 ^= 0xff;
            for (int i = 0; i < 4; i++)
                Round();
            return V0 ^ V1 ^ V2 ^ V3;
        }

        private void Round()
        {
            V0 += V1;
            V1 = BitOperations.RotateLeft(V1, 13) ^ V0;
            V0 = BitOperations.RotateLeft(V0, 32);
            V2 += V3;
            V3 = BitOperations.RotateLeft(V3, 16) ^ V2;
            V0 += V3;
            V3 = BitOperations.RotateLeft(V3, 21) ^ V0;
            V2 += V1;
            V1 = BitOperations.RotateLeft(V1, 17) ^ V2;
            V2 = BitOperations.RotateLeft(V2, 32);
        }
    }

    /// <summary>
    /// Of the 20 bytes <paramref name="first"/>, <paramref name="second"/>, <paramref name="third"/>.
    /// </summary>
    internal static ulong Of(ulong keyLow, ulong keyHigh, ulong first, ulong second, uint third = 0)
    {
        // The last word of a message carries its length on top.
        const ulong length = 20ul << 56;
        State state = new(keyLow, keyHigh);
        state.Add(first);
        state.Add(second);
        state.Add(length | third);
        return state.Finish();
    }

    /// <summary>Of two addresses of one family, and the last two arguments.</summary>
    internal static ulong Of(ulong keyLow, ulong keyHigh, Address one, Address other, ulong second, uint third = 0)
    {
        if (one.IsIpv4)
            return Of(keyLow, keyHigh, (ulong)one.Ipv4 << 32 | other.Ipv4, second, third);
        const ulong length = 44ul << 56;
        State state = new(keyLow, keyHigh);
        state.Add(one.High);
        state.Add(one.Low);
        state.Add(other.High);
        state.Add(other.Low);
        state.Add(second);
        state.Add(length | third);
        return state.Finish();
    }

    /// <summary>Of the four numbers of a connection, with the stack's secret.</summary>
    internal static unsafe ulong Of(Stack* stack, Address local, ushort localPort, Address remote, ushort remotePort) =>
        Of(stack->SecretLow, stack->SecretHigh, local, remote, (ulong)localPort << 16 | remotePort);
}
