namespace Guestos;

/// <summary>What a thread that sleeps in futex(2) waits for.</summary>
public enum FutexKind : byte
{
    /// <summary>To be woken.</summary>
    Plain,

    /// <summary>To be given the lock that the word is (FUTEX_LOCK_PI).</summary>
    Lock,

    /// <summary>To be made to wait for a lock, or to be given it (FUTEX_WAIT_REQUEUE_PI).</summary>
    Requeue,
}
