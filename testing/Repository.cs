using System;
using System.IO;

namespace Testing;

/// <summary>The work tree that the tests lie in, and what was built in it.</summary>
public static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The path of a freestanding image, which may not have been built.</summary>
    public static string Image(string name) => Path.Combine(Root, "out", "images", name);

    public static byte[] ReadImage(string name) => File.ReadAllBytes(Image(name));

    /// <summary>The path of a program that "make programs" publishes.</summary>
    public static string Program(string name) => Path.Combine(Root, "out", "bin", name);

    private static string FindRoot()
    {
        for (string? folder = AppContext.BaseDirectory; folder != null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "global.json")))
                return folder;
        }
        throw new InvalidOperationException("The tests must run inside the repository.");
    }
}
