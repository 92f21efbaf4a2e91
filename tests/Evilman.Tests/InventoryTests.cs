using System;
using System.IO;
using System.Linq;
using System.Net;
using Evilman.Buying;
using Evilman.Net;
using Wire;
using Xunit;

namespace Evilman.Tests;

public sealed class InventoryTests : IDisposable
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-inventory-");

    public void Dispose() => folder.Delete(recursive: true);

    string FilePath => Path.Combine(folder.FullName, "inventory.toml");

    static readonly KnownBroker s_lab = new("lab", BrokerUrl.Parse("http://127.0.0.1:8090"), "tb_1_2");

    void Write(string text, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        File.WriteAllText(FilePath, text);
        File.SetUnixFileMode(FilePath, mode);
    }

    [Fact]
    public void What_a_person_wrote_stays_when_a_broker_is_added_or_changed()
    {
        const string Mine = """
            # mine
            broker = "lab"

            [nodes.n1]   # the old one
            address = "10.0.0.1"
            key_file = "/etc/evilman/n1.key"

            """;
        Write(Mine);
        Inventory.Add(folder.FullName, s_lab);
        Inventory.Add(folder.FullName, s_lab with { Name = "other" });
        Inventory.Add(folder.FullName, s_lab with { Key = "tb_3_4" });
        var text = File.ReadAllText(FilePath);
        Assert.StartsWith(Mine, text, StringComparison.Ordinal);
        Assert.Equal(1, text.Split("[brokers.lab]").Length - 1);
        var inventory = Inventory.Load(folder.FullName);
        Assert.Equal("tb_3_4", inventory.Broker(null).Key);
        Assert.Equal("tb_1_2", inventory.Broker("other").Key);
        Assert.Equal("http://127.0.0.1:8090", $"{inventory.Broker("lab").Url}");
        Assert.Equal(("10.0.0.1", "/etc/evilman/n1.key"),
            ($"{inventory.Node("n1")!.Address}", inventory.Node("n1")!.KeyFile));
    }

    [Fact]
    public void A_node_of_ones_own_is_added_changed_and_forgotten_and_nothing_else_is_touched()
    {
        Inventory.Add(folder.FullName, s_lab);
        var node = new KnownNode("n1", IPAddress.Parse("10.0.0.1"), "/etc/evilman/n1.key")
        {
            Boot = Range("10.0.0.100-10.0.0.119/24"), Guests = Range("10.0.0.50-10.0.0.59"), Gateway = IPAddress.Parse("10.0.0.254"), IsMetered = false,
        };
        Inventory.Add(folder.FullName, node with { IsMetered = true, Gateway = null });
        Inventory.Add(folder.FullName, node with { Name = "n2" });
        Inventory.Add(folder.FullName, node);
        Assert.Equal(node, Inventory.Load(folder.FullName).Node("n1"));
        Assert.Equal(2, Inventory.Load(folder.FullName).Nodes.Count());
        Inventory.Remove(folder.FullName, "n1");
        var left = Inventory.Load(folder.FullName);
        Assert.Null(left.Node("n1"));
        Assert.Equal(node with { Name = "n2" }, left.Node("n2"));
        Assert.Equal(s_lab, left.Broker(null));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));

        static AddressRange Range(string text) => AddressRange.TryParse(text, out var range) ? range : throw new FormatException(text);
    }

    [Theory]
    [InlineData("10.0.0.5", 1)]
    [InlineData("10.0.0.250-10.0.1.5", 12)]
    [InlineData("10.0.0.9-10.0.0.9/24", 1)]
    [InlineData("10.0.0.9-10.0.0.8", 0)]
    [InlineData("10.0.0.0-10.1.0.0", 0)]
    [InlineData("10.0.0.1-2", 0)]
    [InlineData("10.0.0.1/31", 0)]
    [InlineData("10.0.0.1-10.0.0.2-10.0.0.3", 0)]
    [InlineData("", 0)]
    public void Ranges_are_what_they_say_or_refused(string text, int count)
    {
        var isTaken = AddressRange.TryParse(text, out var range);
        Assert.Equal(count > 0, isTaken);
        if (!isTaken)
            return;
        Assert.Equal(count, range.All().Count());
        Assert.Equal((range.First, range.Last), (range.All().First(), range.All().Last()));
        Assert.True(AddressRange.TryParse($"{range}", out var again));
        Assert.Equal(range, again);
    }

    /// <summary>What a node says of a token that it cannot honour tells whether it knows the secret.</summary>
    [Theory]
    [InlineData(Refusal.AddressNotAllowed, null)]
    [InlineData(Refusal.BadSignature, "has another secret than n1.key")]
    [InlineData(Refusal.TooEarly, "takes no tokens now")]
    [InlineData(null, "10.0.0.2 does not answer")]
    public void A_node_is_asked_for_its_secret_without_a_machine(Refusal? says, string? sentence)
    {
        var node = new FakeNode { Says = _ => says ?? Refusal.None, LosesRequest = _ => says is null };
        void Ask() => NodeProbe.DemandKey(node, FakeNode.Address, "0123456789abcdef"u8, "n1.key", FakeNode.Ms(3000));
        if (sentence is null)
            Ask();
        else
            Assert.Contains(sentence, Assert.Throws<Failure>(Ask).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_inventory_is_its_owners_alone_and_its_only_broker_needs_no_name()
    {
        Inventory.Add(folder.FullName, s_lab);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
        Assert.Equal(s_lab, Inventory.Load(folder.FullName).Broker(null));
        Inventory.Add(folder.FullName, s_lab with { Name = "b2" });
        Assert.Contains("--broker", Assert.Throws<Failure>(() => Inventory.Load(folder.FullName).Broker(null)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_that_others_can_read_are_refused()
    {
        Write("", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains("chmod", Assert.Throws<Failure>(() => Inventory.Load(folder.FullName)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("broker = ", "inventory.toml")]
    [InlineData("brokers = 3", "«brokers» is not known")]
    [InlineData("broker = 3", "«broker» is not text")]
    [InlineData("[brokers.lab]\nurl = \"http://127.0.0.1:1\"", "«key» of [brokers.lab] is missing")]
    [InlineData("[brokers.lab]\nurl = \"http://127.0.0.1:1\"\nkey = \"a\\nb\"", "«key» of [brokers.lab]")]
    [InlineData("[nodes.n1]\naddress = \"10.1\"", "«address» of [nodes.n1]")]
    [InlineData("[nodes.n1]\naddress = \"10.0.0.1\"\ncolour = \"red\"", "«colour» of [nodes.n1] is not known")]
    [InlineData("[nodes.n1]\naddress = [\"10.0.0.1\"]", "«address» of [nodes.n1] is neither")]
    [InlineData("[nodes.n1]\naddress = \"10.0.0.1\"\nboot = \"10.0.0.5-10.0.0.9\"", "«boot» of [nodes.n1] is not addresses with their subnet")]
    [InlineData("[nodes.n1]\naddress = \"10.0.0.1\"\nguests = \"10.0.0.5/24\"", "«guests» of [nodes.n1] is not addresses like")]
    [InlineData("[nodes.n1]\naddress = \"10.0.0.1\"\nmetered = \"no\"", "«metered» of [nodes.n1] is not true or false")]
    [InlineData("[nodes.\"1\"]\naddress = \"10.0.0.1\"", "begins with a letter")]
    [InlineData("[planets.mars]", "[planets.mars] is not known")]
    [InlineData("[nodes]", "is not a table like")]
    [InlineData("[nodes.a.b]", "is not a table like")]
    [InlineData("[[nodes.a]]", "is not a table like")]
    [InlineData("[nodes.a]\naddress = \"10.0.0.1\"\n[nodes.a]\naddress = \"10.0.0.2\"", "inventory.toml")]
    public void What_is_wrong_is_said_with_its_place(string text, string said)
    {
        Write(text);
        Assert.Contains(said, Assert.Throws<Failure>(() => Inventory.Load(folder.FullName)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8090", true)]
    [InlineData("http://localhost:8090/", true)]
    [InlineData("http://127.9.9.9", true)]
    [InlineData("https://127.0.0.1:8090", false)]
    [InlineData("http://10.0.0.1:8090", false)]
    [InlineData("http://localhost.example.org:8090", false)]
    [InlineData("http://127.0.0.1@10.0.0.1:8090", false)]
    [InlineData("http://[::1]:8090", false)]
    [InlineData("http://127.0.0.1:8090/v1", false)]
    [InlineData("127.0.0.1:8090", false)]
    public void Keys_go_to_this_machine_only(string url, bool isTaken)
    {
        if (isTaken)
            Assert.True(System.Net.IPAddress.IsLoopback(BrokerUrl.Parse(url).Server.Address));
        else
            Assert.Contains("ssh", Assert.Throws<Failure>(() => BrokerUrl.Parse(url)).Message, StringComparison.Ordinal);
    }
}
