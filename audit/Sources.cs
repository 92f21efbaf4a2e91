using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Audit;

/// <summary>A method, accessor, operator, constructor or assembly routine, with its lines counted.</summary>
internal sealed record Method(string File, string Name, int First, int Last, int Code, int Comment, int Unsafe, int Tokens)
{
    public string Folder => File[..File.IndexOf('/')];
}

/// <summary>
/// The counting rule: a code line of a method is a line, from its first token (attributes and modifiers included) to its last,
/// on which a token other than a brace begins. So neither blank lines nor lines of braces nor the inner lines of a long string
/// count, and where braces are put changes nothing. A comment line holds only comment, documentation above the method included.
/// Tokens are those of C# other than braces, from the first to the last of a method, a string being one; what is written on one line or
/// on several, in one statement or in several, changes nothing or hardly anything. Of assembly each word and number is one.
/// An unsafe line is a code line inside an unsafe block, member or type. Declarations outside of methods (types, fields, constants,
/// enum members) make no code and are not counted.
/// </summary>
internal static partial class Sources
{
    public static readonly CSharpParseOptions Options = new(LanguageVersion.Preview, preprocessorSymbols: ["FREESTANDING"]);

    /// <summary>The methods of a file that was parsed, with their nodes.</summary>
    public static IEnumerable<(SyntaxNode Node, Method Method)> Methods(string file, SyntaxTree tree)
    {
        SyntaxNode top = tree.GetRoot();
        HashSet<int> code = [.. CodeLines(tree)];
        HashSet<int> comment = [.. top.DescendantTrivia().Where(trivia => trivia.IsKind(SyntaxKind.SingleLineCommentTrivia)
            || trivia.IsKind(SyntaxKind.MultiLineCommentTrivia) || trivia.IsKind(SyntaxKind.SingleLineDocumentationCommentTrivia))
            .SelectMany(trivia => Range(tree.GetLineSpan(trivia.FullSpan), trivia.IsKind(SyntaxKind.SingleLineDocumentationCommentTrivia)))];
        comment.ExceptWith(code);
        return top.DescendantNodes().Where(IsMethod).Select(node =>
        {
            FileLinePositionSpan span = tree.GetLineSpan(node.Span), full = tree.GetLineSpan(node.FullSpan);
            int first = span.StartLinePosition.Line + 1, last = span.EndLinePosition.Line + 1;
            int[] own = Enumerable.Range(first, last - first + 1).Where(code.Contains).ToArray();
            HashSet<int> blocks = [.. node.DescendantNodes().OfType<UnsafeStatementSyntax>().SelectMany(block => Range(tree.GetLineSpan(block.Span)))];
            bool all = node.AncestorsAndSelf().OfType<MemberDeclarationSyntax>().Any(member => member.Modifiers.Any(SyntaxKind.UnsafeKeyword));
            return (node, new Method(file, Name(node), first, last, own.Length,
                Enumerable.Range(full.StartLinePosition.Line + 1, last - full.StartLinePosition.Line).Count(comment.Contains),
                own.Count(line => all || blocks.Contains(line)), node.DescendantTokens().Count(IsCounted)));
        });
    }

    /// <summary>Code lines of a whole file, by the same rule but with its declarations: for the rings that are only reported.</summary>
    public static int AllLines(string path)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(File.ReadAllText(path), new CSharpParseOptions(LanguageVersion.Preview));
        return CodeLines(tree).Distinct().Count();
    }

    private static bool IsCounted(SyntaxToken token) => token.Span.Length > 0 && !token.IsKind(SyntaxKind.OpenBraceToken) && !token.IsKind(SyntaxKind.CloseBraceToken);

    private static IEnumerable<int> CodeLines(SyntaxTree tree) => tree.GetRoot().DescendantTokens().Where(IsCounted)
        .Select(token => tree.GetLineSpan(token.Span).StartLinePosition.Line + 1);

    private static bool IsMethod(SyntaxNode node) => node switch
    {
        BaseMethodDeclarationSyntax method => method.Body != null || method.ExpressionBody != null,
        AccessorDeclarationSyntax accessor => accessor.Body != null || accessor.ExpressionBody != null,
        PropertyDeclarationSyntax property => property.ExpressionBody != null,
        IndexerDeclarationSyntax indexer => indexer.ExpressionBody != null,
        _ => false,
    };

    private static string Name(SyntaxNode node)
    {
        string own = node switch
        {
            MethodDeclarationSyntax method => method.Identifier.Text,
            ConstructorDeclarationSyntax => ".ctor",
            OperatorDeclarationSyntax op => "operator " + op.OperatorToken.Text,
            ConversionOperatorDeclarationSyntax => "operator",
            AccessorDeclarationSyntax { Parent.Parent: PropertyDeclarationSyntax property } accessor => property.Identifier.Text + "." + accessor.Keyword.Text,
            AccessorDeclarationSyntax accessor => "this[]." + accessor.Keyword.Text,
            PropertyDeclarationSyntax property => property.Identifier.Text,
            _ => "this[]",
        };
        return string.Join('.', node.Ancestors().OfType<TypeDeclarationSyntax>().Select(type => type.Identifier.Text).Reverse().Append(own));
    }

    /// <summary>
    /// The routines of an assembly file, each named by its labels, with commas between. A routine's lines are its labels, what
    /// follows them, and the directives before them back to the end of the routine before.
    /// </summary>
    public static IEnumerable<Method> Routines(string file, string[] lines)
    {
        string name = "";
        int first = 1, code = 0, comment = 0, before = 0, tokens = 0;
        bool labelled = false;
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            bool label = line.Length > 0 && !char.IsDigit(line[0]) && line.Split(' ', '\t')[0].EndsWith(':');
            bool directive = line.StartsWith('.') && !line.StartsWith(".quad", StringComparison.Ordinal);
            if (label && !labelled)
            {
                if (name.Length > 0)
                    yield return new Method(file, name, first, i, code, comment, code, tokens);
                (name, first, code, comment, before, tokens) = ("", i + 1, before, 0, 0, 0);
            }
            if (label)
                name += (name.Length > 0 ? "," : "") + line[..line.IndexOf(':')];
            if (line.StartsWith("/*", StringComparison.Ordinal) || line.StartsWith('*'))
                comment++;
            else if (directive)
                before++;
            else if (line.Length > 0)
                (code, tokens) = (code + 1, tokens + Words().Count(line.Split("/*")[0]));
            labelled = label;
        }
        if (name.Length > 0)
            yield return new Method(file, name, first, lines.Length, code + before, comment, code + before, tokens);
    }

    [GeneratedRegex(@"[\w.%$]+")]
    private static partial Regex Words();

    private static IEnumerable<int> Range(FileLinePositionSpan span, bool endsBefore = false)
    {
        int first = span.StartLinePosition.Line + 1, last = span.EndLinePosition.Line + (endsBefore ? 0 : 1);
        return Enumerable.Range(first, Math.Max(1, last - first + 1));
    }
}
