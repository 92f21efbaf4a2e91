namespace Guestos;

/// <summary>System calls by their Linux x86-64 number: this switch, then the ones of files and sockets; the rest is ENOSYS and counted.</summary>
public static unsafe class Dispatch
{
    /// <summary>What a dispatcher returns for a number that is not its own. No system call returns it.</summary>
    public const long Unknown = long.MinValue;

    /// <summary>Numbers that are counted one by one; higher ones share the last counter.</summary>
    public const int CountedNumbers = 512;

    /// <summary>How often each unknown system call was made, by number.</summary>
    public static UnknownCounts UnknownCalls;

    public struct UnknownCounts
    {
        private fixed uint counts[CountedNumbers];

        public uint this[int number]
        {
            // SAFETY: the index is masked into the array.
            get { fixed (uint* p = counts) return p[number & (CountedNumbers - 1)]; }
            set { fixed (uint* p = counts) p[number & (CountedNumbers - 1)] = value; }
        }
    }

    public static long Call(ulong number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        long result = FileDispatch.Call(number, a, b, c, d, e, f);
        if (result == Unknown)
            result = SocketDispatch.Call(number, a, b, c, d, e, f);
        if (result != Unknown)
            return result;
        int index = number < CountedNumbers ? (int)number : CountedNumbers - 1;
        UnknownCalls[index]++;
        return Errno.NotImplemented;
    }
}
