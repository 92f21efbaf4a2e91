using System.Collections.Generic;
using System.IO;
using System.Linq;
using Testing;
using Xunit;

namespace Guestos.Proc.Tests;

/// <summary>The offsets that assembly has of structures of C#.</summary>
public sealed unsafe class OffsetTests
{
    [Fact]
    public void Traps_S_reaches_the_fields_that_it_names()
    {
        Dictionary<string, string> defined = File.ReadLines(Path.Combine(Repository.Root, "guestos", "arch", "Traps.S"))
            .Select(line => line.Split(' ', System.StringSplitOptions.RemoveEmptyEntries)).Where(words => words is ["#define", _, _])
            .ToDictionary(words => words[1], words => words[2]);
        LogicalProcessor processor = default;
        LogicalProcessor* at = &processor;
        TrapFrame frame = default;
        TrapFrame* registers = &frame;
        (string Name, long Offset)[] expected =
        [
            ("PROCESSOR_SELF", (byte*)&at->Self - (byte*)at),
            ("PROCESSOR_KERNEL_STACK_TOP", (byte*)&at->KernelStackTop - (byte*)at),
            ("PROCESSOR_USER_STACK_POINTER", (byte*)&at->UserStackPointer - (byte*)at),
            ("PROCESSOR_CURRENT_THREAD", (byte*)&at->CurrentThread - (byte*)at),
            ("FRAME_R11", (byte*)&registers->R11 - (byte*)registers),
            ("FRAME_RCX", (byte*)&registers->Rcx - (byte*)registers),
            ("FRAME_FLAGS", (byte*)&registers->Flags - (byte*)registers),
            ("FRAME_RIP", (byte*)&registers->Rip - (byte*)registers),
            ("FRAME_CS", (byte*)&registers->Cs - (byte*)registers),
            ("SYSCALL_VECTOR", (long)TrapFrame.Syscall),
        ];
        foreach ((string name, long offset) in expected)
            Assert.Equal($"{name} {offset}", $"{name} {defined[name]}");
        string[] named = [.. expected.Select(one => one.Name)];
        Assert.DoesNotContain(defined.Keys, name => (name.StartsWith("PROCESSOR_") || name.StartsWith("FRAME_")) && !named.Contains(name));
    }
}
