using System;
using System.Net;
using Evilman.Minting;
using Tokens;
using Wire;
using Xunit;

namespace Evilman.Tests;

public class MintTests
{
    static readonly byte[] s_key = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
    static readonly byte[] s_loader = [0xc3];

    static MintRequest Request() => new()
    {
        Node = IPAddress.Parse("10.77.0.1"),
        BootAddress = IPAddress.Parse("10.77.0.101"),
        Gateway = IPAddress.Parse("10.77.0.254"),
        Guests = [IPAddress.Parse("10.77.0.50"), IPAddress.Parse("10.77.0.51")],
        MemoryBytes = 96 << 20,
        CpuPercent = 150,
        DiskBytes = 5 << 20,
        Tokens = 7,
        Issued = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
        Lifetime = TimeSpan.FromMinutes(1),
        Loader = s_loader,
    };

    [Fact]
    public void A_token_says_what_was_asked_for_and_its_chain_and_signature_hold()
    {
        var bytes = Signing.Token(Request(), s_key, Chain.Fresh(50));
        Assert.True(BootToken.TryParse(bytes, out var token));
        Assert.Equal(0x0a4d0001u, token.Node);
        Assert.Equal(0x0a4d0065u, token.BootAddress);
        Assert.Equal(0x0a4d00feu, token.Gateway);
        Assert.Equal(2, token.GuestCount);
        Assert.Equal(0x0a4d0033u, token.Guest(1));
        Assert.Equal(96u, token.MemoryMiB);
        Assert.Equal(150, token.CpuPercent);
        Assert.Equal(5u, token.DiskMiB);
        Assert.Equal(7u, token.ElementCount);
        Assert.Equal(1_700_000_000u, token.Issued);
        Assert.Equal(1_700_000_060u, token.Expires);
        Assert.True(token.ChainHolds());
        Assert.True(token.SignedWith(new HmacSha1(s_key)));
        Assert.False(token.SignedWith(new HmacSha1([9, 9, 9])));
    }

    [Fact]
    public void Prices_a_value_and_the_hash_of_a_secret_are_signed_into_it()
    {
        byte[] secret = [.. new byte[19], 7];
        var bytes = Signing.Token(Request() with { Prices = [1, 2, 3, uint.MaxValue], Value = BootToken.MaxValue, RefundSecret = secret }, s_key, Chain.Fresh(50));
        Assert.True(BootToken.TryParse(bytes, out var token));
        Assert.Equal((1u, 2u, 3u, uint.MaxValue), (token.Prices[0], token.Prices[1], token.Prices[2], token.Prices[3]));
        Assert.Equal(BootToken.MaxValue, token.Value);
        Assert.Equal(System.Security.Cryptography.SHA1.HashData(secret), token.RefundHash.Bytes.ToArray());
        Assert.Equal(ExitCode.Usage, Assert.Throws<Failure>(() => Signing.Token(Request() with { Value = BootToken.MaxValue + 1 }, s_key, Chain.Fresh(50))).ExitCode);
        // Whoever mints without a secret promises nobody anything, and not the same to all.
        var other = Signing.Token(Request(), s_key, Chain.Fresh(50));
        Assert.True(BootToken.TryParse(other, out var unpriced) && !unpriced.Prices.IsAny && unpriced.RefundHash.Bytes.ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void A_continuation_names_the_machine_and_the_chain_before_and_is_itself_continued()
    {
        var token = Signing.Token(Request(), s_key, Chain.Fresh(50));
        Assert.True(BootToken.TryParse(token, out var boot));
        Chain second = Chain.Fresh(40), third = Chain.Fresh(30);
        byte[] former = token, end = boot.ChainEnd.Bytes.ToArray();
        foreach (var (chain, count) in new[] { (second, 7), (third, 30) })
        {
            var bytes = Signing.Continuation(former, count, s_key, chain);
            Assert.True(Continuation.TryParse(bytes, out var next));
            Assert.Equal((boot.Node, (uint)count), (next.Node, next.ElementCount));
            Assert.True(next.Machine.Is(in boot.ChainEnd));
            Assert.Equal(end, next.Former.Bytes.ToArray());
            Assert.Equal(chain.Element(chain.Length), next.ChainEnd.Bytes.ToArray());
            Assert.True(next.ChainHolds() && next.SignedWith(new HmacSha1(s_key)));
            (former, end) = (bytes, next.ChainEnd.Bytes.ToArray());
        }
        Assert.Equal(ExitCode.Usage, Assert.Throws<Failure>(() => Signing.Continuation(token, 31, s_key, third)).ExitCode);
        Assert.Throws<Failure>(() => Signing.Continuation(new byte[BootToken.Size], 1, s_key, third));
    }

    [Fact]
    public void A_changed_byte_breaks_the_signature()
    {
        var bytes = Signing.Token(Request(), s_key, Chain.Fresh(50));
        bytes[12] ^= 1;
        Assert.True(BootToken.TryParse(bytes, out var token));
        Assert.False(token.SignedWith(new HmacSha1(s_key)));
    }

    [Fact]
    public void Quantities_that_do_not_fit_are_refused_with_the_usage_exit_code()
    {
        MintRequest[] bad =
        [
            Request() with { MemoryBytes = 1000 },
            Request() with { MemoryBytes = 0 },
            Request() with { DiskBytes = 1 },
            Request() with { CpuPercent = 0 },
            Request() with { PrefixLength = 31 },
            Request() with { Tokens = 51 },
            Request() with { Lifetime = TimeSpan.Zero },
            Request() with { Loader = [] },
            Request() with { Loader = new byte[Upload.MaxLoaderSize + 1] },
            Request() with { Guests = [IPAddress.Any, IPAddress.Any, IPAddress.Any, IPAddress.Any, IPAddress.Any] },
        ];
        foreach (var request in bad)
            Assert.Equal(ExitCode.Usage, Assert.Throws<Failure>(() => Signing.Token(request, s_key, Chain.Fresh(50))).ExitCode);
    }

    [Fact]
    public void A_chain_survives_its_file_and_the_file_is_the_owners_alone()
    {
        var folder = System.IO.Directory.CreateTempSubdirectory();
        try
        {
            var file = System.IO.Path.Combine(folder.FullName, "chain");
            var chain = Chain.Fresh(12);
            ChainFile.Save(file, chain);
            Assert.Equal(System.IO.UnixFileMode.UserRead | System.IO.UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(file));
            Assert.Equal(chain.Element(12), ChainFile.Load(file).Element(12));
            Assert.Throws<Failure>(() => ChainFile.Save(file, chain)); // never over an older one
            System.IO.File.WriteAllText(file, "zz 12");
            Assert.Throws<Failure>(() => ChainFile.Load(file));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_key_file_of_the_wrong_size_is_refused()
    {
        var folder = System.IO.Directory.CreateTempSubdirectory();
        try
        {
            var file = System.IO.Path.Combine(folder.FullName, "key");
            System.IO.File.WriteAllBytes(file, new byte[65]);
            Assert.Throws<Failure>(() => SecretFile.ReadKey(file));
            System.IO.File.WriteAllBytes(file, []);
            Assert.Throws<Failure>(() => SecretFile.ReadKey(file));
            System.IO.File.WriteAllText(file, "fifteen bytes..\nand more behind the newline");
            Assert.Throws<Failure>(() => SecretFile.ReadKey(file));
            System.IO.File.WriteAllBytes(file, SecretFile.NewKey());
            Assert.Equal(40, SecretFile.ReadKey(file).Length);
            Assert.Throws<Failure>(() => SecretFile.ReadKey(file + "-not-there"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
