namespace Guestos;

/// <summary>
/// Open files on their way from one process to another (unix(7), SCM_RIGHTS), each with a reference. How many a user
/// has on their way is bounded, since nobody's table of descriptors counts them.
/// </summary>
internal unsafe struct PassedFiles
{
    /// <summary>In one message (SCM_MAX_FD).</summary>
    public const int Max = 253;

    /// <summary>Those of one user who has files on their way.</summary>
    private struct User
    {
        public User* Next;
        public uint Id;
        public int Count;
    }

    private static User* s_users;

    /// <summary>Messages' files that are still to be closed, and whether somebody is at it.</summary>
    private static PassedFiles* s_discarded;
    private static bool s_isDiscarding;

    public PassedFiles* Next;
    public int Count;

    /// <summary>What there is room for.</summary>
    public int Capacity;
    private User* user;
    private fixed ulong files[1];

    public File* this[int index]
    {
        get
        {
            // SAFETY: it was allocated with room for its capacity.
            fixed (ulong* first = files)
                return (File*)first[index];
        }
    }

    private static int SizeFor(int capacity) => sizeof(PassedFiles) + (capacity - 1) * sizeof(ulong);

    /// <summary>An empty one; null without memory.</summary>
    public static PassedFiles* Create(int capacity)
    {
        var passed = (PassedFiles*)Objects.Allocate(SizeFor(capacity));
        if (passed != null)
            passed->Capacity = capacity;
        return passed;
    }

    /// <summary>Adds a file, with a reference of its own.</summary>
    public static void Add(PassedFiles* passed, File* file)
    {
        passed->files[passed->Count] = (ulong)Files.Hold(file);
        passed->Count++;
    }

    /// <summary>The same files once more; null without memory.</summary>
    public static PassedFiles* Copy(PassedFiles* from)
    {
        PassedFiles* copy = Create(from->Count);
        for (int i = 0; copy != null && i < from->Count; i++)
            Add(copy, (*from)[i]);
        return copy;
    }

    /// <summary>
    /// The current process is about to send them: counts them. False, ETOOMANYREFS, when its user has more on their way
    /// than RLIMIT_NOFILE says, and is not the superuser; without memory, too.
    /// </summary>
    public static bool TryCount(PassedFiles* passed)
    {
        uint id = Credentials.Current.RealUserId;
        if (IsBeyondLimit(id))
            LocalCollector.Collect();
        if (IsBeyondLimit(id))
            return false;
        User* user = Find(id);
        if (user == null)
            user = Objects.Allocate<User>();
        if (user == null)
            return false;
        if (user->Count == 0)
        {
            user->Id = id;
            user->Next = s_users;
            s_users = user;
        }

        user->Count += passed->Count;
        passed->user = user;
        return true;
    }

    private static User* Find(uint id)
    {
        User* user = s_users;
        while (user != null && user->Id != id)
            user = user->Next;
        return user;
    }

    private static bool IsBeyondLimit(uint id)
    {
        User* user = Find(id);
        return user != null && !FileRights.IsSuperuser
            && (ulong)user->Count > ResourceLimits.Of(Process.Current, Resource.OpenFiles);
    }

    private static void Uncount(PassedFiles* passed)
    {
        User* user = passed->user;
        passed->user = null;
        if (user == null)
            return;
        user->Count -= passed->Count;
        if (user->Count > 0)
            return;
        if (s_users == user)
            s_users = user->Next;
        else
        {
            User* before = s_users;
            while (before->Next != user)
                before = before->Next;
            before->Next = user->Next;
        }

        Objects.Free(user);
    }

    /// <summary>They are in the queue of a socket from now on. Null is nothing.</summary>
    public static void Sent(PassedFiles* passed) => CountPasses(passed, 1);

    /// <summary>They have been taken out of the queue, and belong to the receiver. Null is nothing.</summary>
    public static void Received(PassedFiles* passed)
    {
        if (passed == null)
            return;
        CountPasses(passed, -1);
        Uncount(passed);
    }

    private static void CountPasses(PassedFiles* passed, int difference)
    {
        for (int i = 0; passed != null && i < passed->Count; i++)
        {
            LocalSocket* socket = LocalSocketFile.TryOf((*passed)[i]);
            if (socket == null)
                continue;
            socket->Passes += difference;
            LocalCollector.SocketsOnTheirWay += difference;
        }
    }

    /// <summary>
    /// Gives all of them up. A file that is closed by it may be a socket that has files in its queue, and so on: they
    /// are closed one after the other, not one inside the other. May sleep. Null is nothing.
    /// </summary>
    public static void Discard(PassedFiles* passed)
    {
        if (passed == null)
            return;
        Uncount(passed);
        passed->Next = s_discarded;
        s_discarded = passed;
        if (s_isDiscarding)
            return;
        s_isDiscarding = true;
        while (s_discarded != null)
        {
            passed = s_discarded;
            s_discarded = passed->Next;
            for (int i = 0; i < passed->Count; i++)
                Files.Release((*passed)[i]);
            Objects.Free(passed, SizeFor(passed->Capacity));
        }

        s_isDiscarding = false;
    }
}
