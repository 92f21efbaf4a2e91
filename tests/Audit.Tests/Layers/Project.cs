using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Audit.Tests.Layers;

/// <summary>
/// A project as the compiler sees it, of what this repository's project files say: sources, projects whose types it sees, and whether it is
/// compiled against corelib or the framework. Types of packages stay unknown: no folder declares them.
/// </summary>
internal sealed partial class Project
{
    private static readonly MetadataReference[] s_framework =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':').Select(file => MetadataReference.CreateFromFile(file))];

    private readonly string root, folder;
    private readonly XDocument file;
    private readonly bool isFreestanding;

    private Project(string root, string path)
    {
        this.root = root;
        Path = path;
        folder = System.IO.Path.GetDirectoryName(path)!;
        file = XDocument.Load(System.IO.Path.Combine(root, path));
        isFreestanding = file.Descendants("Import").Any(import => Value(import, "Project").Contains("corelib/Freestanding.props", StringComparison.Ordinal)
            || Value(import, "Project") == "NoFramework.props");
    }

    /// <summary>From the repository's root.</summary>
    public string Path { get; }

    public CSharpCompilation Compilation { get; private set; } = null!;

    /// <summary>Its sources, and those of the projects whose types it sees.</summary>
    public IEnumerable<SyntaxTree> Visible => Compilation.References.OfType<CompilationReference>()
        .SelectMany(reference => reference.Compilation.SyntaxTrees).Concat(Compilation.SyntaxTrees);

    /// <summary>The projects of the repository whose folder is of interest, compiled, each syntax tree with its path from the root.</summary>
    public static List<Project> ReadAll(string root, Func<string, bool> isOfInterest)
    {
        Dictionary<string, Project> projects = Files(root, "", "*.csproj").Where(isOfInterest)
            .Select(path => new Project(root, path)).ToDictionary(project => project.Path);
        Dictionary<(string, bool), SyntaxTree> trees = [];
        foreach (Project project in projects.Values)
            project.Compile(projects, trees);
        return [.. projects.Values];
    }

    private void Compile(Dictionary<string, Project> projects, Dictionary<(string, bool), SyntaxTree> trees)
    {
        if (Compilation != null)
            return;
        List<MetadataReference> references = isFreestanding ? [] : [.. s_framework];
        foreach (string path in References())
        {
            projects[path].Compile(projects, trees);
            references.Add(projects[path].Compilation.ToMetadataReference());
        }
        CSharpCompilationOptions options = new(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, metadataImportOptions: MetadataImportOptions.All);
        Compilation = CSharpCompilation.Create(Path, Sources().Select(file => Parse(file, trees)), references, options);
    }

    private SyntaxTree Parse(string file, Dictionary<(string, bool), SyntaxTree> trees)
    {
        if (!trees.TryGetValue((file, isFreestanding), out SyntaxTree? tree))
        {
            CSharpParseOptions options = new(LanguageVersion.Preview, preprocessorSymbols: isFreestanding ? ["FREESTANDING"] : []);
            tree = CSharpSyntaxTree.ParseText(File.ReadAllText(System.IO.Path.Combine(root, file)), options, file);
            trees.Add((file, isFreestanding), tree);
        }
        return tree;
    }

    /// <summary>The projects whose types it sees, those among them that are seen through others included.</summary>
    private IEnumerable<string> References()
    {
        IEnumerable<string> direct = file.Descendants("ProjectReference").Where(reference => Value(reference, "ReferenceOutputAssembly") != "false")
            .SelectMany(reference => Value(reference, "Include").Split(';')).Select(FromRoot);
        if (isFreestanding && folder != "corelib")
            direct = direct.Append("corelib/Corelib.csproj");
        return direct.SelectMany(path => new Project(root, path).References().Append(path)).Distinct();
    }

    private HashSet<string> Sources()
    {
        HashSet<string> sources = [];
        if (!this.file.Descendants("EnableDefaultCompileItems").Any(element => element.Value == "false"))
        {
            sources.UnionWith(Files(root, folder, "*.cs"));
            foreach (string excluded in this.file.Descendants("DefaultItemExcludes").SelectMany(element => element.Value.Split(';')).Where(item => !item.StartsWith('$')))
                sources.ExceptWith(Matching(excluded));
        }
        foreach (XElement item in this.file.Descendants("Compile"))
        {
            HashSet<string> files = [.. Value(item, "Include").Split(';').SelectMany(Matching)];
            foreach (string excluded in Value(item, "Exclude").Split(';'))
                files.ExceptWith(Matching(excluded));
            sources.UnionWith(files);
        }
        foreach (string layer in this.file.Descendants("FreestandingLayer").SelectMany(item => Value(item, "Include").Split(';')))
            sources.UnionWith(Files(root, layer, "*.cs").Where(file => !file.EndsWith(".Hosted.cs", StringComparison.Ordinal)));
        if (isFreestanding)
            sources.RemoveWhere(file => file.EndsWith(".Arm64.cs", StringComparison.Ordinal));
        return sources;
    }

    /// <summary>The files that an item of a project file means.</summary>
    private IEnumerable<string> Matching(string item)
    {
        if (item.Length == 0)
            return [];
        string path = FromRoot(item);
        string folder = path[..(path.IndexOf('*') < 0 ? path.LastIndexOf('/') : path[..path.IndexOf('*')].LastIndexOf('/'))];
        string pattern = Regex.Escape(path).Replace(@"\*\*/", "(.*/)?").Replace(@"\*\*", ".*").Replace(@"\*", "[^/]*");
        return Files(root, folder, "*.cs").Where(file => Regex.IsMatch(file, $"^{pattern}$"));
    }

    private string FromRoot(string path) =>
        System.IO.Path.GetRelativePath("/", System.IO.Path.Combine("/", path.Contains("$(MSBuild") ? path : folder, Own().Replace(path, "")));

    /// <summary>Files below a folder, from the root, but for what the build has made.</summary>
    public static IEnumerable<string> Files(string root, string folder, string pattern)
    {
        string at = System.IO.Path.Combine(root, folder);
        return !Directory.Exists(at) ? [] : Directory.EnumerateFiles(at, pattern, SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(root, file)).Where(file => !Built().IsMatch(file));
    }

    private static string Value(XElement element, string attribute) => (string?)element.Attribute(attribute) ?? "";

    [GeneratedRegex("(^|/)(obj|bin|out)/")]
    private static partial Regex Built();

    [GeneratedRegex(@"^\$\(MSBuild\w+\)")]
    private static partial Regex Own();
}
