using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;
using Evilman.Minting;

namespace Evilman.Net;

/// <summary>A file or folder of an archive, of type and mode as inode(7) has them.</summary>
internal readonly record struct ArchiveMember(string Name, int Mode, byte[] Content, int User = 0, int Group = 0);

/// <summary>
/// A small cpio archive behind the guest's own, which puts the guest's key where <c>/bin/migrate --serve</c> looks for
/// it. Kernels unpack archives that follow each other one after the other (Linux
/// Documentation/driver-api/early-userspace/buffer-format.rst).
/// </summary>
internal static class GuestKeyArchive
{
    const int Directory = 0x41ED, OwnersDirectory = 0x41C0, OwnersFile = 0x8100; // drwxr-xr-x, drwx------, -r--------

    internal static byte[] Append(byte[] initramfs, ReadOnlySpan<byte> guestKey) => Append(initramfs,
        ("etc", Directory, []), ("etc/evilman", OwnersDirectory, []),
            ("etc/evilman/guest.key", OwnersFile, MachineKeyFile.Text(guestKey)));

    /// <summary>
    /// With these files and folders, each after the one that it lies in, of type and mode as inode(7) has them.
    /// </summary>
    internal static byte[] Append(byte[] initramfs, params (string Name, int Mode, byte[] Content)[] members) =>
        Append(initramfs, Array.ConvertAll(members, member => new ArchiveMember(member.Name, member.Mode, member.Content)));

    /// <summary>The same with owners.</summary>
    internal static byte[] Append(byte[] initramfs, IEnumerable<ArchiveMember> members)
    {
        var all = new MemoryStream();
        all.Write(initramfs);
        Pad(all);
        foreach (var member in members)
            Add(all, member);
        Add(all, new ArchiveMember("TRAILER!!!", 0, []));
        return all.ToArray();
    }

    /// <summary>
    /// One member in the "newc" format: 6 digits of magic, 13 fields of 8 digits, the name with its zero, the content.
    /// </summary>
    static void Add(MemoryStream to, ArchiveMember member)
    {
        var (content, bytes) = (member.Content, Encoding.UTF8.GetBytes(member.Name + "\0"));
        ReadOnlySpan<int> fields =
            [0, member.Mode, member.User, member.Group, 1, 0, content.Length, 0, 0, 0, 0, bytes.Length, 0];
        to.Write("070701"u8);
        foreach (var field in fields)
            to.Write(Encoding.ASCII.GetBytes(field.ToString("X8", CultureInfo.InvariantCulture)));
        to.Write(bytes);
        Pad(to);
        to.Write(content);
        Pad(to);
    }

    static void Pad(MemoryStream to)
    {
        while (to.Length % 4 != 0)
            to.WriteByte(0);
    }
}
