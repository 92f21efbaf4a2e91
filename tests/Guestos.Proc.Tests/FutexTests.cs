using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Xunit;

namespace Guestos.Proc.Tests;

public sealed unsafe class FutexTests
{
    private const ulong Millisecond = 1_000_000;
    private const ulong WaitPrivate = 0x80, WakePrivate = 0x81, CompareRequeuePrivate = 0x84, WaitBitset = 0x89, WakeBitset = 0x8a;
    private const ulong CloneVm = 0x100;
    private const ulong First = UserMemory.Words, Second = UserMemory.Words + 4;

    /// <summary>A process that shares its parent's memory, so that private words are the same.</summary>
    private static void Share(Action body) => Simulation.Fork(body, CloneVm | 17);

    /// <summary>Who waits on which word with which bits, oldest first: what wakes and moves returns, and who it wakes, is the model's answer.</summary>
    [Fact]
    public void Words_are_queues() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1], Gen.Int[0, 3], Gen.UInt[1, 7], Gen.Int[0, 3]).Array[1, 25].Sample(steps => Simulation.Run(() =>
        {
            UserMemory.Write(First, 5u);
            UserMemory.Write(Second, 5u);
            List<(int Number, int Word, uint Bits)> model = [];
            SortedSet<int> woken = [], expected = [];
            int begun = 0;
            void Wake(int word, int count, uint bits)
            {
                foreach (var one in model.Where(one => one.Word == word && (one.Bits & bits) != 0).Take(count).ToArray())
                {
                    expected.Add(one.Number);
                    model.Remove(one);
                }
            }
            foreach ((int what, int word, int count, uint bits, int move) in steps)
            {
                ulong address = First + 4 * (ulong)word, other = First + 4 * (ulong)(1 - word);
                int before = expected.Count;
                switch (what)
                {
                    case 0 or 1:
                        int number = begun;
                        begun++;
                        Share(() =>
                        {
                            Assert.Equal(0, FutexCalls.Call(address, WaitBitset, 5, 0, 0, bits));
                            woken.Add(number);
                        });
                        model.Add((number, word, bits));
                        break;
                    case 2:
                        Wake(word, Math.Max(count, 1), bits);  // of none Linux wakes one
                        Assert.Equal(expected.Count - before, FutexCalls.Call(address, WakeBitset, (ulong)count, 0, 0, bits));
                        break;
                    default:
                        Wake(word, count, uint.MaxValue);
                        int moved = 0;
                        for (int i = 0; i < model.Count && moved < move; i++)
                            if (model[i].Word == word)
                            {
                                model[i] = model[i] with { Word = 1 - word };
                                moved++;
                            }
                        Assert.Equal(expected.Count - before + moved,
                            FutexCalls.Call(address, CompareRequeuePrivate, (ulong)count, (ulong)move, other, 5));
                        break;
                }
                Simulation.Sleep(Millisecond);
                Assert.Equal(expected, woken);
            }
            FutexCalls.Call(First, WakePrivate, 1000, 0, 0, 0);
            FutexCalls.Call(Second, WakePrivate, 1000, 0, 0, 0);
            for (int i = 0; i < begun; i++)
                Assert.Equal(0, Simulation.Wait().Status);
        }), iter: 40, threads: 1);

    [Fact]
    public void A_wait_ends_by_value_time_or_signal()
    {
        Simulation.Run(() =>
        {
            UserMemory.Write(First, 1u);
            UserMemory.Write(Second, new TimeCalls.TimeSpec { Nanoseconds = 3_000_000 });
            int child = Simulation.Fork(() =>
            {
                Assert.Equal(Errno.EAGAIN, FutexCalls.Call(First, WaitPrivate, 2, 0, 0, 0));
                ulong begin = Clock.Monotonic;
                Assert.Equal(Errno.ETIMEDOUT, FutexCalls.Call(First, WaitPrivate, 1, Second, 0, 0));
                Assert.Equal(begin + 3 * Millisecond, Clock.Monotonic);
                UserMemory.Write(Second, new TimeCalls.TimeSpec { Seconds = (long)((Clock.Monotonic + 5_000_000_000) / 1_000_000_000) });
                Assert.Equal(Errno.ETIMEDOUT, FutexCalls.Call(First, WaitBitset, 1, Second, 0, uint.MaxValue));
                Assert.Equal(0ul, Clock.Monotonic % 1_000_000_000);
                UserMemory.Write(Second, new TimeCalls.TimeSpec { Nanoseconds = 1_000_000_000 });
                Assert.Equal(Errno.EINVAL, FutexCalls.Call(First, WaitPrivate, 1, Second, 0, 0));
                Assert.Equal(Errno.EINVAL, FutexCalls.Call(First + 1, WaitPrivate, 1, 0, 0, 0));
                Assert.Equal(Errno.EINVAL, FutexCalls.Call(First, WaitBitset, 1, 0, 0, 0));
                Assert.Equal(Errno.EFAULT, FutexCalls.Call(0x1000, WaitPrivate, 1, 0, 0, 0));
                Assert.Equal(Errno.EAGAIN, FutexCalls.Call(First, CompareRequeuePrivate, 1, 1, First, 99));
                Assert.Equal(Errno.EINTR, FutexCalls.Call(First, WaitPrivate, 1, 0, 0, 0));
            });
            Simulation.Sleep(20_000 * Millisecond);
            SignalActions.Of(ProcessTable.Find(child)->Actions, Signal.User1)->Handler = 0x1000;
            Thread* waiter = ProcessTable.Find(child)->FirstThread;
            Signals.Send(ProcessTable.Find(child), Signal.User1);
            waiter->BlockedSignals = ulong.MaxValue;
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    /// <summary>Processes without memory in common do not meet at a private word.</summary>
    [Fact]
    public void A_private_word_is_its_address_spaces()
    {
        Simulation.Run(() =>
        {
            UserMemory.Write(First, 1u);
            int child = Simulation.Fork(() => FutexCalls.Call(First, WaitPrivate, 1, 0, 0, 0));
            Simulation.Sleep(Millisecond);
            Assert.Equal(0, FutexCalls.Call(First, WakePrivate, 9, 0, 0, 0));
            Signals.Send(ProcessTable.Find(child), Signal.Kill);
            Assert.Equal((child, 9), Simulation.Wait());
        });
    }

    /// <summary>Documentation/locking/robust-futex-ABI.rst: locks that are held are marked and one waiter is woken; a ring of them ends.</summary>
    [Fact]
    public void Locks_of_one_that_ends_are_freed()
    {
        const ulong head = UserMemory.Words + 0x100, entry = UserMemory.Words + 0x200, ring = UserMemory.Words + 0x300;
        Simulation.Run(() =>
        {
            Share(() =>
            {
                UserMemory.Write(head, new Futex.RobustHead { Next = entry, Offset = 8 });
                UserMemory.Write(entry, ring);
                UserMemory.Write(entry + 8, (uint)Thread.Current->Id | 0x80000000);
                UserMemory.Write(ring, entry);              // never back to the head
                UserMemory.Write(ring + 8, (uint)Thread.Current->Id + 1);
                Assert.Equal(Errno.EINVAL, Futex.SetRobustList(head, 23));
                Assert.Equal(0, Futex.SetRobustList(head, 24));
                Simulation.Sleep(5 * Millisecond);
            });
            Share(() =>
            {
                Simulation.Sleep(Millisecond);
                uint held = UserMemory.Read<uint>(entry + 8);
                Assert.Equal(0, FutexCalls.Call(entry + 8, WaitPrivate, held, 0, 0, 0));
                Assert.Equal(0xc0000000, UserMemory.Read<uint>(entry + 8));
                Assert.Equal(0u, UserMemory.Read<uint>(ring + 8) & 0x40000000);
            });
            Assert.Equal(0, Simulation.Wait().Status);
            Assert.Equal(0, Simulation.Wait().Status);
        });
    }
}
