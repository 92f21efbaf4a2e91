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

    private byte* _buffer;
    private int _held;
    private int _wanted;
    private Step _step;
    private Failure _failure;
    private CpioMember _member;

    /// <summary>The file that content goes into, with a reference; null: nowhere.</summary>
    private Inode* _file;

    /// <summary>Bytes taken, bytes of content still to come, and where in the file they go.</summary>
    private ulong _taken;
    private ulong _left;
    private ulong _position;

    public bool Start()
    {
        ulong block = Frames.AllocateContiguous(BufferFrames);
        _buffer = block != 0 ? DirectMap.At(block) : null;
        return _buffer != null;
    }

    /// <summary>What is wrong with what came, now that no more comes.</summary>
    public readonly Failure Result
    {
        get
        {
            bool isComplete = _step is Step.Between or Step.Padding;
            return _failure != Failure.None || isComplete ? _failure : Failure.Cut;
        }
    }

    public void End()
    {
        Vfs.Release(_file);
        for (ulong i = 0; i < BufferFrames; i++)
            Frames.Release(DirectMap.PhysicalOf(_buffer) + i * 4096);
    }

    public bool Take(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0 && _failure == Failure.None)
        {
            int used = _step switch
            {
                Step.Between => Skip(bytes),
                Step.Content => Store(bytes),
                Step.Padding => Pad(bytes),
                _ => Gather(bytes),
            };
            _taken += (ulong)used;
            bytes = bytes.Slice(used);
            if (_failure == Failure.None && _held == _wanted && _step is Step.Header or Step.Name or Step.LinkTarget)
                Gathered();
        }

        return _failure == Failure.None;
    }

    private int Skip(ReadOnlySpan<byte> bytes)
    {
        int zeros = 0;
        while (zeros < bytes.Length && bytes[zeros] == 0)
            zeros++;
        if (zeros == bytes.Length)
            return zeros;
        if ((_taken + (ulong)zeros) % 4 != 0)
            _failure = Failure.Damaged;
        _held = 0;
        Want(Step.Header, CpioReader.HeaderLength);
        return zeros;
    }

    private int Pad(ReadOnlySpan<byte> bytes)
    {
        int left = (int)(CpioReader.Pad(_taken) - _taken);
        if (left <= bytes.Length)
            _step = Step.Between;
        return Math.Min(left, bytes.Length);
    }

    private int Gather(ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(bytes.Length, _wanted - _held);
        // SAFETY: Want saw to it that what is wanted fits the buffer.
        bytes.Slice(0, count).CopyTo(new Span<byte>(_buffer + _held, count));
        _held += count;
        return count;
    }

    private int Store(ReadOnlySpan<byte> bytes)
    {
        int count = (int)Math.Min((ulong)bytes.Length, _left);
        if (_file != null)
        {
            fixed (byte* from = bytes)
            {
                Transfer transfer = Transfer.Of(from, (ulong)count);
                if (FileContent.Write(_file, _position, ref transfer) != count)
                    _failure = Failure.NoRoom;
            }
        }

        _position += (ulong)count;
        _left -= (ulong)count;
        if (_left == 0)
            Finish();
        return count;
    }

    /// <summary>
    /// More is to be gathered behind what is: so much that the buffer holds it, whatever a header says.
    /// </summary>
    private void Want(Step step, int count)
    {
        _step = step;
        _wanted = _held + count;
        if (_wanted > BufferFrames * 4096)
            _failure = Failure.Damaged;
    }

    private void Gathered()
    {
        switch (_step)
        {
            case Step.Header:
                if (CpioReader.ParseHeader(_buffer, out _member, out uint nameSize))
                    Want(Step.Name,
                        (int)(CpioReader.Pad(CpioReader.HeaderLength + nameSize) - CpioReader.HeaderLength));
                else
                    _failure = Failure.Damaged;
                _member.NameLength = (int)nameSize;
                break;
            case Step.Name:
                if (!CpioReader.ParseName(_buffer + CpioReader.HeaderLength, (uint)_member.NameLength, ref _member))
                    _failure = Failure.Damaged;
                else if ((InodeType)(_member.Mode & 0xf000) == InodeType.Link
                    && _member.DataLength is > 0 and < Vfs.PathCapacity)
                    Want(Step.LinkTarget, (int)_member.DataLength);
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
        bool isLink = _step == Step.LinkTarget;
        byte* target = _buffer + (_held - (int)_member.DataLength);
        _left = isLink ? 0 : _member.DataLength;
        _position = 0;
        if (_member.IsTrailer)
        {
            InitialTree.ForgetLinks();
        }
        else
        {
            InitialTree.Outcome outcome = InitialTree.Add(_member, out Inode* made);
            if (!InitialTree.Count(outcome)
                || isLink && outcome == InitialTree.Outcome.Taken && !SetTarget(made, target))
                _failure = Failure.NoRoom;
            if (made != null && made->Type == InodeType.Regular && _left > 0)
            {
                // A hard link that brings the content once more: the last one counts.
                FileContent.Truncate(made, 0);
                _file = made;
            }
            else
            {
                Vfs.Release(made);
            }
        }

        _step = Step.Content;
        if (_left == 0)
            Finish();
    }

    private readonly bool SetTarget(Inode* link, byte* target)
    {
        int length = (int)_member.DataLength;
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
        Vfs.Release(_file);
        _file = null;
        _step = Step.Padding;
    }
}
