using System;
using System.Collections.Generic;
using System.Linq;

namespace Audit;

/// <summary>What must not be there, whatever the budget says.</summary>
internal sealed class Forbidden(Measurement measured)
{
    private static readonly string[] s_allocators = ["RhpNew", "RhNew", "RhpGcAlloc", "malloc", "RhBox", "RhpBox", "Delegate", "RhpAssignRef", "RhpThrow"];

    public IEnumerable<Violation> Check()
    {
        foreach (Function function in measured.Code.Functions)
        {
            if (s_allocators.FirstOrDefault(word => function.Name.Contains(word, StringComparison.Ordinal)) is { } word)
                yield return new Violation("no-allocation", $"{function.Name} is linked in: something allocates, boxes, throws or makes a delegate ({word}).");
            if (function.Folder == "?")
                yield return new Violation("no-foreign-code", $"{function.Name} comes from no folder of ring 0.");
        }
        foreach (string file in measured.Rows.Select(row => row.File).Distinct().Where(file => !Measurement.RingZeroFolders.Contains(file.Split('/')[0])))
            yield return new Violation("no-foreign-code", $"{file} is outside of ring 0 and has code in the binary.", file, 1);
        foreach (var (function, instruction) in measured.Code.IndirectCalls())
        {
            LineRow? row = LineTable.At(measured.Rows, instruction.IP);
            yield return new Violation("no-indirect-calls", $"{function.Name} calls or jumps to a computed address: {instruction}.", row?.File, row?.Line ?? 0);
        }
        foreach (Segment segment in measured.Elf.Segments)
        {
            if (segment.Type is ElfFile.Dynamic or ElfFile.Interpreter)
                yield return new Violation("static", "The binary wants a dynamic linker.");
            if ((segment.Flags & 3) == 3)
                yield return new Violation("no-writable-code", $"The segment at {segment.Address:x} is writable and executable.");
        }
        if (measured.Elf.Segments.All(segment => segment.Type != ElfFile.GnuStack))
            yield return new Violation("no-writable-code", "The stack is not declared as not executable.");
        if (measured.Relocations != 0)
            yield return new Violation("static", $"The binary has {measured.Relocations} relocations.");
        int counted = measured.Code.Functions.Sum(function => function.Size + function.Padding) + measured.Code.Unclaimed;
        if (counted != measured.TextBytes)
            yield return new Violation("adds-up", $"Functions and padding make {counted} bytes, the section {measured.TextBytes}.");
        foreach (Violation violation in CheckCalls())
            yield return violation;
    }

    private IEnumerable<Violation> CheckCalls()
    {
        foreach (var (caller, _) in measured.SystemCalls.Where(call => call.Number == null))
            yield return new Violation("system-calls", $"{caller.Name} makes a system call whose number is no constant.");
        HashSet<int> found = [.. measured.SystemCalls.Select(call => call.Number).OfType<int>()];
        foreach (int number in found.Except(measured.DeclaredCalls.All.Values))
            yield return new Violation("system-calls", $"The binary makes system call {number}, which packetd does not declare.", Measurement.CallLists, 1);
        foreach (var (name, _) in measured.DeclaredCalls.All.Where(call => !found.Contains(call.Value)))
            yield return new Violation("system-calls", $"packetd declares the system call {name} and the binary never makes it: remove it.", Measurement.CallLists, 1);
    }
}
