namespace Guestos;

/// <summary>
/// Linux error numbers (include/uapi/asm-generic/errno-base.h, errno.h). System calls return them negated.
/// </summary>
public static class Errno
{
    public const long NotPermitted = -1;            // EPERM
    public const long NoEntry = -2;                 // ENOENT
    public const long NoProcess = -3;               // ESRCH
    public const long Interrupted = -4;             // EINTR
    public const long InputOutput = -5;             // EIO
    public const long NoDevice = -6;                // ENXIO
    public const long ArgumentsTooLong = -7;        // E2BIG
    public const long NotExecutable = -8;           // ENOEXEC
    public const long BadDescriptor = -9;           // EBADF
    public const long NoChild = -10;                // ECHILD
    public const long TryAgain = -11;               // EAGAIN
    public const long NoMemory = -12;               // ENOMEM
    public const long Access = -13;                 // EACCES
    public const long Fault = -14;                  // EFAULT
    public const long Busy = -16;                   // EBUSY
    public const long Exists = -17;                 // EEXIST
    public const long CrossDevice = -18;            // EXDEV
    public const long NoSuchDevice = -19;           // ENODEV
    public const long NotDirectory = -20;           // ENOTDIR
    public const long IsDirectory = -21;            // EISDIR
    public const long Invalid = -22;                // EINVAL
    public const long TooManyFiles = -23;           // ENFILE
    public const long TooManyDescriptors = -24;     // EMFILE
    public const long NotTerminal = -25;            // ENOTTY
    public const long TextBusy = -26;               // ETXTBSY
    public const long FileTooLarge = -27;           // EFBIG
    public const long NoSpace = -28;                // ENOSPC
    public const long IllegalSeek = -29;            // ESPIPE
    public const long ReadOnly = -30;               // EROFS
    public const long TooManyLinks = -31;           // EMLINK
    public const long BrokenPipe = -32;             // EPIPE
    public const long Domain = -33;                 // EDOM
    public const long Range = -34;                  // ERANGE
    public const long Deadlock = -35;               // EDEADLK
    public const long NameTooLong = -36;            // ENAMETOOLONG
    public const long NoLocks = -37;                // ENOLCK
    public const long NotImplemented = -38;         // ENOSYS
    public const long NotEmpty = -39;               // ENOTEMPTY
    public const long TooManySymbolicLinks = -40;   // ELOOP
    public const long NoData = -61;                 // ENODATA
    public const long Overflow = -75;               // EOVERFLOW
    public const long NotSocket = -88;              // ENOTSOCK
    public const long DestinationRequired = -89;    // EDESTADDRREQ
    public const long MessageTooLong = -90;         // EMSGSIZE
    public const long WrongProtocolType = -91;      // EPROTOTYPE
    public const long NoProtocolOption = -92;       // ENOPROTOOPT
    public const long ProtocolNotSupported = -93;   // EPROTONOSUPPORT
    public const long SocketTypeNotSupported = -94; // ESOCKTNOSUPPORT
    public const long NotSupported = -95;           // EOPNOTSUPP
    public const long AddressFamilyNotSupported = -97; // EAFNOSUPPORT
    public const long AddressInUse = -98;           // EADDRINUSE
    public const long AddressNotAvailable = -99;    // EADDRNOTAVAIL
    public const long NetworkDown = -100;           // ENETDOWN
    public const long NetworkUnreachable = -101;    // ENETUNREACH
    public const long ConnectionAborted = -103;     // ECONNABORTED
    public const long ConnectionReset = -104;       // ECONNRESET
    public const long NoBuffers = -105;             // ENOBUFS
    public const long IsConnected = -106;           // EISCONN
    public const long NotConnected = -107;          // ENOTCONN
    public const long ShutDown = -108;              // ESHUTDOWN
    public const long TimedOut = -110;              // ETIMEDOUT
    public const long ConnectionRefused = -111;     // ECONNREFUSED
    public const long HostUnreachable = -113;       // EHOSTUNREACH
    public const long Already = -114;               // EALREADY
    public const long Canceled = -125;              // ECANCELED
    public const long InProgress = -115;            // EINPROGRESS
}
