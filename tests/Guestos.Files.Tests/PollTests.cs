using System;
using Xunit;

namespace Guestos.Tests;

/// <summary>A waiting process is woken by what it waits for, and by nothing else.</summary>
public sealed unsafe class PollTests : IDisposable
{
    private const int Descriptors = 200;
    private const ushort In = (ushort)PollEvents.In;
    private const ushort Out = (ushort)PollEvents.Out;

    private static FileOperations s_counted;
    private static WaitQueue s_queue;
    private static int s_looks;
    private static uint s_holds;

    public PollTests()
    {
        Guest.Start();
        s_counted = new FileOperations { Poll = &CountedPoll, QueueOf = &CountedQueue };
        s_queue = default;
        s_looks = 0;
        s_holds = 0;
    }

    public void Dispose() => Guest.Stop();

    private static uint CountedPoll(File* file)
    {
        s_looks++;
        return s_holds;
    }

    private static WaitQueue* CountedQueue(File* file)
    {
        fixed (WaitQueue* queue = &s_queue)
            return queue;
    }

    private static (ulong Reader, ulong Writer) Pipe(uint flags = 0)
    {
        ulong pair = Guest.Room(8);
        Assert.Equal(0, FileCalls.Pipe2(pair, flags));
        return (((uint*)pair)[0], ((uint*)pair)[1]);
    }

    private static ulong Asked(ushort events, params ulong[] descriptors)
    {
        ulong room = Guest.Room(descriptors.Length * sizeof(PollCalls.PollDescriptor));
        for (int i = 0; i < descriptors.Length; i++)
        {
            ((PollCalls.PollDescriptor*)room)[i].Descriptor = (int)descriptors[i];
            ((PollCalls.PollDescriptor*)room)[i].Events = events;
        }

        return room;
    }

    private static ushort Answer(ulong asked, int index) => ((PollCalls.PollDescriptor*)asked)[index].Result;

    private static void Meanwhile(Action action) => Scheduler.WhileAsleep.Enqueue(() =>
    {
        action();
        return WaitResult.Woken;
    });

    private static void Write(ulong descriptor, int length) =>
        Assert.Equal(length, FileCalls.Write(descriptor, Guest.Room(length), (ulong)length));

    private static void Read(ulong descriptor, int length) =>
        Assert.Equal(length, FileCalls.Read(descriptor, Guest.Room(length), (ulong)length));

    private static ulong Never => unchecked((ulong)-1);

    [Fact]
    public void One_of_many_wakes_and_what_was_not_asked_for_does_not()
    {
        var readers = new ulong[Descriptors];
        var writers = new ulong[Descriptors];
        for (int i = 0; i < Descriptors; i++)
            (readers[i], writers[i]) = Pipe();
        (ulong other, ulong otherWriter) = Pipe();
        ulong asked = Asked(In, readers);
        Meanwhile(() => Write(otherWriter, 100));
        Meanwhile(() => Read(other, 100));
        Meanwhile(() => Assert.Equal(0, Scheduler.Wakes));
        Meanwhile(() => Write(writers[100], 1));
        Assert.Equal(1, PollCalls.Poll(asked, Descriptors, Never));
        Assert.Equal(1, Scheduler.Wakes);
        for (int i = 0; i < Descriptors; i++)
            Assert.Equal(i == 100 ? In : 0, Answer(asked, i));
    }

    [Fact]
    public void Only_what_has_changed_is_looked_at_again()
    {
        var files = new ulong[Descriptors];
        for (int i = 0; i < Descriptors; i++)
        {
            File* file = Files.Allocate(FileOperations.At(ref s_counted), OpenFlags.RDWR);
            files[i] = (ulong)FileTable.Install(FileContext.TableOf(Process.Current), file, false);
        }

        (ulong reader, ulong writer) = Pipe();
        ulong[] all = [.. files, reader];
        ulong asked = Asked(In, all);
        Meanwhile(() => Assert.Equal(Descriptors, s_looks));
        Meanwhile(() => Readiness.Changed(CountedQueue(null), PollEvents.Writable));
        Meanwhile(() => Assert.Equal(0, Scheduler.Wakes));
        Meanwhile(() => Write(writer, 1));
        Assert.Equal(1, PollCalls.Poll(asked, (ulong)all.Length, Never));
        Assert.Equal((Descriptors, 1), (s_looks, Scheduler.Wakes));
    }

    [Fact]
    public void Who_waits_for_room_is_woken_when_there_is_some()
    {
        (ulong reader, ulong writer) = Pipe();
        Write(writer, (int)Guestos.Pipe.StandardCapacity);
        ulong asked = Asked(Out, writer);
        Meanwhile(() => Read(reader, 1));
        Meanwhile(() => Read(reader, 4094));
        Meanwhile(() => Assert.Equal(0, Scheduler.Wakes));
        Meanwhile(() => Read(reader, 1));
        Assert.Equal(1, PollCalls.Poll(asked, 1, Never));
        Assert.Equal((1, Out), (Scheduler.Wakes, Answer(asked, 0)));
    }

    [Fact]
    public void A_reader_is_not_woken_by_readers_and_a_writer_is_by_each_byte_of_room()
    {
        (ulong reader, ulong writer) = Pipe();
        Meanwhile(() => Readiness.Changed(Files.QueueOf(Descriptor.FileOf(reader)), PollEvents.Moved | PollEvents.Writable));
        Meanwhile(() => Assert.Equal(0, Scheduler.Wakes));
        Meanwhile(() => Write(writer, 3));
        Read(reader, 3);
        Assert.Equal(1, Scheduler.Wakes);
        Write(writer, (int)Guestos.Pipe.StandardCapacity - 1);
        for (int i = 0; i < 3; i++)
            Meanwhile(() => Read(reader, 1));
        Write(writer, 4);
        Assert.Equal(4, Scheduler.Wakes);
    }

    [Fact]
    public void Select_is_woken_by_what_its_sets_ask_for()
    {
        ulong counter = (ulong)PollCalls.Eventfd2(5, 0);
        (ulong reader, ulong writer) = Pipe();
        ulong sets = Guest.Room(16);
        ((ulong*)sets)[0] = 1UL << (int)counter | 1UL << (int)reader;
        ulong value = Guest.Room(8);
        FileCalls.Read(counter, value, 8);
        Meanwhile(() => Readiness.Changed(Files.QueueOf(Descriptor.FileOf(counter)), PollEvents.Out));
        Meanwhile(() => Assert.Equal(0, Scheduler.Wakes));
        Meanwhile(() => Write(writer, 1));
        Assert.Equal(1, PollCalls.Select(reader + 1, sets, 0, 0, 0));
        Assert.Equal((1UL << (int)reader, 1), (((ulong*)sets)[0], Scheduler.Wakes));
    }

    [Fact]
    public void The_end_of_the_other_side_wakes_everybody()
    {
        (ulong reader, ulong writer) = Pipe();
        ulong asked = Asked(0, reader);
        Meanwhile(() => FileCalls.Close(writer));
        Assert.Equal(1, PollCalls.Poll(asked, 1, Never));
        Assert.Equal((ushort)PollEvents.HangUp, Answer(asked, 0));
    }
}
