using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Evilman.Buying;
using Evilman.Lab;

namespace Evilman.Run;

/// <summary>
/// Nodes that reach each other, and the jobs on them: those of the user's inventory, or a lab's. A lab's are reached from
/// inside the lab only, so a command that is about them goes on there.
/// </summary>
internal sealed class Site
{
    /// <summary>Names the lab's folder to a command that runs inside of it.</summary>
    const string Variable = "EVILMAN_LAB";

    readonly Lazy<Dictionary<string, KnownNode>> nodes;

    Site(string folder, LabPlan? lab)
    {
        (Lab, Jobs) = (lab, new JobStore(folder));
        nodes = new(() => lab is null ? Inventory.Load().Nodes.ToDictionary(node => node.Name)
            : lab.Nodes.Select(node => NodeOf(lab, node)).ToDictionary(node => node.Name));
    }

    internal LabPlan? Lab { get; }

    internal JobStore Jobs { get; }

    internal IEnumerable<KnownNode> Nodes => nodes.Value.Values;

    /// <summary>One of its nodes.</summary>
    internal KnownNode Node(string name) => nodes.Value.GetValueOrDefault(name)
        ?? throw Failure.Usage($"there is no node {name} here: there are {string.Join(", ", nodes.Value.Keys)}");

    /// <summary>Where this command runs.</summary>
    internal static Site Here { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder
        ? new Site(folder, LabPlan.Load(folder)) : new Site(Inventory.Folder, null);

    /// <summary>Here, and the labs of this user that are up.</summary>
    internal static IEnumerable<Site> All()
    {
        yield return Here;
        if (Here.Lab is not null)
            yield break;
        foreach (var folder in LabStore.Directories())
        {
            if (LabStore.Holder(folder) != 0 && File.Exists(Path.Combine(folder, "ready")))
                yield return new Site(folder, LabPlan.Load(folder));
        }
    }

    /// <summary>A node by its name, where it is; of several labs' nodes with one name, LAB/NAME.</summary>
    internal static (Site Site, KnownNode Node) FindNode(string name) =>
        Find(name, "node", "«evilman node ls» and «evilman lab status» list them, and «evilman lab up» makes some", (site, word) =>
            site.nodes.Value.GetValueOrDefault(word));

    internal static (Site Site, RunningJob Job) FindJob(string name) =>
        Find(name, "job", "«evilman ls» lists them", (site, word) => site.Jobs.Find(word));

    static (Site Site, T Found) Find<T>(string name, string what, string help, Func<Site, string, T?> find)
        where T : class
    {
        var slash = name.IndexOf('/');
        var (lab, word) = slash < 0 ? (null, name) : (name[..slash], name[(slash + 1)..]);
        var found = All().Where(site => lab is null || site.Lab?.Id == lab)
            .Select(site => (Site: site, Found: find(site, word))).Where(pair => pair.Found is not null).ToList();
        // One's own hides a lab's.
        if (found.Count > 1 && found[0].Site.Lab is not null)
            throw Failure.Usage($"several labs have a {what} {word}: say "
                + string.Join(" or ", found.Select(pair => $"{pair.Site.Lab!.Id}/{word}")));
        return found.Count > 0 ? (found[0].Site, found[0].Found!)
            : throw Failure.Usage($"there is no {what} {name}: {help}");
    }

    /// <summary>Goes on with the same command line where the site is. Does not return unless that is here.</summary>
    /// <param name="ports">What it takes along.</param>
    internal void Enter(LocalPorts? ports = null)
    {
        if (Lab is null || Lab.Id == Here.Lab?.Id)
            return;
        ports?.HandOn();
        var start = LabLauncher.Reach(Lab, [Environment.ProcessPath!, .. Environment.GetCommandLineArgs()[1..]]);
        Environment.SetEnvironmentVariable(Variable, Lab.Directory);
        Native.Become(start.FileName, [start.FileName, .. start.ArgumentList],
            [.. Variables().Select(pair => $"{pair.Key}={pair.Value}")]);
        throw new Failure($"cannot enter the lab {Lab.Id}: {Native.LastError()}");
    }

    /// <summary>A command that runs there and whose output is wanted.</summary>
    internal System.Diagnostics.ProcessStartInfo Inside(params string[] words)
    {
        var start = LabLauncher.Reach(Lab!, [Environment.ProcessPath!, .. words]);
        start.Environment[Variable] = Lab!.Directory;
        return start;
    }

    static IEnumerable<(string Key, string Value)> Variables()
    {
        foreach (System.Collections.DictionaryEntry pair in Environment.GetEnvironmentVariables())
            yield return ((string)pair.Key, (string)(pair.Value ?? ""));
    }

    static KnownNode NodeOf(LabPlan lab, LabNode node) =>
        new(node.Name, System.Net.IPAddress.Parse(node.Address), lab.KeyFile(node))
        {
            Boot = node.BootAddresses,
            Guests = LabPlan.GuestAddresses,
            IsMetered = node.MonitorName != "qemu",
            Broker = Inventory.Load().Node(node.Name) is { } known && $"{known.Address}" == node.Address ? known.Broker : null,
        };
}
