using System;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;

namespace Audit;

/// <summary>A function of the binary. <see cref="Padding"/> is what lies between its last byte and the next function.</summary>
internal sealed record Function(string Name, ulong Address, int Size, int Padding)
{
    /// <summary>
    /// Whether this is the one routine that enters the kernel, in packetd/Runtime.S. It takes the call's number as its sixth argument.
    /// The second name is that of an earlier revision, to compare with.
    /// </summary>
    public bool IsStub => Name is "linux_syscall" or "packetd_syscall";

    /// <summary>By the compiler's name: assembly and namespace. What the C# compiler adds has none, and stands where it is used.</summary>
    public string Folder => Name.StartsWith("packetd_Packetd_", StringComparison.Ordinal) || Name.StartsWith("packetd__PrivateImplementationDetails_", StringComparison.Ordinal)
            || IsStub ? "packetd"
        : Name.StartsWith("packetd_Wire_", StringComparison.Ordinal) ? "wire"
        : Name.StartsWith("packetd_System_Linux_", StringComparison.Ordinal) || Name.StartsWith("corelib_", StringComparison.Ordinal) || !Name.Contains('_') || Routine ? "corelib" : "?";

    private bool Routine => Name.StartsWith("_start", StringComparison.Ordinal) || Name.StartsWith("linux_", StringComparison.Ordinal)
        || Name.StartsWith("freestanding_", StringComparison.Ordinal) || Name.StartsWith("Rh", StringComparison.Ordinal) || Name.StartsWith("__", StringComparison.Ordinal);
}

/// <summary>What the instructions say: who calls whom, with which system call numbers, and where a bounds check is left.</summary>
internal sealed class MachineCode
{
    private readonly ElfFile elf;
    private readonly Dictionary<ulong, Function> byAddress;

    public MachineCode(ElfFile elf)
    {
        this.elf = elf;
        Section text = elf.Find(".text") ?? throw new InvalidOperationException("The image has no .text section.");
        ulong end = text.Address + text.Size;
        // Of several names for one address, the compiler's own says most, and then that of the routine that others are aliases of.
        Symbol[] symbols = elf.Symbols.Where(symbol => symbol.Address >= text.Address && symbol.Address < end)
            .GroupBy(symbol => symbol.Address)
            .Select(same => same.OrderByDescending(symbol => symbol.Name.StartsWith("packetd_", StringComparison.Ordinal)).ThenByDescending(symbol => symbol.Size)
                .ThenByDescending(symbol => symbol.Name.StartsWith("freestanding_", StringComparison.Ordinal)).First())
            .OrderBy(symbol => symbol.Address).ToArray();
        Functions = symbols.Select((symbol, i) =>
        {
            int room = (int)((i + 1 < symbols.Length ? symbols[i + 1].Address : end) - symbol.Address);
            int size = symbol.Size == 0 ? room : (int)symbol.Size;
            return new Function(symbol.Name, symbol.Address, size, room - size);
        }).ToArray();
        byAddress = Functions.ToDictionary(function => function.Address);
        Unclaimed = symbols.Length == 0 ? (int)text.Size : (int)(symbols[0].Address - text.Address);
        foreach (Function function in Functions)
            Code[function] = Decode(text, function);
    }

    public IReadOnlyList<Function> Functions { get; }

    public Dictionary<Function, Instruction[]> Code { get; } = [];

    /// <summary>Bytes before the first function.</summary>
    public int Unclaimed { get; }

    public Function? Target(Instruction instruction) =>
        instruction.FlowControl is FlowControl.Call or FlowControl.UnconditionalBranch or FlowControl.ConditionalBranch && instruction.Op0Kind == OpKind.NearBranch64
        && byAddress.TryGetValue(instruction.NearBranch64, out Function? target) ? target : null;

    /// <summary>
    /// Conditional jumps: the places where it is decided what is done next. Counted in machine code and not in the sources, so that no way of
    /// writing a decision hides it, and the checks of bounds are among them.
    /// </summary>
    public int Branches(Function function) => Code[function].Count(instruction => instruction.FlowControl == FlowControl.ConditionalBranch);

    /// <summary>Calls and jumps whose target is computed. A function pointer is data; a jump table of this function's own is not.</summary>
    public IEnumerable<(Function, Instruction)> IndirectCalls() =>
        from function in Functions
        from instruction in Code[function]
        where instruction.FlowControl is FlowControl.IndirectCall or FlowControl.IndirectBranch
        select (function, instruction);

    private static readonly string[] s_failures = ["freestanding_fail", "RhpFallbackFailFast", "__FailFast", "__ThrowIndexOutOfRangeException"];

    /// <summary>
    /// Checks of bounds that the compiler could not prove unneeded: what jumps to a call, or over a call, of the routine that ends the
    /// program. A check whether a buffer on the stack was overrun ends there too, but asks for equality and not for order.
    /// </summary>
    public IEnumerable<ulong> BoundsChecks() =>
        from function in Functions
        let code = Code[function]
        from i in Enumerable.Range(0, code.Length)
        where Target(code[i]) is { } target && s_failures.Any(name => target.Name.EndsWith(name, StringComparison.Ordinal))
        let over = i > 0 && code[i - 1].FlowControl == FlowControl.ConditionalBranch && code[i - 1].NearBranch64 == code[i].NextIP ? code[i - 1] : default
        from check in code.Where(jump => jump.FlowControl == FlowControl.ConditionalBranch && jump.NearBranch64 == code[i].IP).Append(over)
        where check.Mnemonic is not (Mnemonic.INVALID or Mnemonic.Je)
        select check.IP;

    private static readonly Register[] s_argumentRegisters = [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];

    /// <summary>
    /// The numbers that reach the system call stub. A function that passes one of its own arguments on as the number is
    /// a way to the stub as well. Null: a number that is no constant, and so could be any.
    /// </summary>
    public IEnumerable<(Function Caller, int? Number)> SystemCalls()
    {
        Dictionary<Function, Register> sinks = Functions.Where(function => function.IsStub).ToDictionary(function => function, _ => Register.R9);
        var found = new List<(Function, int?)>();
        for (bool grew = true; grew;)
        {
            grew = false;
            found.Clear();
            foreach (Function function in Functions.Where(function => !function.IsStub))
                for (int i = 0; i < Code[function].Length; i++)
                    if (Target(Code[function][i]) is { } target && target != function && sinks.TryGetValue(target, out Register number))
                    {
                        (Register passed, int? constant) = Argument(Code[function], i, number);
                        if (passed != Register.None)
                            grew |= sinks.TryAdd(function, passed);
                        else
                            found.Add((function, constant));
                    }
        }
        return found;
    }

    /// <summary>Looks back from a call for the last write to a register; none means that the caller passes an argument of its own on: which.</summary>
    private static (Register Passed, int? Constant) Argument(Instruction[] code, int call, Register wanted)
    {
        for (int i = call - 1; i >= 0; i--)
        {
            Instruction instruction = code[i];
            if (instruction.OpCount == 0 || instruction.Op0Kind != OpKind.Register || instruction.Op0Register.GetFullRegister() != wanted
                || instruction.Mnemonic is Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Push)
                continue;
            if (instruction.Mnemonic == Mnemonic.Xor && instruction.Op1Kind == OpKind.Register && instruction.Op1Register == instruction.Op0Register)
                return (Register.None, 0);
            if (instruction.Mnemonic == Mnemonic.Mov && instruction.Op1Kind is OpKind.Immediate32 or OpKind.Immediate32to64 or OpKind.Immediate64)
                return (Register.None, (int)instruction.Immediate32);
            // In a wrapper the argument may rest in another register meanwhile.
            if (instruction.Mnemonic is Mnemonic.Mov or Mnemonic.Movsxd or Mnemonic.Movzx or Mnemonic.Movsx && instruction.Op1Kind == OpKind.Register)
                wanted = instruction.Op1Register.GetFullRegister();
            else if (instruction.Mnemonic != Mnemonic.Pop)
                return (Register.None, null);
        }
        return (s_argumentRegisters.Contains(wanted) ? wanted : Register.None, null);
    }

    private Instruction[] Decode(Section text, Function function)
    {
        byte[] bytes = elf.Bytes(text).Slice((int)(function.Address - text.Address), function.Size).ToArray();
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes), function.Address);
        var result = new List<Instruction>();
        while (decoder.IP < function.Address + (ulong)function.Size)
            result.Add(decoder.Decode());
        return [.. result];
    }
}
