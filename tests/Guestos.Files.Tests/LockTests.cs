using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Xunit;

namespace Guestos.Tests;

/// <summary>Locks on files: what lets go of one needs no memory, unless it cuts one in two.</summary>
public unsafe class LockTests
{
    private const ulong Set = 6, SetWait = 7, SetDescription = 37;
    private const short Write = 1, Unlock = 2;
    private const ulong Exclusive = 2, Free = 8;

    [Fact]
    public void Without_memory_a_lock_is_let_go_of_and_one_that_would_be_cut_stays()
    {
        Guest.Start();
        long first = Guest.Open("/file", OpenFlags.CREAT | OpenFlags.RDWR), second = Guest.Open("/file", OpenFlags.RDWR);
        Assert.Equal(0, Lock(first, Set, Write, 0, 100));
        Assert.Equal(0, LockCalls.Flock((ulong)second, Exclusive));
        List<nint> taken = ExhaustMemory();
        Assert.Equal(Errno.ENOLCK, Lock(first, Set, Unlock, 40, 20));
        Assert.Equal(Errno.EAGAIN, Lock(second, SetDescription, Write, 0, 1));
        Assert.Equal(Errno.EAGAIN, Lock(second, SetDescription, Write, 50, 1));
        Assert.Equal(0, Lock(first, Set, Unlock, 0, 10));
        Assert.Equal(0, Lock(first, Set, Unlock, 90, 10));
        Assert.Equal(0, Lock(first, Set, Unlock, 0, 200));
        Assert.Equal(0, LockCalls.Flock((ulong)second, Free));
        foreach (nint item in taken)
            Objects.Free((FileLock*)item);
        Assert.Equal(0, Lock(second, SetDescription, Write, 0, 200));
        Assert.Equal(0, LockCalls.Flock((ulong)first, Exclusive));
        FileCalls.Close((ulong)first);
        FileCalls.Close((ulong)second);
        Guest.Stop();
    }

    [Fact]
    public void A_descriptor_closed_during_the_wait_leaves_no_lock()
    {
        Guest.Start();
        long waits = Guest.Open("/file", OpenFlags.CREAT | OpenFlags.RDWR), holds = Guest.Open("/file", OpenFlags.RDWR);
        long keeps = Guest.Open("/file", OpenFlags.RDWR);
        Assert.Equal(0, Lock(holds, SetDescription, Write, 40, 20));
        Scheduler.WhileAsleep.Enqueue(() =>
        {
            FileCalls.Close((ulong)waits);
            // Locks of the same process at both ends: the one that is not taken is not cut out of them.
            Assert.Equal(0, Lock(keeps, Set, Write, 0, 40));
            Assert.Equal(0, Lock(keeps, Set, Write, 60, 40));
            Assert.Equal(0, Lock(holds, SetDescription, Unlock, 40, 20));
            return WaitResult.Woken;
        });
        Assert.Equal(Errno.EBADF, Lock(waits, SetWait, Write, 40, 20));
        Assert.Equal(0, Lock(holds, SetDescription, Write, 40, 20));
        Assert.Equal(Errno.EAGAIN, Lock(holds, SetDescription, Write, 39, 1));
        Assert.Equal(Errno.EAGAIN, Lock(holds, SetDescription, Write, 60, 1));
        Guest.Stop();
    }

    /// <summary>What Drop could not cut for want of memory goes with the descriptor: as many objects are left as when it could.</summary>
    [Fact]
    public void A_lock_that_could_not_be_cut_is_gone_with_its_descriptor()
    {
        ObjectsLeft(isMemoryExhausted: false);      // what is made once is made
        Assert.Equal(ObjectsLeft(isMemoryExhausted: false), ObjectsLeft(isMemoryExhausted: true));
    }

    private static ulong ObjectsLeft(bool isMemoryExhausted)
    {
        Guest.Start();
        long first = Guest.Open("/file", OpenFlags.CREAT | OpenFlags.RDWR), second = Guest.Open("/file", OpenFlags.RDWR);
        Assert.Equal(0, Lock(first, Set, Write, 0, 100));
        Assert.Equal(0, Lock(first, SetDescription, Write, 200, 100));
        List<nint> taken = isMemoryExhausted ? ExhaustMemory() : [];
        long expected = isMemoryExhausted ? Errno.ENOLCK : 0;
        Assert.Equal(expected, Lock(first, Set, Unlock, 40, 20));
        Assert.Equal(expected, Lock(first, SetDescription, Unlock, 240, 20));
        Assert.Equal(0, FileCalls.Close((ulong)first));
        foreach (nint item in taken)
            Objects.Free((FileLock*)item);
        Assert.Equal(0, Lock(second, SetDescription, Write, 0, 300));
        Assert.Equal(0, FileCalls.Close((ulong)second));
        Guest.Stop();
        ulong left = 0;
        for (int i = 0; i < Objects.Classes; i++)
            left += Objects.ActiveIn(i);
        return left;
    }

    /// <summary>fcntl(2) with a struct flock.</summary>
    private static long Lock(long descriptor, ulong command, short type, long start, long length)
    {
        ulong request = Guest.Room(32);
        *(short*)request = type;
        *(long*)(request + 8) = start;
        *(long*)(request + 16) = length;
        return FileCalls.Fcntl((ulong)descriptor, (uint)command, request);
    }

    /// <summary>All that locks could be made of, to be given back.</summary>
    private static List<nint> ExhaustMemory()
    {
        Shortage.Leave(0);
        List<nint> taken = [];
        while (Objects.Allocate<FileLock>() is var item && item != null)
            taken.Add((nint)item);
        return taken;
    }
}
