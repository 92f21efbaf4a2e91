using System;
using System.Collections.Generic;
using System.IO;

namespace Evilman.Lab;

/// <summary>
/// Whether what lies in a folder can be believed: only this user or root can have written it. Labs are remembered under
/// a name that anybody can guess, in a folder that may be everybody's, and whatever is found there is run with this
/// user's rights.
/// </summary>
internal static class OwnFolder
{
    const int CurrentFolder = -100, DoNotFollow = 0x100; // AT_FDCWD, AT_SYMLINK_NOFOLLOW
    const uint TypeModeAndUser = 0x1 | 0x2 | 0x8; // STATX_TYPE, STATX_MODE, STATX_UID
    // inode(7)
    const int TypeMask = 0xF000, FolderType = 0x4000, LinkType = 0xA000, Sticky = 0x200, WritableByOthers = 0x12;

    /// <summary>As many links as the kernel follows on one path (path_resolution(7)).</summary>
    const int MaxLinks = 40;

    /// <summary>
    /// Fails unless <paramref name="path"/> is a folder, no link, of this user, which nobody else can write, and nobody
    /// else can put another one in its place: everything on the way to it, links included, is this user's or root's,
    /// and every folder on the way is not writable for others, or sticky.
    /// </summary>
    internal static void Demand(string path)
    {
        var user = Native.geteuid();
        path = Path.GetFullPath(path);
        if (!TryLook(path, out var folder) || (folder.Mode & TypeMask) != FolderType || folder.User != user
            || (folder.Mode & WritableByOthers) != 0)
            throw new Failure($"{path} is not a folder that only this user can write: remove it, or set TMPDIR to a "
                + $"folder of your own");
        if (FirstReplaceable(path, user) is { } parent)
            throw new Failure($"{parent} lets other users replace what lies in it: set TMPDIR to a folder of your own");
    }

    /// <summary>
    /// The first on the way from the root to <paramref name="path"/> that somebody else may change; null when there is
    /// none.
    /// </summary>
    static string? FirstReplaceable(string path, uint user)
    {
        var at = "/";
        var links = 0;
        var rest = new Stack<string>();
        Push(rest, path);
        while (true)
        {
            if (!TryLook(at, out var found) || (found.User != user && found.User != 0))
                return at;
            if ((found.Mode & TypeMask) == LinkType)
            {
                if (links++ == MaxLinks)
                    return at;
                var target = new FileInfo(at).LinkTarget ?? "";
                Push(rest, target);
                at = target.StartsWith('/') ? "/" : Path.GetDirectoryName(at)!;
                continue;
            }
            if (rest.Count == 0)
                return null;
            if ((found.Mode & TypeMask) != FolderType
                || ((found.Mode & WritableByOthers) != 0 && (found.Mode & Sticky) == 0))
                return at;
            var name = rest.Pop();
            at = name == ".." ? Path.GetDirectoryName(at) ?? "/" : Path.Combine(at, name);
        }
    }

    static void Push(Stack<string> rest, string path)
    {
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        Array.Reverse(names);
        foreach (var name in names)
        {
            if (name != ".")
                rest.Push(name);
        }
    }

    /// <summary>What lies there, links not followed. False when there is nothing.</summary>
    static unsafe bool TryLook(string path, out Native.FileStatus status)
    {
        // SAFETY: the kernel fills the 256 bytes of struct statx, which FileStatus has.
        fixed (Native.FileStatus* at = &status)
            return Native.statx(CurrentFolder, path, DoNotFollow, TypeModeAndUser, at) == 0;
    }
}
