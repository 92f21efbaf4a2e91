namespace Guestos;

/// <summary>si_code values (sigaction(2), include/uapi/asm-generic/siginfo.h).</summary>
public static class SignalCode
{
    public const int User = 0;
    public const int Timer = -2;
    public const int ThreadKill = -6;
    public const int Kernel = 0x80;

    // SIGSEGV
    public const int NotMapped = 1;
    public const int NotPermitted = 2;

    // SIGBUS
    public const int Alignment = 1;
    public const int BeyondFile = 2;

    // SIGILL, SIGTRAP
    public const int IllegalOperand = 2;
    public const int Breakpoint = 1;
    public const int SingleStep = 2;

    // SIGFPE
    public const int IntegerDivide = 1;
    public const int FloatDivide = 3;
    public const int FloatOverflow = 4;
    public const int FloatUnderflow = 5;
    public const int FloatInexact = 6;
    public const int FloatInvalid = 7;

    // SIGCHLD
    public const int Exited = 1;
    public const int Killed = 2;
    public const int Dumped = 3;
    public const int Trapped = 4;
    public const int Stopped = 5;
    public const int Continued = 6;
}
