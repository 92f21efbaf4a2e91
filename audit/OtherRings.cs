using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Audit;

/// <summary>Rings 1 and 2 in lines of source, for comparison only: nothing depends on them but themselves.</summary>
internal sealed record RingPart(int Ring, string Folder, int Lines, long ImageBytes)
{
    private static readonly (int Ring, string Folder, string? Image)[] s_parts =
    [
        (1, "launcher", "launcher"), (1, "domain", "../bin/domain"), (1, "plug", "plug"), (2, "cstrap", "cstrap"), (2, "loader", "loader-checkpoint"), (2, "board", null), (2, "netstack", null), (2, "guestos", "guestos"),
    ];

    public static IReadOnlyList<RingPart> Read(string root, string images) =>
    [
        .. from part in s_parts
           let folder = Path.Combine(root, part.Folder)
           where Directory.Exists(folder)
           let image = part.Image == null ? null : Path.Combine(images, part.Image)
           select new RingPart(part.Ring, part.Folder,
               Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories).Where(path => !path.Split('/').Any(word => word is "obj" or "bin")).Sum(Sources.AllLines),
               image != null && File.Exists(image) ? new FileInfo(image).Length : 0),
    ];
}
