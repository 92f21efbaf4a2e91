using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wire;

namespace Evilman.Run;

/// <summary>What an image says of how its program is run (OCI image specification, config.md).</summary>
internal sealed record OciRun
{
    public IReadOnlyList<string>? Env { get; init; }

    public IReadOnlyList<string>? Entrypoint { get; init; }

    public IReadOnlyList<string>? Cmd { get; init; }

    public string? WorkingDir { get; init; }

    public string? User { get; init; }

    /// <summary>The program's words: those that the user gave instead of the image's arguments, or the image's.</summary>
    internal string[] Words(string[] given) => [.. Entrypoint ?? [], .. given.Length > 0 ? given : Cmd ?? []];
}

/// <summary>
/// An image in OCI layout (image-layout.md): what «docker save» and «skopeo copy oci:» write, as a folder or an archive of it.
/// Each part is what its digest says, or refused.
/// </summary>
/// <param name="name">For the sentence that refuses it.</param>
/// <param name="read">A file of the layout, by its path; null where it is not there.</param>
internal sealed class OciImage(string name, Func<string, byte[]?> read)
{
    /// <summary>A list of lists of images is none.</summary>
    const int MaxIndexDepth = 3;

    /// <summary>Whether there is such a layout at all.</summary>
    internal bool IsThere => read("oci-layout") is not null && read("index.json") is not null;

    /// <summary>Puts all of its layers together, the lowest first.</summary>
    internal OciRun Unpack(GuestFiles into)
    {
        var manifest = Read(Choose(Parse(read("index.json")!, OciJson.Default.OciIndex), 1), OciJson.Default.OciManifest);
        if (manifest.Config is null || manifest.Layers is null || manifest.Layers.Contains(null!))
            throw Damaged("a manifest without config and layers");
        foreach (var layer in manifest.Layers)
            into.ReadLayer($"layer {layer.Digest} of {name}", Blob(layer));
        var config = Read(manifest.Config, OciJson.Default.OciConfig);
        if (config.Architecture is not (null or "amd64") || config.Os is not (null or "linux"))
            throw new Failure($"{name} is an image for {config.Os} on {config.Architecture}; machines here are amd64");
        var run = config.Config ?? new OciRun();
        if (new[] { run.Env, run.Entrypoint, run.Cmd }.Any(words => words?.Contains(null!) == true))
            throw Damaged("a word that is none");
        return run;
    }

    /// <summary>The one image of an index that is for machines here.</summary>
    OciDescriptor Choose(OciIndex index, int depth)
    {
        var fit = (index.Manifests ?? []).Where(entry => entry is not null).Where(entry => entry.Platform is null
            || (entry.Platform.Architecture == "amd64" && entry.Platform.Os == "linux")).ToList();
        if (fit.Count != 1)
        {
            throw new Failure(fit.Count == 0 ? $"{name} has no image for linux on amd64"
                : $"{name} has {fit.Count} images: save one of them alone");
        }
        if (fit[0].MediaType?.EndsWith("image.index.v1+json", StringComparison.Ordinal) != true
            && fit[0].MediaType?.EndsWith("manifest.list.v2+json", StringComparison.Ordinal) != true)
            return fit[0];
        return depth < MaxIndexDepth ? Choose(Read(fit[0], OciJson.Default.OciIndex), depth + 1)
            : throw Damaged("lists of lists of images");
    }

    T Read<T>(OciDescriptor descriptor, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> form) =>
        Parse(Blob(descriptor), form);

    T Parse<T>(byte[] text, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> form)
    {
        try
        {
            return JsonSerializer.Deserialize(text, form) ?? throw Damaged("an empty part");
        }
        catch (JsonException wrong)
        {
            throw Damaged(wrong.Message);
        }
    }

    byte[] Blob(OciDescriptor descriptor)
    {
        const string Kind = "sha256:";
        const int Digits = 64;
        var digest = descriptor.Digest ?? "";
        if (!digest.StartsWith(Kind, StringComparison.Ordinal) || digest.Length != Kind.Length + Digits
            || !digest[Kind.Length..].All(char.IsAsciiHexDigitLower))
            throw Damaged($"«{Text.Printable.Of(digest)}» is no digest that is known here");
        var bytes = read($"blobs/sha256/{digest[Kind.Length..]}") ?? throw Damaged($"{digest} is missing");
        var hash = new byte[Bytes32.Size];
        Sha256.Hash(bytes, hash);
        return Convert.ToHexStringLower(hash) == digest[Kind.Length..] ? bytes
            : throw Damaged($"{digest} is something else");
    }

    Failure Damaged(string what) => new($"{name} is a damaged image: {what}");
}

internal sealed record OciPlatform(string? Architecture = null, string? Os = null);

internal sealed record OciDescriptor(string? MediaType = null, string? Digest = null, OciPlatform? Platform = null);

internal sealed record OciIndex(IReadOnlyList<OciDescriptor>? Manifests = null);

internal sealed record OciManifest(OciDescriptor? Config = null, IReadOnlyList<OciDescriptor>? Layers = null);

internal sealed record OciConfig([property: JsonPropertyName("architecture")] string? Architecture = null,
    [property: JsonPropertyName("os")] string? Os = null, [property: JsonPropertyName("config")] OciRun? Config = null);

/// <summary>Names begin small, but for those of what docker once wrote (config.md).</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(OciIndex))]
[JsonSerializable(typeof(OciManifest))]
[JsonSerializable(typeof(OciConfig))]
internal sealed partial class OciJson : JsonSerializerContext;
