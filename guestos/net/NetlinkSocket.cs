using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>
/// Sockets of AF_NETLINK (netlink(7)). NETLINK_ROUTE (rtnetlink(7)): interfaces, addresses and routes for who asks.
/// NETLINK_SOCK_DIAG (sock_diag(7)): lists of sockets. What was asked is kept, and answered when it is read. Nothing
/// can be changed: the machine says what the network is.
/// </summary>
internal static unsafe class NetlinkSocket
{
    /// <summary>Questions that have not been answered.</summary>
    private const int MaxQuestions = 16;

    /// <summary>struct nlmsghdr.</summary>
    public const int HeaderLength = 16;

    /// <summary>The longest address in a question.</summary>
    private const int MaxAddress = 16;

    private struct Question
    {
        public ushort Type;
        public ushort Flags;
        public uint Sequence;
        public byte Family;

        /// <summary>The interface that is meant; 0: all.</summary>
        public int Index;

        /// <summary>Where a route is to lead (RTA_DST), zeros without; and 0, or why it cannot be told.</summary>
        public fixed byte Destination[MaxAddress];
        public int Error;

        /// <summary>Of sockets: which (struct inet_diag_req_v2), and how far the answer has come.</summary>
        public byte Protocol;
        public uint States;
        public int Position;
    }

    private const int QuestionSize = 48;

    private struct State
    {
        public WaitQueue Queue;
        public uint Port;
        public bool AsksForSockets;
        public int Count;
        public fixed byte Questions[MaxQuestions * QuestionSize];
    }

    private static FileOperations s_operations;
    private static uint s_lastPort;

    internal static void Init() => s_operations = new FileOperations
    {
        Traits = FileTraits.Stream | FileTraits.Numbered,
        Mode = (uint)InodeType.SOCK | 0x1ff,
        Name = &Name,
        Release = &Release,
        Read = &Read,
        Write = &Write,
        Poll = &Poll,
        QueueOf = &QueueOf,
        Ioctl = &Ioctl,
    };

    public static bool Is(File* file) => file->Operations == FileOperations.At(ref s_operations);

    private static ReadOnlySpan<byte> Name() => "socket"u8;

    /// <summary>A new open file; null: ENFILE.</summary>
    /// <param name="asksForSockets">NETLINK_SOCK_DIAG.</param>
    public static File* Create(uint flags, bool asksForSockets)
    {
        State* state = Objects.Allocate<State>();
        if (state == null)
            return null;
        File* file = Files.Allocate(FileOperations.At(ref s_operations), OpenFlags.RDWR | flags & OpenFlags.NONBLOCK);
        if (file == null)
        {
            Objects.Free(state);
            return null;
        }

        state->AsksForSockets = asksForSockets;
        file->Object = state;
        return file;
    }

    private static State* Of(File* file) => (State*)file->Object;

    /// <summary>Its port, as the kernel numbers it: that of the process if nobody has said another.</summary>
    public static uint PortOf(File* file) => Of(file)->Port;

    /// <summary>bind(2); 0: any port.</summary>
    public static void Bind(File* file, uint port)
    {
        const uint first = 0x80000000;
        if (port == 0 && Of(file)->Port != 0)
            return;
        s_lastPort++;
        Of(file)->Port = port != 0 ? port : first | s_lastPort;
    }

    private static Question* At(State* state, int index) => (Question*)state->Questions + index;

    private static long Write(File* file, ref Transfer from)
    {
        ulong total = from.Count;
        if (total > Frames.Size)
            return Errno.EMSGSIZE;
        Span<byte> message = stackalloc byte[(int)total];
        if (!from.TryTake(total, out ReadOnlySpan<byte> bytes))
            return Errno.EFAULT;
        bytes.CopyTo(message);
        Ask(file, message);
        return (long)total;
    }

    /// <summary>Takes questions; those that are none are passed over, as are those that find no room.</summary>
    public static void Ask(File* file, ReadOnlySpan<byte> message)
    {
        State* state = Of(file);
        Bind(file, 0);
        while (message.Length >= HeaderLength && state->Count < MaxQuestions)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(message);
            if (length < HeaderLength || length > message.Length)
                break;
            Question* question = At(state, state->Count);
            *question = default;
            question->Type = BinaryPrimitives.ReadUInt16LittleEndian(message.Slice(4));
            question->Flags = BinaryPrimitives.ReadUInt16LittleEndian(message.Slice(6));
            question->Sequence = BinaryPrimitives.ReadUInt32LittleEndian(message.Slice(8));
            if (length > HeaderLength)
                question->Family = message[HeaderLength];
            if (state->AsksForSockets)
            {
                ReadSockets(question, message.Slice(0, length));
                state->Count++;
                message = message.Slice(Math.Min(length + 3 & ~3, message.Length));
                continue;
            }
            // struct ifinfomsg and struct ifaddrmsg have the interface's number at different places.
            if (length >= HeaderLength + 8 && question->Type == NetlinkAnswer.GetLink)
                question->Index = BinaryPrimitives.ReadInt32LittleEndian(message.Slice(HeaderLength + 4));
            if (question->Type == NetlinkAnswer.GetLink && question->Index == 0)
                question->Index = ReadName(message.Slice(0, length));
            if (question->Type == NetlinkAnswer.GetRoute)
                ReadDestination(question, message.Slice(0, length));
            state->Count++;
            message = message.Slice(Math.Min(length + 3 & ~3, message.Length));
        }

        Readiness.Changed(&state->Queue, PollEvents.Readable);
    }

    /// <summary>struct inet_diag_req_v2: family, protocol, what else is to be told (nothing is), states.</summary>
    private static void ReadSockets(Question* question, ReadOnlySpan<byte> message)
    {
        const int requestLength = 56;
        if (message.Length < HeaderLength + requestLength)
        {
            // As where the kernel has nobody who knows of such sockets (AF_UNIX, AF_NETLINK, AF_PACKET).
            question->Error = message.Length > HeaderLength + 1 ? (int)Errno.ENOENT : (int)Errno.EINVAL;
            return;
        }
        question->Protocol = message[HeaderLength + 1];
        question->States = BinaryPrimitives.ReadUInt32LittleEndian(message.Slice(HeaderLength + 4));
        if (!NetlinkAnswer.KnowsSockets(question->Type, question->Flags, question->Family, question->Protocol))
            question->Error = (int)Errno.ENOENT;
    }

    /// <summary>
    /// struct ifinfomsg and its attributes: the interface of IFLA_IFNAME, −1 when there is none, 0: not asked.
    /// </summary>
    private static int ReadName(ReadOnlySpan<byte> message)
    {
        const int attributesAt = HeaderLength + 16;
        const int interfaceName = 3;
        message = message.Slice(Math.Min(attributesAt, message.Length));
        while (TakeAttribute(ref message, out int type, out ReadOnlySpan<byte> value))
        {
            if (type != interfaceName)
                continue;
            int end = value.IndexOf((byte)0);
            if (end >= 0)
                value = value.Slice(0, end);
            return NetlinkAnswer.IndexOf(value);
        }
        return 0;
    }

    /// <summary>struct rtattr: takes the next one. False at the end, and where there is none.</summary>
    private static bool TakeAttribute(ref ReadOnlySpan<byte> message, out int type, out ReadOnlySpan<byte> value)
    {
        const int headerLength = 4;
        type = 0;
        value = default;
        if (message.Length < headerLength)
            return false;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(message);
        if (length < headerLength || length > message.Length)
            return false;
        type = BinaryPrimitives.ReadUInt16LittleEndian(message.Slice(2));
        value = message.Slice(headerLength, length - headerLength);
        message = message.Slice(Math.Min(length + 3 & ~3, message.Length));
        return true;
    }

    /// <summary>
    /// struct rtmsg and its attributes: RTA_DST. Who asks for the route of packets of another source or interface
    /// (RTA_SRC, RTA_IIF, RTA_OIF) is told EOPNOTSUPP.
    /// </summary>
    private static void ReadDestination(Question* question, ReadOnlySpan<byte> message)
    {
        const int attributesAt = HeaderLength + 12;
        const int destination = 1;
        const int outgoingInterface = 4;
        int size = question->Family == NetlinkAnswer.Inet6 ? MaxAddress : sizeof(uint);
        message = message.Slice(Math.Min(attributesAt, message.Length));
        while (TakeAttribute(ref message, out int type, out ReadOnlySpan<byte> value))
        {
            if (type == destination && value.Length < size)
                question->Error = (int)(question->Family == NetlinkAnswer.Inet6 ? Errno.EINVAL : Errno.ERANGE);
            else if (type == destination)
                value.Slice(0, size).CopyTo(new Span<byte>(question->Destination, size));
            else if (type is > destination and <= outgoingInterface)
                question->Error = (int)Errno.EOPNOTSUPP;
        }
    }

    /// <summary>
    /// The answer to the oldest question, after waiting for one if told to: its length, at most that of
    /// <paramref name="answer"/>, or EAGAIN, EINTR.
    /// </summary>
    public static long Receive(File* file, bool wait, bool peek, Span<byte> answer)
    {
        State* state = Of(file);
        while (state->Count == 0)
        {
            if (!wait)
                return Errno.EAGAIN;
            if (Readiness.Wait(&state->Queue, PollEvents.Readable, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        Question question = *At(state, 0);
        // SAFETY: the destination is in this copy, which stays where it is.
        var made = new NetlinkAnswer(answer, question.Sequence, state->Port);
        var destination = new ReadOnlySpan<byte>(question.Destination, MaxAddress);
        bool isWhole = true;
        if (question.Error != 0)
            made.Fail(question.Type, question.Flags, question.Error);
        else if (state->AsksForSockets)
            isWhole = made.Sockets(question.Family, question.Protocol, question.States, ref question.Position);
        else
            made.Make(question.Type, question.Flags, question.Family, question.Index, destination);
        if (!isWhole && !peek)
            At(state, 0)->Position = question.Position;
        else if (!peek)
        {
            state->Count--;
            for (int i = 0; i < state->Count; i++)
                *At(state, i) = *At(state, i + 1);
        }

        return made.Length;
    }

    private static long Read(File* file, ref Transfer to)
    {
        Span<byte> answer = stackalloc byte[NetlinkAnswer.MaxLength];
        long length = Receive(file, !file->NonBlocking, peek: false, answer);
        if (length < 0)
            return length;
        ulong count = Math.Min(to.Count, (ulong)length);
        if (!to.TryFill(count, out Span<byte> into))
            return Errno.EFAULT;
        answer.Slice(0, (int)count).CopyTo(into);
        return (long)count;
    }

    private static uint Poll(File* file)
    {
        const uint writable = PollEvents.Writable | PollEvents.WriteBand;
        return Of(file)->Count > 0 ? writable | PollEvents.Readable : writable;
    }

    private static WaitQueue* QueueOf(File* file) => &Of(file)->Queue;

    private static long Ioctl(File* file, uint request, ulong argument) => InterfaceIoctl.Call(request, argument);

    private static void Release(File* file) => Objects.Free(Of(file));
}
