using System;
using System.Collections.Generic;
using Xunit;

namespace Guestos.Tests;

/// <summary>Local sockets: what a program cannot see of them by its answers alone. Those are tests/Guestos.Tests/programs/local.c.</summary>
public unsafe class LocalSocketTests
{
    private const ulong Stream = 1, Datagram = 2, Sequenced = 5, NonBlocking = 0x800;

    public LocalSocketTests()
    {
        Guest.Start();
        LocalSocketFile.Init();
    }

    private static (ulong One, ulong Other) Pair(ulong type)
    {
        ulong two = Guest.Room(8);
        Assert.Equal(0, LocalCalls.Socketpair(type, 0, two));
        return ((ulong)((int*)two)[0], (ulong)((int*)two)[1]);
    }

    private static long Send(ulong socket, params int[] descriptors)
    {
        ulong control = Guest.Room(16 + 4 * descriptors.Length);
        *(ulong*)control = (ulong)(16 + 4 * descriptors.Length);
        ((int*)control)[2] = ((int*)control)[3] = 1;
        descriptors.CopyTo(new Span<int>((void*)(control + 16), descriptors.Length));
        ulong vector = Guest.Room(16);
        ((ulong*)vector)[0] = Guest.Room(8);
        ((ulong*)vector)[1] = 1;
        var message = (MessageHeader*)Guest.Room(sizeof(MessageHeader));
        message->Vectors = vector;
        message->VectorCount = 1;
        message->Control = control;
        message->ControlLength = *(ulong*)control;
        return LocalCalls.Sendmsg(socket, (ulong)message, MessageFlags.DontWait);
    }

    private static void Stop()
    {
        Guest.Stop();
        Assert.True(LocalSocket.First == null);
        Assert.Equal(0ul, LocalMessage.BytesInUse);
        Assert.Equal(0, LocalCollector.SocketsOnTheirWay);
    }

    [Theory]
    [InlineData(Stream)]
    [InlineData(Datagram)]
    [InlineData(Sequenced)]
    public void Sockets_that_only_hold_each_other_are_closed_with_all_that_they_hold(ulong type)
    {
        FileCalls.Close((ulong)LocalCalls.Socket(Stream, 0));
        ulong active = Active();
        for (int round = 0; round < 3; round++)
        {
            (ulong one, ulong other) = Pair(type | NonBlocking);
            (ulong third, ulong fourth) = Pair(Datagram | NonBlocking);
            Assert.Equal(1, Send(one, (int)other, (int)fourth));
            Assert.Equal(1, Send(third, (int)other));
            Assert.Equal(1, Send(one, (int)one));
            foreach (ulong descriptor in new[] { one, other, third, fourth })
                FileCalls.Close(descriptor);
            Assert.True(LocalSocket.First != null);
            FileCalls.Close((ulong)LocalCalls.Socket(Stream, 0));   // the next that is closed has them looked for
            Assert.True(LocalSocket.First == null);
        }

        Assert.Equal(active, Active());
        Stop();
    }

    [Fact]
    public void A_socket_that_can_be_reached_by_another_s_queue_stays()
    {
        (ulong one, ulong other) = Pair(Stream);
        (ulong third, ulong fourth) = Pair(Stream);
        Assert.Equal(1, Guest.Write((long)third, [7]));
        Assert.Equal(1, Send(one, (int)fourth));
        FileCalls.Close(fourth);
        FileCalls.Close((ulong)LocalCalls.Socket(Stream, 0));
        LocalReceipt receipt = default;
        ulong buffer = Guest.Room(10);
        VectoredTransfer to = VectoredTransfer.Of(Transfer.Of((byte*)buffer, 10));
        Assert.Equal(1, LocalStream.Receive(LocalSocketFile.Of(FileTable.Get(FileContext.TableOf(Process.Current), other)), ref to, ref receipt));
        to = VectoredTransfer.Of(Transfer.Of((byte*)buffer, 10));
        LocalReceipt second = default;
        Assert.Equal(1, LocalStream.Receive(LocalSocketFile.Of((*receipt.Files)[0]), ref to, ref second));
        Assert.Equal(7, *(byte*)buffer);
        receipt.Drop();
        second.Drop();
        Stop();
    }

    [Fact]
    public void A_chain_of_sockets_in_queues_is_closed_one_after_the_other()
    {
        int last = (int)Pair(Stream).One;
        for (int i = 0; i < 1500; i++)
        {
            (ulong one, ulong other) = Pair(Stream);
            Assert.Equal(1, Send(one, last));
            FileCalls.Close((ulong)last);
            FileCalls.Close(one);
            last = (int)other;
        }

        var shallow = new System.Threading.Thread(() => FileCalls.Close((ulong)last), 128 << 10);
        shallow.Start();
        shallow.Join();
        Stop();
    }

    [Fact]
    public void All_messages_together_take_no_more_than_a_quarter_of_memory_and_each_socket_has_one_on_its_way()
    {
        ulong total = Frames.Total;
        Frames.Total = 1024; // what the bound is computed from
        try
        {
            ulong buffer = Guest.Room(100_000);
            var pairs = new List<(ulong One, ulong Other)>();
            ulong most = 0;
            for (int i = 0; i < 20; i++)
            {
                pairs.Add(Pair(Stream | NonBlocking));
                Assert.True(LocalCalls.Sendto(pairs[i].One, buffer, 100_000, 0, 0, 0) > 0);
                most = Math.Max(most, LocalMessage.BytesInUse);
            }

            Assert.InRange(most, 1024ul * 4096 / 4, (1024ul / 4 + 20) * 4096);
            Assert.Equal(Errno.EAGAIN, LocalCalls.Sendto(pairs[19].One, buffer, 1, 0, 0, 0));
            Assert.Equal(0u, Files.Poll(FileTable.Get(FileContext.TableOf(Process.Current), pairs[0].One)) & PollEvents.Error);
            long got = LocalCalls.Recvfrom(pairs[19].Other, buffer, 100_000, 0, 0, 0);
            Assert.True(got > 0);
            Assert.Equal(1, LocalCalls.Sendto(pairs[19].One, buffer, 1, 0, 0, 0));
        }
        finally
        {
            Frames.Total = total;
        }
        Stop();
    }

    [Fact]
    public void Who_waits_for_room_is_woken_when_three_quarters_are_free()
    {
        (ulong one, ulong other) = Pair(Stream);
        ulong buffer = Guest.Room(400_000);
        long got = 0;
        int wakes = Scheduler.Wakes;
        Scheduler.WhileAsleep.Enqueue(() =>
        {
            got += LocalCalls.Recvfrom(other, buffer, 100_000, 0, 0, 0);
            return WaitResult.Woken;
        });
        Scheduler.WhileAsleep.Enqueue(() =>
        {
            Assert.Equal(wakes, Scheduler.Wakes);
            got += LocalCalls.Recvfrom(other, buffer, 100_000, 0, 0, 0);
            return WaitResult.Woken;
        });
        Assert.Equal(400_000, LocalCalls.Sendto(one, buffer, 400_000, 0, 0, 0));
        Assert.Equal(wakes + 1, Scheduler.Wakes);
        Stop();
    }

    [Fact]
    public void The_name_goes_with_the_socket_and_the_file_stays()
    {
        ulong address = Guest.Bytes([1, 0, (byte)'/', (byte)'s', 0]);
        ulong first = (ulong)LocalCalls.Socket(Stream, 0);
        Assert.Equal(0, LocalCalls.Bind(first, address, 5));
        Assert.Equal(0, Guest.Stat("/s", out FileStatus status));
        Assert.Equal((uint)InodeType.SOCK | 0x1ff, status.Mode);
        FileCalls.Close(first);
        ulong second = (ulong)LocalCalls.Socket(Stream, 0);
        Assert.Equal(Errno.ECONNREFUSED, LocalCalls.Connect(second, address, 5));
        Assert.Equal(Errno.EADDRINUSE, LocalCalls.Bind(second, address, 5));
        Assert.Equal(0, FileCalls.Unlink(Guest.Text("/s")));
        Assert.Equal(0, LocalCalls.Bind(second, address, 5));
        Assert.Equal(0, FileCalls.Unlink(Guest.Text("/s")));
        Stop();
    }

    private static ulong Active()
    {
        ulong active = 0;
        for (int i = 0; i < Objects.Classes; i++)
            active += Objects.ActiveIn(i);
        return active;
    }
}
