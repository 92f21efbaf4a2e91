using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// A number by which the current process has a file open, and that file. Only the look-up here makes one. The file is
/// not held: whoever is going to sleep holds it first (<see cref="Files.Hold"/>).
/// </summary>
public readonly unsafe struct Descriptor
{
    private Descriptor(int number, File* file)
    {
        Number = number;
        File = file;
    }

    public int Number { get; }

    public File* File { get; }

    /// <summary>
    /// The system call interface has descriptors as 32 bits: what a register holds above does not count. False: EBADF.
    /// </summary>
    public static bool TryFind(ulong register, out Descriptor descriptor)
    {
        File* file = FileOf(register);
        descriptor = new Descriptor((int)register, file);
        return file != null;
    }

    /// <summary>The open file alone; null: EBADF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static File* FileOf(ulong register) => FileTable.Get(FileContext.TableOf(Process.Current), (uint)register);

    /// <summary>The same of another process.</summary>
    public static File* FileOf(Process* process, ulong register) =>
        FileTable.Get(FileContext.TableOf(process), (uint)register);

    /// <summary>The number has not been closed, nor made to mean another file, since it was looked up.</summary>
    public bool IsStill => FileTable.Get(FileContext.TableOf(Process.Current), (uint)Number) == File;

    public bool IsCloseOnExec => FileTable.IsCloseOnExec(FileContext.TableOf(Process.Current), Number);

    public void SetCloseOnExec(bool on) => FileTable.SetCloseOnExec(FileContext.TableOf(Process.Current), Number, on);

    public void Close() => FileTable.Close(FileContext.TableOf(Process.Current), Number);
}
