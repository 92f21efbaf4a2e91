using Netstack;
using Xunit;

namespace Guestos.Tests;

/// <summary>Sockets by handle. Handles are as the stack makes them: 15 bits of place, above them the place's generation.</summary>
public unsafe class SocketTableTests
{
    private const int Generation = 1 << 15;
    private const int FirstListener = 1 << 14;
    private const int FirstDatagram = FirstListener + (1 << 13);

    public SocketTableTests()
    {
        Guest.Start();
        Assert.True(SocketTable.Start(new StackConfiguration { Connections = 4, Listeners = 3, DatagramSockets = 2 }));
    }

    private static bool Reaches(int handle, Socket* socket) => SocketTable.Find(handle) == socket;

    [Theory]
    [InlineData(3)]
    [InlineData(FirstListener + 2)]
    [InlineData(FirstDatagram + 1)]
    public void A_stale_handle_does_not_reach_the_socket_that_has_its_place_now(int place)
    {
        Socket first = default;
        Socket second = default;
        int stale = 7 * Generation | place;
        int current = 8 * Generation | place;
        SocketTable.Attach(&first, stale);
        Assert.True(Reaches(stale, &first));
        SocketTable.Detach(&first);
        Assert.True(Reaches(stale, null));
        SocketTable.Attach(&second, current);
        Assert.True(Reaches(stale, null));
        Assert.True(Reaches(current, &second));
    }

    /// <summary>The stack may give a place away before the socket that had it says goodbye: a listener's connection that was reset.</summary>
    [Fact]
    public void A_socket_that_leaves_late_does_not_take_the_place_of_the_next_one()
    {
        Socket first = default;
        Socket second = default;
        SocketTable.Attach(&first, Generation | 1);
        SocketTable.Attach(&second, 2 * Generation | 1);
        SocketTable.Detach(&first);
        Assert.True(Reaches(2 * Generation | 1, &second));
        Assert.Equal(-1, first.Handle);
    }

    [Fact]
    public void Places_of_different_kinds_are_different_ones()
    {
        int[] handles = [0, 3, FirstListener, FirstListener + 2, FirstDatagram, FirstDatagram + 1];
        Socket* sockets = stackalloc Socket[handles.Length];
        for (int i = 0; i < handles.Length; i++)
            SocketTable.Attach(sockets + i, handles[i]);
        for (int i = 0; i < handles.Length; i++)
            Assert.True(Reaches(handles[i], sockets + i));
    }
}
