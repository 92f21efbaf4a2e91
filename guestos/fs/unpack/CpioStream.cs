using System;

namespace Guestos;

/// <summary>
/// Unpacks cpio archives that come in pieces, as a decompressor gives them (see <see cref="CpioReader"/> for the
/// format). Headers, names and link targets are gathered; contents go into their files as they come.
/// </summary>
public unsafe struct CpioStream : IByteSink
{
    public enum Failure
    {
        None,
        Damaged,
        Cut,
        NoRoom,
    }

    private enum Step
    {
        /// <summary>Zeros, until a header begins.</summary>
        Between,
        Header,
        Name,
        LinkTarget,
        Content,

        /// <summary>Up to the next multiple of 4.</summary>
        Padding,
    }

    /// <summary>A header, a name and a link's target, one behind the other.</summary>
    private const int BufferFrames = 4;

    private byte* buffer;
    private int held;
    private int wanted;
    private Step step;
    private Failure failure;
    private CpioMember member;

    /// <summary>The file that content goes into, with a reference; null: nowhere.</summary>
    private Inode* file;

    /// <summary>Bytes taken, bytes of content still to come, and where in the file they go.</summary>
    private ulong taken;
    private ulong left;
    private ulong position;

    public bool Start()
    {
        ulong block = Frames.AllocateContiguous(BufferFrames);
        buffer = block != 0 ? DirectMap.At(block) : null;
        return buffer != null;
    }

    /// <summary>What is wrong with what came, now that no more comes.</summary>
    public readonly Failure Result
    {
        get
        {
            bool isComplete = step is Step.Between or Step.Padding;
            return failure != Failure.None || isComplete ? failure : Failure.Cut;
        }
    }

    public void End()
    {
        Vfs.Release(file);
        for (ulong i = 0; i < BufferFrames; i++)
            Frames.Release(DirectMap.PhysicalOf(buffer) + i * 4096);
    }

    public bool Take(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0 && failure == Failure.None)
        {
            int used = step switch
            {
                Step.Between => Skip(bytes),
                Step.Content => Store(bytes),
                Step.Padding => Pad(bytes),
                _ => Gather(bytes),
            };
            taken += (ulong)used;
            bytes = bytes.Slice(used);
            if (failure == Failure.None && held == wanted && step is Step.Header or Step.Name or Step.LinkTarget)
                Gathered();
        }

        return failure == Failure.None;
    }

    private int Skip(ReadOnlySpan<byte> bytes)
    {
        int zeros = 0;
        while (zeros < bytes.Length && bytes[zeros] == 0)
            zeros++;
        if (zeros == bytes.Length)
            return zeros;
        if ((taken + (ulong)zeros) % 4 != 0)
            failure = Failure.Damaged;
        held = 0;
        Want(Step.Header, CpioReader.HeaderLength);
        return zeros;
    }

    private int Pad(ReadOnlySpan<byte> bytes)
    {
        int left = (int)(CpioReader.Pad(taken) - taken);
        if (left <= bytes.Length)
            step = Step.Between;
        return Math.Min(left, bytes.Length);
    }

    private int Gather(ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(bytes.Length, wanted - held);
        // SAFETY: Want saw to it that what is wanted fits the buffer.
        bytes.Slice(0, count).CopyTo(new Span<byte>(buffer + held, count));
        held += count;
        return count;
    }

    private int Store(ReadOnlySpan<byte> bytes)
    {
        int count = (int)Math.Min((ulong)bytes.Length, left);
        if (file != null)
        {
            fixed (byte* from = bytes)
            {
                Transfer transfer = Transfer.Of(from, (ulong)count);
                if (FileContent.Write(file, position, ref transfer) != count)
                    failure = Failure.NoRoom;
            }
        }

        position += (ulong)count;
        left -= (ulong)count;
        if (left == 0)
            Finish();
        return count;
    }

    /// <summary>
    /// More is to be gathered behind what is: so much that the buffer holds it, whatever a header says.
    /// </summary>
    private void Want(Step step, int count)
    {
        this.step = step;
        wanted = held + count;
        if (wanted > BufferFrames * 4096)
            failure = Failure.Damaged;
    }

    private void Gathered()
    {
        switch (step)
        {
            case Step.Header:
                if (CpioReader.ParseHeader(buffer, out member, out uint nameSize))
                    Want(Step.Name,
                        (int)(CpioReader.Pad(CpioReader.HeaderLength + nameSize) - CpioReader.HeaderLength));
                else
                    failure = Failure.Damaged;
                member.NameLength = (int)nameSize;
                break;
            case Step.Name:
                if (!CpioReader.ParseName(buffer + CpioReader.HeaderLength, (uint)member.NameLength, ref member))
                    failure = Failure.Damaged;
                else if ((InodeType)(member.Mode & 0xf000) == InodeType.LNK
                    && member.DataLength is > 0 and < Vfs.PathCapacity)
                    Want(Step.LinkTarget, (int)member.DataLength);
                else
                    Place();
                break;
            default:
                Place();
                break;
        }
    }

    /// <summary>All is known of the member but its content.</summary>
    private void Place()
    {
        bool isLink = step == Step.LinkTarget;
        byte* target = buffer + (held - (int)member.DataLength);
        left = isLink ? 0 : member.DataLength;
        position = 0;
        if (member.IsTrailer)
        {
            InitialTree.ForgetLinks();
        }
        else
        {
            InitialTree.Outcome outcome = InitialTree.Add(member, out Inode* made);
            if (!InitialTree.Count(outcome)
                || isLink && outcome == InitialTree.Outcome.Taken && !SetTarget(made, target))
                failure = Failure.NoRoom;
            if (made != null && made->Type == InodeType.REG && left > 0)
            {
                // A hard link that brings the content once more: the last one counts.
                FileContent.Truncate(made, 0);
                file = made;
            }
            else
            {
                Vfs.Release(made);
            }
        }

        step = Step.Content;
        if (left == 0)
            Finish();
    }

    private readonly bool SetTarget(Inode* link, byte* target)
    {
        int length = (int)member.DataLength;
        byte* text = (byte*)Objects.Allocate(length + 1);
        if (text == null)
            return false;
        Memory.Copy(text, target, (ulong)length);
        link->Image = text;
        link->Size = (ulong)length;
        link->ImageLength = link->Size;
        link->ImageOwned = true;
        return true;
    }

    private void Finish()
    {
        Vfs.Release(file);
        file = null;
        step = Step.Padding;
    }
}
