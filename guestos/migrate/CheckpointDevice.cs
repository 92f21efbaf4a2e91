using System;
using Netstack;
using Wire;

namespace Guestos;

/// <summary>
/// /dev/checkpoint as a file: user space decides where the checkpoint goes (thesis §6.3.2; contract in
/// docs/architecture.md).
/// </summary>
/// <remarks>
/// <para>
/// Open begins a checkpoint, of which there is one at a time, and the last close ends it. In between, read and sendfile
/// take the pieces of <see cref="CheckpointStream"/>, by copying or onto a TCP connection, and ioctl is answered by
/// <see cref="CheckpointRequests"/>. Where the checkpoint is says <see cref="CheckpointState.Stage"/>.
/// </para>
/// <para>
/// Each call may sleep. The state lives as long as the file is open on this side; in the copy it is gone, there is none
/// to be found, and the call that was in progress at the fork fails with ECANCELED. The stream is taken by one call at
/// a time: EBUSY for another one meanwhile, so that none is asleep with a pointer to the state when the fork happens.
/// </para>
/// </remarks>
public static unsafe class CheckpointDevice
{
    /// <summary>Major 10 (miscellaneous), a minor of the local range.</summary>
    private const uint DeviceNumber = 0xaf0;

    /// <summary>
    /// The kernel is not preempted: while the guest still works, the cleaner lets others run this often. Nanoseconds.
    /// </summary>
    private const ulong MaxRun = 500_000;

    private static FileOperations s_operations;

    /// <summary>Makes the device and its node. At boot, once there is a tree.</summary>
    internal static void Register()
    {
        s_operations = new FileOperations
        {
            Traits = FileTraits.Stream | FileTraits.Watchable | FileTraits.Sendable,
            Open = &Open,
            Release = &Release,
            Read = &Read,
            Poll = &Poll,
            Ioctl = &Ioctl,
            SendTo = &SendTo,
        };
        FileOperations* operations = FileOperations.At(ref s_operations);
        Devices.Register(DeviceNumber, "checkpoint"u8, FileOperations.StandardMode, operations);
    }

    /// <summary>0, or −EBUSY, −ENOMEM.</summary>
    private static long Open(File* file) => Checkpoint.Begin();

    /// <summary>The guest goes on as if nothing had been.</summary>
    private static void Release(File* file) => Checkpoint.End();

    private static uint Poll(File* file) => PollEvents.In | PollEvents.ReadNormal;

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        CheckpointState* state = Checkpoint.State;
        return state == null ? Errno.ECANCELED : CheckpointRequests.Answer(state, (CheckpointControl)request, argument);
    }

    /// <summary>The stream by copying: for a disk, a pipe, a program that wants to see it.</summary>
    private static long Read(File* file, ref Transfer to)
    {
        long refusal = BeginTaking(out CheckpointState* state);
        return refusal < 0 ? refusal : EndTaking(Copy(state, ref to));
    }

    /// <summary>The stream onto a TCP connection: page frames go to the device from where they lie.</summary>
    private static long SendTo(File* file, File* socket, ulong count)
    {
        long refusal = FindCarrier(socket, out Socket* connection);
        if (refusal < 0)
            return refusal;
        refusal = BeginTaking(out CheckpointState* state);
        return refusal < 0 ? refusal : EndTaking(Send(state, connection->Handle, count));
    }

    // The calling process is the mover from now on.
    private static long BeginTaking(out CheckpointState* state)
    {
        state = Checkpoint.State;
        if (state == null)
            return Errno.ECANCELED;
        if (state->IsTaken)
            return Errno.EBUSY;
        state->IsTaken = true;
        state->SetMover(Process.Current);
        return 0;
    }

    private static long EndTaking(long result)
    {
        // In the copy what came before the fork is of no use.
        if (Checkpoint.State == null)
            return Errno.ECANCELED;
        Checkpoint.State->IsTaken = false;
        return result;
    }

    // Bytes, or −errno when there are none.
    private static long Copy(CheckpointState* state, ref Transfer to)
    {
        ulong done = 0;
        ulong nextPause = Clock.Monotonic + MaxRun;
        long result = 0;
        while (to.Count > 0)
        {
            result = CheckpointStream.Prepare(state, stopsAtRound: done > 0);
            if (result <= 0)
                break;
            ReadOnlySpan<byte> piece = state->Piece.Run;
            if (piece.IsEmpty)
            {
                // SAFETY: a whole frame, of which this is what was not taken yet.
                byte* page = PageCleaner.ContentOf(state, state->Piece.Page);
                piece = new ReadOnlySpan<byte>(page + state->Piece.PageOffset, state->Piece.PageLength);
            }
            int taken = (int)Math.Min((ulong)piece.Length, to.Count);
            if (!to.TryFill((ulong)taken, out Span<byte> into))
            {
                result = Errno.EFAULT;
                break;
            }
            piece.Slice(0, taken).CopyTo(into);
            to.Advance((ulong)taken);
            CheckpointStream.Take(state, taken);
            done += (ulong)taken;
            Pause(state, ref nextPause);
        }
        return done > 0 ? (long)done : result;
    }

    // Bytes, or −errno when there are none.
    private static long Send(CheckpointState* state, int socket, ulong count)
    {
        bool isNamed = state->Sockets.Contains(socket) || (!state->IsForked && state->Sockets.Add(socket));
        if (!isNamed)
            return Errno.EINVAL;
        state->PageSocket = socket;
        if (state->LastTaken == 0)
            state->LastTaken = Clock.Monotonic;
        ulong done = 0;
        ulong nextPause = Clock.Monotonic + MaxRun;
        Network.Stack->Cork(socket, true, Clock.Monotonic);
        long result = 0;
        while (done < count)
        {
            result = CheckpointStream.Prepare(state, stopsAtRound: done > 0);
            if (result <= 0)
                break;
            int taken = Queue(state, socket, count - done);
            if (taken is SocketError.WouldBlock or SocketError.NoRoom)
            {
                // The guest is frozen after the fork: then all the rest together has the time that a silence has
                // before.
                result = Sockets.WaitChange(socket, state->IsForked ? CheckpointFork.ForkMonotonic : state->LastTaken);
                if (result < 0)
                    break;
                continue;
            }
            if (taken <= 0)
            {
                result = Sockets.ErrnoOf(taken);
                break;
            }
            CheckpointStream.Take(state, taken);
            state->LastTaken = Clock.Monotonic;
            done += (ulong)taken;
            Pause(state, ref nextPause);
        }
        // In the copy there is no such connection.
        if (Checkpoint.State != null)
            Network.Stack->Cork(socket, false, Clock.Monotonic);
        return done > 0 ? (long)done : result;
    }

    // What the caller was told of memory does not hold afterwards.
    private static void Pause(CheckpointState* state, ref ulong next)
    {
        if (state->IsForked || Clock.Monotonic < next)
            return;
        CheckpointStream.LetOthersRun();
        next = Clock.Monotonic + MaxRun;
    }

    // The next bytes of the piece: how many the connection took, or a SocketError.
    private static int Queue(CheckpointState* state, int socket, ulong most)
    {
        ReadOnlySpan<byte> run = state->Piece.Run;
        if (!run.IsEmpty)
        {
            int bytes = (int)Math.Min((ulong)run.Length, most);
            return Network.Stack->Send(socket, run.Slice(0, bytes), Clock.Monotonic);
        }
        ulong frame = (ulong)state->Piece.Page << 12;
        int length = (int)Math.Min((ulong)state->Piece.PageLength, most);
        return Network.Stack->SendPage(socket, frame, state->Piece.PageOffset, length, Clock.Monotonic);
    }

    /// <summary>
    /// The connection behind an open file, for one that is to speak after the fork: 0, or −ENOTCONN where there is none
    /// of TCP, −EAFNOSUPPORT where it is over IPv6, whose frames <see cref="Network"/> does not tell from the guest's
    /// then. The file may be null.
    /// </summary>
    internal static long FindCarrier(File* file, out Socket* connection)
    {
        connection = ConnectionOf(file);
        if (connection == null)
            return Errno.ENOTCONN;
        bool isOverIpv6 = Network.Stack->GetEndpoints(connection->Handle, out Endpoints endpoints) == 0
            && !endpoints.RemoteAddress.IsIpv4;
        return isOverIpv6 ? Errno.EAFNOSUPPORT : 0;
    }

    /// <summary>The TCP connection behind an open file, or null. The file may be null, too.</summary>
    internal static Socket* ConnectionOf(File* file)
    {
        if (file == null || !SocketFile.Is(file))
            return null;
        Socket* socket = SocketFile.Of(file);
        bool isConnection = socket->Kind == SocketKind.Stream && socket->Handle >= 0 && !socket->Listening;
        return isConnection ? socket : null;
    }
}
