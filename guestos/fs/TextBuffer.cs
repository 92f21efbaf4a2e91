using System;

namespace Guestos;

/// <summary>Text that grows by page frames, up to 64 KiB; what is beyond, or finds no memory, is cut off.</summary>
public unsafe struct TextBuffer
{
    private const int PageSize = 4096;
    private const int PageCount = 16;

    public int Length;
    private fixed ulong pages[PageCount];

    /// <summary>What is added now is cut off.</summary>
    public bool IsFull { get; private set; }

    public void Add(byte value)
    {
        int index = Length / PageSize;
        if (index < PageCount && pages[index] == 0)
            pages[index] = Frames.Allocate();
        if (index >= PageCount || pages[index] == 0)
        {
            IsFull = true;
            return;
        }
        DirectMap.At(pages[index])[Length % PageSize] = value;
        Length++;
    }

    public void Add(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
            Add(text[i]);
    }

    /// <summary>Zero-terminated text, at most <paramref name="most"/> bytes.</summary>
    public void Add(byte* text, int most)
    {
        for (int i = 0; i < most && text[i] != 0; i++)
            Add(text[i]);
    }

    /// <summary>Decimal, right-aligned in <paramref name="width"/>.</summary>
    public void Add(ulong value, int width = 0)
    {
        byte* digits = stackalloc byte[20];
        int count = ProcTree.Decimal(digits, value);
        for (; width > count; width--)
            Add((byte)' ');
        Add(new ReadOnlySpan<byte>(digits, count));
    }

    public void AddSigned(long value)
    {
        if (value < 0)
            Add((byte)'-');
        Add((ulong)(value < 0 ? -value : value));
    }

    /// <summary>Hexadecimal with at least <paramref name="digits"/> digits.</summary>
    public void AddHex(ulong value, int digits, bool upper = false)
    {
        int count = 16;
        while (count > digits && count > 1 && value >> (count - 1) * 4 == 0)
            count--;
        System.ReadOnlySpan<byte> names = upper ? "0123456789ABCDEF"u8 : "0123456789abcdef"u8;
        for (count--; count >= 0; count--)
            Add(names[(int)(value >> count * 4) & 15]);
    }

    /// <summary>Hundredths as "n.nn".</summary>
    public void AddHundredths(ulong value)
    {
        Add(value / 100);
        Add((byte)'.');
        Add((byte)('0' + value / 10 % 10));
        Add((byte)('0' + value % 10));
    }

    public long Read(ulong offset, ref Transfer to)
    {
        ulong done = 0;
        while (to.Count > 0 && offset < (ulong)Length)
        {
            ulong inPage = offset % PageSize;
            ulong step = Math.Min(Math.Min(to.Count, PageSize - inPage), (ulong)Length - offset);
            Span<byte> into = to.Fill(step);
            if (into.IsEmpty)
                return done > 0 ? (long)done : Errno.EFAULT;
            // SAFETY: the step does not pass the page's end.
            new ReadOnlySpan<byte>(DirectMap.At(pages[offset / PageSize]) + inPage, into.Length).CopyTo(into);
            to.Advance((ulong)into.Length);
            offset += (ulong)into.Length;
            done += (ulong)into.Length;
        }

        return (long)done;
    }

    public void Clear()
    {
        for (int i = 0; i < PageCount; i++)
        {
            if (pages[i] != 0)
                Frames.Release(pages[i]);
            pages[i] = 0;
        }

        Length = 0;
    }
}
