using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Guestos.Tests;

public sealed unsafe class PipeTests
{
    private static (ulong Reader, ulong Writer) Open(uint flags = 0)
    {
        ulong pair = Guest.Room(8);
        Assert.Equal(0, FileCalls.Pipe2(pair, flags));
        return (((uint*)pair)[0], ((uint*)pair)[1]);
    }

    /// <summary>Many sizes through the ring's end, against a queue; no frame stays behind.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Behaves_like_a_queue(int seed)
    {
        Guest.Start();
        var random = new Random(seed);
        (ulong reader, ulong writer) = Open(OpenFlags.NONBLOCK);
        long frames = Shortage.InUse;
        var model = new Queue<byte>();
        ulong buffer = Guest.Room(80_000);
        byte next = 0;
        for (int step = 0; step < 4000; step++)
        {
            int length = random.Next(4) switch { 0 => random.Next(1, 20), 1 => random.Next(1, 5000), 2 => random.Next(1, 70_000), _ => 4096 };
            if (random.Next(2) == 0)
            {
                for (int i = 0; i < length; i++)
                    ((byte*)buffer)[i] = (byte)(next + i);
                long count = FileCalls.Write(writer, buffer, (ulong)length);
                int room = (int)Pipe.StandardCapacity - model.Count;
                Assert.Equal(length <= 4096 ? room >= length ? length : Errno.EAGAIN : room == 0 ? Errno.EAGAIN : Math.Min(room, length), count);
                for (int i = 0; i < count; i++)
                    model.Enqueue(next++);
            }
            else
            {
                long count = FileCalls.Read(reader, buffer, (ulong)length);
                Assert.Equal(model.Count == 0 ? Errno.EAGAIN : Math.Min(length, model.Count), count);
                for (int i = 0; i < count; i++)
                    Assert.Equal(model.Dequeue(), ((byte*)buffer)[i]);
            }

            Assert.True(Shortage.InUse - frames <= model.Count / 4096 + 2);
        }

        FileCalls.Close(reader);
        FileCalls.Close(writer);
        Assert.True(Shortage.InUse <= frames);
        Guest.Stop();
    }

    [Fact]
    public void The_end_of_the_writers_is_the_end_of_file_and_of_the_readers_a_signal()
    {
        Guest.Start();
        (ulong reader, ulong writer) = Open();
        Guest.Write((long)writer, "last"u8.ToArray());
        FileCalls.Close(writer);
        ulong buffer = Guest.Room(100);
        Assert.Equal(4, FileCalls.Read(reader, buffer, 100));
        Assert.Equal(0, FileCalls.Read(reader, buffer, 100));
        (ulong reader2, ulong writer2) = Open();
        FileCalls.Close(reader2);
        Assert.Equal(Errno.EPIPE, Guest.Write((long)writer2, [1]));
        Assert.Equal([Signal.Pipe], Signals.Sent);
        Guest.Stop();
    }

    [Fact]
    public void A_reader_sleeps_until_there_is_something_and_a_signal_interrupts_it()
    {
        Guest.Start();
        (ulong reader, ulong writer) = Open();
        ulong buffer = Guest.Room(100);
        Scheduler.WhileAsleep.Enqueue(() => WaitResult.Woken);      // for nothing: looks again
        Scheduler.WhileAsleep.Enqueue(() =>
        {
            Guest.Write((long)writer, "now"u8.ToArray());
            return WaitResult.Woken;
        });
        Assert.Equal(3, FileCalls.Read(reader, buffer, 100));
        Scheduler.WhileAsleep.Enqueue(() => WaitResult.Interrupted);
        Assert.Equal(Errno.EINTR, FileCalls.Read(reader, buffer, 100));
        Guest.Stop();
    }

    [Fact]
    public void A_long_write_goes_on_as_room_comes_and_reports_what_went_when_interrupted()
    {
        Guest.Start();
        (ulong reader, ulong writer) = Open();
        ulong sink = Guest.Room(70_000);
        byte[] data = CpioTests.Pattern(150_000);
        var got = new List<byte>();
        WaitResult Drain()
        {
            long count = FileCalls.Read(reader, sink, 70_000);
            got.AddRange(new Span<byte>((void*)sink, (int)count).ToArray());
            return WaitResult.Woken;
        }

        for (int i = 0; i < 3; i++)
            Scheduler.WhileAsleep.Enqueue(Drain);
        Assert.Equal(150_000, Guest.Write((long)writer, data));
        Scheduler.WhileAsleep.Clear();
        Drain();
        Assert.Equal(data, got);
        Scheduler.WhileAsleep.Enqueue(() => WaitResult.Interrupted);
        Assert.Equal((long)Pipe.StandardCapacity, Guest.Write((long)writer, data));
        Scheduler.WhileAsleep.Enqueue(() => WaitResult.Interrupted);
        Assert.Equal(Errno.EINTR, Guest.Write((long)writer, [1]));
        Guest.Stop();
    }

    [Fact]
    public void A_closed_descriptor_does_not_end_a_read_in_progress()
    {
        Guest.Start();
        (ulong reader, ulong writer) = Open();
        Scheduler.WhileAsleep.Enqueue(() =>
        {
            FileCalls.Close(reader);
            Guest.Write((long)writer, "x"u8.ToArray());
            return WaitResult.Woken;
        });
        Assert.Equal(1, FileCalls.Read(reader, Guest.Room(10), 10));
        Guest.Stop();
    }

    [Fact]
    public void Fifos_wait_for_their_other_side()
    {
        Guest.Start();
        Assert.Equal(0, FileCalls.Mknod(Guest.Text("/p"), 0x11b6, 0));
        Assert.Equal(Errno.ENXIO, Guest.Open("/p", OpenFlags.WRONLY | OpenFlags.NONBLOCK));
        Scheduler.WhileAsleep.Enqueue(() => WaitResult.Interrupted);
        Assert.Equal(Errno.EINTR, Guest.Open("/p"));
        long other = -1;
        Scheduler.WhileAsleep.Enqueue(() =>
        {
            other = Guest.Open("/p", OpenFlags.WRONLY);
            Guest.Write(other, "through"u8.ToArray());
            FileCalls.Close((ulong)other);      // open, write, close while the reader still sleeps in open
            return WaitResult.Woken;
        });
        long reader = Guest.Open("/p");
        Assert.True(reader >= 0);
        ulong buffer = Guest.Room(100);
        Assert.Equal(7, FileCalls.Read((ulong)reader, buffer, 100));
        Assert.Equal(0, FileCalls.Read((ulong)reader, buffer, 100));
        Guest.Stop();
    }

    /// <summary>Access mode 3 neither reads nor writes: two who had it freed the FIFO's pipe twice.</summary>
    [Fact]
    public void A_fifo_is_not_opened_for_nothing()
    {
        Guest.Start();
        Assert.Equal(0, FileCalls.Mknod(Guest.Text("/p"), 0x11b6, 0));
        Assert.Equal(Errno.EINVAL, Guest.Open("/p", OpenFlags.WRONLY | OpenFlags.RDWR | OpenFlags.NONBLOCK));
        Assert.Equal(Errno.EINVAL, Guest.Open("/p", OpenFlags.WRONLY | OpenFlags.RDWR));
        long reader = Guest.Open("/p", OpenFlags.NONBLOCK);
        Assert.True(reader >= 0);
        Assert.Equal(Errno.EINVAL, Guest.Open("/p", OpenFlags.WRONLY | OpenFlags.RDWR | OpenFlags.NONBLOCK));
        Assert.True(Guest.Open("/p", OpenFlags.WRONLY) >= 0);
        Guest.Stop();
    }

    [Fact]
    public void Poll_select_and_epoll_agree()
    {
        Guest.Start();
        (ulong reader, ulong writer) = Open();
        ulong set = (ulong)PollCalls.EpollCreate1(0);
        ulong events = Guest.Room(120);
        EpollEvent* wanted = (EpollEvent*)Guest.Room(12);
        wanted->Events = PollEvents.In | 1u << 31;     // edge-triggered
        wanted->Data = 77;
        Assert.Equal(0, PollCalls.EpollCtl(set, 1, reader, (ulong)wanted));
        Assert.Equal(Errno.EEXIST, PollCalls.EpollCtl(set, 1, reader, (ulong)wanted));
        Assert.Equal(0, PollCalls.EpollWait(set, events, 10, 0));
        Guest.Write((long)writer, [1, 2]);
        Assert.Equal(1, PollCalls.EpollWait(set, events, 10, 0));
        Assert.Equal(77ul, ((EpollEvent*)events)->Data);
        Assert.Equal(0, PollCalls.EpollWait(set, events, 10, 0));      // the edge has passed
        ulong buffer = Guest.Room(10);
        FileCalls.Read(reader, buffer, 10);
        Assert.Equal(0, PollCalls.EpollWait(set, events, 10, 0));
        Guest.Write((long)writer, [3]);
        Assert.Equal(1, PollCalls.EpollWait(set, events, 10, 0));
        int* polled = (int*)Guest.Room(16);
        polled[0] = (int)reader;
        polled[1] = (int)PollEvents.In;
        polled[2] = 200;
        Assert.Equal(2, PollCalls.Poll((ulong)polled, 2, 0));
        Assert.Equal((int)PollEvents.Invalid << 16, polled[3]);
        ulong* read = (ulong*)Guest.Room(128);
        read[0] = 1ul << (int)reader;
        Assert.Equal(1, PollCalls.Select(reader + 1, (ulong)read, 0, 0, 0));
        FileCalls.Read(reader, buffer, 10);
        ulong time = Guest.Room(16);
        ((ulong*)time)[1] = 1000;
        Assert.Equal(0, PollCalls.Select(reader + 1, (ulong)read, 0, 0, time));
        Assert.Equal(0ul, read[0]);
        read[0] = 1ul << 60;
        Assert.Equal(Errno.EBADF, PollCalls.Select(64, (ulong)read, 0, 0, time));
        FileCalls.Close(writer);
        Assert.Equal(1, PollCalls.EpollWait(set, events, 10, 0));
        Assert.Equal(PollEvents.HangUp, ((EpollEvent*)events)->Events & PollEvents.HangUp);
        FileCalls.Close(reader);
        Assert.Equal(0, PollCalls.EpollWait(set, events, 10, 0));
        Assert.Equal(Errno.ELOOP, Nest(set));
        Guest.Stop();
    }

    private static long Nest(ulong inner)
    {
        ulong outer = (ulong)PollCalls.EpollCreate1(0);
        ulong wanted = Guest.Room(12);
        Assert.Equal(0, PollCalls.EpollCtl(outer, 1, inner, wanted));
        return PollCalls.EpollCtl(inner, 1, outer, wanted);
    }

    [Fact]
    public void Event_counters_count()
    {
        Guest.Start();
        ulong counter = (ulong)PollCalls.Eventfd2(3, OpenFlags.NONBLOCK);
        ulong value = Guest.Room(8);
        Assert.Equal(8, FileCalls.Read(counter, value, 8));
        Assert.Equal(3ul, *(ulong*)value);
        Assert.Equal(Errno.EAGAIN, FileCalls.Read(counter, value, 8));
        *(ulong*)value = ulong.MaxValue;
        Assert.Equal(Errno.EINVAL, FileCalls.Write(counter, value, 8));
        *(ulong*)value = ulong.MaxValue - 1;
        Assert.Equal(8, FileCalls.Write(counter, value, 8));
        *(ulong*)value = 1;
        Assert.Equal(Errno.EAGAIN, FileCalls.Write(counter, value, 8));
        Assert.Equal(Errno.EINVAL, FileCalls.Read(counter, value, 7));
        Guest.Stop();
    }

    [Fact]
    public void Descriptors_are_shared_copied_and_closed_on_exec()
    {
        Guest.Start();
        Guest.Put("/f", "abcdef");
        ulong first = (ulong)Guest.Open("/f", OpenFlags.CLOEXEC);
        ulong second = (ulong)FileCalls.Dup(first);
        ulong buffer = Guest.Room(10);
        FileCalls.Read(first, buffer, 3);
        FileCalls.Read(second, buffer, 3);
        Assert.Equal((byte)'d', *(byte*)buffer);
        Assert.Equal(1, FileCalls.Fcntl(first, 1, 0));
        Assert.Equal(0, FileCalls.Fcntl(second, 1, 0));
        FileTable* copy = FileTable.Fork(FileContext.TableOf(Process.Current));
        FileTable.CloseOnExec(copy);
        Assert.True(FileTable.Get(copy, first) == null);
        Assert.True(FileTable.Get(copy, second) != null);
        FileTable.Release(copy);
        Assert.Equal(50, FileCalls.Dup2(first, 50));
        Assert.Equal(Errno.EINVAL, FileCalls.Dup3(first, first, 0));
        Assert.Equal((long)first, FileCalls.Dup2(first, first));
        Assert.Equal(51, FileCalls.Fcntl(first, 0, 50));
        Assert.Equal(0, FileCalls.CloseRange(50, 1000, 0));
        Assert.Equal(Errno.EBADF, FileCalls.Close(50));
        Guest.Stop();
    }
}
