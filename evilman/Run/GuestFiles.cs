using System;
using System.Collections.Generic;
using System.Formats.Tar;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using Evilman.Net;

namespace Evilman.Run;

/// <summary>
/// The files that a guest begins with, by their paths without a leading slash. What is put in last counts. Sockets,
/// devices and pipes are left out: the guest's kernel has its own.
/// </summary>
internal sealed class GuestFiles
{
    /// <summary>Of all contents, in bytes: an upload has 32-bit lengths, and a machine less than 3 GiB of memory.</summary>
    const long MaxBytes = 1L << 30;

    /// <summary>PATH_MAX of Linux, without the zero at its end. Bytes.</summary>
    const int MaxPath = 4095;

    const int TypeMask = 0xF000, Directory = 0x4000, Regular = 0x8000, Link = 0xA000;

    /// <summary>rwxr-xr-x.</summary>
    internal const int ForAll = 0x1ED;

    internal sealed record Member(int Mode, byte[] Content)
    {
        internal int User { get; init; }

        internal int Group { get; init; }

        internal bool IsDirectory => (Mode & TypeMask) == Directory;

        internal bool IsLink => (Mode & TypeMask) == Link;

        internal bool IsProgram => (Mode & TypeMask) == Regular && (Mode & 0x49) != 0;

        internal string Target => Encoding.UTF8.GetString(Content);
    }

    readonly Dictionary<string, Member> members = new(StringComparer.Ordinal);

    /// <summary>
    /// The keys of <see cref="members"/>, ascending. Whatever lies in a folder, the folder is one of them, too.
    /// </summary>
    readonly SortedSet<string> names = new(StringComparer.Ordinal);

    /// <summary>Bytes of all contents.</summary>
    internal long Size { get; private set; }

    internal void AddDirectory(string path, int mode = ForAll) => Add(path, new Member(Directory | mode, []));

    internal void AddFile(string path, byte[] content, int mode) => Add(path, new Member(Regular | mode, content));

    internal void AddLink(string path, string target) =>
        Add(path, new Member(Link | 0x1FF, Encoding.UTF8.GetBytes(target)));

    void Add(string path, Member member)
    {
        path = Clean(path);
        if (path.Length == 0)
            return;
        for (var at = path.IndexOf('/'); at > 0; at = path.IndexOf('/', at + 1))
        {
            var folder = path[..at];
            if (names.Add(folder))
                members.Add(folder, new Member(Directory | ForAll, []));
        }
        if (members.TryGetValue(path, out var before))
        {
            if (before.IsDirectory && !member.IsDirectory && Below(path).Any())
                throw new Failure($"/{path} is a folder that has files in it, and something else");
            Size -= before.Content.Length;
        }
        members[path] = member;
        names.Add(path);
        Size += member.Content.Length;
        if (Size > MaxBytes)
            throw new Failure($"these files have more than {MaxBytes >> 20} MiB");
    }

    /// <summary>What lies in a folder, at any depth; in the root for an empty name.</summary>
    IEnumerable<string> Below(string folder)
    {
        // The first letter behind the slash begins the first name that is not in the folder any more.
        const string Behind = "0";
        return folder.Length == 0 ? names : names.GetViewBetween(folder + "/", folder + Behind)
            .Where(name => name.Length > folder.Length && name[folder.Length] == '/');
    }

    /// <exception cref="Failure">The name would lie outside, or no system takes it for one.</exception>
    static string Clean(string path)
    {
        if (path.Length > MaxPath || Encoding.UTF8.GetByteCount(path) > MaxPath)
        {
            throw new Failure($"«{Text.Printable.Of(path[..64])}…» is no name of a file: it has more than {MaxPath} "
                + "bytes");
        }
        if (path.Contains('\0', StringComparison.Ordinal))
            throw new Failure($"«{Text.Printable.Of(path)}» is no name of a file: it has a zero in it");
        var words = new List<string>();
        foreach (var word in path.Split('/'))
        {
            if (word == "..")
                throw new Failure($"«{Text.Printable.Of(path)}» is no name of a file: it leads out of its archive");
            if (word is not ("" or "."))
                words.Add(word);
        }
        return string.Join('/', words);
    }

    internal Member? Find(string path) => members.GetValueOrDefault(Clean(path));

    /// <summary>
    /// What a path means inside the guest, all symbolic links followed: null when there is nothing, or links lead round
    /// in a circle.
    /// </summary>
    internal (string Path, Member Member)? Resolve(string path)
    {
        const int MaxLinks = 40;
        var words = new Stack<string>();
        Push(words, path);
        var done = new List<string>();
        for (var links = 0; words.TryPop(out var word);)
        {
            if (word is "" or ".")
                continue;
            if (word == "..")
            {
                if (done.Count > 0)
                    done.RemoveAt(done.Count - 1);
                continue;
            }
            done.Add(word);
            if (!members.TryGetValue(string.Join('/', done), out var member))
                return null;
            if (!member.IsLink)
                continue;
            if (++links > MaxLinks)
                return null;
            done.RemoveAt(done.Count - 1);
            if (member.Target.StartsWith('/'))
                done.Clear();
            Push(words, member.Target);
        }
        var found = string.Join('/', done);
        return members.TryGetValue(found, out var at) ? (found, at) : null;
    }

    static void Push(Stack<string> words, string path)
    {
        var parts = path.Split('/');
        for (var i = parts.Length - 1; i >= 0; i--)
            words.Push(parts[i]);
    }

    /// <summary>A cpio archive of all of it, in the «newc» format.</summary>
    internal byte[] Archive()
    {
        var list = new List<ArchiveMember>();
        foreach (var path in names)
        {
            var member = members[path];
            list.Add(new ArchiveMember(path, member.Mode, member.Content, member.User, member.Group));
        }
        return GuestKeyArchive.Append([], list);
    }

    // ---- where they come from ----

    /// <summary>Everything in a folder of this machine. Links stay links.</summary>
    internal void ReadFolder(string folder)
    {
        ReadFolder(folder, "");
    }

    void ReadFolder(string folder, string prefix)
    {
        string[] entries;
        try
        {
            entries = System.IO.Directory.GetFileSystemEntries(folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new Failure($"{folder} cannot be read: {failure.Message}");
        }
        Array.Sort(entries, StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            var path = prefix + Path.GetFileName(entry);
            var mode = ModeOf(entry);
            switch (mode & TypeMask)
            {
                case Directory:
                    AddDirectory(path, mode & 0xFFF);
                    ReadFolder(entry, path + "/");
                    break;
                case Regular:
                    AddFile(path, ReadFile(entry), mode & 0xFFF);
                    break;
                case Link:
                    AddLink(path, new FileInfo(entry).LinkTarget ?? "");
                    break;
            }
        }
    }

    internal static byte[] ReadFile(string file) => Files.Read(file, (int)MaxBytes, "something that fits a machine");

    /// <summary>
    /// Whether a path leads to a regular file: what else there is may never end, or make its reader wait.
    /// </summary>
    internal static bool IsRegular(string path) =>
        Path.Exists(path) && (ModeOf(path, follow: true) & TypeMask) == Regular;

    /// <summary>Type and mode as inode(7) has them; links are not followed unless that is asked for.</summary>
    static unsafe int ModeOf(string path, bool follow = false)
    {
        const int ThisFolder = -100, DoNotFollow = 0x100;
        const uint TypeAndMode = 3;
        Native.FileStatus status;
        if (Native.statx(ThisFolder, path, follow ? 0 : DoNotFollow, TypeAndMode, &status) != 0)
            throw new Failure($"{path} cannot be read: {Native.LastError()}");
        return status.Mode;
    }

    /// <summary>An archive: cpio («newc»), tar, or one of these compressed by gzip or Zstandard.</summary>
    /// <param name="name">For the sentence that refuses it.</param>
    internal void ReadArchive(string name, byte[] bytes)
    {
        bytes = Plain(name, bytes);
        if (IsCpio(bytes))
            ReadCpio(name, bytes);
        else if (IsTar(bytes))
            ReadTar(name, bytes);
        else
            throw new Failure($"{name} is no program, no folder, and no archive: tar or cpio, plain, gzip or zstd");
    }

    static byte[] Plain(string name, byte[] bytes) => IsGzip(bytes) ? Unpack(name, bytes)
        : Zstandard.Is(bytes) ? Zstandard.Unpack(name, bytes, MaxBytes) : bytes;

    internal static bool IsArchive(ReadOnlySpan<byte> bytes) =>
        IsGzip(bytes) || Zstandard.Is(bytes) || IsCpio(bytes) || IsTar(bytes);

    static bool IsGzip(ReadOnlySpan<byte> bytes) => bytes.Length > 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;

    static bool IsCpio(ReadOnlySpan<byte> bytes) => bytes.StartsWith("070701"u8) || bytes.StartsWith("070702"u8);

    static bool IsTar(ReadOnlySpan<byte> bytes) => bytes.Length >= 512 && bytes.Slice(257, 5).SequenceEqual("ustar"u8);

    static byte[] Unpack(string name, byte[] bytes)
    {
        try
        {
            using var stream = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            using var all = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int count; (count = stream.Read(buffer)) > 0;)
            {
                all.Write(buffer, 0, count);
                if (all.Length > MaxBytes)
                    throw new Failure($"{name} has more than {MaxBytes >> 20} MiB unpacked");
            }
            return all.ToArray();
        }
        catch (InvalidDataException failure)
        {
            throw new Failure($"{name} is a damaged archive: {failure.Message}");
        }
    }

    /// <summary>
    /// A layer of an image over what is there (OCI image specification, layer.md): what it leaves out by whiteouts goes first,
    /// and what it has takes the place of whatever has that name.
    /// </summary>
    internal void ReadLayer(string name, byte[] bytes)
    {
        const string Whiteout = ".wh.", Opaque = ".wh..wh..opq";
        bytes = Plain(name, bytes);
        if (bytes.Length > 0 && !IsTar(bytes) && bytes.AsSpan().ContainsAnyExcept((byte)0))
            throw new Failure($"{name} is no archive of tar");
        EachOfTar(name, bytes, entry =>
        {
            var (folder, file) = (FolderOf(entry.Name), FileOf(entry.Name));
            if (file == Opaque)
                RemoveChildren(folder);
            else if (file.StartsWith(Whiteout, StringComparison.Ordinal))
                Remove($"{folder}/{file[Whiteout.Length..]}");
        });
        EachOfTar(name, bytes, entry =>
        {
            if (FileOf(entry.Name).StartsWith(Whiteout, StringComparison.Ordinal))
                return;
            // A link to a folder that lies lower is not replaced by what lies in it.
            var path = FolderOf(entry.Name) is { Length: > 0 } folder && Resolve(folder) is { Member.IsDirectory: true } at
                ? $"{at.Path}/{FileOf(entry.Name)}" : entry.Name;
            if (entry.EntryType != TarEntryType.Directory || Find(path) is { IsDirectory: false })
                Remove(path);
            AddOfTar(name, path, entry);
            // Users and groups in an image mean accounts of the image; in other archives, those of the machine on which
            // it was packed, so they are taken from images only.
            if (Find(path) is { } added)
                members[Clean(path)] = added with { User = entry.Uid, Group = entry.Gid };
        });

        static string FolderOf(string path) => Clean(path) is var clean && clean.LastIndexOf('/') is > 0 and var end
            ? clean[..end] : "";

        static string FileOf(string path) => Clean(path) is var clean ? clean[(clean.LastIndexOf('/') + 1)..] : "";
    }

    void Remove(string path)
    {
        path = Clean(path);
        RemoveChildren(path);
        RemoveOne(path);
    }

    void RemoveChildren(string path)
    {
        foreach (var other in Below(Clean(path)).ToArray())
            RemoveOne(other);
    }

    void RemoveOne(string path)
    {
        names.Remove(path);
        if (members.Remove(path, out var member))
            Size -= member.Content.Length;
    }

    void ReadTar(string name, byte[] bytes) => EachOfTar(name, bytes, entry => AddOfTar(name, entry.Name, entry));

    void AddOfTar(string name, string path, TarEntry entry)
    {
        var mode = (int)entry.Mode & 0xFFF;
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                AddDirectory(path, mode);
                break;
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                AddFile(path, All(entry.DataStream), mode);
                break;
            case TarEntryType.SymbolicLink:
                AddLink(path, entry.LinkName);
                break;
            case TarEntryType.HardLink:
                Add(path, Resolve(entry.LinkName)?.Member ?? Find(entry.LinkName)
                    ?? throw new Failure($"{name}: {Text.Printable.Of(path)} is a second name of a file that is not "
                        + "there"));
                break;
        }
    }

    static void EachOfTar(string name, byte[] bytes, Action<TarEntry> what)
    {
        try
        {
            using var reader = new TarReader(new MemoryStream(bytes));
            while (reader.GetNextEntry() is { } entry)
                what(entry);
        }
        catch (Exception failure) when (failure is InvalidDataException or EndOfStreamException or FormatException
            or ArgumentException or OverflowException or NotSupportedException)
        {
            throw new Failure($"{name} is a damaged archive: {failure.Message}");
        }
    }

    static byte[] All(Stream? content)
    {
        if (content is null)
            return [];
        using var all = new MemoryStream();
        content.CopyTo(all);
        return all.ToArray();
    }

    /// <summary>
    /// Linux Documentation/driver-api/early-userspace/buffer-format.rst. Of hard links, one inode number, the last has
    /// the content.
    /// </summary>
    internal void ReadCpio(string name, ReadOnlySpan<byte> bytes)
    {
        const int HeaderSize = 110;
        var linked = new Dictionary<int, List<string>>();
        for (var at = 0; ;)
        {
            while (at < bytes.Length && bytes[at] == 0)
                at++;
            if (at == bytes.Length)
                return;
            if (bytes.Length - at < HeaderSize || !IsCpio(bytes[at..]))
                throw Damaged(name);
            int number = Field(name, bytes, at, 0), mode = Field(name, bytes, at, 1), links = Field(name, bytes, at, 4);
            int length = Field(name, bytes, at, 6), nameLength = Field(name, bytes, at, 11);
            var content = Align(at + (long)HeaderSize + nameLength);
            if (nameLength < 1 || content + length > bytes.Length)
                throw Damaged(name);
            var path = Encoding.UTF8.GetString(bytes.Slice(at + HeaderSize, nameLength - 1));
            at = (int)Math.Min(Align(content + length), bytes.Length);
            if (path == "TRAILER!!!")
            {
                linked.Clear();
                continue;
            }
            var member = new Member(mode & 0xFFFF, bytes.Slice((int)content, length).ToArray());
            if ((mode & TypeMask) is not (Directory or Regular or Link))
                continue;
            Add(path, member);
            if ((mode & TypeMask) != Regular || links < 2)
                continue;
            if (!linked.TryGetValue(number, out var names))
                linked.Add(number, names = []);
            names.Add(path);
            if (length == 0)
                continue;
            foreach (var other in names)
                Add(other, member);
        }
    }

    /// <summary>Eight hexadecimal digits, the <paramref name="index"/>th of the header.</summary>
    static int Field(string name, ReadOnlySpan<byte> bytes, int at, int index) =>
        int.TryParse(bytes.Slice(at + 6 + 8 * index, 8), System.Globalization.NumberStyles.AllowHexSpecifier,
            System.Globalization.CultureInfo.InvariantCulture, out var value) && value >= 0 ? value
            : throw Damaged(name);

    static long Align(long at) => (at + 3) & ~3L;

    static Failure Damaged(string name) => new($"{name} is a damaged archive");
}
