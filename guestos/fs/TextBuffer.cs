using System;

namespace Guestos;

/// <summary>
/// Text that grows by page frames, up to 64 KiB, and up to 1 MiB while half of all memory is free; what is beyond, or
/// finds no memory, is cut off.
/// </summary>
public unsafe struct TextBuffer
{
    private const int PageSize = 4096;
    private const int FirstPages = 16;
    private const int PageCount = 256;

    public int Length;
    private fixed ulong pages[FirstPages];

    /// <summary>The frame with the addresses of the pages behind the first; 0: none.</summary>
    private ulong further;

    /// <summary>What is added now is cut off.</summary>
    public bool IsFull { get; private set; }

    public void Add(byte value)
    {
        int index = Length / PageSize;
        ulong page = index < PageCount ? PageAt(index) : 0;
        if (page == 0 && index < PageCount)
            page = MakePage(index);
        if (page == 0)
        {
            IsFull = true;
            return;
        }
        DirectMap.At(page)[Length % PageSize] = value;
        Length++;
    }

    private readonly ulong PageAt(int index)
    {
        if (index < FirstPages)
            return pages[index];
        return further != 0 ? ((ulong*)DirectMap.At(further))[index - FirstPages] : 0;
    }

    private ulong MakePage(int index)
    {
        if (index < FirstPages)
        {
            pages[index] = Frames.Allocate();
            return pages[index];
        }
        if (Frames.Free < Frames.Total / 2)
            return 0;
        if (further == 0)
            further = Frames.Allocate();
        ulong page = further != 0 ? Frames.Allocate() : 0;
        if (page != 0)
            ((ulong*)DirectMap.At(further))[index - FirstPages] = page;
        return page;
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
            new ReadOnlySpan<byte>(DirectMap.At(PageAt((int)(offset / PageSize))) + inPage, into.Length).CopyTo(into);
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
            ulong page = PageAt(i);
            if (page != 0)
                Frames.Release(page);
        }
        for (int i = 0; i < FirstPages; i++)
            pages[i] = 0;
        if (further != 0)
            Frames.Release(further);
        further = 0;
        IsFull = false;

        Length = 0;
    }
}
