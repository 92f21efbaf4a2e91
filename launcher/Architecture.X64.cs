namespace Launcher;

/// <summary>The system calls that the program makes (Linux x86-64), by number.</summary>
internal enum Call : ushort
{
    Write = 1,
    SigProcMask = 14,
    RecvFrom = 45,
    Execve = 59,
    GetUid = 102,
    Prlimit = 302,
}
