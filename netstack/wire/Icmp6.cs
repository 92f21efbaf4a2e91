namespace Netstack;

/// <summary>
/// ICMPv6 (RFC 4443 §2.1): type (0), code (1), checksum (2), then 4 bytes by type, then data. Types below 128 are
/// errors.
/// </summary>
public static class Icmp6
{
    public const int HeaderLength = 8;

    public const byte DestinationUnreachable = 1;
    public const byte PacketTooBig = 2;
    public const byte TimeExceeded = 3;
    public const byte ParameterProblem = 4;
    public const byte EchoRequest = 128;
    public const byte EchoReply = 129;

    // RFC 2710, RFC 3810: multicast listener discovery.
    public const byte ListenerQuery = 130;
    public const byte ListenerReport = 143;

    // RFC 4861 §4: neighbour discovery.
    public const byte RouterSolicitation = 133;
    public const byte RouterAdvertisement = 134;
    public const byte NeighbourSolicitation = 135;
    public const byte NeighbourAdvertisement = 136;
    public const byte Redirect = 137;

    // Of Destination Unreachable and of Parameter Problem.
    public const byte CodePort = 4;
    public const byte CodeField = 0;
    public const byte CodeNextHeader = 1;
    public const byte CodeOption = 2;
}
