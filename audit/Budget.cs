using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Audit;

/// <summary>
/// audit/budget.json: what ring 0 may measure, and what each method measured when a person last agreed to it. Raising a number
/// there is the reviewed act by which the trusted computing base grows.
/// </summary>
internal sealed record Budget(int Lines, int UnsafeLines, int HashLines, int Tokens, int Branches, int TextBytes, int ImageBytes, int SystemCalls, int Bounds, Dictionary<string, int> Methods)
{
    private static readonly JsonSerializerOptions s_format = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static Budget Load(string path) => JsonSerializer.Deserialize<Budget>(File.ReadAllText(path), s_format)
        ?? throw new InvalidDataException($"{path} is empty.");

    private const int PageSize = 4096;

    /// <summary>A budget of exactly what was measured, but for the image, which counts in whole pages: one linker pads more than another.</summary>
    public static Budget Of(Measurement measured) => new(measured.Lines, measured.UnsafeLines, measured.HashLines, measured.Tokens, measured.Branches,
        measured.TextBytes, (measured.ImageSize + PageSize - 1) / PageSize * PageSize, measured.CallCount, measured.Bounds.Count, ByMethod(measured));

    public void Save(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, s_format) + "\n");

    public IEnumerable<(string What, int Measured, int Allowed)> Compare(Measurement measured) =>
    [
        ("code lines", measured.Lines, Lines),
        ("unsafe lines", measured.UnsafeLines, UnsafeLines),
        ("lines of SHA-1 and HMAC", measured.HashLines, HashLines),
        ("tokens", measured.Tokens, Tokens),
        ("conditional jumps", measured.Branches, Branches),
        ("bytes of machine code", measured.TextBytes, TextBytes),
        ("bytes of image", measured.ImageSize, ImageBytes),
        ("system calls", measured.CallCount, SystemCalls),
        ("bounds checks left", measured.Bounds.Count, Bounds),
    ];

    /// <summary>Methods with more code lines than when the budget was agreed to, largest growth first.</summary>
    public IEnumerable<(string Method, int Before, int Now)> Grown(Measurement measured) =>
        ByMethod(measured).Select(pair => (Method: pair.Key, Before: Methods.GetValueOrDefault(pair.Key), Now: pair.Value))
            .Where(entry => entry.Now > entry.Before).OrderByDescending(entry => entry.Now - entry.Before);

    private static Dictionary<string, int> ByMethod(Measurement measured) => measured.Methods
        .GroupBy(method => $"{method.File}: {method.Name}").OrderBy(group => group.Key, StringComparer.Ordinal)
        .ToDictionary(group => group.Key, group => group.Sum(method => method.Code));
}
