using System.Globalization;
using System.IO;
using System.Linq;
using Xunit;

namespace Domain.Tests;

public class GuestMemoryTests
{
    /// <summary>So that an address which is a little wrong, in code that is not checked, ends the monitor and reads or writes nothing of it (docs/security.md).</summary>
    [Theory]
    [InlineData(1)]
    [InlineData((1 << 20) + 1)]
    [InlineData(64 << 20)]
    public unsafe void Nobody_may_touch_sixteen_mebibytes_on_either_side(int bytes)
    {
        const ulong Guard = 16 << 20;
        var memory = GuestMemory.Allocate((ulong)bytes);
        ulong begin = (ulong)memory.Base, end = begin + memory.Size;
        Assert.Equal(((ulong)bytes + GuestMemory.PageBytes - 1) / GuestMemory.PageBytes * GuestMemory.PageBytes, memory.Size);
        Assert.Equal("rw-p", RightsOf(begin, end));
        Assert.Equal("---p", RightsOf(begin - Guard, begin));
        Assert.Equal("---p", RightsOf(end, end + Guard));
    }

    /// <summary>Of the one mapping that holds all of it; empty where there is no such mapping.</summary>
    private static string RightsOf(ulong begin, ulong end)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] words = line.Split(' ');
            ulong[] range = [.. words[0].Split('-').Select(word => ulong.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            if (range[0] <= begin && range[1] >= end)
                return words[1];
        }
        return "";
    }
}
