using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Evilman.Text;

namespace Evilman.Commands;

// What commands print with --json: one object a line. Files are as they were named, times in milliseconds or Unix
// seconds.

internal sealed record KeyLine(string File, string? Chain, int? ChainLength);

/// <param name="Name">The chain end of the boot token: the machine's name.</param>
internal sealed record TokenLine(string File, string Name, string Node, string BootAddress, IReadOnlyList<string> Guests,
    long Tokens, long Expires, string MachineKey, string? Refund, string? Chain);

internal sealed record ContinuationLine(string File, string Name, string Node, long Tokens, string Chain);

/// <param name="Milliseconds">Null for no reply.</param>
internal sealed record EchoLine(string Node, double? Milliseconds);

internal sealed record MachineStartLine(string Node, string Machine, double Milliseconds);

internal sealed record BootLine(string Node, string Machine, string? Guest, string? GuestKey);

internal sealed record MoveLine(string Guest, string Node, string Machine, double Milliseconds);

/// <param name="Code">The program's exit code; null where it is not known.</param>
internal sealed record StopLine(string Name, int? Code, string Text);

/// <param name="KeyFile">Null where a broker sells its machines, and of one that is forgotten.</param>
internal sealed record KnownNodeLine(string Name, string Address, string? KeyFile, string? Broker);

internal sealed record EndLine(string Node, string Machine);

internal sealed record LabLine(string Lab, string Node, string Address, string Monitor, bool Runs, int Domains);

internal sealed record HomeLine(long At, string Machine, string Verdict, string Text);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(KeyLine))]
[JsonSerializable(typeof(TokenLine))]
[JsonSerializable(typeof(ContinuationLine))]
[JsonSerializable(typeof(EchoLine))]
[JsonSerializable(typeof(MachineStartLine))]
[JsonSerializable(typeof(BootLine))]
[JsonSerializable(typeof(MoveLine))]
[JsonSerializable(typeof(StopLine))]
[JsonSerializable(typeof(KnownNodeLine))]
[JsonSerializable(typeof(EndLine))]
[JsonSerializable(typeof(LabLine))]
[JsonSerializable(typeof(HomeLine))]
internal sealed partial class Lines : JsonSerializerContext
{
    internal static void Print<T>(T line, JsonTypeInfo<T> form) => Say.Plain(JsonSerializer.Serialize(line, form));
}
