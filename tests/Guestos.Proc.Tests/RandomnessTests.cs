using System;
using System.Reflection;
using Xunit;

namespace Guestos.Proc.Tests;

/// <summary>
/// The guest's own generator. Two machines never have the same time stamp counter, which goes into each block, so whether what their
/// devices give counts, too, is to be seen only here.
/// </summary>
public sealed class RandomnessTests
{
    private static readonly FieldInfo[] s_state = typeof(Randomness).GetFields(BindingFlags.Static | BindingFlags.NonPublic);

    [Fact]
    public void Copies_with_the_same_counter_draw_what_their_devices_make_them_draw()
    {
        Board.Processor.Counter = 5;
        Randomness.Stir("the guest at its start"u8);
        object?[] checkpoint = Array.ConvertAll(s_state, field => field.GetValue(null));
        Assert.NotEmpty(checkpoint);
        string one = Draw(checkpoint, "one device"u8), other = Draw(checkpoint, "another device"u8);
        Assert.NotEqual(one, other);
        // It was neither the counter nor anything else.
        Assert.Equal(one, Draw(checkpoint, "one device"u8));
        Board.Processor.Counter++;
        Assert.NotEqual(one, Draw(checkpoint, "one device"u8));
    }

    [Fact]
    public void What_it_has_given_cannot_be_computed_from_what_it_keeps()
    {
        Board.Processor.Counter = 7;
        Randomness.Stir("a seed"u8);
        object?[] before = Array.ConvertAll(s_state, field => field.GetValue(null));
        byte[] given = new byte[200];
        Randomness.Fill(given);
        for (int i = 0; i < s_state.Length; i++)
            Assert.NotEqual(before[i], s_state[i].GetValue(null));
        byte[] next = new byte[200];
        Randomness.Fill(next);
        Assert.NotEqual(given, next);
    }

    /// <summary>What a copy of the checkpoint gives after its new machine's device has been read.</summary>
    private static string Draw(object?[] checkpoint, ReadOnlySpan<byte> device)
    {
        for (int i = 0; i < s_state.Length; i++)
            s_state[i].SetValue(null, checkpoint[i]);
        Randomness.Stir(device);
        byte[] drawn = new byte[32];
        Randomness.Fill(drawn);
        return Convert.ToHexString(drawn);
    }
}
