using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct statx (include/uapi/linux/stat.h): 256 bytes, of which stat(2) knows these.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct ExtendedStatus
{
    /// <summary>STATX_BASIC_STATS.</summary>
    private const uint BasicStatistics = 0x7ff;

    /// <summary>STATX_MNT_ID.</summary>
    private const uint MountNumber = 0x1000;

    public uint Mask;
    public uint BlockSize;
    public ulong Attributes;
    public uint Links;
    public uint UserId;
    public uint GroupId;
    public ushort Mode;
    private ushort pad;
    public ulong Number;
    public long Size;
    public long Blocks;
    public ulong AttributesMask;
    public Time Access;
    public Time Birth;
    public Time Change;
    public Time Modify;
    public uint DeviceNumberMajor;
    public uint DeviceNumberMinor;
    public uint DeviceMajor;
    public uint DeviceMinor;
    public ulong Mount;
    private fixed ulong unused[13];

    [StructLayout(LayoutKind.Sequential)]
    public struct Time
    {
        public ulong Seconds;
        public uint Nanoseconds;
        private readonly uint pad;
    }

    public ExtendedStatus(in FileStatus status)
    {
        this = default;
        Mask = BasicStatistics | MountNumber;
        BlockSize = (uint)status.BlockSize;
        Links = (uint)status.Links;
        UserId = status.UserId;
        GroupId = status.GroupId;
        Mode = (ushort)status.Mode;
        Number = status.Number;
        Size = status.Size;
        Blocks = status.Blocks;
        Access = new Time { Seconds = status.AccessSeconds, Nanoseconds = (uint)status.AccessNanoseconds };
        Change = new Time { Seconds = status.ChangeSeconds, Nanoseconds = (uint)status.ChangeNanoseconds };
        Modify = new Time { Seconds = status.ModifySeconds, Nanoseconds = (uint)status.ModifyNanoseconds };
        DeviceNumberMajor = (uint)(status.DeviceNumber >> 8);
        DeviceNumberMinor = (uint)status.DeviceNumber & 0xff;
        DeviceMinor = (uint)status.Device;
        Mount = status.Device;
    }
}
