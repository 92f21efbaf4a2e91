using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>One inode as one inotify descriptor watches it.</summary>
public unsafe struct InotifyWatch
{
    /// <summary>Neighbours among the watches of the inode, and among those of the descriptor.</summary>
    internal InotifyWatch* NextOfInode;
    internal InotifyWatch* PreviousOfInode;
    internal InotifyWatch* Next;
    internal InotifyWatch* Previous;
    internal Inode* Inode;
    internal void* Instance;
    internal int Id;

    /// <summary><see cref="FileEvent"/>: what it is told of, and how.</summary>
    internal uint Mask;

    /// <summary>It has a reference to its inode, which nothing else would keep.</summary>
    internal bool Holds;
}

public static unsafe partial class Inotify
{
    /// <summary>Watches of all descriptors (fs.inotify.max_user_watches); the last are the superuser's.</summary>
    public const int MaxWatches = 8192;
    private const int Reserve = 512;

    private static int s_watches;

    /// <summary>
    /// Somebody watches something. While it is false, and it is nearly always, a report costs no more than to ask.
    /// </summary>
    private static bool IsAnyWatched
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_watches != 0;
    }

    private static uint s_cookie;

    /// <summary>
    /// inotify_add_watch(2): the number of the watch, which is the old one when the inode is watched already. EEXIST,
    /// ENOSPC, ENOMEM. The caller has looked at the rights and has a reference to the inode.
    /// </summary>
    public static long Add(File* file, Inode* inode, uint mask)
    {
        var instance = (Instance*)file->Object;
        uint wanted = mask & (FileEvent.All | FileEvent.ExcludeUnlinked | FileEvent.OneShot);
        InotifyWatch* watch = inode->Watches;
        while (watch != null && watch->Instance != instance)
            watch = watch->NextOfInode;
        if (watch != null)
        {
            if ((mask & FileEvent.OnlyNew) != 0)
                return Errno.EEXIST;
            watch->Mask = (mask & FileEvent.AddToMask) != 0 ? watch->Mask | wanted : wanted;
            return watch->Id;
        }

        if (s_watches >= (FileRights.IsSuperuser ? MaxWatches : MaxWatches - Reserve))
            return Errno.ENOSPC;
        watch = Objects.Allocate<InotifyWatch>();
        if (watch == null)
            return Errno.ENOMEM;
        s_watches++;
        instance->LastId++;
        watch->Id = instance->LastId;
        watch->Mask = wanted;
        watch->Instance = instance;
        watch->Inode = inode;
        watch->Holds = !inode->IsInMemory;
        if (watch->Holds)
            Vfs.Hold(inode);
        watch->NextOfInode = inode->Watches;
        if (inode->Watches != null)
            inode->Watches->PreviousOfInode = watch;
        inode->Watches = watch;
        watch->Next = instance->FirstWatch;
        if (instance->FirstWatch != null)
            instance->FirstWatch->Previous = watch;
        instance->FirstWatch = watch;
        return watch->Id;
    }

    /// <summary>inotify_rm_watch(2). EINVAL: there is none of this number.</summary>
    public static long Remove(File* file, int id)
    {
        InotifyWatch* watch = ((Instance*)file->Object)->FirstWatch;
        while (watch != null && watch->Id != id)
            watch = watch->Next;
        if (watch == null)
            return Errno.EINVAL;
        End(watch);
        return 0;
    }

    /// <summary>
    /// Something has happened to a file: the directory that has its name is told with it, and then the file itself.
    /// Nothing is told of files that never had a name.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Report(Inode* inode, uint happened)
    {
        if (IsAnyWatched && inode != null)
            Tell(inode, happened);
    }

    /// <summary>The same of what concerns the file alone.</summary>
    public static void ReportSelf(Inode* inode, uint happened)
    {
        // IN_MOVE_SELF and IN_DELETE_SELF never say what kind of file it is.
        uint kind = happened == FileEvent.MoveSelf ? 0 : KindOf(inode);
        if (IsAnyWatched)
            Tell(inode->Watches, happened | kind, 0, default);
    }

    /// <summary>The same of what happens to a name in a directory.</summary>
    public static void ReportName(Inode* directory, ReadOnlySpan<byte> name, uint happened)
    {
        if (IsAnyWatched)
            Tell(directory->Watches, happened, 0, name);
    }

    public static void ReportName(Inode* directory, ReadOnlySpan<byte> name, Inode* inode, uint happened) =>
        ReportName(directory, name, happened | KindOf(inode));

    /// <summary>
    /// The name <paramref name="from"/> stands in another place, or is another: both directories are told by one
    /// number.
    /// </summary>
    public static void ReportMove(ref Walked from, ref Walked to, Inode* moved)
    {
        if (!IsAnyWatched)
            return;
        s_cookie++;
        Tell(from.Parent->Watches, FileEvent.MovedFrom | KindOf(moved), s_cookie, NameOf(ref from));
        Tell(to.Parent->Watches, FileEvent.MovedTo | KindOf(moved), s_cookie, NameOf(ref to));
    }

    /// <summary>The last name of a walk, as long as that is where it is.</summary>
    // SAFETY: a walk lies on the stack of whoever reports, and so does its name.
    public static ReadOnlySpan<byte> NameOf(ref Walked walked) =>
        new(Unsafe.AsPointer(ref walked.Name[0]), walked.NameLength);

    /// <summary>An inode dies: nobody has its name or uses it any more. Its watches end.</summary>
    public static void Gone(Inode* inode)
    {
        if (inode->Watches == null)
            return;
        Tell(inode->Watches, FileEvent.DeleteSelf, 0, default);
        while (inode->Watches != null)
            End(inode->Watches);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tell(Inode* inode, uint happened)
    {
        happened |= KindOf(inode);
        DirectoryEntry* home = inode->Home;
        if (home != null)
            Tell(home->Directory->Watches, happened, 0, new ReadOnlySpan<byte>(home->Name, home->NameLength));
        Tell(inode->Watches, happened, 0, default);
    }

    private static void Tell(InotifyWatch* watch, uint happened, uint cookie, ReadOnlySpan<byte> name)
    {
        while (watch != null)
        {
            InotifyWatch* next = watch->NextOfInode;
            if ((watch->Mask & happened & FileEvent.All) != 0)
            {
                var record = new Record { Watch = watch->Id, Mask = happened, Cookie = cookie };
                Put((Instance*)watch->Instance, record, name);
                if ((watch->Mask & FileEvent.OneShot) != 0)
                    End(watch);
            }

            watch = next;
        }
    }

    private static uint KindOf(Inode* inode) => inode->Type == InodeType.DIR ? FileEvent.IsDirectory : 0;

    /// <summary>A watch ends, and its descriptor is told so.</summary>
    private static void End(InotifyWatch* watch)
    {
        Put((Instance*)watch->Instance, new Record { Watch = watch->Id, Mask = FileEvent.Ignored }, default);
        Forget(watch);
    }

    private static void Forget(InotifyWatch* watch)
    {
        Inode* inode = watch->Inode;
        var instance = (Instance*)watch->Instance;
        if (watch->PreviousOfInode != null)
            watch->PreviousOfInode->NextOfInode = watch->NextOfInode;
        else
            inode->Watches = watch->NextOfInode;
        if (watch->NextOfInode != null)
            watch->NextOfInode->PreviousOfInode = watch->PreviousOfInode;
        if (watch->Previous != null)
            watch->Previous->Next = watch->Next;
        else
            instance->FirstWatch = watch->Next;
        if (watch->Next != null)
            watch->Next->Previous = watch->Previous;
        bool holds = watch->Holds;
        s_watches--;
        Objects.Free(watch);
        if (holds)
            Vfs.Release(inode);
    }
}
