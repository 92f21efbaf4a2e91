using System.Threading;
using Packetd;

namespace Testing.Nodes;

/// <summary>The packetd that labs run: the host's, or in a test that says so the one for arm64, under qemu-user.</summary>
public static class Platform
{
    private static readonly AsyncLocal<bool> s_arm64 = new(), s_withoutFilter = new();

    public static bool Emulated => s_arm64.Value;

    public static string Packetd => Repository.Image(Emulated ? "arm64/packetd" : "packetd");

    public static string[] Emulator => Emulated ? ["qemu-aarch64-static"] : [];

    /// <summary>What the image's file may have in bytes. For arm64 its segments lie 64 KiB apart, in the file too.</summary>
    public static int SizeLimit => (Emulated ? 256 : 64) * 1024;

    /// <summary>Whether the emulator's own refusal of a seccomp filter stands.</summary>
    public static bool FilterRefused
    {
        get => s_withoutFilter.Value;
        set => s_withoutFilter.Value = value;
    }

    /// <summary>For what the same test does from here on.</summary>
    public static void Emulate() => s_arm64.Value = true;
}
