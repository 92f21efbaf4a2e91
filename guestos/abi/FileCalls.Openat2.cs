using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>openat2(2).</summary>
public static unsafe partial class FileCalls
{
    /// <summary>struct open_how (include/uapi/linux/openat2.h).</summary>
    public struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    // RESOLVE_…
    private const ulong NoCrossing = 1;
    private const ulong NoMagicLinks = 2;
    private const ulong NoSymbolicLinks = 4;
    private const ulong Beneath = 8;
    private const ulong InRoot = 16;
    private const ulong Cached = 32;

    /// <summary>Beyond it, and beyond what is known here when it is not 0, a structure is E2BIG.</summary>
    private const ulong MaxHow = 4096;

    /// <summary>
    /// Flags that open(2) passes over are refused here (EINVAL), and so is a mode without a file to be made. Whatever
    /// is there is in memory, so that RESOLVE_CACHED refuses only what changes something.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]      // FileDispatch would clear its locals at every call
    public static long Openat2(ulong directory, UserString path, UserPointer<OpenHow> at, ulong size)
    {
        if (size < (ulong)sizeof(OpenHow))
            return Errno.EINVAL;
        if (size > MaxHow)
            return Errno.E2BIG;
        if (!at.TryGet(out OpenHow how))
            return Errno.EFAULT;
        UserPointer<byte> behind = at.At(1).Address;
        for (ulong i = 0; i < size - (ulong)sizeof(OpenHow); i++)
        {
            if (!behind.At(i).TryGet(out byte unknown))
                return Errno.EFAULT;
            if (unknown != 0)
                return Errno.E2BIG;
        }

        long error = Check(how);
        if (error < 0)
            return error;
        return OpenFrom(directory, path, (uint)how.Flags, (uint)how.Mode, OptionsOf(how.Resolve));
    }

    private static long Check(in OpenHow how)
    {
        const uint sync = 0x100000;
        const uint known = OpenFlags.ACCMODE | OpenFlags.OfOpenOnly | OpenFlags.Settable | OpenFlags.DSYNC | sync
            | OpenFlags.ASYNC | OpenFlags.LARGEFILE | OpenFlags.NOFOLLOW | OpenFlags.PATH | OpenFlags.TMPFILE;
        const uint makes = OpenFlags.CREAT | OpenFlags.TMPFILE & ~OpenFlags.DIRECTORY;
        const ulong anyMode = 0xfff;
        var flags = (uint)how.Flags;
        bool isTemporary = (flags & makes & ~OpenFlags.CREAT) != 0;
        if ((how.Flags & ~(ulong)known) != 0
            || (how.Resolve & ~(NoCrossing | NoMagicLinks | NoSymbolicLinks | Beneath | InRoot | Cached)) != 0
            || (how.Resolve & (Beneath | InRoot)) == (Beneath | InRoot)
            || (how.Mode & ~((flags & makes) != 0 ? anyMode : 0)) != 0
            || (flags & OpenFlags.PATH) != 0 && (flags & ~OpenFlags.OfPath) != 0)
            return Errno.EINVAL;
        if (isTemporary
            && ((flags & OpenFlags.TMPFILE) != OpenFlags.TMPFILE
                || (flags & OpenFlags.ACCMODE) == OpenFlags.RDONLY))
            return Errno.EINVAL;
        bool changes = (flags & (makes | OpenFlags.TRUNC)) != 0;
        return changes && (how.Resolve & Cached) != 0 ? Errno.EAGAIN : 0;
    }

    private static WalkOptions OptionsOf(ulong resolve)
    {
        WalkOptions options = WalkOptions.None;
        if ((resolve & NoCrossing) != 0)
            options |= WalkOptions.NoCrossing;
        if ((resolve & NoMagicLinks) != 0)
            options |= WalkOptions.NoMagicLinks;
        if ((resolve & NoSymbolicLinks) != 0)
            options |= WalkOptions.NoLinks;
        if ((resolve & Beneath) != 0)
            options |= WalkOptions.Beneath;
        return (resolve & InRoot) != 0 ? options | WalkOptions.InRoot : options;
    }
}
