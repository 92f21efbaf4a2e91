namespace Launcher;

/// <summary>The system calls that the program makes (Linux arm64), by number.</summary>
internal enum Call : ushort
{
    Write = 64,
    SigProcMask = 135,
    RecvFrom = 207,
    Execve = 221,
    GetUid = 174,
    Prlimit = 261,
}
