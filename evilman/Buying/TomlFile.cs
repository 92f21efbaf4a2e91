using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Evilman.Buying;

/// <summary>
/// A TOML 1.1 file of values and of tables [KIND.NAME], one level deep; values are text, whole numbers and truth. What
/// is asked for is taken out, so that <see cref="TomlTable.End"/> finds what nobody knows.
/// </summary>
internal sealed class TomlFile
{
    readonly DocumentSyntax document;
    readonly string path;

    TomlFile(DocumentSyntax document, string path)
    {
        (this.document, this.path) = (document, path);
        Root = new TomlTable(path, "", "", document.KeyValues);
        Tables = [.. document.Tables.Select(Read)];
    }

    /// <summary>What stands before the first table.</summary>
    internal TomlTable Root { get; }

    internal IReadOnlyList<TomlTable> Tables { get; }

    /// <exception cref="Failure">It is not TOML, or has other forms than these.</exception>
    internal static TomlFile Parse(string text, string path)
    {
        var document = SyntaxParser.Parse(text, path, validate: true);
        return document.HasErrors ? throw new Failure($"{document.Diagnostics.First()}")
            : new TomlFile(document, path);
    }

    /// <summary>
    /// The text with another table of this kind and name, or with a value before the first table; all else, remarks
    /// included, is as it was.
    /// </summary>
    internal string With(string kind, string name, IReadOnlyList<(string Key, object Value)> values)
    {
        Without(kind, name);
        var added = new TableSyntax(new KeySyntax(kind, name));
        foreach (var (key, value) in values)
            added.Items.Add(new KeyValueSyntax(key, value is bool truth ? new BooleanValueSyntax(truth)
                : new StringValueSyntax((string)value)));
        var text = $"{document}";
        var separator = text.Length == 0 || text.EndsWith("\n\n", StringComparison.Ordinal) ? ""
            : text.EndsWith('\n') ? "\n" : "\n\n";
        return $"{text}{separator}{added}";
    }

    /// <summary>The text without the table of this kind and name.</summary>
    internal string Without(string kind, string name)
    {
        foreach (var table in document.Tables.Where(table => IsNamed(table, kind, name)).ToList())
            document.Tables.RemoveChild(table);
        return $"{document}";
    }

    TomlTable Read(TableSyntaxBase table)
    {
        if (table is not TableSyntax || table.Name is null || table.Name.DotKeys.ChildrenCount != 1)
            throw new Failure($"{path}: [{table.Name}] is not a table like [brokers.NAME]");
        return new TomlTable(path, Word(table.Name.Key), Word(table.Name.DotKeys.GetChild(0)!.Key), table.Items);
    }

    static bool IsNamed(TableSyntaxBase table, string kind, string name) =>
        table.Name is { DotKeys.ChildrenCount: 1 } full && Word(full.Key) == kind
            && Word(full.DotKeys.GetChild(0)!.Key) == name;

    internal static string Word(BareKeyOrStringValueSyntax? key) => key switch
    {
        BareKeySyntax { Key.Text: { } text } => text,
        StringValueSyntax { Value: { } text } => text,
        _ => "",
    };
}

/// <summary>The values of one table.</summary>
internal sealed class TomlTable
{
    readonly string path;
    readonly Dictionary<string, object> values = [];

    internal TomlTable(string path, string kind, string name, SyntaxList<KeyValueSyntax> items)
    {
        (this.path, Kind, Name) = (path, kind, name);
        foreach (var item in items)
        {
            var key = TomlFile.Word(item.Key?.Key);
            if (item.Key is { DotKeys.ChildrenCount: > 0 })
                throw new Failure($"{path}: {Place(key)} is not one word");
            values[key] = item.Value switch
            {
                StringValueSyntax text => text.Value!,
                IntegerValueSyntax number => number.Value,
                BooleanValueSyntax truth => truth.Value,
                _ => throw new Failure($"{path}: {Place(key)} is neither text nor a whole number nor true or false"),
            };
        }
    }

    internal string Kind { get; }

    internal string Name { get; }

    internal string? Text(string key) => Take<string>(key, "text, between quotation marks");

    internal string NeedText(string key) => Text(key) ?? throw Missing(key);

    internal bool? Truth(string key) => values.ContainsKey(key)
        ? Take<object>(key, "") is bool value ? value : throw Wrong(key, "true or false") : null;

    internal long? Number(string key, long least, long most)
    {
        if (!values.ContainsKey(key))
            return null;
        var number = (long)(Take<object>(key, "") is long value ? value : least - 1);
        return number >= least && number <= most ? number
            : throw new Failure(string.Create(CultureInfo.InvariantCulture,
                $"{path}: {Place(key)} is a whole number from {least} to {most}"));
    }

    internal Failure Missing(string key) => new($"{path}: {Place(key)} is missing");

    internal Failure Wrong(string key, string what) => new($"{path}: {Place(key)} is not {what}");

    /// <exception cref="Failure">There is a value that was not asked for.</exception>
    internal void End()
    {
        foreach (var key in values.Keys)
            throw new Failure($"{path}: {Place(key)} is not known");
    }

    T? Take<T>(string key, string what)
        where T : class
    {
        if (!values.Remove(key, out var value))
            return null;
        return value as T ?? throw new Failure($"{path}: {Place(key)} is not {what}");
    }

    string Place(string key) => Kind.Length == 0 ? $"«{key}»" : $"«{key}» of [{Kind}.{Name}]";
}
