using System;

namespace Guestos;

/// <summary>
/// What a new sysfs has in it: the processors, of which there is one, in the format that tools parse (Linux,
/// Documentation/ABI/testing/sysfs-devices-system-cpu and Documentation/admin-guide/cputopology.rst).
/// </summary>
internal static unsafe class SystemTree
{
    private const uint FolderMode = 0x1ed;
    private const uint TextMode = 0x124;

    /// <summary>Fills the root of a file system in memory. False without memory.</summary>
    public static bool TryFill(Inode* root)
    {
        Inode* devices = AddFolder(root, "devices"u8);
        Inode* system = AddFolder(devices, "system"u8);
        Inode* all = AddFolder(system, "cpu"u8);
        Inode* first = AddFolder(all, "cpu0"u8);
        Inode* topology = AddFolder(first, "topology"u8);
        return AddText(all, "kernel_max"u8, "0\n"u8)
            && AddText(all, "offline"u8, "\n"u8)
            && AddText(all, "online"u8, "0\n"u8)
            && AddText(all, "possible"u8, "0\n"u8)
            && AddText(all, "present"u8, "0\n"u8)
            && AddText(topology, "core_cpus"u8, "1\n"u8)
            && AddText(topology, "core_cpus_list"u8, "0\n"u8)
            && AddText(topology, "core_id"u8, "0\n"u8)
            && AddText(topology, "core_siblings"u8, "1\n"u8)
            && AddText(topology, "core_siblings_list"u8, "0\n"u8)
            && AddText(topology, "package_cpus"u8, "1\n"u8)
            && AddText(topology, "package_cpus_list"u8, "0\n"u8)
            && AddText(topology, "physical_package_id"u8, "0\n"u8)
            && AddText(topology, "thread_siblings"u8, "1\n"u8)
            && AddText(topology, "thread_siblings_list"u8, "0\n"u8);
    }

    /// <summary>Null without memory, or where the folder that it is to lie in is null.</summary>
    private static Inode* AddFolder(Inode* directory, ReadOnlySpan<byte> name) =>
        Add(directory, name, InodeType.DIR, FolderMode);

    private static bool AddText(Inode* directory, ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        Inode* file = Add(directory, name, InodeType.REG, TextMode);
        if (file == null)
            return false;
        // SAFETY: the text is one of the kernel's constants, which stay where they are.
        fixed (byte* bytes = text)
            file->Image = bytes;
        file->ImageLength = (ulong)text.Length;
        file->Size = file->ImageLength;
        return true;
    }

    /// <summary>Its name keeps it alive.</summary>
    private static Inode* Add(Inode* directory, ReadOnlySpan<byte> name, InodeType type, uint permissions)
    {
        Inode* made = directory != null ? Vfs.NewInode(type, permissions, directory->Volume) : null;
        if (made == null)
            return null;
        fixed (byte* text = name)
        {
            bool isNamed = Directories.Add(directory, text, name.Length, made) != null;
            Vfs.Release(made);
            return isNamed ? made : null;
        }
    }
}
