using System;
using System.IO;
using System.Security.Cryptography;
using System.Text;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokens;
using Xunit;

namespace Tokenbroker.Tests;

public sealed class SecretTests
{
    [Fact]
    public void What_is_sealed_opens_only_where_it_belongs_and_unchanged()
    {
        using Seal seal = new(RandomNumberGenerator.GetBytes(32)), other = new(RandomNumberGenerator.GetBytes(32));
        byte[] secret = [1, 2, 3], closed = seal.Close(secret, "node 1 key 1");
        Assert.Equal(secret, seal.Open(closed, "node 1 key 1"));
        Assert.NotEqual(closed, seal.Close(secret, "node 1 key 1"));
        Assert.Throws<Problem>(() => seal.Open(closed, "node 2 key 1"));
        Assert.Throws<Problem>(() => other.Open(closed, "node 1 key 1"));
        Assert.Throws<Problem>(() => seal.Open(closed.AsSpan(0, 20), "node 1 key 1"));
        for (int i = 0; i < closed.Length; i++)
        {
            byte[] spoiled = [.. closed];
            spoiled[i] ^= 1;
            Assert.Throws<Problem>(() => seal.Open(spoiled, "node 1 key 1"));
        }
    }

    [SqliteFact]
    public void The_file_of_the_database_holds_no_secret()
    {
        using Shop shop = new("sqlite");
        string apiKey = shop.AddKey(shop.Customer, ApiKeys.Read);
        Purchase bought = shop.Buy(shop.Customer);
        string copy = shop.File("copy.db");
        shop.Database.Backup(copy);
        byte[] file = File.ReadAllBytes(copy);
        bool Holds(byte[] bytes) => file.AsSpan().IndexOf(bytes) >= 0;
        Assert.True(Holds("alice"u8.ToArray()));
        Assert.True(Holds(Convert.FromHexString(bought.Machine.Name)));
        foreach (string text in (string[])[Shop.Key, apiKey.Split('_')[2], shop.OperatorKey.Split('_')[2],
            bought.MachineKey, bought.BootToken, bought.RefundSecret])
        {
            Assert.False(Holds(Encoding.ASCII.GetBytes(text)), text);
            Assert.False(text.Length % 2 == 0 && Holds(Convert.FromHexString(text)), text);
        }
        // The element that was sold, and with it the way to all before.
        Wire.BootToken.TryParse(Convert.FromHexString(bought.BootToken), out Wire.BootToken token);
        Assert.False(Holds(token.First.Bytes.ToArray()));
    }

    [SqliteFact]
    public void Another_master_key_is_refused_before_anything_is_done()
    {
        using Shop shop = new("sqlite");
        MasterKey other = MasterKey.Of(new byte[32]);
        Assert.Contains("another master key",
            Assert.Throws<Problem>(() => shop.Look(session => { other.Demand(session, shop.Database); return ""; }))
            .Message, StringComparison.Ordinal);
    }

    [SqliteFact]
    public void An_api_key_is_known_until_it_is_revoked_and_by_all_of_its_letters()
    {
        using Shop shop = new("sqlite");
        string key = shop.AddKey(shop.Customer, ApiKeys.Read, ApiKeys.Buy);
        Actor? Find(string text) => shop.Look(session => Tuple.Create(
            ApiKeys.Parse(text) is { } key ? ApiKeys.Find(session, key) : null)).Item1;
        Actor actor = Find(key)!;
        Assert.Equal((shop.Customer, true, true, false),
            (actor.Customer!.Value, actor.May(ApiKeys.Read), actor.May(ApiKeys.Buy), actor.May(ApiKeys.Refund)));
        Assert.Null(Find(key[..^1] + (key[^1] == '0' ? '1' : '0')));
        Assert.Null(Find(key + "0"));
        Assert.Null(Find("tb__"));
        Assert.Null(Find(shop.OperatorKey)?.Customer);
        shop.Do(session => { shop.Broker.Revoke(session, "test", key.Split('_')[1]); return ""; });
        Assert.Null(Find(key));
        Assert.Throws<Problem>(() => shop.AddKey(shop.Customer, ApiKeys.Operator));
        Assert.Throws<Problem>(() => shop.AddKey(shop.Customer));
    }
}
