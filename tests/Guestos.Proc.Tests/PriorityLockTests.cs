using System;
using Xunit;

namespace Guestos.Proc.Tests;

/// <summary>FUTEX_LOCK_PI: whose weight the owner of a lock has.</summary>
public sealed unsafe class PriorityLockTests
{
    private const ulong Millisecond = 1_000_000;
    private const ulong Flags = 0x10f00;                // CLONE_VM, FS, FILES, SIGHAND, THREAD
    private const ulong First = UserMemory.Words;
    private const ulong Second = UserMemory.Words + 64;
    private const ulong Until = UserMemory.Words + 128;
    private const ulong LockPrivate = 0x86;
    private const ulong UnlockPrivate = 0x87;

    /// <summary>Runs a process of its own.</summary>
    private static void Apart(Action body) => Simulation.Run(() =>
    {
        int child = Simulation.Fork(body);
        Assert.Equal((child, 0), Simulation.Wait());
    });

    private static void SetNice(Thread* thread, int nice)
    {
        thread->NiceValue = nice;
        PriorityLocks.UpdateRank(thread);
    }

    private static void Own(ulong word) => UserMemory.Write(word, (uint)Thread.Current->Id);

    /// <summary>A thread that takes a lock, keeps it for a while and gives it back.</summary>
    private static void BeginWaiter(int nice, ulong word, ulong keeps = 0) => Simulation.Thread(() =>
    {
        SetNice(Thread.Current, nice);
        Assert.Equal(0, FutexCalls.Call(word, LockPrivate, 0, 0, 0, 0));
        Simulation.Sleep(keeps);
        Assert.Equal(0, FutexCalls.Call(word, UnlockPrivate, 0, 0, 0, 0));
    }, Flags);

    [Fact]
    public void An_owner_has_the_weight_of_the_heaviest_who_waits_until_it_gives_the_lock_away() => Apart(() =>
    {
        Thread* owner = Thread.Current;
        SetNice(owner, 10);
        Own(First);
        BeginWaiter(15, First);
        Simulation.Sleep(Millisecond);
        Assert.Equal(Nice.WeightOf(10), owner->Weight);
        BeginWaiter(3, First, 5 * Millisecond);
        Simulation.Sleep(Millisecond);
        Assert.Equal(Nice.WeightOf(3), owner->Weight);
        BeginWaiter(-5, First);
        Simulation.Sleep(Millisecond);
        Assert.Equal(Nice.WeightOf(-5), owner->Weight);
        // Who waits becomes lighter, and the owner with it.
        Thread* heaviest = null;
        for (Thread* thread = owner->Process->FirstThread; thread != null; thread = thread->Next)
            if (thread->NiceValue == -5)
                heaviest = thread;
        SetNice(heaviest, 7);
        Assert.Equal(Nice.WeightOf(3), owner->Weight);
        Assert.Equal(0, FutexCalls.Call(First, UnlockPrivate, 0, 0, 0, 0));
        Assert.Equal(Nice.WeightOf(10), owner->Weight);
        Simulation.Sleep(50 * Millisecond);
        Assert.Equal(0u, UserMemory.Read<uint>(First));
        Assert.Equal(1, owner->Process->ThreadCount);
    });

    [Fact]
    public void The_owner_of_a_lock_that_an_owner_waits_for_inherits_and_no_longer_than_somebody_waits() => Apart(() =>
    {
        Thread* owner = Thread.Current;
        SetNice(owner, 19);
        Own(First);
        Simulation.Thread(() =>
        {
            SetNice(Thread.Current, 12);
            Own(Second);
            Assert.Equal(0, FutexCalls.Call(First, LockPrivate, 0, 0, 0, 0));
            Assert.Equal(0, FutexCalls.Call(First, UnlockPrivate, 0, 0, 0, 0));
        }, Flags);
        Simulation.Sleep(Millisecond);
        Assert.Equal(Nice.WeightOf(12), owner->Weight);
        Simulation.Thread(() =>
        {
            SetNice(Thread.Current, -10);
            ulong end = Clock.Realtime + 5 * Millisecond;
            UserMemory.Write(Until, new TimeCalls.TimeSpec { Seconds = (long)(end / 1_000_000_000), Nanoseconds = (long)(end % 1_000_000_000) });
            Assert.Equal(Errno.ETIMEDOUT, FutexCalls.Call(Second, LockPrivate, 0, Until, 0, 0));
        }, Flags);
        Simulation.Sleep(Millisecond);
        Assert.Equal(Nice.WeightOf(-10), owner->Weight);
        Simulation.Sleep(10 * Millisecond);
        Assert.Equal(Nice.WeightOf(12), owner->Weight);
        Assert.Equal(0, FutexCalls.Call(First, UnlockPrivate, 0, 0, 0, 0));
        Assert.Equal(Nice.WeightOf(19), owner->Weight);
        Simulation.Sleep(Millisecond);
    });

    /// <summary>A light owner, beside one who computes: with a waiter of the same weight as that one, half of the processor is the owner's.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_light_owner_comes_as_far_as_who_waits_for_it_would(bool waits) => Apart(() =>
    {
        bool ends = false;
        Simulation.Thread(() =>
        {
            while (!ends)
                Simulation.Compute(Millisecond);
        }, Flags);
        SetNice(Thread.Current, 19);
        Own(First);
        if (waits)
            BeginWaiter(0, First);
        Simulation.Sleep(Millisecond);
        ulong begin = Clock.Monotonic;
        for (int i = 0; i < 100; i++)
            Simulation.Compute(Millisecond);
        ulong taken = Clock.Monotonic - begin;
        ends = true;
        if (waits)
            Assert.InRange(taken, 150 * Millisecond, 250 * Millisecond);
        else
            Assert.InRange(taken, 3_000 * Millisecond, 12_000 * Millisecond);
        Assert.Equal(0, FutexCalls.Call(First, UnlockPrivate, 0, 0, 0, 0));
        Simulation.Sleep(20 * Millisecond);
    });
}
