using System.IO;

namespace Tokenbroker.Storage;

internal static class Folder
{
    /// <summary>Refuses a file that is to be written where no folder is.</summary>
    internal static void Demand(string file)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/";
        if (!Directory.Exists(folder))
            throw Problem.NotFound($"there is no folder {folder}");
    }
}
