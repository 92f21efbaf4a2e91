using System;
using System.IO;
using System.Linq;
using System.Text;
using Tokenbroker.Market;
using Tokenbroker.Storage;
using Wire;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>Commands that are killed at each of their instants, and given again.</summary>
public sealed class CrashTests
{
    [Theory, OnSqlite, OnPostgres]
    public void A_ledger_is_brought_to_the_newest_version_whenever_the_program_was_killed_before(string kind)
    {
        using Shop shop = new(kind);
        shop.Buy(shop.Customer);
        int killedBetween = 0;
        // What is before a statement is behind the one before it.
        for (int instant = 0; ; instant += 2)
        {
            KillRun.TakeBack(shop.Database);
            using MortalDatabase mortal = new(shop.Scratch.Database);
            mortal.DieAfter(instant);
            try
            {
                Schema.Migrate(mortal, Schema.Steps);
            }
            catch (Killed)
            {
                // Each step was taken, or nothing of it, so that the program goes on below.
            }
            long version = shop.Look(session => (object)Schema.Version(session)) is long number ? number : 0;
            if (version > 1 && version < Schema.Steps.Count)
                killedBetween++;
            Assert.Equal(Schema.Steps.Count - version, Schema.Migrate(shop.Database, Schema.Steps));
            Assert.Equal(Shop.Deposit - 1000, shop.Balance(shop.Customer));
            shop.Verified();
            if (!mortal.IsDead)
                break;
        }
        Assert.True(killedBetween > Schema.Steps.Count, $"killed between two versions {killedBetween} times");
        shop.Buy(shop.Customer);
        shop.Verified();
    }

    [Theory, OnSqlite, OnPostgres]
    public void A_nodes_key_is_the_old_or_the_new_one_whenever_the_program_was_killed(string kind)
    {
        using Shop shop = new(kind);
        long machine = shop.Buy(shop.Customer, node: "n1").Machine.Id, rotations = 0;
        string last = Shop.Key;
        for (int instant = 0; ; instant++)
        {
            string wanted = $"{instant:d40}";
            using MortalDatabase mortal = new(shop.Scratch.Database);
            using Broker broker = new(mortal, shop.Master, () => shop.Now);
            mortal.DieAfter(instant);
            try
            {
                mortal.Write(session => broker.RotateNodeKey(session, "test", Broker.NodeNamed(session, "n1"),
                    new NewNodeKey(wanted)));
            }
            catch (Killed)
            {
                // What is sold now says which key it is.
            }
            long number = shop.Look(session => Broker.NodeWith(session, 1)).KeyNumber;
            Assert.InRange(number, rotations + 1, rotations + 2);
            if (number == rotations + 2)
                (rotations, last) = (rotations + 1, wanted);
            shop.Do(session => shop.Broker.SettleLapsed(session, 9));
            Purchase bought = shop.Buy(shop.Customer, 1, "n1");
            Assert.True(BootToken.TryParse(Convert.FromHexString(bought.BootToken), out BootToken token));
            Assert.True(token.SignedWith(new HmacSha1(Encoding.ASCII.GetBytes(last))), $"killed after {instant} instants");
            shop.Now = Math.Max(bought.Machine.Lapses, shop.Now) + 1;
            Assert.Equal(rotations, shop.Look(session => Broker.ReadAudit(session, 0, Broker.MaxPageSize)).Items
                .Count(line => line.Action == "node rotate-key"));
            if (!mortal.IsDead)
                break;
        }
        Assert.True(rotations > 1, "it was never killed behind the commit"); // the last one was not killed
        Assert.NotNull(shop.Look(session => Broker.Machine(session, shop.Customer, machine)).Closed);
        shop.Verified();
    }

    /// <summary>So who is killed while he copies leaves nothing that looks like a backup.</summary>
    [Fact]
    public void A_backup_has_its_name_once_it_is_whole()
    {
        string folder = Directory.CreateTempSubdirectory("broker-").FullName;
        try
        {
            string file = Path.Combine(folder, "copy");
            using SlowlyCopied database = new(draft =>
            {
                Assert.Equal([draft], Directory.GetFiles(folder));
                Assert.NotEqual(file, draft);
                Assert.EndsWith(".partial", draft, StringComparison.Ordinal);
            });
            database.Backup(file);
            Assert.Equal([file], Directory.GetFiles(folder));
            Assert.Equal(SlowlyCopied.Text, File.ReadAllText(file));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>One that is looked at while it is copied.</summary>
    private sealed class SlowlyCopied(Action<string> look) : Database
    {
        internal const string Text = "all of it";

        internal override string Name => "slow";

        internal override Dialect Dialect => Dialect.Sqlite;

        internal override bool Exists() => true;

        internal override Session Open(bool remembers = false) => throw new NotSupportedException();

        internal override void BeginWrite(Session session) => throw new NotSupportedException();

        internal override bool Restore(string file, Func<Database, bool> verify) => throw new NotSupportedException();

        protected override void CopyInto(string file)
        {
            look(file);
            foreach (char letter in Text)
            {
                File.AppendAllText(file, $"{letter}");
                look(file);
            }
        }
    }
}
