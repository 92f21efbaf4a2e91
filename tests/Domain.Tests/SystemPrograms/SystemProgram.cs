using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using Iced.Intel;
using Testing.Machines;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests.SystemPrograms;

/// <summary>
/// A kernel that does one thing after another which a processor may refuse, and prints what came of each: a line of
/// <see cref="Fields"/> for the exception, or for INT <see cref="Done"/> where there was none.
/// </summary>
/// <remarks>
/// All memory up to 4 GiB is mapped to itself, for user and supervisor. Tables and registers are what they were before each case. Exceptions
/// come on a stack of their own (IST 1, double faults IST 2).
/// </remarks>
internal sealed partial class SystemProgram
{
    public const string Fields = "case vector error cr2 rip cs rflags rsp ss rax extra";

    /// <summary>The vector by which a case says that nothing was refused.</summary>
    public const int Done = 0x30;

    private const int Gate = 0x40, MessageVector = 0x50, Vectors = 0x60;
    private const ushort KernelCode = 8, KernelData = 0x10, UserData = 0x1b, UserCode = 0x23, Task = 0x28, Spare = 0x48, Spares = 5;
    private const ushort GdtLimit = Spare + 8 * Spares - 1, IdtLimit = 16 * Vectors - 1;

    // Physical addresses. What lies in the tables' page is copied from its pristine twin before each case.
    private const uint Load = TinyKernel.LoadAddress, Tables = 0x40_0000, Gdt = Tables, Tss = Tables + 0x100, Idt = Tables + 0x200;
    private const uint TableBytes = 0x200 + 16 * Vectors, Pointers = 0x40_1000, Index = 0x40_1100, Pristine = 0x40_2000, Target1 = 0x40_3000;
    private const uint Pml4 = 0x41_0000, Pdpt = 0x41_1000, Pd = 0x41_2000, Target3 = 0x41_8000, Target2 = 0x41_9000, End = 0x41_a000;
    private const uint FaultStack = 0x4f_0000, DoubleStack = 0x4f_8000, RingStack = 0x50_0000, KernelStack = 0x51_0000, UserStack = 0x52_0000;

    /// <summary>Two pages of INT <see cref="Done"/>, and where a path of page tables of its own shows them.</summary>
    private const uint Frames = 0x60_0000;
    private const ulong Target = 2UL << 39 | Frames;

    /// <summary>Where SYSCALL leads: INT <see cref="Done"/> of the kernel's.</summary>
    private const uint SystemCallAt = Load + 0x7c;

    private const uint LocalApic = 0xfee0_0000;
    private const uint Control0 = 0x8001_0033, Control4 = 0x620, Efer = 0xd01;

    private readonly Random random;
    private readonly byte[] image = new byte[End - Load];
    private readonly List<string> descriptions = [];
    private readonly ulong[] stubs = new ulong[Vectors];

    /// <summary>What each case does, by its number.</summary>
    public IReadOnlyList<string> Descriptions => descriptions;

    public ReadOnlySpan<byte> Image => image;

    public SystemProgram(int seed, int cases)
    {
        random = new Random(seed);
        FillTables();
        // The harness comes first, its addresses are found by assembling it twice.
        int length = Harness(0, cases, 0).Length, table = length + 15 & ~15;
        var at = new ulong[cases];
        ulong next = Load + (ulong)table + 8 * (ulong)cases;
        for (int i = 0; i < cases; i++)
        {
            at[i] = next;
            byte[] code = Assemble(next, Case);
            code.CopyTo(image.AsSpan((int)(next - Load)));
            next += (ulong)code.Length;
            if (next > Tables)
                throw new InvalidOperationException("so many cases have no place");
            Put(Load + (ulong)table + 8 * (ulong)i, at[i]);
        }
        Harness(Load + (uint)table, cases, length).CopyTo(image.AsSpan());
    }

    private static byte[] Assemble(ulong at, Action<Assembler> write, int bits = 64) => Assemble(at, write, bits, [], []);

    /// <summary>The code, and in <paramref name="places"/> where its <paramref name="labels"/> are, which the assembler makes.</summary>
    private static byte[] Assemble(ulong at, Action<Assembler> write, int bits, Label[] labels, ulong[] places)
    {
        var assembler = new Assembler(bits);
        write(assembler);
        using var stream = new MemoryStream();
        var result = assembler.Assemble(new StreamCodeWriter(stream), at, BlockEncoderOptions.ReturnNewInstructionOffsets);
        for (int i = 0; i < labels.Length; i++)
            places[i] = result.GetLabelRIP(labels[i]);
        return stream.ToArray();
    }

    private void Put(ulong physical, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan((int)(physical - Load)), value);

    private void FillTables()
    {
        const ulong all = 7;
        Put(Pml4, Pdpt | all);
        for (ulong i = 0; i < 4; i++)
            Put(Pdpt + 8 * i, Pd + 0x1000 * i | all);
        for (ulong i = 0; i < 2048; i++)
            Put(Pd + 8 * i, i << 21 | 0x80 | all);

        ulong[] descriptors = [0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0x00cf_f300_0000_ffff, 0x00af_fb00_0000_ffff,
            (ulong)Tss >> 24 << 56 | 0x8900_0000_0000 | (Tss & 0xff_ffffUL) << 16 | 0x67, 0, 0x00cf_fb00_0000_ffff, 0x00cf_9b00_0000_ffff];
        for (int i = 0; i < descriptors.Length; i++)
            Put(Pristine + Gdt - Tables + 8 * (ulong)i, descriptors[i]);
        Put(Pristine + Tss - Tables + 4, RingStack);
        Put(Pristine + Tss - Tables + 0x24, FaultStack);
        Put(Pristine + Tss - Tables + 0x2c, DoubleStack);
        image[Pristine + Tss - Tables + 0x66 - Load] = 0x68;
        Put(Pointers, GdtLimit | (ulong)Gdt << 16);
        Put(Pointers + 16, IdtLimit | (ulong)Idt << 16);
    }

    /// <summary>A gate of the IDT: <paramref name="kind"/> is its byte of type, privilege and presence.</summary>
    private static ulong GateTo(ulong target, ushort selector = KernelCode, int stack = 1, int kind = 0x8e) =>
        target & 0xffff | (ulong)selector << 16 | (ulong)stack << 32 | (ulong)kind << 40 | (target & 0xffff_0000) << 32;

    /// <summary>Registers and tables as every case finds them.</summary>
    private static void Restore(Assembler c)
    {
        c.cld();
        c.mov(eax, Control0);
        c.mov(cr0, rax);
        c.mov(eax, Control4);
        c.mov(cr4, rax);
        c.mov(esp, KernelStack);
        c.mov(esi, Pristine);
        c.mov(edi, Tables);
        c.mov(ecx, TableBytes / 8);
        c.rep.movsq();
        c.lgdt(__[Pointers]);
        c.lidt(__[Pointers + 16]);
        c.mov(eax, KernelData);
        c.mov(ss, eax);
        c.mov(ds, eax);
        c.mov(es, eax);
        c.mov(fs, eax);
        c.mov(gs, eax);
        c.xor(eax, eax);
        c.lldt(ax);
        c.mov(eax, Task);
        c.ltr(ax);
        SetModelSpecific(c, 0xc000_0080, Efer);
        SetModelSpecific(c, 0xc000_0081, (ulong)KernelCode << 32 | (ulong)(KernelData | 3) << 48);
        SetModelSpecific(c, 0xc000_0082, SystemCallAt);
        SetModelSpecific(c, 0xc000_0084, 0x300);
        SetModelSpecific(c, 0xc000_0100, 0);
        SetModelSpecific(c, 0xc000_0101, 0);
        c.mov(edi, Frames);
        c.mov(rax, 0x30cd_30cd_30cd_30cd);
        c.mov(ecx, 1024);
        c.rep.stosq();
        // A way to the frames that refuses nothing.
        Entry(c, Pml4 + 16, Target3 | 7);
        Entry(c, Target3, Target2 | 7);
        Entry(c, Target2 + 24, Target1 | 7);
        Entry(c, Target1, Frames | 7);
        Entry(c, Target1 + 8, Frames + 0x1000 | 7);
        c.mov(eax, Pml4);
        c.mov(cr3, rax);
        c.xor(eax, eax);
        c.mov(cr2, rax);
        c.mov(eax, 0xffff_0ff0);
        c.mov(dr6, rax);
        c.push(2);
        c.popfq();
        foreach (var register in (AssemblerRegister64[])[rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15])
            c.mov(register, 0L);
    }

    private static void Entry(Assembler c, uint at, ulong value)
    {
        c.mov(rax, value);
        c.mov(__qword_ptr[at], rax);
    }

    private static void SetModelSpecific(Assembler c, uint register, ulong value)
    {
        c.mov(ecx, register);
        c.mov(eax, (uint)value);
        c.mov(edx, (uint)(value >> 32));
        c.wrmsr();
    }

    /// <summary>Start, the way from case to case, handlers and printing; <paramref name="known"/> bytes long once that is known.</summary>
    private byte[] Harness(uint table, int cases, int known)
    {
        byte[] start = Assemble(Load, c =>
        {
            c.mov(esp, KernelStack);
            c.mov(eax, Pml4);
            c.mov(cr3, eax);
            c.mov(eax, Control4);
            c.mov(cr4, eax);
            c.mov(ecx, 0xc000_0080);
            c.mov(eax, Efer & ~0x400u);
            c.xor(edx, edx);
            c.wrmsr();
            c.mov(eax, Control0);
            c.mov(cr0, eax);
            // The far jump takes the pristine table.
            c.mov(__word_ptr[Pointers + 32], GdtLimit);
            c.mov(__dword_ptr[Pointers + 34], (int)Pristine);
            c.lgdt(__[Pointers + 32]);
            c.push(8);
            c.push((int)Load + 0x80);
            c.retf();
        }, 32);

        var labels = new Label[Vectors];
        byte[] rest = Assemble(Load + 0x80, c =>
        {
            Label next = c.CreateLabel(), common = c.CreateLabel(), print = c.CreateLabel(), digit = c.CreateLabel(), letter = c.CreateLabel();
            Label wait = c.CreateLabel(), put = c.CreateLabel(), finish = c.CreateLabel(), other = c.CreateLabel(), quiet = c.CreateLabel();
            c.mov(edi, LocalApic);
            c.mov(__dword_ptr[rdi + 0xf0], 0x1ff);
            c.mov(__dword_ptr[Index], 0);
            c.Label(ref next);
            Restore(c);
            c.mov(eax, __dword_ptr[Index]);
            c.inc(__dword_ptr[Index]);
            c.cmp(eax, cases);
            c.jae(finish);
            c.mov(ecx, table);
            c.mov(rcx, __qword_ptr[rcx + rax * 8]);
            c.xor(eax, eax);
            c.xor(edx, edx);
            c.jmp(rcx);

            c.Label(ref finish);
            c.mov(al, (byte)'.');
            c.mov(edx, 0x3f8);
            c.@out(dx, al);
            c.mov(al, 0xfe);
            c.@out(0x64, al);
            c.hlt();

            for (int vector = 0; vector < Vectors; vector++)
            {
                labels[vector] = c.CreateLabel();
                c.Label(ref labels[vector]);
                if (vector is not (8 or >= 10 and <= 14 or 17 or 21))
                    c.push(0);
                c.push(vector);
                c.jmp(common);
            }
            c.Label(ref common);
            // From the top: vector, error, rip, cs, rflags, rsp, ss.
            c.push(rax);
            c.mov(rbx, rsp);
            c.mov(eax, __dword_ptr[Index]);
            c.dec(eax);
            Print(4, 0);
            Print(2, 8);
            Print(4, 16);
            c.mov(rax, cr2);
            Print(16);
            Print(16, 24);
            Print(4, 32);
            Print(6, 40);
            Print(16, 48);
            Print(4, 56);
            Print(16, 0);
            // Behind a single step what DR6 says; of what was done, whether the entries on the way were marked.
            c.xor(eax, eax);
            c.cmp(__dword_ptr[rbx + 8], 1);
            c.jne(other);
            c.mov(rax, dr6);
            c.Label(ref other);
            c.cmp(__dword_ptr[rbx + 8], Done);
            c.jne(quiet);
            foreach (uint entry in (uint[])[Pml4 + 16, Target3, Target2 + 24, Target1, Target1 + 8])
            {
                c.shl(rax, 8);
                c.mov(al, __byte_ptr[entry]);
            }
            c.Label(ref quiet);
            Print(10);
            c.mov(al, (byte)'\n');
            c.call(put);
            c.cmp(__dword_ptr[rbx + 8], MessageVector);
            c.jne(next);
            c.mov(edi, LocalApic);
            c.mov(__dword_ptr[rdi + 0xb0], 0);
            c.jmp(next);

            // The low R8 digits of RAX and a space.
            c.Label(ref print);
            c.mov(r9, rax);
            c.mov(ecx, 64);
            c.mov(r10, r8);
            c.shl(r10, 2);
            c.sub(rcx, r10);
            c.shl(r9, cl);
            c.Label(ref digit);
            c.rol(r9, 4);
            c.mov(eax, r9d);
            c.and(eax, 15);
            c.add(al, (byte)'0');
            c.cmp(al, (byte)'9');
            c.jbe(letter);
            c.add(al, 'a' - '9' - 1);
            c.Label(ref letter);
            c.call(put);
            c.dec(r8d);
            c.jne(digit);
            c.mov(al, (byte)' ');
            c.Label(ref put);
            c.mov(r11d, eax);
            c.Label(ref wait);
            c.mov(edx, 0x3fd);
            c.@in(al, dx);
            c.test(al, 0x20);
            c.je(wait);
            c.mov(edx, 0x3f8);
            c.mov(eax, r11d);
            c.@out(dx, al);
            c.ret();

            void Print(int digits, int at = -1)
            {
                if (at >= 0 && !(digits == 4 && at == 0))
                    c.mov(rax, __qword_ptr[rbx + at]);
                c.mov(r8d, digits);
                c.call(print);
            }
        }, 64, labels, stubs);
        for (int vector = 0; vector < Vectors; vector++)
            Put(Pristine + Idt - Tables + 16 * (ulong)vector, GateTo(stubs[vector], stack: vector == 8 ? 2 : 1, kind: vector is Done or Gate ? 0xee : 0x8e));

        byte[] code = new byte[0x80 + rest.Length];
        code[SystemCallAt - Load] = 0xcd;
        code[SystemCallAt - Load + 1] = Done;
        start.CopyTo(code, 0);
        if (start.Length > SystemCallAt - Load)
            throw new InvalidOperationException("the start is too long");
        rest.CopyTo(code, 0x80);
        return known == 0 || known == code.Length ? code : throw new InvalidOperationException("the harness has changed its length");
    }
}
