using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// /proc/PID/mounts and mountinfo: the mounts that the reader can see, each with the path by which he can.
/// </summary>
internal static unsafe class MountText
{
    /// <summary>proc_pid_mounts(5), in the form of fstab(5).</summary>
    public static void List(TextBuffer* text)
    {
        byte* path = PathBuffers.Take();
        for (Mount* mount = Mounts.First; mount != null && path != null; mount = mount->Next)
        {
            long length = Vfs.PathOf(new Place(mount->Root, mount), path, Vfs.PathCapacity);
            if (length < 0)
                continue;
            AddSource(text, mount);
            text->Add((byte)' ');
            AddEscaped(text, new ReadOnlySpan<byte>(path, (int)length));
            text->Add((byte)' ');
            text->Add(mount->Type, Mount.TextCapacity);
            text->Add((byte)' ');
            AddFlags(text, mount->Flags);
            text->Add(" 0 0\n"u8);
        }

        PathBuffers.Give(path);
    }

    /// <summary>proc_pid_mountinfo(5).</summary>
    public static void Information(TextBuffer* text)
    {
        byte* path = PathBuffers.Take();
        for (Mount* mount = Mounts.First; mount != null && path != null; mount = mount->Next)
        {
            long length = Vfs.PathOf(new Place(mount->Root, mount), path, Vfs.PathCapacity);
            if (length < 0)
                continue;
            text->Add(mount->Id);
            text->Add((byte)' ');
            text->Add(mount->Parent != null ? mount->Parent->Id : mount->Id);
            text->Add(" 0:"u8);
            text->Add((ulong)mount->Root->Volume);
            text->Add((byte)' ');
            long inside = Vfs.PathInVolume(mount->Root, path, Vfs.PathCapacity);
            AddEscaped(text, new ReadOnlySpan<byte>(path, (int)Math.Max(inside, 0)));
            text->Add((byte)' ');
            // It was there a moment ago, and nothing has given way since.
            length = Vfs.PathOf(new Place(mount->Root, mount), path, Vfs.PathCapacity);
            AddEscaped(text, new ReadOnlySpan<byte>(path, (int)length));
            text->Add((byte)' ');
            AddFlags(text, mount->Flags);
            text->Add(" - "u8);
            text->Add(mount->Type, Mount.TextCapacity);
            text->Add((byte)' ');
            AddSource(text, mount);
            text->Add(Mounts.IsReadOnly(mount->Root->Volume) ? " ro\n"u8 : " rw\n"u8);
        }

        PathBuffers.Give(path);
    }

    private static void AddSource(TextBuffer* text, Mount* mount)
    {
        if (mount->Source[0] == 0)
            text->Add("none"u8);
        else
            AddEscaped(text, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(mount->Source));
    }

    private static void AddFlags(TextBuffer* text, uint flags)
    {
        text->Add((flags & Mounts.ReadOnlyFlag) != 0 ? "ro"u8 : "rw"u8);
        if ((flags & Mounts.NoSuid) != 0)
            text->Add(",nosuid"u8);
        if ((flags & Mounts.NoDevices) != 0)
            text->Add(",nodev"u8);
        if ((flags & Mounts.NoExecute) != 0)
            text->Add(",noexec"u8);
    }

    /// <summary>Blanks, tabs, line ends and backslashes are octal (fstab(5)).</summary>
    private static void AddEscaped(TextBuffer* text, ReadOnlySpan<byte> words)
    {
        foreach (byte letter in words)
        {
            if (letter is not ((byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\\'))
            {
                text->Add(letter);
                continue;
            }

            text->Add((byte)'\\');
            text->Add((byte)('0' + (letter >> 6)));
            text->Add((byte)('0' + (letter >> 3 & 7)));
            text->Add((byte)('0' + (letter & 7)));
        }
    }
}
