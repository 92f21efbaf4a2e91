namespace Guestos;

/// <summary>Events and flags of inotify(7) without their IN_ (include/uapi/linux/inotify.h).</summary>
public static class FileEvent
{
    public const uint Access = 0x1;
    public const uint Modify = 0x2;
    public const uint Attributes = 0x4;
    public const uint CloseWrite = 0x8;
    public const uint CloseNoWrite = 0x10;
    public const uint Open = 0x20;
    public const uint MovedFrom = 0x40;
    public const uint MovedTo = 0x80;
    public const uint Create = 0x100;
    public const uint Delete = 0x200;
    public const uint DeleteSelf = 0x400;
    public const uint MoveSelf = 0x800;

    /// <summary>All that may be watched for.</summary>
    public const uint All = 0xfff;

    // What is reported without being asked for.
    public const uint Unmount = 0x2000;
    public const uint Overflow = 0x4000;
    public const uint Ignored = 0x8000;
    public const uint IsDirectory = 0x40000000;

    // How a watch is added.
    public const uint OnlyDirectory = 0x01000000;
    public const uint DoNotFollow = 0x02000000;
    public const uint ExcludeUnlinked = 0x04000000;
    public const uint OnlyNew = 0x10000000;
    public const uint AddToMask = 0x20000000;
    public const uint OneShot = 0x80000000;
}
