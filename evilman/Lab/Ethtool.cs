using System.Text;

namespace Evilman.Lab;

/// <summary>
/// Switches a link's offloads off through SIOCETHTOOL (linux/ethtool.h, linux/sockios.h), in the calling thread's network
/// namespace. A link without transmit offloads gets only frames that fit the wire, with their checksums in place.
/// </summary>
internal static unsafe class Ethtool
{
    const nuint SiocEthtool = 0x8946;
    const int NameLength = 16;

    static readonly uint[] s_offloads =
    [
        0x1f, // ETHTOOL_STSO: TCP segmentation
        0x24, // ETHTOOL_SGSO: generic segmentation
        0x2c, // ETHTOOL_SGRO: generic receive
        0x17, // ETHTOOL_STXCSUM: transmit checksums
        0x19, // ETHTOOL_SSG: scatter and gather
    ];

    struct Value
    {
        internal uint Command;
        internal uint Data;
    }

    struct Request
    {
        internal fixed byte Name[NameLength];
        internal Value* Data;
        internal fixed byte Rest[16];
    }

    internal static void SwitchOffloadsOff(string link)
    {
        var fd = Native.socket(2, 2 | 0x80000, 0); // AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
        if (fd < 0)
            throw new Failure($"no socket for ethtool: {Native.LastError()}");
        try
        {
            foreach (var command in s_offloads)
            {
                var value = new Value { Command = command, Data = 0 };
                Request request = default;
                var name = Encoding.ASCII.GetBytes(link);
                for (var i = 0; i < name.Length && i < NameLength - 1; i++)
                    request.Name[i] = name[i];
                request.Data = &value;
                // Safe: the kernel reads the request and the value, both of which live until ioctl returns.
                if (Native.ioctl(fd, SiocEthtool, &request) < 0)
                    throw new Failure($"cannot switch offload {command:x} of {link} off: {Native.LastError()}");
            }
        }
        finally
        {
            Native.close(fd);
        }
    }
}
