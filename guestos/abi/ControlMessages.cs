using System;

namespace Guestos;

/// <summary>
/// Descriptors and credentials beside the bytes of a message (cmsg(3), unix(7)): struct cmsghdr is a length, with
/// itself, a level and a type; the next one begins at a multiple of eight bytes.
/// </summary>
internal static unsafe class ControlMessages
{
    internal struct Header
    {
        public ulong Length;
        public int Level;
        public int Type;
    }

    private const int LevelSocket = 1;
    private const int Rights = 1;
    private const int Credentials = 2;

    internal static ulong Align(ulong length) => length + 7 & ~7ul;

    /// <summary>
    /// What is to be sent along. 0, or EINVAL, EFAULT, EBADF, EPERM, ENOBUFS, ETOOMANYREFS; what was taken already is
    /// the caller's in any case.
    /// </summary>
    public static long Read(in MessageHeader message, ref LocalSending how)
    {
        var rest = new ControlReader(message);
        long error = rest.Next(out Header header, out ulong data);
        while (error > 0)
        {
            error = ReadOne(header, data, ref how);
            if (error == 0)
                error = rest.Next(out header, out data);
        }
        if (error < 0)
            return error;

        return how.Files != null && !PassedFiles.TryCount(how.Files) ? Errno.ETOOMANYREFS : 0;
    }

    private static long ReadOne(in Header header, ulong data, ref LocalSending how)
    {
        if (header.Level != LevelSocket)
            return 0;
        ulong length = header.Length - (ulong)sizeof(Header);
        switch (header.Type)
        {
            case Rights:
                return ReadFiles(data, length / sizeof(int), ref how.Files);
            case Credentials when length == (ulong)sizeof(LocalCredentials):
                if (!((UserPointer<LocalCredentials>)data).TryGet(out how.Credentials))
                    return Errno.EFAULT;
                how.NamesCredentials = true;
                if (!how.Credentials.MayBeClaimed)
                    return Errno.EPERM;
                return ProcessTable.Find(how.Credentials.ProcessId) != null ? 0 : Errno.ESRCH;
            default:
                return Errno.EINVAL;
        }
    }

    private static long ReadFiles(UserPointer<int> numbers, ulong count, ref PassedFiles* files)
    {
        if (count > PassedFiles.Max)
            return Errno.EINVAL;
        if (count == 0)
            return 0;
        if (files == null)
            files = PassedFiles.Create(PassedFiles.Max);
        if (files == null)
            return Errno.ENOMEM;
        if (files->Count + (int)count > PassedFiles.Max)
            return Errno.EINVAL;
        for (ulong i = 0; i < count; i++)
        {
            if (!numbers.At(i).TryGet(out int number))
                return Errno.EFAULT;
            File* file = Descriptor.FileOf((uint)number);
            if (file == null)
                return Errno.EBADF;
            PassedFiles.Add(files, file);
        }

        return 0;
    }

    /// <summary>
    /// Tells what has come along, as far as there is room: flags of the message (MSG_CTRUNC), its control length what
    /// was used. What is not told stays in the receipt.
    /// </summary>
    public static uint Write(LocalSocket* socket, ref MessageHeader message, in LocalReceipt receipt, bool closeOnExec)
    {
        ulong room = message.ControlLength;
        message.ControlLength = 0;
        bool tellsSender = socket->PassesCredentials && receipt.HasSender;
        if (message.Control == 0)
            return tellsSender || receipt.Files != null ? MessageFlags.ControlTruncated : 0;
        uint flags = 0;
        if (tellsSender)
        {
            LocalCredentials sender = receipt.Credentials;
            var bytes = new ReadOnlySpan<byte>(&sender, sizeof(LocalCredentials));
            flags |= Put(ref message, room, LevelSocket, Credentials, bytes);
        }

        if (receipt.Files != null)
            flags |= PutFiles(ref message, room, receipt.Files, closeOnExec);
        return flags;
    }

    /// <summary>One message, cut to what there is room for.</summary>
    internal static uint Put(ref MessageHeader message, ulong room, int level, int type, ReadOnlySpan<byte> data)
    {
        ulong left = room - message.ControlLength;
        if (left < (ulong)sizeof(Header))
            return MessageFlags.ControlTruncated;
        ulong length = (ulong)sizeof(Header) + (ulong)data.Length;
        uint flags = length > left ? MessageFlags.ControlTruncated : 0;
        length = Math.Min(length, left);
        var header = new Header { Length = length, Level = level, Type = type };
        ulong at = message.Control + message.ControlLength;
        UserPointer<byte> to = at + (ulong)sizeof(Header);
        if (!((UserPointer<Header>)at).TryPut(header)
            || !to.TryPutAll(data.Slice(0, (int)length - sizeof(Header))))
            return flags;
        message.ControlLength += Math.Min(Align(length), left);
        return flags;
    }

    /// <summary>Descriptors of the current process for as many of the files as there is room for.</summary>
    private static uint PutFiles(ref MessageHeader message, ulong room, PassedFiles* files, bool closeOnExec)
    {
        ulong left = room - message.ControlLength;
        ulong head = (ulong)sizeof(Header);
        ulong fitting = left > head ? (left - head) / sizeof(int) : 0;
        ulong at = message.Control + message.ControlLength;
        UserPointer<int> numbers = at + head;
        FileTable* table = FileContext.TableOf(Process.Current);
        ulong told = 0;
        while (told < fitting && told < (ulong)files->Count)
        {
            File* file = (*files)[(int)told];
            long number = FileTable.Install(table, file, closeOnExec);
            if (number < 0)
                break;
            Files.Hold(file);
            if (!numbers.At(told).TryPut((int)number))
            {
                FileTable.Close(table, (int)number);
                break;
            }

            told++;
        }

        if (told == 0)
            return MessageFlags.ControlTruncated;
        ulong length = head + told * sizeof(int);
        var header = new Header { Length = length, Level = LevelSocket, Type = Rights };
        if (((UserPointer<Header>)at).TryPut(header))
            message.ControlLength += Math.Min(Align(length), left);
        return told < (ulong)files->Count ? MessageFlags.ControlTruncated : 0;
    }
}
