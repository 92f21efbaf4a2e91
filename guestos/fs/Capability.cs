namespace Guestos;

/// <summary>
/// Those of capabilities(7) that the superuser can give up one by one, as bits (include/uapi/linux/capability.h): what
/// they are for is asked for each. All others go with the user alone.
/// </summary>
public static class Capability
{
    public const ulong ChangeOwner = 1 << 0;
    public const ulong OverrideRights = 1 << 1;
    public const ulong ReadAndSearch = 1 << 2;
    public const ulong ActAsOwner = 1 << 3;
    public const ulong KeepSetId = 1 << 4;
    public const ulong ChangeRoot = 1 << 18;
    public const ulong MakeDevices = 1 << 27;

    public const ulong OneByOne = ChangeOwner | OverrideRights | ReadAndSearch | ActAsOwner | KeepSetId | ChangeRoot
        | MakeDevices;
}
