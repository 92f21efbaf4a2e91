using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct stat of x86-64 (arch/x86/include/uapi/asm/stat.h): 144 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct FileStatus
{
    public const int Length = 144;

    public ulong Device;
    public ulong Number;
    public ulong Links;
    public uint Mode;
    public uint UserId;
    public uint GroupId;
    private readonly uint pad;
    public ulong DeviceNumber;
    public long Size;
    public long BlockSize;
    public long Blocks;
    public ulong AccessSeconds;
    public ulong AccessNanoseconds;
    public ulong ModifySeconds;
    public ulong ModifyNanoseconds;
    public ulong ChangeSeconds;
    public ulong ChangeNanoseconds;
    private fixed ulong unused[3];

    private const ulong Second = 1_000_000_000;

    public static void Of(Inode* inode, out FileStatus status)
    {
        status = default;
        status.Device = inode->Volume;
        status.Number = inode->Number;
        status.Links = inode->Links;
        status.Mode = (uint)inode->Type | inode->Permissions;
        status.UserId = inode->UserId;
        status.GroupId = inode->GroupId;
        status.DeviceNumber = inode->DeviceNumber;
        status.Size = (long)inode->Size;
        status.BlockSize = 4096;
        status.Blocks = inode->Type == InodeType.REG && inode->IsInMemory
            ? (long)(System.Math.Max((ulong)inode->PageCount * 4096, inode->ImageLength) + 511) / 512 : 0;
        status.AccessSeconds = inode->AccessTime / Second;
        status.AccessNanoseconds = inode->AccessTime % Second;
        status.ModifySeconds = inode->ModifyTime / Second;
        status.ModifyNanoseconds = inode->ModifyTime % Second;
        status.ChangeSeconds = inode->ChangeTime / Second;
        status.ChangeNanoseconds = inode->ChangeTime % Second;
    }

    /// <summary>Of an open file: its inode's, or what Linux shows for an object without one.</summary>
    public static void Of(File* file, out FileStatus status)
    {
        if (file->Inode != null)
        {
            Of(file->Inode, out status);
            return;
        }

        status = default;
        status.Device = Vfs.AnonymousVolume;
        status.Number = Vfs.NumberOf(file);
        status.Links = 1;
        status.Mode = file->Operations->Mode != 0 ? file->Operations->Mode : FileOperations.StandardMode;
        if (file->Mode != 0)
            status.Mode = file->Mode;
        status.BlockSize = 4096;
    }
}
