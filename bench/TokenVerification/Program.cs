using System;
using System.Linux;
using System.Runtime;
using Wire;

namespace TokenVerification;

/// <summary>Verifies the signature of one token a million times. Its caller measures the time.</summary>
internal static unsafe class Program
{
    [RuntimeExport("freestanding_main")]
    private static void Main(int argc, byte** argv, byte** envp)
    {
        Span<byte> token = stackalloc byte[BootToken.Size], key = stackalloc byte[32];
        var draft = new BootTokenDraft(token) { Node = 1, PrefixLength = 24, MemoryMiB = 1, CpuPercent = 1,
            ElementCount = 1, Lease = 1, Expires = 1 };
        draft.Sign(key);
        HmacSha1 known = new(key);
        int good = 0;
        for (int i = 0; i < 1_000_000; i++)
            if (BootToken.TryParse(token, out BootToken parsed) && parsed.SignedWith(in known))
                good++;
        Syscall.Exit(good == 1_000_000 ? 0 : 1);
    }
}
