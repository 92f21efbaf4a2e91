using System;
using System.Linq;
using Xunit;

namespace Wire.Tests;

/// <summary>Which place of a server a new client gets, and which clients are remembered.</summary>
public sealed class PlacesTests
{
    private const ulong Millisecond = 1_000_000;

    private static Place In(PlaceState state, ulong milliseconds) => new() { State = state, Since = milliseconds * Millisecond };

    private static int Choose(ulong milliseconds, params Place[] places) => Places.Choose(places, milliseconds * Millisecond, out _);

    [Fact]
    public void A_free_place_is_taken_first_then_one_of_who_leaves()
    {
        Assert.Equal(2, Choose(5000, In(PlaceState.Silent, 0), In(PlaceState.Leaving, 0), In(PlaceState.Free, 4000), In(PlaceState.Answered, 0)));
        Assert.Equal(1, Choose(5000, In(PlaceState.Silent, 0), In(PlaceState.Leaving, 4999), In(PlaceState.Answered, 0)));
        Assert.Equal(0, Choose(0, In(PlaceState.Free, 0)));
    }

    [Theory]
    [InlineData(PlaceState.Silent, 300)]
    [InlineData(PlaceState.Answered, 1000)]
    [InlineData(PlaceState.Proved, 10_000)]
    public void Each_state_has_its_time_and_no_more(PlaceState state, ulong time)
    {
        Place[] places = [In(PlaceState.Served, 0), In(state, 107), In(state, 100)];
        Assert.Equal(-1, Places.Choose(places, (100 + time) * Millisecond - 1, out ulong next));
        Assert.Equal((100 + time) * Millisecond, next);
        Assert.Equal(2, Places.Choose(places, next, out _));
    }

    [Fact]
    public void Who_is_served_gives_way_to_nobody()
    {
        Assert.Equal(-1, Places.Choose([In(PlaceState.Served, 0)], ulong.MaxValue - 1, out ulong next));
        Assert.Equal(ulong.MaxValue, next);
        Assert.Equal(-1, Places.Choose([], 1, out _));
    }

    /// <summary>
    /// Whatever the states of the others, the place whose time ends first is given away first, so no client keeps a new one out for ever.
    /// </summary>
    [Fact]
    public void The_first_to_give_way_is_chosen_whatever_the_states_are()
    {
        Random random = new(1);
        for (int round = 0; round < 10_000; round++)
        {
            Place[] places = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => In((PlaceState)random.Next(1, 6), (ulong)random.Next(2000)))];
            ulong now = (ulong)random.Next(4000) * Millisecond, first = places.Min(place => place.GivesWayAt);
            int choice = Places.Choose(places, now, out ulong next);
            Assert.Equal(first, next);
            Assert.Equal(first <= now, choice >= 0);
            Assert.True(choice < 0 || places[choice].GivesWayAt == first);
        }
    }

    [Fact]
    public void The_last_64_keys_are_known_again()
    {
        RecentKeys recent = default;
        Assert.False(recent.Contains(new byte[32]));
        byte[][] keys = [.. Enumerable.Range(0, 200).Select(i => Enumerable.Range(0, 32).Select(j => (byte)(i * j + i)).ToArray())];
        for (int i = 0; i < keys.Length; i++)
        {
            Assert.False(recent.Contains(keys[i]));
            recent.Add(keys[i]);
            for (int j = 0; j <= i; j++)
                Assert.Equal(j > i - RecentKeys.Capacity, recent.Contains(keys[j]));
        }
    }
}
