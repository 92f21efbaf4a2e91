namespace Guestos;

/// <summary>Sending signals.</summary>
public static unsafe partial class Signals
{
    /// <summary>Sends from the kernel to one process. Number 1 to 64.</summary>
    public static void Send(Process* process, int signal) { }

    /// <summary>Sends from the kernel to every process of a group (the terminal's ^C). Returns how many there were.</summary>
    public static int SendGroup(int groupId, int signal) => 0;

    /// <summary>True when the current process has a signal to be delivered: a long loop in the kernel should end with -EINTR.</summary>
    public static bool Pending => false;
}

/// <summary>Signal numbers of Linux x86-64.</summary>
public static class Signal
{
    public const int HangUp = 1;
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int IllegalInstruction = 4;
    public const int Trap = 5;
    public const int Abort = 6;
    public const int Bus = 7;
    public const int FloatingPoint = 8;
    public const int Kill = 9;
    public const int User1 = 10;
    public const int SegmentationFault = 11;
    public const int User2 = 12;
    public const int Pipe = 13;
    public const int Alarm = 14;
    public const int Terminate = 15;
    public const int Child = 17;
    public const int Continue = 18;
    public const int Stop = 19;
    public const int TerminalStop = 20;
    public const int TerminalInput = 21;
    public const int TerminalOutput = 22;
    public const int Urgent = 23;
    public const int CpuLimit = 24;
    public const int FileSize = 25;
    public const int VirtualAlarm = 26;
    public const int Profile = 27;
    public const int WindowChange = 28;
    public const int Io = 29;
    public const int Power = 30;
    public const int BadCall = 31;
    public const int Count = 64;
}
