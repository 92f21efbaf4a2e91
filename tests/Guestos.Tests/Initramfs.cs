using System.IO;
using System.Text;

namespace Guestos.Tests;

/// <summary>Writes a cpio archive in the "newc" form (Linux Documentation/driver-api/early-userspace/buffer-format.rst).</summary>
internal sealed class Initramfs
{
    private readonly MemoryStream archive = new();
    private int number;

    /// <summary>busybox with links for these applets, and the directories that everybody expects.</summary>
    public static Initramfs WithBusybox(params string[] applets)
    {
        var initramfs = new Initramfs();
        foreach (string directory in (string[])["bin", "dev", "etc", "proc", "tmp"])
            initramfs.Directory(directory);
        initramfs.File("bin/busybox", System.IO.File.ReadAllBytes("/bin/busybox"));
        foreach (string applet in (string[])["sh", "mount", "reboot", "cat", "echo", "ps", "wc", "true", .. applets])
            initramfs.Link($"bin/{applet}", "busybox");
        return initramfs;
    }

    public Initramfs Directory(string name) => Add(name, 0x41ed, []);

    public Initramfs File(string name, byte[] content) => Add(name, 0x81ed, content);

    public Initramfs Script(string name, string text) => File(name, Encoding.UTF8.GetBytes("#!/bin/sh\n" + text));

    public Initramfs Link(string name, string target) => Add(name, 0xa1ff, Encoding.UTF8.GetBytes(target));

    public byte[] ToArray()
    {
        Add("TRAILER!!!", 0, []);
        return archive.ToArray();
    }

    private Initramfs Add(string name, int mode, byte[] content)
    {
        string header = $"070701{++number:X8}{mode:X8}{0:X8}{0:X8}{1:X8}{0:X8}{content.Length:X8}{0:X8}{0:X8}{0:X8}{0:X8}{name.Length + 1:X8}{0:X8}";
        archive.Write(Encoding.ASCII.GetBytes(header + name + '\0'));
        Align();
        archive.Write(content);
        Align();
        return this;
    }

    private void Align()
    {
        while (archive.Length % 4 != 0)
            archive.WriteByte(0);
    }
}
