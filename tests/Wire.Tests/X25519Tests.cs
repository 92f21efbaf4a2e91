using System;
using Xunit;

namespace Wire.Tests;

public class X25519Tests
{
    // RFC 7748 §5.2.
    [Theory]
    [InlineData("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")]
    [InlineData("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493", "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")]
    public void Products_of_RFC_7748(string scalar, string point, string product) => Assert.Equal(product, Product(scalar, point));

    // RFC 7748 §5.2, the iterated test.
    [Fact]
    public void A_thousand_iterations_of_RFC_7748()
    {
        string k = "0900000000000000000000000000000000000000000000000000000000000000", u = k;
        for (int i = 1; i <= 1000; i++)
        {
            (k, u) = (Product(k, u), k);
            if (i == 1)
                Assert.Equal("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", k);
        }
        Assert.Equal("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", k);
    }

    // RFC 7748 §6.1.
    [Theory]
    [InlineData("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")]
    [InlineData("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")]
    public void Both_sides_of_RFC_7748_share_the_same(string secret, string publicKey, string other)
    {
        byte[] found = new byte[32];
        X25519.PublicKey(Convert.FromHexString(secret), found);
        Assert.Equal(publicKey, Convert.ToHexStringLower(found));
        Assert.Equal("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", Product(secret, other));
    }

    [Fact]
    public void Agrees_with_BouncyCastle_also_where_the_number_is_not_reduced()
    {
        var random = new Random(1);
        byte[] scalar = new byte[32], point = new byte[32], right = new byte[32], found = new byte[32];
        for (int round = 0; round < 500; round++)
        {
            random.NextBytes(scalar);
            random.NextBytes(point);
            if (round < 100)
            {
                // Around 2^255 - 19 and 2^256, with the bit that does not count set or not.
                Array.Fill(point, (byte)0xff);
                point[0] = (byte)(0xed - 40 + round);
                point[31] = (byte)(round % 2 == 0 ? 0x7f : 0xff);
            }
            Org.BouncyCastle.Math.EC.Rfc7748.X25519.ScalarMult(scalar, 0, point, 0, right, 0);
            X25519.Agree(scalar, point, found);
            Assert.Equal(right, found);
        }
    }

    // RFC 7748 §6.1: a point of small order gives zero whatever the secret is. 0, 1, p - 1, p, p + 1 and the two of order 8.
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("0100000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]
    [InlineData("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")]
    public void A_point_of_small_order_is_refused(string point)
    {
        byte[] secret = new byte[32];
        new Random(3).NextBytes(secret);
        Assert.False(X25519.Agree(secret, Convert.FromHexString(point), new byte[32]));
    }

    private static string Product(string scalar, string point)
    {
        byte[] product = new byte[32];
        X25519.Agree(Convert.FromHexString(scalar), Convert.FromHexString(point), product);
        return Convert.ToHexStringLower(product);
    }
}
