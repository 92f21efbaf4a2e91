namespace Migrate;

/// <summary>A program's arguments, as the kernel wants them.</summary>
internal static unsafe class Words
{
    private const int MaxWords = 1024;

    /// <summary>
    /// A vector, with null at its end, of texts that lie one behind the other, each with a zero at its end.
    /// </summary>
    /// <returns>False when there is none, or too many, or the last one has no end.</returns>
    public static bool TrySplit(byte* texts, int length, out byte** words)
    {
        words = (byte**)Host.Allocate((MaxWords + 1) * sizeof(byte*));
        if (words == null || length == 0 || texts[length - 1] != 0)
            return false;
        int count = 0;
        for (int at = 0; at < length; at++)
        {
            if (at > 0 && texts[at - 1] != 0)
                continue;
            if (count == MaxWords)
                return false;
            words[count] = texts + at;
            count++;
        }
        return true;
    }
}
