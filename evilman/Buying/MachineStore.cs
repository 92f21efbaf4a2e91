using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Evilman.Minting;

namespace Evilman.Buying;

/// <summary>What is known of one machine, for the one program that may change it now.</summary>
internal interface IMachineFile : IDisposable
{
    string Name { get; }

    /// <summary>Null where there is none of that name.</summary>
    BoughtMachine? Machine { get; }

    /// <summary>On the disk when it returns.</summary>
    void Save(BoughtMachine machine);

    void Remove();
}

/// <summary>The machines that were bought, a file of mode 0600 each: machines/NAME.json beside the inventory.</summary>
internal sealed class MachineStore(string folder)
{
    const string Suffix = ".json";
    const int MaxFileSize = 16 << 20;

    readonly string folder = Path.Combine(folder, "machines");

    internal static MachineStore Standard => new(Inventory.Folder);

    internal IEnumerable<string> Names => Directory.Exists(folder)
        ? Directory.GetFiles(folder, "*" + Suffix).Select(path => Path.GetFileNameWithoutExtension(path)!)
            .Where(Inventory.IsName).Order(StringComparer.Ordinal)
        : [];

    /// <summary>As it is now, to be read; <see cref="Open"/> is for changing it.</summary>
    internal BoughtMachine? Find(string name) => File.Exists(PathOf(name)) ? Read(name) : null;

    internal BoughtMachine Demand(string name) => Find(name)
        ?? throw Failure.Usage($"there is no machine {name}: «evilman machines» lists those that were bought");

    /// <summary>Locks the machine's file (flock(2)), so that of two programs one waits.</summary>
    internal IMachineFile Open(string name)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new MachineFile(this, name,
            FileLock.Take(Path.Combine(folder, name + ".lock"), $"the machine {name}"));
    }

    string PathOf(string name) => Path.Combine(folder, name + Suffix);

    BoughtMachine Read(string name)
    {
        var path = PathOf(name);
        try
        {
            return JsonSerializer.Deserialize(Files.Read(path, MaxFileSize, "a machine"), Json.Default.BoughtMachine)
                ?? throw new Failure($"{path} is empty");
        }
        catch (JsonException wrong)
        {
            throw new Failure($"{path} is not what evilman wrote: {wrong.Message}");
        }
    }

    sealed class MachineFile(MachineStore store, string name, FileStream locked) : IMachineFile
    {
        public string Name => name;

        public BoughtMachine? Machine { get; private set; } = store.Find(name);

        public void Save(BoughtMachine machine)
        {
            SecretFile.Write(store.PathOf(name), JsonSerializer.SerializeToUtf8Bytes(machine, Json.Default.BoughtMachine),
                replace: true);
            Native.SyncFolder(store.folder);
            Machine = machine;
        }

        public void Remove()
        {
            File.Delete(store.PathOf(name));
            Machine = null;
        }

        public void Dispose() => locked.Dispose();
    }
}
