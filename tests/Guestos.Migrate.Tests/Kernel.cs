// What guestos/migrate stands on besides mm, as ordinary .NET: one process, files that are a table, a network that hands over what a test
// lets it, and an assembler's fork that does not come back a second time.

using System;
using System.Collections.Generic;
using Guestos.Migrate.Tests;

#pragma warning disable CS8500

namespace System.Runtime
{
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class RuntimeExportAttribute(string name) : Attribute
    {
        public string Name => name;
    }
}

namespace Board
{
    internal static unsafe partial class Processor
    {
        /// <summary>CPUID's registers EAX to EDX by leaf; another gives zeros.</summary>
        public static readonly Dictionary<uint, uint[]> Leaves = [];

        /// <summary>What was written to model-specific registers.</summary>
        public static readonly List<(uint Register, ulong Value)> Written = [];

        public static void CpuId(uint leaf, uint subleaf, uint* result)
        {
            uint[] said = Leaves.GetValueOrDefault(leaf) ?? [0, 0, 0, 0];
            for (int i = 0; i < said.Length; i++)
                result[i] = said[i];
        }

        public static void WriteMsr(uint register, ulong value) => Written.Add((register, value));
    }
}

namespace Netstack
{
    internal static class SocketError
    {
        public const int WouldBlock = -1;
        public const int NoRoom = -4;
        public const int Reset = -9;
    }

    internal unsafe struct FramePiece
    {
        public byte* Address;
        public int Length;
    }

    internal struct Address
    {
        public bool IsIpv4;
    }

    internal struct Endpoints
    {
        public Address RemoteAddress;
    }

    /// <summary>The stack's interface as the device uses it; what is behind it is <see cref="Wire"/>.</summary>
    internal readonly struct Stack
    {
        public const int MaxFiltered = 8;

        public int CopyAddresses(Span<uint> to)
        {
            to[0] = 0x0A000003;
            return 1;
        }

        public int GetEndpoints(int handle, out Endpoints endpoints)
        {
            endpoints.RemoteAddress.IsIpv4 = !Connection.Of(handle).IsOverIpv6;
            return 0;
        }

        public void Cork(int handle, bool on, ulong now)
        {
        }

        public int Send(int handle, ReadOnlySpan<byte> bytes, ulong now) => Connection.Of(handle).Send(bytes);

        public int SendPage(int handle, ulong reference, int offset, int length, ulong now) =>
            Connection.Of(handle).SendPage(reference, offset, length);

        public int SendRoom(int handle) => Connection.Of(handle).Room;

        public int UnacknowledgedBytes(int handle) => Connection.Of(handle).Queued;
    }
}

namespace Guestos
{
    internal static unsafe class ForkEntry
    {
        /// <summary>Called when the machine has come to the fork, with nothing of it done.</summary>
        public static Action? Begins;

        /// <summary>Called when the fork has happened, before anybody writes.</summary>
        public static Action? Happened;

        /// <summary>The next fork is seen from the copy's side.</summary>
        public static bool Arrives;

        public static int Fork(ulong* context)
        {
            Begins?.Invoke();
            var outcome = CheckpointFork.Freeze();
            if (outcome != CheckpointFork.Outcome.Forked)
                return (int)outcome;
            Happened?.Invoke();
            if (!Arrives)
                return (int)outcome;
            Checkpoint.Arrive();
            return (int)CheckpointFork.Outcome.Arrived;
        }

        public static ulong RecoverAddress() => Wire.CheckpointHeader.DirectMap + 0x401000;
    }

    /// <summary>Wire's, which counts what the kernel hashes.</summary>
    internal static class Crc32C
    {
        public const uint ZeroPage = Wire.Crc32C.ZeroPage;

        /// <summary>Bytes.</summary>
        public static long Hashed;

        public static uint Of(ReadOnlySpan<byte> bytes)
        {
            Hashed += bytes.Length;
            return Wire.Crc32C.Of(bytes);
        }
    }

    public readonly unsafe partial struct UserRange
    {
        /// <summary>Memory of the process, for the kernel: only <see cref="UserMemory"/>.</summary>
        private static bool MakePresent(ulong from, ulong to, Access access) => UserMemory.Holds(from, to);
    }

    internal static class PollEvents
    {
        public const uint In = 1, ReadNormal = 0x40;
    }

    public unsafe struct File
    {
        public FileOperations* Operations;
        public void* Object;
        public int References;
    }

    internal static unsafe class Files
    {
        public static File* Hold(File* file)
        {
            file->References++;
            return file;
        }

        public static void Release(File* file) => file->References--;
    }

    internal static unsafe class Descriptor
    {
        public static readonly Dictionary<uint, nint> Open = [];

        public static File* FileOf(uint number) => Open.TryGetValue(number, out nint file) ? (File*)file : null;
    }

    internal static unsafe class Devices
    {
        public static FileOperations* Registered;

        public static void Register(uint number, ReadOnlySpan<byte> name, uint mode, FileOperations* operations) => Registered = operations;
    }

    internal enum SocketKind
    {
        Stream,
        Datagram,
    }

    internal struct Socket
    {
        public SocketKind Kind;
        public int Handle;
        public bool Listening;
    }

    internal static unsafe class SocketFile
    {
        private static FileOperations s_operations;

        public static FileOperations* Operations => FileOperations.At(ref s_operations);

        public static bool Is(File* file) => file->Operations == Operations;

        public static Socket* Of(File* file) => (Socket*)file->Object;
    }

    internal static unsafe class Sockets
    {
        public static long ErrnoOf(int error) => error == Netstack.SocketError.Reset ? Errno.ECONNRESET : Errno.EINVAL;

        public static long WaitChange(int handle, ulong since) => Connection.Of(handle).WaitChange();

        public static long WaitAcknowledged(int handle, bool corked) => Connection.Of(handle).WaitAcknowledged();
    }

    internal static unsafe class Network
    {
        private static readonly Netstack.Stack s_stack;

        public static Netstack.Stack* Stack => (Netstack.Stack*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref System.Runtime.CompilerServices.Unsafe.AsRef(in s_stack));

        public static delegate*<ulong, byte*> ResolvePage;

        /// <summary>What a frame that comes is given to; null while everything is answered.</summary>
        public static delegate*<Netstack.FramePiece*, int, void> CaptureLate;

        /// <summary>Connections that may speak after the fork; null before.</summary>
        public static int[]? Speaking;
        public static bool IsSilent;
        public static int Abandoned;
        public static readonly List<byte[]> Delivered = [];

        public static void Poll() => Connection.Work?.Invoke();

        public static void OnFork(ReadOnlySpan<int> sockets, delegate*<Netstack.FramePiece*, int, void> capture)
        {
            Speaking = sockets.ToArray();
            CaptureLate = capture;
        }

        public static void OnCommit() => IsSilent = true;

        public static void AbandonStream(int socket) => Abandoned = socket;

        public static void StopFiltering()
        {
            Speaking = null;
            CaptureLate = null;
            IsSilent = false;
        }

        public static void Deliver(byte* frame, int length) => Delivered.Add(new ReadOnlySpan<byte>(frame, length).ToArray());

        public static void Resume()
        {
        }
    }

    internal static unsafe class RingPool
    {
        public const int Size = 8 * Frames.Size;

        /// <summary>Physical addresses of rings that no connection holds.</summary>
        public static readonly List<ulong> Rings = [];

        public static int Idle => Rings.Count;

        public static byte* IdleRing(int index) => DirectMap.At(Rings[index]);

        public static void LendLong(int socket)
        {
        }
    }

    public struct TrapFrame
    {
        public ulong FaultAddress;
        public bool FromUser;
    }

    public enum WriteFault
    {
        Other,
        Lifted,
        LiftedMustWait,
    }

    internal static unsafe class Traps
    {
        public static delegate*<TrapFrame*, WriteFault> OnWriteFault;
        public static delegate*<ulong, ulong, void> MakeWritable;
    }

    public unsafe struct Process
    {
        public static Process* Current;

        public int Id, ProcessGroupId;
        public AddressSpace* Space;
    }

    /// <summary>The only one of the process that runs.</summary>
    public unsafe struct Thread
    {
        private static Thread s_thread;

        public ulong BlockedSignals;

        public TrapFrame* UserFrame => null;

        public static Thread* Current => (Thread*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref s_thread);
    }

    internal static unsafe class FloatState
    {
        public static bool HasUpper { get; set; }

        public static void Save(TrapFrame* frame)
        {
        }

        public static bool TrySwitchOn() => HasUpper = true;
    }

    internal static class Signals
    {
        public static bool Pending;
    }

    internal static unsafe class Scheduler
    {
        public static delegate*<void> BeforeUserMode;

        /// <summary>What others do while somebody sleeps, one step a sleep. With none left the time is up.</summary>
        public static readonly Queue<Func<WaitResult>> WhileAsleep = new();

        /// <summary>How often a queue was woken on which somebody slept.</summary>
        public static int Wakes;

        static Scheduler()
        {
            Preemption.Yield = &Yield;
            SleepLock.Sleep = &NeverSleep;
            SleepLock.Wake = &Wake;
        }

        private static void Yield() => Connection.Work?.Invoke();

        private static void NeverSleep(WaitQueue* queue) => throw new InvalidOperationException("a lock is taken");

        public static WaitResult Sleep(WaitQueue* queue, ulong deadline)
        {
            Waiter waiter = default;
            WaitQueue.Append(queue, &waiter);
            WaitResult result = WaitResult.TimedOut;
            if (WhileAsleep.TryDequeue(out Func<WaitResult>? step))
                result = step();
            else
                Clock.Monotonic = deadline;
            WaitQueue.Remove(&waiter);
            return result;
        }

        public static void Wake(WaitQueue* queue) => Wakes++;
    }

    internal static class Console
    {
        public static string Text = "";

        public static void Write(ReadOnlySpan<byte> text) => Text += System.Text.Encoding.ASCII.GetString(text);

        public static void WriteDecimal(ulong value) => Text += value;

        public static void WriteHex(ulong value) => Text += value.ToString("x");
    }
}
