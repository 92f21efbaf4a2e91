using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Audit;

/// <summary>
/// The layout rule of freestanding code, so that a count of lines means something: at most 120 columns; one statement and one declaration
/// a line; at most one conditional operator in an expression; no increment, decrement or assignment inside another expression.
/// </summary>
internal static class Layout
{
    public const int MaxColumns = 120;

    /// <summary>The width of a tab, which only assembly has.</summary>
    private const int TabSize = 8;

    /// <summary>Where a file breaks the rule, in the order of its lines.</summary>
    public static IEnumerable<Violation> Check(string file, string text)
    {
        IEnumerable<Violation> found = text.Split('\n').Index().Where(line => Columns(line.Item) > MaxColumns)
            .Select(line => new Violation("columns", $"{Columns(line.Item)} columns", file, line.Index + 1));
        if (file.EndsWith(".cs", StringComparison.Ordinal))
            found = found.Concat(CheckSyntax(file, text));
        return found.OrderBy(violation => violation.Line);
    }

    private static int Columns(string line) => line.Aggregate(0, (column, next) => next == '\t' ? (column / TabSize + 1) * TabSize : column + 1);

    private static IEnumerable<Violation> CheckSyntax(string file, string text)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(text, Sources.Options, file);
        SyntaxNode[] nodes = [.. tree.GetRoot().DescendantNodes()];
        int LineOf(SyntaxNode node) => tree.GetLineSpan(node.Span).StartLinePosition.Line + 1;
        IEnumerable<Violation> Crowded(string rule, IEnumerable<SyntaxNode> crowd) => crowd.GroupBy(LineOf)
            .Where(line => line.Count() > 1).Select(line => new Violation(rule, $"{line.Count()} on one line", file, line.Key));

        return
        [
            .. Crowded("statements", nodes.Where(IsStatement)),
            .. Crowded("declarations", nodes.Where(IsDeclaration)),
            .. nodes.OfType<ConditionalExpressionSyntax>().GroupBy(Whole).Where(one => one.Count() > 1)
                .Select(one => new Violation("conditionals", $"{one.Count()} conditional operators in one expression", file, LineOf(one.Key))),
            .. nodes.Where(node => IsEffect(node) && IsInside(node))
                .Select(node => new Violation("effects", $"\"{OneLine(node)}\" inside another expression", file, LineOf(node))),
        ];
    }

    private static string OneLine(SyntaxNode node) => Regex.Replace(node.ToString(), @"\s+", " ");

    private static bool IsStatement(SyntaxNode node) => node is StatementSyntax and not (BlockSyntax or LabeledStatementSyntax)
        && !(node is IfStatementSyntax && node.Parent is ElseClauseSyntax);

    /// <summary>A field or variable, a member of a type or an enumeration. Headers of loops and patterns may declare more than one.</summary>
    private static bool IsDeclaration(SyntaxNode node) => node switch
    {
        VariableDeclaratorSyntax => node.Parent!.Parent is not ForStatementSyntax,
        BaseFieldDeclarationSyntax => false,
        MemberDeclarationSyntax => true,
        _ => false,
    };

    /// <summary>The expression that is part of no other. The arms of a switch, and what initialises each element, stand for themselves.</summary>
    private static SyntaxNode Whole(SyntaxNode node)
    {
        while (node.Parent is ExpressionSyntax and not (InitializerExpressionSyntax or AnonymousFunctionExpressionSyntax or SwitchExpressionSyntax)
            or ArgumentSyntax or BaseArgumentListSyntax or InterpolationSyntax)
            node = node.Parent;
        return node;
    }

    private static bool IsEffect(SyntaxNode node) => node is AssignmentExpressionSyntax
        || node.Kind() is SyntaxKind.PreIncrementExpression or SyntaxKind.PreDecrementExpression
            or SyntaxKind.PostIncrementExpression or SyntaxKind.PostDecrementExpression;

    /// <summary>Whether an effect is more than a statement of its own, or has a target that is chosen in the same expression.</summary>
    private static bool IsInside(SyntaxNode node) =>
        !(node.Parent is ExpressionStatementSyntax or ForStatementSyntax or ArrowExpressionClauseSyntax or AnonymousFunctionExpressionSyntax
            || node.Parent is InitializerExpressionSyntax && node is AssignmentExpressionSyntax)
        || node.ChildNodes().First().DescendantNodesAndSelf().Any(part => part is ConditionalExpressionSyntax { WhenTrue: RefExpressionSyntax });

    /// <summary>
    /// All that freestanding images are made of but those of tests and benchmarks: the folders of their projects, those that they name as
    /// layers, and corelib. What ends in .Hosted.cs is left out of them.
    /// </summary>
    public static IReadOnlyList<Violation> CheckTree(string root)
    {
        string[] projects = [.. Directory.GetDirectories(root).SelectMany(folder => Files(folder, "*.csproj")).Select(path => Path.GetRelativePath(root, path))
            .Where(path => path.Split('/')[0] is not ("tests" or "bench") && File.ReadAllText(Path.Combine(root, path)).Contains("<FreestandingKind>", StringComparison.Ordinal))];
        IEnumerable<string> folders = projects.Select(path => path.Split('/')[0]).Append("corelib")
            .Concat(projects.SelectMany(path => Regex.Matches(File.ReadAllText(Path.Combine(root, path)), "FreestandingLayer Include=\"([^\"]*)\""))
                .SelectMany(match => match.Groups[1].Value.Split(';')));
        return [.. folders.Select(folder => folder.Split('/')[0]).Distinct().Order(StringComparer.Ordinal).SelectMany(folder => Files(Path.Combine(root, folder), "*"))
            .Where(path => Path.GetExtension(path) is ".cs" or ".S" or ".ld" && !path.EndsWith(".Hosted.cs", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .SelectMany(path => Check(Path.GetRelativePath(root, path), File.ReadAllText(path)))];
    }

    private static IEnumerable<string> Files(string folder, string pattern) => Directory.GetFiles(folder, pattern, SearchOption.AllDirectories)
        .Where(path => !path.Split('/').Any(part => part is "obj" or "bin" or "out"));
}

/// <summary>
/// audit/layout.json: how many violations of the layout rule each folder still has. A folder that is not named has none. The numbers
/// are exact, so that what has been mended stays mended.
/// </summary>
internal static class LayoutAllowance
{
    private static readonly JsonSerializerOptions s_format = new() { WriteIndented = true };

    public static SortedDictionary<string, int> Load(string root) =>
        JsonSerializer.Deserialize<SortedDictionary<string, int>>(File.ReadAllText(PathOf(root))) ?? throw new InvalidDataException($"{PathOf(root)} is empty.");

    public static SortedDictionary<string, int> Of(IEnumerable<Violation> violations) => new(violations
        .GroupBy(violation => Path.GetDirectoryName(violation.File)!).ToDictionary(group => group.Key, group => group.Count()), StringComparer.Ordinal);

    /// <summary>What differs from the allowance, each a sentence.</summary>
    public static IEnumerable<string> Differences(IReadOnlyDictionary<string, int> allowed, IReadOnlyDictionary<string, int> measured) =>
        from folder in allowed.Keys.Union(measured.Keys).Order(StringComparer.Ordinal)
        let most = allowed.GetValueOrDefault(folder)
        let now = measured.GetValueOrDefault(folder)
        where most != now
        select now > most ? $"{folder} breaks the layout rule in {now} places, {most} are allowed."
            : $"{folder} breaks the layout rule in {now} places and no more: `make layout` lowers its number in audit/layout.json, {most}.";

    /// <summary>Writes what there is now, which as a whole is no more than there was: files may move from folder to folder.</summary>
    public static bool TryLower(string root, SortedDictionary<string, int> measured)
    {
        if (measured.Values.Sum() > Load(root).Values.Sum())
            return false;
        File.WriteAllText(PathOf(root), JsonSerializer.Serialize(measured, s_format) + "\n");
        return true;
    }

    private static string PathOf(string root) => Path.Combine(root, "audit/layout.json");
}
