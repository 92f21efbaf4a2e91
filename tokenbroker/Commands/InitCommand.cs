using System;
using System.CommandLine;
using System.IO;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;

namespace Tokenbroker.Commands;

/// <summary><c>tokenbroker init</c>.</summary>
internal static class InitCommand
{
    internal static Command Create(Place place)
    {
        Option<string?> file =
            new("--operator-key") { Description = "Write the operator's API key there instead of showing it.",
            HelpName = "FILE" };
        Command command = new("init",
            "Makes the database, the master key unless it is there, and the operator's API key, which is "
            + "shown this once.") { file };
        command.SetAction(result =>
        {
            using Database database = place.Database(result);
            if (database.Exists())
                throw Problem.Conflict("exists", $"{database.Name} exists already, and it is not made anew");
            string? masterFile = place.MasterKeyFile(result), keyFile = result.GetValue(file);
            if (keyFile is not null && Path.Exists(keyFile))
                throw Problem.Conflict("exists", $"{keyFile} exists already, and a secret is not overwritten");
            // Before anything is made: the operator's key is shown once.
            if (keyFile is not null)
                Folder.Demand(keyFile);
            if (masterFile is not null && !Path.Exists(masterFile))
                MasterKey.Create(masterFile);
            MasterKey master = MasterKey.Load(masterFile);
            Schema.Migrate(database, Schema.Steps);
            string key =
                database.Write(session => Broker.Initialize(session, master,
                DateTimeOffset.UtcNow.ToUnixTimeSeconds()));
            if (keyFile is null)
                Console.WriteLine(key);
            else
                SecretFile.Write(keyFile, key + "\n");
            return 0;
        });
        return command;
    }
}
