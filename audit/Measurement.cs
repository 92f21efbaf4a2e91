using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Audit;

/// <summary>A finding that makes the audit fail, and where it is.</summary>
internal sealed record Violation(string Rule, string Message, string? File = null, int Line = 0);

/// <summary>Lines, tokens, conditional jumps and bytes of machine code.</summary>
internal sealed record FolderSums(int Code, int Comment, int Unsafe, int Tokens, int Branches, int Bytes);

/// <summary>Everything that is known about ring 0 of one tree and its binary.</summary>
internal sealed class Measurement
{
    public static readonly string[] RingZeroFolders = ["packetd", "wire", "corelib"];

    /// <summary>Where packetd lists its system calls, and where their numbers are.</summary>
    public const string CallLists = "packetd/Linux/Calls.cs", CallNumbers = "corelib/Linux/CallNumber.X64.cs";

    public Measurement(string root, string image)
    {
        Root = root;
        Elf = new ElfFile(image + ".debug");
        Code = new MachineCode(Elf);
        Rows = LineTable.Read(image + ".debug");
        Methods = LinkedMethods();
        Bounds = Code.BoundsChecks().Select(address => LineTable.At(Rows, address)).OfType<LineRow>()
            .Select(row => (row.File, row.Line)).Distinct().Order().ToArray();
        SystemCalls = Code.SystemCalls().ToArray();
        DeclaredCalls = ReadDeclaredCalls();
        byte[] stripped = File.ReadAllBytes(image);
        ImageSize = stripped.Length;
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(stripped));
        Violations = [.. new Forbidden(this).Check()];
    }

    public string Root { get; }
    public ElfFile Elf { get; }
    public MachineCode Code { get; }
    public IReadOnlyList<LineRow> Rows { get; }
    public IReadOnlyList<Method> Methods { get; }
    public IReadOnlyList<(string File, int Line)> Bounds { get; }
    public IReadOnlyList<(Function Caller, int? Number)> SystemCalls { get; }

    /// <summary>All system calls that packetd lists, with their numbers on this architecture, and the names in Calls.WhileServing.</summary>
    public (IReadOnlyDictionary<string, int> All, IReadOnlyList<string> Serving) DeclaredCalls { get; }

    public IReadOnlyList<Violation> Violations { get; }
    public int ImageSize { get; }
    public string Sha256 { get; }

    public int Lines => Methods.Sum(method => method.Code);
    public int UnsafeLines => Methods.Sum(method => method.Unsafe);
    public int Tokens => Methods.Sum(method => method.Tokens);
    public int Branches => Code.Functions.Sum(Code.Branches);
    public int HashLines => Methods.Where(method => method.File is "wire/Sha1.cs" or "wire/HmacSha1.cs").Sum(method => method.Code);
    public int TextBytes => (int)(Elf.Find(".text")?.Size ?? 0);
    public int DataBytes => (int)Elf.Sections.Where(section => section.Name is ".rodata" or ".data" or ".bss").Aggregate(0UL, (sum, section) => sum + section.Size);
    public int CallCount => SystemCalls.Select(call => call.Number).Distinct().Count();
    public int Relocations => (int)Elf.Sections.Where(section => section.Type == 4).Aggregate(0UL, (sum, section) => sum + section.Size / 24);

    /// <summary>The sums of a folder, or of all.</summary>
    public FolderSums Sums(string? folder = null)
    {
        Method[] methods = [.. Methods.Where(method => folder == null || method.Folder == folder)];
        Function[] functions = [.. Code.Functions.Where(function => folder == null || function.Folder == folder)];
        return new(methods.Sum(method => method.Code), methods.Sum(method => method.Comment), methods.Sum(method => method.Unsafe), methods.Sum(method => method.Tokens),
            functions.Sum(Code.Branches), functions.Sum(function => function.Size + function.Padding));
    }

    /// <summary>
    /// What is linked: <see cref="Linked"/> methods, and the assembly routines whose names the binary has. Two names for one place are
    /// one routine: the first that is found there.
    /// </summary>
    private Method[] LinkedMethods()
    {
        ILookup<string, ulong> places = Elf.Symbols.ToLookup(symbol => symbol.Name, symbol => symbol.Address);
        HashSet<ulong> taken = [];
        IEnumerable<Method> assembly = Directory.GetFiles(Path.Combine(Root, "packetd"), "*.S", SearchOption.AllDirectories)
            .Concat(Directory.GetFiles(Path.Combine(Root, "corelib"), "*.S", SearchOption.AllDirectories)) // packetd's stand in for them
            .Where(path => !path.Contains("arm64", StringComparison.Ordinal))
            .SelectMany(path => Sources.Routines(Path.GetRelativePath(Root, path), File.ReadAllLines(path)))
            .Where(routine => routine.Name.Split(',').SelectMany(name => places[name]).Count(taken.Add) > 0).ToArray();
        return [.. Linked.Methods(Root, Rows, Code.Functions).Concat(assembly).OrderBy(method => method.File, StringComparer.Ordinal).ThenBy(method => method.First)];
    }

    private (IReadOnlyDictionary<string, int>, IReadOnlyList<string>) ReadDeclaredCalls()
    {
        // Earlier revisions, to compare with, had one list in Call.cs, and an enumeration of packetd's own.
        string lists = new[] { CallLists, "packetd/Linux/Call.cs" }.First(file => File.Exists(Path.Combine(Root, file)));
        string numbers = new[] { CallNumbers, "corelib/Linux/SystemCall.X64.cs", "packetd/Linux/Architecture.X64.cs", lists }.First(file => File.Exists(Path.Combine(Root, file)));
        var calls = Parse(numbers).OfType<EnumDeclarationSyntax>().Single(type => type.Identifier.Text is "CallNumber" or "SystemCall" or "Call").Members
            .ToDictionary(member => member.Identifier.Text, member => int.Parse(member.EqualsValue!.Value.ToString()));
        string[]? Listed(string name) => Parse(lists).OfType<PropertyDeclarationSyntax>().SingleOrDefault(property => property.Identifier.Text == name)?
            .DescendantNodes().OfType<ExpressionElementSyntax>().Select(element => element.Expression.ToString().Split('.')[^1]).ToArray();
        string[] serving = Listed("WhileServing") ?? throw new InvalidDataException($"{lists} has no list WhileServing.");
        return (Listed("WhileOpening") is { } opening ? opening.Concat(serving).ToDictionary(name => name, name => calls[name]) : calls, serving);
    }

    private IEnumerable<SyntaxNode> Parse(string file) => CSharpSyntaxTree.ParseText(File.ReadAllText(Path.Combine(Root, file))).GetRoot().DescendantNodes();
}
