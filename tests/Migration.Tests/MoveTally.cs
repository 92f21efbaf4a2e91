using System.Collections.Generic;
using System.Threading;
using Wire;

namespace Migration.Tests;

/// <summary>
/// What a move has put on a line between guest and destination: all frames of its connection to <see cref="Upload.Port"/>, each counted where it meets the line, lost or not.
/// Nothing of it depends on how fast either side is.
/// </summary>
internal sealed class MoveTally
{
    private readonly HashSet<(bool, ushort, uint)> seen = [];
    private int turns, segments, again, copies;
    private bool? last;

    /// <summary>
    /// How often those who speak have changed: a side that speaks after the other one has waited for its words, for one crossing of the line.
    /// </summary>
    public int Turns => Volatile.Read(ref turns);

    /// <summary>Segments with data.</summary>
    public int Segments => Volatile.Read(ref segments);

    /// <summary>Those of them that were sent before.</summary>
    public int Again => Volatile.Read(ref again);

    /// <summary>How many copies of <see cref="LastTurn"/>'s first segment the line turns into frames that nobody takes.</summary>
    public int LostCopies { get; init; }

    /// <summary>The turn that RUNNING is: the move's connection has the handshake, the loader, the checkpoint and the commit to be told and answered, one after the other.</summary>
    public const int LastTurn = 8;

    /// <summary>Another move begins.</summary>
    public void Clear()
    {
        lock (seen)
        {
            seen.Clear();
            (turns, segments, again, copies, last) = (0, 0, 0, 0, null);
        }
    }

    /// <summary>One Ethernet frame, as the relay takes it in. One that is lost becomes one of an EtherType that nobody speaks.</summary>
    public void Note(bool fromA, byte[] frame)
    {
        const int Ethernet = 14, Ports = 4, Tcp = 6;
        const ushort ForExperiments = 0x88B5; // IEEE 802, Local Experimental Ethertype 1
        if (frame.Length < Ethernet + 40 || Bytes.Be16(frame, 12) != 0x0800 || frame[Ethernet + 9] != Tcp)
            return;
        int segment = Ethernet + (frame[Ethernet] & 15) * 4;
        int end = Ethernet + Bytes.Be16(frame, Ethernet + 2);
        ushort from = Bytes.Be16(frame, segment), to = Bytes.Be16(frame, segment + 2);
        int data = segment + (frame[segment + 12] >> 4) * 4;
        if ((from != Upload.Port && to != Upload.Port) || data >= end)
            return;
        lock (seen)
        {
            segments++;
            bool isNew = seen.Add((fromA, from == Upload.Port ? to : from, Bytes.Be32(frame, segment + Ports)));
            if (!isNew)
                again++;
            else if (last != fromA)
            {
                last = fromA;
                turns++;
            }
            if (turns == LastTurn && last == fromA && copies++ < LostCopies)
                Bytes.PutBe16(frame, 12, ForExperiments);
        }
    }

    public override string ToString() => $"{Turns} turns, {Segments} segments, {Again} of them again";
}
