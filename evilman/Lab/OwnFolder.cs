using System.IO;

namespace Evilman.Lab;

/// <summary>
/// Whether what lies in a folder can be believed: only this user or root can have written it. Labs are remembered under a name that
/// anybody can guess, in a folder that may be everybody's, and whatever is found there is run with this user's rights.
/// </summary>
internal static class OwnFolder
{
    const int CurrentFolder = -100, DoNotFollow = 0x100; // AT_FDCWD, AT_SYMLINK_NOFOLLOW
    const uint TypeModeAndUser = 0x1 | 0x2 | 0x8; // STATX_TYPE, STATX_MODE, STATX_UID
    const int TypeMask = 0xF000, FolderType = 0x4000, Sticky = 0x200, WritableByOthers = 0x12; // inode(7)

    /// <summary>
    /// Fails unless <paramref name="path"/> is a folder, no link, of this user, which nobody else can write, and lies in a folder where
    /// nobody else can put another one in its place: one of this user's or root's that is not writable for others, or sticky.
    /// </summary>
    internal static void Demand(string path)
    {
        var user = Native.geteuid();
        if (!TryLook(path, DoNotFollow, out var folder) || folder.User != user || (folder.Mode & WritableByOthers) != 0)
            throw new Failure($"{path} is not a folder that only this user can write: remove it, or set TMPDIR to a folder of your own");
        var parent = Path.GetDirectoryName(path)!;
        if (!TryLook(parent, 0, out var outer) || (outer.User != user && outer.User != 0)
            || (outer.Mode & (WritableByOthers | Sticky)) is not 0 and var bits && (bits & Sticky) == 0)
            throw new Failure($"{parent} lets other users replace what lies in it: set TMPDIR to a folder of your own");
    }

    /// <summary>False when there is no folder at that path.</summary>
    static unsafe bool TryLook(string path, int flags, out Native.FileStatus status)
    {
        // SAFETY: the kernel fills the 256 bytes of struct statx, which FileStatus has.
        fixed (Native.FileStatus* at = &status)
            return Native.statx(CurrentFolder, path, flags, TypeModeAndUser, at) == 0 && (status.Mode & TypeMask) == FolderType;
    }
}
