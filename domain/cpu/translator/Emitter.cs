using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>
/// A host operand: a register, or memory at base + index × scale + displacement. A missing base or index is negative.
/// </summary>
internal readonly record struct HostOperand(int Register, int Base, int Index, int Scale, int Displacement)
{
    public const int None = -1;

    public static HostOperand Of(int register) => new(register, None, None, 0, 0);

    public static HostOperand At(int @base, int displacement = 0) => new(None, @base, None, 0, displacement);

    public static HostOperand At(int @base, int index, int scale, int displacement) =>
        new(None, @base, index, scale, displacement);

    /// <summary>An address below 2 GiB.</summary>
    public static HostOperand Absolute(uint address) => new(None, None, None, 0, (int)address);

    public static unsafe HostOperand Absolute(void* address) => Absolute((uint)(ulong)address);

    public bool IsRegister => Register >= 0;
}

/// <summary>Condition codes (SDM vol. 1, appendix B).</summary>
internal static class HostCondition
{
    public const int Overflow = 0, Below = 2, AboveOrEqual = 3, Equal = 4, NotEqual = 5, Above = 7, Sign = 8;
}

/// <summary>The prefix that a VEX prefix stands for (SDM vol. 2A, 2.3.5).</summary>
internal static class VexPrefix
{
    public const int None = 0, P66 = 1, F3 = 2, F2 = 3;
}

/// <summary>Writes host instructions, those that the translator needs, by name (SDM vol. 2).</summary>
/// <remarks>
/// It writes through one mapping code that executes through another. Whoever emits checks <see cref="Left"/> first; what
/// does not fit is not written and sets <see cref="Overflowed"/>.
/// </remarks>
internal sealed unsafe class Emitter
{
    private readonly byte* writable;
    private readonly uint executable;
    private readonly int size;
    private int at;

    public Emitter(byte* executable, byte* writable, int size)
    {
        this.writable = writable;
        this.executable = (uint)(ulong)executable;
        this.size = size;
    }

    /// <summary>Address at which the next instruction will execute.</summary>
    public uint Here => executable + (uint)at;

    public int Left => size - at;

    /// <summary>
    /// The window whose host address <see cref="GuestRegisters.Pointer"/> holds, or <see cref="Nothing"/>. Whoever
    /// loads it says so, and every instruction that is emitted behind and writes the register takes it back. Where
    /// another way comes in, the translator does.
    /// </summary>
    public int Holds { get; set; } = Nothing;

    public const int Nothing = -1;

    /// <summary>Something did not fit; what was emitted since is void.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>Goes back (or on) to an address that <see cref="Here"/> gave.</summary>
    public void Seek(uint address)
    {
        at = (int)(address - executable);
        Overflowed = false;
    }

    public void Align(int to)
    {
        while ((Here & (uint)(to - 1)) != 0)
            Byte(0xcc);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Byte(int value)
    {
        if (at >= size)
        {
            Overflowed = true;
            return;
        }
        writable[at] = (byte)value;
        at++;
    }

    public void Bytes(byte* from, int count)
    {
        for (int i = 0; i < count; i++)
            Byte(from[i]);
    }

    public void Int32(int value)
    {
        if (at > size - sizeof(int))
        {
            Overflowed = true;
            return;
        }
        *(int*)(writable + at) = value;
        at += sizeof(int);
    }

    public void Int64(ulong value)
    {
        Int32((int)value);
        Int32((int)(value >> 32));
    }

    /// <summary>
    /// Overwrites four bytes that have been emitted, where they are others: a store to code that has just run costs the
    /// host a hundred cycles and more, and a link that is filled again after another address space is mostly what it was.
    /// </summary>
    public void Patch(uint address, int value)
    {
        int offset = (int)(address - executable);
        if ((uint)offset <= (uint)(size - 4) && *(int*)(writable + offset) != value)
            *(int*)(writable + offset) = value;
    }

    /// <summary>Lets the displacement that ends at <paramref name="site"/> + 4 lead to <paramref name="target"/>.</summary>
    public void PatchJump(uint site, uint target) => Patch(site, (int)(target - (site + 4)));

    /// <summary>Replaces what is at <paramref name="address"/> by a jump, five bytes.</summary>
    public void PatchWithJump(uint address, uint target)
    {
        int offset = (int)(address - executable);
        *(int*)(writable + offset + 1) = (int)(target - (address + 5));
        writable[offset] = 0xe9;
    }

    /// <summary>Any instruction with a ModRM byte.</summary>
    /// <param name="prefix">0, or 0x66, 0xf2, 0xf3: a mandatory or operand size prefix</param>
    /// <param name="opcode">with 0x0f, 0x0f38 or 0x0f3a in front where it is in those maps</param>
    /// <param name="rex">emit a REX prefix in any case: byte registers 4–7 are SPL to DIL</param>
    public void ModRm(int prefix, bool wide, int opcode, int register, in HostOperand operand, bool rex = false)
    {
        if (register == GuestRegisters.Pointer || operand.Register == GuestRegisters.Pointer)
            Holds = Nothing;
        if (prefix != 0)
            Byte(prefix);
        int bits = (wide ? 8 : 0) | (register >> 3 & 1) << 2;
        if (operand.IsRegister)
            bits |= operand.Register >> 3 & 1;
        else
            bits |= (operand.Index > 0 ? operand.Index >> 3 & 1 : 0) << 1 | (operand.Base > 0 ? operand.Base >> 3 & 1 : 0);
        if (bits != 0 || rex)
            Byte(0x40 | bits);
        if (opcode > 0xffff)
            Byte(opcode >> 16);
        if (opcode > 0xff)
            Byte(opcode >> 8);
        Byte(opcode);
        Operand(register, operand);
    }

    /// <summary>An instruction in the three-byte VEX encoding (SDM vol. 2A, 2.3).</summary>
    /// <param name="map">1 to 3: that of 0x0f, of 0x0f38, of 0x0f3a</param>
    /// <param name="second">the register in the prefix; 0 where there is none</param>
    /// <param name="isLong">on all of the YMM registers</param>
    public void Vex(int prefix, int map, bool wide, int opcode, int register, int second, in HostOperand operand,
        bool isLong = false)
    {
        if (register == GuestRegisters.Pointer || second == GuestRegisters.Pointer)
            Holds = Nothing;
        int @base = operand.IsRegister ? operand.Register : operand.Base;
        bool extendsIndex = !operand.IsRegister && operand.Index > 0 && (operand.Index & 8) != 0;
        bool extendsBase = @base > 0 && (@base & 8) != 0;
        Byte(0xc4);
        // The bits for registers from 8 on are inverted, and so is the register in the prefix.
        Byte((register < 8 ? 0x80 : 0) | (extendsIndex ? 0 : 0x40) | (extendsBase ? 0 : 0x20) | map);
        Byte((wide ? 0x80 : 0) | (~second & 15) << 3 | (isLong ? 4 : 0) | prefix);
        Byte(opcode);
        Operand(register, operand);
    }

    /// <summary>ModRM, SIB and displacement.</summary>
    private void Operand(int register, in HostOperand operand)
    {
        int field = (register & 7) << 3;
        if (operand.IsRegister)
        {
            Byte(0xc0 | field | operand.Register & 7);
            return;
        }
        int displacement = operand.Displacement;
        int index = operand.Index < 0 ? 4 : operand.Index & 7;
        if (operand.Base < 0)
        {
            // Without a base: SIB with base 5 and mode 0.
            Byte(field | 4);
            Byte(operand.Scale << 6 | index << 3 | 5);
            Int32(displacement);
            return;
        }
        int @base = operand.Base & 7;
        int mode = displacement == 0 && @base != 5 ? 0 : displacement == (sbyte)displacement ? 1 : 2;
        bool sib = operand.Index >= 0 || @base == 4;
        Byte(mode << 6 | field | (sib ? 4 : @base));
        if (sib)
            Byte(operand.Scale << 6 | index << 3 | @base);
        if (mode == 1)
            Byte(displacement);
        else if (mode == 2)
            Int32(displacement);
    }

    public void Load(int register, in HostOperand from) => ModRm(0, true, 0x8b, register, from);

    public void Load32(int register, in HostOperand from) => ModRm(0, false, 0x8b, register, from);

    public void LoadZero16(int register, in HostOperand from) => ModRm(0, false, 0x0fb7, register, from);

    public void Store(in HostOperand to, int register) => ModRm(0, true, 0x89, register, to);

    public void Store32(in HostOperand to, int register) => ModRm(0, false, 0x89, register, to);

    public void Store16(in HostOperand to, int register) => ModRm(0x66, false, 0x89, register, to);

    public void Move(int to, int from) => ModRm(0, true, 0x89, from, HostOperand.Of(to));

    public void Move32(int to, int from) => ModRm(0, false, 0x89, from, HostOperand.Of(to));

    public void Lea(int register, in HostOperand of) => ModRm(0, true, 0x8d, register, of);

    public void Lea32(int register, in HostOperand of) => ModRm(0, false, 0x8d, register, of);

    public void Add(int register, in HostOperand from) => ModRm(0, true, 0x03, register, from);

    public void Sub(int register, in HostOperand from) => ModRm(0, true, 0x2b, register, from);

    public void Or(int register, in HostOperand from) => ModRm(0, true, 0x0b, register, from);

    public void And(int register, in HostOperand from) => ModRm(0, true, 0x23, register, from);

    public void Not(int register) => ModRm(0, true, 0xf7, 2, HostOperand.Of(register));

    public void Xor(int register, in HostOperand from) => ModRm(0, true, 0x33, register, from);

    public void Cmp(int register, in HostOperand with) => ModRm(0, true, 0x3b, register, with);

    public void AddImmediate(in HostOperand to, int value) => Immediate(0, to, value);

    public void SubImmediate(in HostOperand to, int value) => Immediate(5, to, value);

    public void CmpImmediate(in HostOperand with, int value) => Immediate(7, with, value);

    public void AndImmediate(in HostOperand to, int value) => Immediate(4, to, value);

    // Always the long form, so that the value can be patched.
    private void Immediate(int operation, in HostOperand operand, int value)
    {
        ModRm(0, true, 0x81, operation, operand);
        Int32(value);
    }

    public void CmpImmediate32(in HostOperand with, int value)
    {
        ModRm(0, false, 0x81, 7, with);
        Int32(value);
    }

    public void OrImmediate32(in HostOperand to, int value)
    {
        ModRm(0, false, 0x81, 1, to);
        Int32(value);
    }

    public void TestImmediate32(in HostOperand operand, int value)
    {
        ModRm(0, false, 0xf7, 0, operand);
        Int32(value);
    }

    /// <summary>Tests the low byte of one of the scratch registers.</summary>
    public void TestImmediate8(int register, int value)
    {
        ModRm(0, false, 0xf6, 0, HostOperand.Of(register), true);
        Byte(value);
    }

    public void AndImmediate32(int register, int value)
    {
        ModRm(0, false, 0x81, 4, HostOperand.Of(register));
        Int32(value);
    }

    public void ShiftLeft32(int register, int count)
    {
        ModRm(0, false, 0xc1, 4, HostOperand.Of(register));
        Byte(count);
    }

    public void ShiftRight(int register, int count)
    {
        ModRm(0, true, 0xc1, 5, HostOperand.Of(register));
        Byte(count);
    }

    /// <summary>Rotates into another register and leaves the flags (BMI2).</summary>
    public void Rorx(int to, int from, int count)
    {
        Vex(VexPrefix.F2, 3, true, 0xf0, to, 0, HostOperand.Of(from));
        Byte(count);
    }

    /// <summary>The shortest form.</summary>
    public void MoveImmediate(int register, ulong value)
    {
        Holds = register == GuestRegisters.Pointer ? Nothing : Holds;
        if (value <= uint.MaxValue)
        {
            if (register >= 8)
                Byte(0x41);
            Byte(0xb8 | register & 7);
            Int32((int)value);
        }
        else if ((ulong)(int)value == value)
        {
            ModRm(0, true, 0xc7, 0, HostOperand.Of(register));
            Int32((int)value);
        }
        else
        {
            Byte(register >= 8 ? 0x49 : 0x48);
            Byte(0xb8 | register & 7);
            Int64(value);
        }
    }

    /// <summary>Eight bytes of memory, sign-extended from four.</summary>
    public void StoreImmediate(in HostOperand to, int value)
    {
        ModRm(0, true, 0xc7, 0, to);
        Int32(value);
    }

    public void StoreImmediate32(in HostOperand to, int value)
    {
        ModRm(0, false, 0xc7, 0, to);
        Int32(value);
    }

    /// <summary>VMOVAPS: 16 or 32 bytes, which are aligned.</summary>
    public void LoadVector(int register, in HostOperand from, bool isLong) =>
        Vex(VexPrefix.None, 1, false, 0x28, register, 0, from, isLong);

    public void StoreVector(in HostOperand to, int register, bool isLong) =>
        Vex(VexPrefix.None, 1, false, 0x29, register, 0, to, isLong);

    /// <summary>VINSERTF128: the upper half of a register.</summary>
    public void LoadUpper(int register, in HostOperand from)
    {
        Vex(VexPrefix.P66, 3, false, 0x18, register, register, from, true);
        Byte(1);
    }

    /// <summary>VEXTRACTF128.</summary>
    public void StoreUpper(in HostOperand to, int register)
    {
        Vex(VexPrefix.P66, 3, false, 0x19, register, 0, to, true);
        Byte(1);
    }

    /// <summary>VZEROUPPER: the upper halves become zero, and SSE encodings are as fast as ever.</summary>
    public void ZeroUpper()
    {
        Byte(0xc5);
        Byte(0xf8);
        Byte(0x77);
    }

    /// <summary>Returns where its displacement is.</summary>
    public uint Jump(uint target)
    {
        Byte(0xe9);
        return Displacement(target);
    }

    /// <summary>Returns where its displacement is.</summary>
    public uint JumpIf(int condition, uint target)
    {
        Byte(0x0f);
        Byte(0x80 | condition);
        return Displacement(target);
    }

    /// <summary>Jumps over the next few bytes.</summary>
    public void JumpOver(int condition, int bytes)
    {
        Byte(0x70 | condition);
        Byte(bytes);
    }

    private uint Displacement(uint target)
    {
        uint site = Here;
        Int32((int)(target - (site + 4)));
        return site;
    }

    /// <summary>Returns where its displacement is.</summary>
    public uint Call(uint target)
    {
        Holds = Nothing;
        Byte(0xe8);
        return Displacement(target);
    }

    public void CallTo(in HostOperand target)
    {
        Holds = Nothing;
        ModRm(0, false, 0xff, 2, target);
    }

    public void JumpTo(in HostOperand target) => ModRm(0, false, 0xff, 4, target);

    /// <summary>An address below 4 GiB that is patched. Returns where it is.</summary>
    public uint MoveAddress(int register)
    {
        if (register >= 8)
            Byte(0x41);
        Byte(0xb8 | register & 7);
        Int32(0);
        return Here - 4;
    }

    public void Return() => Byte(0xc3);
}
