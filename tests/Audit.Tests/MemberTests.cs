using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Testing;
using Xunit;

namespace Audit.Tests;

/// <summary>
/// What .editorconfig rules on private members, as far as it can be seen without asking the compiler what a name means: names of fields, members that
/// nobody names, parameters that nobody names. "make lint" sees the rest.
/// </summary>
public sealed class MemberTests
{
    [Fact]
    public void Private_fields_have_their_names_and_private_members_and_parameters_are_used()
    {
        string[] found = [.. Check(AllSources())];
        Assert.True(found.Length == 0, string.Join('\n', found));
    }

    /// <summary>As .editorconfig has it.</summary>
    private static bool IsCompilersContract(string path) =>
        path.StartsWith("corelib/Runtime/", StringComparison.Ordinal) || path.StartsWith("corelib/System/", StringComparison.Ordinal);

    /// <summary>Whose parameters .editorconfig does not rule on: those of what it stands in for.</summary>
    private static bool IsStandIn(string path) =>
        Path.GetFileName(path) is "Kernel.cs" or "Destination.cs"
            && (path.StartsWith("tests/Guestos.", StringComparison.Ordinal) || path.StartsWith("testing/kernel/", StringComparison.Ordinal));

    [Theory]
    [InlineData("private int _a; int B() => _a;", "name _a", "unused B")]
    [InlineData("static int a = 1; public int B() => a;", "name a")]
    [InlineData("static readonly int[] A = [1]; public int B() => A[0];", "name A")]
    [InlineData("private static int s_a; private int b; private const int C = 1; public int D => s_a + b + C;")]
    [InlineData("/** <see cref=\"b\"/> */ private int a; private int b; public int C => a;", "unused b")]
    [InlineData("private sealed class AAttribute : System.Attribute { } [A] public int B;")]
    [InlineData("private int a;\n#if B\npublic int B => a;\n#endif\n")]
    [InlineData("[InlineArray(2)] public struct A { private int b; }")]
    [InlineData("private const int A = 1;", "unused A")]
    [InlineData("private int A { get; set; }", "unused A")]
    [InlineData("private event System.Action A;", "unused A")]
    [InlineData("private class A { }", "unused A")]
    [InlineData("private static int A(int b, int c) => b; public static int D() => A(1, 2);", "parameter c")]
    [InlineData("internal static int A(int b) { return 1; }", "parameter b")]
    [InlineData("public static int A() { return B(1); int B(int c) => 2; }", "parameter c")]
    [InlineData("private T(int a) { } public static T B() => new(1);", "parameter a")]
    [InlineData("public static int A(int b) => 1;")]
    [InlineData("private static int A(int b) => 1; public static System.Func<int, int> C => A;")]
    [InlineData("private static int A(int _) => 1; public static int C() => A(1);")]
    [InlineData("[Export] private static int A(int b) => 1;")]
    [InlineData("partial void A(int b);")]
    public void What_breaks_a_rule_is_found_and_nothing_else(string members, params string[] breaks) =>
        Assert.Equal(breaks.Select(rule => $"T.cs:1: {rule}"), Check([Parse("T.cs", $"class T {{ {members} }}")]));

    [Fact]
    public void A_type_is_all_its_parts() => Assert.Equal(["B.cs:1: unused c"],
        Check([Parse("A.cs", "partial class T { private int a; private class N { public int M => 1; } }"), Parse("B.cs", "partial class T { private int c; public int B => a + new N().M; }")]));

    /// <summary>Constants are left out: a table of a specification may be whole.</summary>
    [Fact]
    public void Methods_properties_and_static_fields_that_no_source_names_are_gone()
    {
        string[] found = [.. Unnamed(AllSources())];
        Assert.True(found.Length == 0, string.Join('\n', found));
    }

    [Theory]
    [InlineData("public static class T { public static int A() => 1; }", "unnamed A")]
    [InlineData("internal struct T { public int A => B; public int B; }", "unnamed A")]
    [InlineData("class T { internal static int A, B; int C() => B; }", "unnamed A")]
    [InlineData("class T { public int A() => 1; } class U { int B(T t) => t.A(); }")]
    [InlineData("class T { public const int A = 1; public int B; public int C() => 1; private string D() => nameof(T.C); }")]
    [InlineData("class T { public int A() => 1; } class U { string B => \"A\"; }")]
    [InlineData("class T { [X] public int A() => 1; public override string ToString() => \"\"; public static void Main() { } }")]
    [InlineData("class T : System.IEquatable<T> { public int A() => 1; }")]
    [InlineData("interface I { int A(); } class T : I { public int A() => 1; public int B() => 1; }", "unnamed B")]
    [InlineData("class U { } class T : U, System.IDisposable { public int A() => 1; public void Dispose() { } }", "unnamed A")]
    [InlineData("interface T { int A(); }")]
    [InlineData("[X] class T { public int A() => 1; }")]
    public void What_no_source_names_is_found_and_nothing_else(string text, params string[] breaks) =>
        Assert.Equal(breaks.Select(rule => $"T.cs:1: {rule}"), Unnamed([Parse("T.cs", text)]));

    /// <summary>What tests may have for themselves, with the reason.</summary>
    private static readonly string[] s_forTests =
    [
        "Signal.cs: unnamed Terminate", "Signal.cs: unnamed User1", "Signal.cs: unnamed User2", // signal(7) is a table
        "Cpu.Segments.cs: unnamed LoadCode", // puts the processor into a mode without running code for it
        "Schema.cs: unnamed FirstGuards", // takes a ledger back to its first version, from which programs must come
        "Cpu.Arena.cs: unnamed ArenaUsed", // no guest can tell how much memory its blocks take
    ];

    [Fact]
    public void Methods_properties_and_static_fields_are_named_by_more_than_tests()
    {
        string[] found = [.. Unnamed(AllSources().Where(tree => !IsForTests(tree.FilePath)))
            .Select(one => Regex.Replace(one, @"^.*/|:[0-9]+(?=: )", ""))];
        Assert.Equal(s_forTests.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    private static bool IsForTests(string path) => path.Split('/')[0] is "tests" or "testing" or "fuzz" or "bench";

    /// <summary>What foreach and deconstruction call without naming it.</summary>
    private static readonly string[] s_namedByTheLanguage = ["GetEnumerator", "MoveNext", "Current", "Deconstruct", "Dispose"];

    /// <summary>
    /// Of members of any accessibility those whose names stand in declarations only. Left out is what may be called otherwise: what overrides, has an
    /// attribute, belongs to a type that has one, or may be what an interface asks for. A name in a string counts.
    /// </summary>
    private static IEnumerable<string> Unnamed(IEnumerable<SyntaxTree> sources)
    {
        SyntaxTree[] trees = [.. sources];
        HashSet<string> named = [.. trees.SelectMany(tree => tree.GetRoot().DescendantTokens())
            .Where(token => token.IsKind(SyntaxKind.StringLiteralToken) || IsName(token) && !IsDeclared(token)).Select(token => token.ValueText), .. s_namedByTheLanguage];
        TypeDeclarationSyntax[] types = [.. trees.SelectMany(tree => tree.GetRoot().DescendantNodes().OfType<TypeDeclarationSyntax>())];
        HashSet<string> own = [.. types.Select(type => type.Identifier.ValueText), "IDisposable"];
        named.UnionWith(types.OfType<InterfaceDeclarationSyntax>().SelectMany(type => type.Members).SelectMany(Declared).Select(name => name.ValueText));
        return from type in types
               where type is not InterfaceDeclarationSyntax && type.AttributeLists.Count == 0
                   && (type.BaseList?.Types.All(parent => own.Contains(NameOf(parent.Type))) ?? true)
               from member in type.Members
               where member.AttributeLists.Count == 0 && !member.Modifiers.Any(SyntaxKind.OverrideKeyword) && !IsPrivate(member)
                   && (member is MethodDeclarationSyntax or PropertyDeclarationSyntax || member is FieldDeclarationSyntax && member.Modifiers.Any(SyntaxKind.StaticKeyword))
               from name in Declared(member)
               where !named.Contains(name.ValueText)
               select Place(name, $"unnamed {name.ValueText}");
    }

    private static string NameOf(TypeSyntax type) => type switch
    {
        QualifiedNameSyntax qualified => qualified.Right.Identifier.ValueText,
        SimpleNameSyntax simple => simple.Identifier.ValueText,
        _ => "",
    };

    private static IEnumerable<SyntaxTree> AllSources() =>
        Programs.Run("git", "-C", Repository.Root, "ls-files", "*.cs").Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(path => !IsCompilersContract(path))
            .Select(path => (path, File: Path.Combine(Repository.Root, path))).Where(one => File.Exists(one.File)).Select(one => Parse(one.path, File.ReadAllText(one.File)));

    private static SyntaxTree Parse(string path, string text) => CSharpSyntaxTree.ParseText(text, Sources.Options, path);

    private static IEnumerable<string> Check(IEnumerable<SyntaxTree> sources)
    {
        SyntaxTree[] trees = [.. sources];
        HashSet<string> taken = [.. trees.SelectMany(Names).Where(name => !IsCalled(name) && !IsDeclared(name)).Select(name => name.ValueText)];
        IEnumerable<IGrouping<string, TypeDeclarationSyntax>> types =
            trees.SelectMany(tree => tree.GetRoot().DescendantNodes().OfType<TypeDeclarationSyntax>()).GroupBy(FullName);
        foreach (IGrouping<string, TypeDeclarationSyntax> type in types)
        {
            ILookup<string, SyntaxToken> names = type.SelectMany(part => part.DescendantTokens()).Where(IsName).ToLookup(name => name.ValueText);
            bool isWhole = !type.Any(part => part.ContainsDirectives && part.DescendantTrivia().Any(trivia => trivia.IsKind(SyntaxKind.DisabledTextTrivia)));
            bool hasLayout = type.SelectMany(part => part.AttributeLists).SelectMany(list => list.Attributes).Any(attribute => attribute.Name.ToString() is "StructLayout" or "InlineArray");
            foreach (MemberDeclarationSyntax member in type.SelectMany(part => part.Members))
            {
                foreach (SyntaxToken name in Declared(member).Where(_ => IsPrivate(member)))
                {
                    if (member is FieldDeclarationSyntax && !member.Modifiers.Any(SyntaxKind.ConstKeyword) && !IsFieldName(name.ValueText, member.Modifiers.Any(SyntaxKind.StaticKeyword)))
                        yield return Place(name, $"name {name.ValueText}");
                    if (isWhole && member.AttributeLists.Count == 0 && !(hasLayout && member is FieldDeclarationSyntax) && names[name.ValueText].Concat(names[ShortName(name)]).All(IsDeclared))
                        yield return Place(name, $"unused {name.ValueText}");
                }
                foreach (SyntaxToken parameter in member is TypeDeclarationSyntax || IsStandIn(member.SyntaxTree.FilePath) ? [] : Unused(member, taken))
                    yield return Place(parameter, $"parameter {parameter.ValueText}");
            }
        }
    }

    /// <summary>Parameters of a member that is not public, and of functions within a member, of which its code says nothing.</summary>
    /// <param name="taken">Names of methods that are not only called: what takes their address says what parameters they have.</param>
    private static IEnumerable<SyntaxToken> Unused(MemberDeclarationSyntax member, HashSet<string> taken)
    {
        IEnumerable<(ParameterListSyntax, SyntaxNode?)> lists = member.DescendantNodes().OfType<LocalFunctionStatementSyntax>()
            .Where(function => function.AttributeLists.Count == 0 && !taken.Contains(function.Identifier.ValueText))
            .Select(function => (function.ParameterList, (SyntaxNode?)function.Body ?? function.ExpressionBody));
        if (member is ConstructorDeclarationSyntax constructor && IsNotPublic(member))
            lists = lists.Append((constructor.ParameterList, constructor));
        if (member is MethodDeclarationSyntax { ExplicitInterfaceSpecifier: null, AttributeLists.Count: 0 } method && IsNotPublic(member)
            && !method.Modifiers.Any(SyntaxKind.OverrideKeyword) && !method.Modifiers.Any(SyntaxKind.VirtualKeyword) && !taken.Contains(method.Identifier.ValueText))
            lists = lists.Append((method.ParameterList, (SyntaxNode?)method.Body ?? method.ExpressionBody));
        foreach ((ParameterListSyntax list, SyntaxNode? code) in lists.Where(one => one.Item2 != null))
        {
            HashSet<string> used = [.. code!.DescendantTokens().Where(token => IsName(token) && !list.Span.Contains(token.Span)).Select(name => name.ValueText)];
            foreach (SyntaxToken name in list.Parameters.Select(parameter => parameter.Identifier).Where(name => name.ValueText.Trim('_').Length > 0 && !used.Contains(name.ValueText)))
                yield return name;
        }
    }

    /// <summary>The names that a member gives, but for those that follow from the type or an interface.</summary>
    private static IEnumerable<SyntaxToken> Declared(MemberDeclarationSyntax member) => member switch
    {
        BaseFieldDeclarationSyntax field => field.Declaration.Variables.Select(variable => variable.Identifier),
        MethodDeclarationSyntax { ExplicitInterfaceSpecifier: null, Identifier.ValueText: not "Main" } method when !method.Modifiers.Any(SyntaxKind.PartialKeyword) => [method.Identifier],
        PropertyDeclarationSyntax { ExplicitInterfaceSpecifier: null } property => [property.Identifier],
        BaseTypeDeclarationSyntax type => [type.Identifier],
        DelegateDeclarationSyntax type => [type.Identifier],
        _ => [],
    };

    /// <summary>By which an attribute is used, too.</summary>
    private static string ShortName(SyntaxToken name) =>
        name.ValueText.EndsWith("Attribute", StringComparison.Ordinal) ? name.ValueText[..^"Attribute".Length] : name.ValueText;

    private static bool IsFieldName(string name, bool isStatic) => !isStatic ? char.IsLower(name[0])
        : name.Length > 2 && name.StartsWith("s_", StringComparison.Ordinal) && char.IsLower(name[2]);

    private static bool IsPrivate(MemberDeclarationSyntax member) => member.Parent is not InterfaceDeclarationSyntax && IsNotPublic(member)
        && !member.Modifiers.Any(SyntaxKind.InternalKeyword);

    private static bool IsNotPublic(MemberDeclarationSyntax member) => member.Parent is not InterfaceDeclarationSyntax
        && !member.Modifiers.Any(SyntaxKind.PublicKeyword) && !member.Modifiers.Any(SyntaxKind.ProtectedKeyword);

    private static IEnumerable<SyntaxToken> Names(SyntaxTree tree) => tree.GetRoot().DescendantTokens().Where(IsName);

    private static bool IsName(SyntaxToken token) => token.IsKind(SyntaxKind.IdentifierToken);

    private static bool IsDeclared(SyntaxToken name) => name.Parent is MemberDeclarationSyntax or VariableDeclaratorSyntax or LocalFunctionStatementSyntax or ParameterSyntax;

    private static bool IsCalled(SyntaxToken name) => name.Parent is SimpleNameSyntax simple
        && (simple.Parent is MemberAccessExpressionSyntax access && access.Name == simple ? access : (ExpressionSyntax)simple).Parent is InvocationExpressionSyntax;

    private static string FullName(TypeDeclarationSyntax type) => string.Join('.', type.AncestorsAndSelf().Reverse().Select(node => node switch
    {
        BaseNamespaceDeclarationSyntax space => space.Name.ToString(),
        TypeDeclarationSyntax outer => outer.Identifier.ValueText,
        _ => "",
    }));

    private static string Place(SyntaxToken token, string what) => $"{token.SyntaxTree!.FilePath}:{token.SyntaxTree.GetLineSpan(token.Span).StartLinePosition.Line + 1}: {what}";
}
