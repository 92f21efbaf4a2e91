using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Audit.Tests.Layers;

/// <summary>A source file names a type of a folder that it may not use.</summary>
internal sealed record ForbiddenReference(string File, int Line, string From, string To, string Type)
{
    /// <summary>The edge without its places in the file.</summary>
    public string Edge => $"{File} -> {To}: {Type}";

    public override string ToString() => $"{File}:{Line}: {From} may not use {To}, which declares {Type}";
}

/// <summary>
/// Who uses a type names it somewhere: its value comes from a member, a parameter or a variable whose declaration does, or from a type
/// that does. So it is enough to look at names, and only at those that a folder out of bounds declares; what they mean says the compiler. A call
/// of an extension method names no type: there the method's name stands for the type that declares it.
/// </summary>
internal static class References
{
    /// <summary>Of each source file once, however many projects compile it.</summary>
    public static IEnumerable<ForbiddenReference> Forbidden(IReadOnlyList<Project> projects, Map map)
    {
        Dictionary<string, string?> folders = projects.SelectMany(project => project.Compilation.SyntaxTrees).Select(tree => tree.FilePath)
            .Distinct().ToDictionary(file => file, map.FolderOf);
        Dictionary<SyntaxTree, string[]> declared = [];
        HashSet<string> seen = [];
        foreach (Project project in projects)
        {
            Dictionary<string, HashSet<string>> declaring = Declaring(project, folders, declared);
            foreach (SyntaxTree tree in project.Compilation.SyntaxTrees.Where(tree => folders[tree.FilePath] != null && seen.Add(tree.FilePath)))
            {
                string from = folders[tree.FilePath]!;
                if (map.AllowsAll(from))
                    continue;
                SemanticModel? model = null;
                foreach (SimpleNameSyntax name in tree.GetRoot().DescendantNodes().OfType<SimpleNameSyntax>())
                {
                    if (!MayMean(name, declaring).Any(folder => !map.Allows(from, folder)))
                        continue;
                    model ??= project.Compilation.GetSemanticModel(tree);
                    ITypeSymbol? type = TypeOf(model.GetSymbolInfo(name));
                    string[] places = type == null ? []
                        : [.. type.DeclaringSyntaxReferences.Select(reference => folders[reference.SyntaxTree.FilePath]).OfType<string>().Distinct()];
                    if (places.Length > 0 && !places.Any(folder => map.Allows(from, folder)))
                        yield return new ForbiddenReference(tree.FilePath, tree.GetLineSpan(name.Span).StartLinePosition.Line + 1, from, places[0], type!.Name);
                }
            }
        }
    }

    /// <summary>The folders that declare a type of each name that a project sees.</summary>
    private static Dictionary<string, HashSet<string>> Declaring(Project project, Dictionary<string, string?> folders, Dictionary<SyntaxTree, string[]> declared)
    {
        Dictionary<string, HashSet<string>> declaring = [];
        foreach (SyntaxTree tree in project.Visible)
        {
            if (folders[tree.FilePath] is not string folder)
                continue;
            if (!declared.TryGetValue(tree, out string[]? names))
                declared.Add(tree, names = [.. Types(tree)]);
            foreach (string name in names)
            {
                if (!declaring.TryGetValue(name, out HashSet<string>? of))
                    declaring.Add(name, of = []);
                of.Add(folder);
            }
        }
        return declaring;
    }

    private static IEnumerable<string> Types(SyntaxTree tree) =>
        from node in tree.GetRoot().DescendantNodes(node => node is CompilationUnitSyntax or BaseNamespaceDeclarationSyntax or TypeDeclarationSyntax)
        let name = (node as BaseTypeDeclarationSyntax)?.Identifier ?? (node as DelegateDeclarationSyntax)?.Identifier
            ?? (node is MethodDeclarationSyntax method && IsExtension(method) ? method.Identifier : null)
        where name != null
        select name.Value.Text;

    private static bool IsExtension(MethodDeclarationSyntax method) =>
        method.ParameterList.Parameters.FirstOrDefault()?.Modifiers.Any(SyntaxKind.ThisKeyword) == true;

    private static IEnumerable<string> MayMean(SimpleNameSyntax name, Dictionary<string, HashSet<string>> declaring)
    {
        IEnumerable<string> folders = declaring.GetValueOrDefault(name.Identifier.Text) ?? [];
        return name.Parent is AttributeSyntax ? folders.Concat(declaring.GetValueOrDefault(name.Identifier.Text + "Attribute") ?? []) : folders;
    }

    /// <summary>The type that a name means; null: it means something else.</summary>
    private static ITypeSymbol? TypeOf(SymbolInfo meaning) => (meaning.Symbol ?? meaning.CandidateSymbols.FirstOrDefault()) switch
    {
        IMethodSymbol { MethodKind: MethodKind.Constructor } constructor => constructor.ContainingType.OriginalDefinition,
        ITypeSymbol type and not ITypeParameterSymbol => type.OriginalDefinition,
        IMethodSymbol { IsExtensionMethod: true } extension => extension.ContainingType.OriginalDefinition,
        _ => null,
    };
}
