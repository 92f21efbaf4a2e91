using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Audit;

/// <summary>
/// Which methods are in the binary. The line table names those that have code of their own, but for the first function of all, now
/// and then, which is found by its name. A method that was inlined everywhere leaves no trace there, so from those the calls are followed
/// through the sources (Roslyn's semantic model): whatever a linked method calls is counted as linked too. That is never too little,
/// and at most too much where the compiler dropped a call.
/// </summary>
internal static class Linked
{
    public static IEnumerable<Method> Methods(string root, IReadOnlyList<LineRow> rows, IReadOnlyList<Function> functions)
    {
        SyntaxTree[] trees = [.. Measurement.RingZeroFolders.SelectMany(folder => Files(root, folder))
            .Select(file => CSharpSyntaxTree.ParseText(File.ReadAllText(Path.Combine(root, file)), Sources.Options, file))];
        var compilation = CSharpCompilation.Create("ring0", trees, options: new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        Dictionary<SyntaxNode, Method> all = trees.SelectMany(tree => Sources.Methods(tree.FilePath, tree)).ToDictionary(pair => pair.Node, pair => pair.Method);
        ILookup<string, int> lines = rows.ToLookup(row => row.File, row => row.Line);

        var linked = new HashSet<SyntaxNode>();
        string[] unlisted = [.. functions.Where(function => !rows.Any(row => row.Address >= function.Address && row.Address < function.Address + (ulong)function.Size)).Select(function => function.Name)];
        var work = new Queue<SyntaxNode>(all.Where(pair => lines[pair.Value.File].Any(line => line >= pair.Value.First && line <= pair.Value.Last)
            || unlisted.Any(name => name.EndsWith("_" + pair.Value.Name.Replace(".", "__", StringComparison.Ordinal), StringComparison.Ordinal))).Select(pair => pair.Key));
        INamedTypeSymbol[] hosts = [.. trees.SelectMany(tree => tree.GetRoot().DescendantNodes().OfType<StructDeclarationSyntax>()
            .Select(type => compilation.GetSemanticModel(tree).GetDeclaredSymbol(type)).OfType<INamedTypeSymbol>().Where(type => type.Interfaces.Length > 0))];
        while (work.TryDequeue(out SyntaxNode? node))
        {
            if (!linked.Add(node))
                continue;
            SemanticModel model = compilation.GetSemanticModel(node.SyntaxTree);
            foreach (IMethodSymbol called in node.DescendantNodes().SelectMany(inner => Called(model, inner)))
                foreach (IMethodSymbol target in Targets(called, hosts))
                    foreach (SyntaxReference place in target.OriginalDefinition.DeclaringSyntaxReferences)
                        if (Find(place.GetSyntax(), all) is { } found)
                            work.Enqueue(found);
        }
        return linked.Select(node => all[node]);
    }

    private static IEnumerable<string> Files(string root, string folder) =>
        Directory.GetFiles(Path.Combine(root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(root, path))
            .Where(path => !path.Split('/').Any(part => part is "obj" or "bin") && !path.EndsWith(".Hosted.cs", StringComparison.Ordinal)
                && !path.EndsWith(".Arm64.cs", StringComparison.Ordinal));

    private static IEnumerable<IMethodSymbol> Called(SemanticModel model, SyntaxNode node)
    {
        if (node is not ExpressionSyntax expression)
            yield break;
        ISymbol? symbol = model.GetSymbolInfo(expression).Symbol;
        if (symbol == null && expression is InvocationExpressionSyntax { Expression: not IdentifierNameSyntax { Identifier.Text: "nameof" } })
            throw new InvalidDataException($"{node.SyntaxTree.FilePath}: nothing is known of the method that is called in \"{expression}\", so its lines cannot be counted.");
        if (symbol is IMethodSymbol method)
            yield return method;
        if (symbol is IPropertySymbol property)
        {
            bool written = expression.Parent is AssignmentExpressionSyntax assignment && assignment.Left == expression
                || expression.Parent is MemberAccessExpressionSyntax { Parent: AssignmentExpressionSyntax outer } access && outer.Left == access && access.Name == expression;
            if ((written ? property.SetMethod : property.GetMethod) is { } accessor)
                yield return accessor;
        }
        if (model.GetConversion(expression).MethodSymbol is { } conversion)
            yield return conversion;
    }

    /// <summary>The method, or what stands for it where it is an interface's.</summary>
    private static IEnumerable<IMethodSymbol> Targets(IMethodSymbol method, INamedTypeSymbol[] hosts) =>
        method.ContainingType?.TypeKind != TypeKind.Interface ? [method]
        : hosts.Select(host => host.FindImplementationForInterfaceMember(method)).OfType<IMethodSymbol>();

    private static SyntaxNode? Find(SyntaxNode declared, Dictionary<SyntaxNode, Method> all) => declared switch
    {
        ArrowExpressionClauseSyntax arrow => arrow.Parent is { } parent && all.ContainsKey(parent) ? parent : null,
        _ => all.ContainsKey(declared) ? declared : null,
    };
}
