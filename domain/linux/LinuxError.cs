namespace Domain.Linux;

/// <summary>Words for the errors that a user of the command line meets.</summary>
internal static class LinuxError
{
    public static string Describe(int errno) => errno switch
    {
        1 => "operation not permitted",
        2 => "no such file",
        6 or 19 => "no such device",
        9 => "not an open descriptor",
        12 => "not enough memory",
        13 => "permission denied",
        16 => "busy",
        20 => "not a directory",
        21 => "it is a directory",
        22 => "invalid argument",
        24 => "too many open files",
        26 => "the file is in use",
        28 => "no space left",
        30 => "read-only file system",
        38 => "not supported by this kernel",
        _ => $"error {errno}",
    };
}
