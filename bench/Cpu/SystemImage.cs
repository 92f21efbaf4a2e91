using System;
using System.Buffers.Binary;
using Iced.Intel;
using Testing.Machines;
using Testing.Processor;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Bench;

/// <summary>
/// Kernels that do one thing over and over and end by a triple fault: the same image for each monitor. Their tables
/// stand in the image, all memory up to 2 MiB is mapped to itself.
/// </summary>
internal static class SystemImage
{
    private const uint Base = TinyKernel.LoadAddress;
    private const uint Long = Base + 0x400, Work = Base + 0x600, Handler = Base + 0x800;
    private const uint Gdt = Base + 0x1000, Tss = Base + 0x1100, GdtPointer = Base + 0x1200,
        IdtPointer = Base + 0x1210, NoIdtPointer = Base + 0x1220, Idt = Base + 0x2000;
    private const uint Root = Base + 0x3000, Level3 = Base + 0x4000, Level2 = Base + 0x5000, Pages = Base + 0x6000;
    private const uint OtherRoot = Base + 0x7000, Size = 0x8000;
    private const uint Stack = 0x90000, InterruptStack = 0xa0000, Page = 0x40000;

    private const ushort KernelCode = 0x08, KernelData = 0x10, UserData = 0x1b, UserCode = 0x23, Task = 0x28;

    /// <summary>System calls from ring 3 that return at once.</summary>
    public static byte[] Calls(int count) => Image(
        a =>
        {
            a.mov(ebx, count);
            a.push(UserData);
            a.push((int)Stack);
            a.push(2);
            a.push(UserCode);
            a.push((int)Work + 0x100);
            a.iretq();
        },
        a => a.sysretq(),
        a =>
        {
            var loop = a.CreateLabel();
            a.Label(ref loop);
            a.syscall();
            a.dec(ebx);
            a.jne(loop);
            a.ud2();
        });

    /// <summary>Write faults that are handled and undone, as a kernel sees them that notes who writes.</summary>
    public static byte[] Faults(int count) => Image(
        a =>
        {
            const uint entry = Pages + (Page >> 12) * 8;
            var loop = a.CreateLabel();
            a.mov(ebx, count);
            a.Label(ref loop);
            a.and(__qword_ptr[entry], ~2);
            a.invlpg(__byte_ptr[Page]);
            a.mov(__qword_ptr[Page], rbx);
            a.dec(ebx);
            a.jne(loop);
            End(a);
        },
        a =>
        {
            const uint entry = Pages + (Page >> 12) * 8;
            a.push(rax);
            a.mov(rax, cr2);
            a.or(__qword_ptr[entry], 2);
            a.invlpg(__byte_ptr[rax]);
            a.pop(rax);
            a.add(rsp, 8);
            a.iretq();
        });

    /// <summary>Another address space, in which sixteen pages are touched.</summary>
    public static byte[] Switches(int count) => Image(
        a =>
        {
            var loop = a.CreateLabel();
            a.mov(ebx, count);
            a.mov(eax, Root);
            a.Label(ref loop);
            a.xor(eax, (int)(Root ^ OtherRoot));
            a.mov(cr3, rax);
            for (uint page = 0; page < 16; page++)
                a.inc(__dword_ptr[Page + (page << 12)]);
            a.dec(ebx);
            a.jne(loop);
            End(a);
        },
        a => a.ud2());

    private static void End(Assembler a)
    {
        a.lidt(__[NoIdtPointer]);
        a.ud2();
    }

    private static byte[] Image(Action<Assembler> work, Action<Assembler> handler, Action<Assembler>? user = null)
    {
        byte[] image = new byte[Size];
        void Put(uint at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan((int)(at - Base)), value);
        void Place(uint at, Action<Assembler> write, int bits = 64) =>
            TestMachine.Assemble(at, write, bits).CopyTo(image, (int)(at - Base));
        void Pointer(uint at, ushort limit, uint table)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan((int)(at - Base)), limit);
            Put(at + 2, table);
        }

        Put(Gdt + KernelCode, 0x00af9b000000ffff);
        Put(Gdt + KernelData, 0x00cf93000000ffff);
        Put(Gdt + (UserData & ~3u), 0x00cff3000000ffff);
        Put(Gdt + (UserCode & ~3u), 0x00affb000000ffff);
        Put(Gdt + Task, 0x67 | (ulong)(Tss & 0xffffff) << 16 | 0x89UL << 40 | (ulong)(Tss >> 24) << 56);
        Put(Tss + 4, InterruptStack);
        Put(Idt + 14 * 16, Handler & 0xffff | (ulong)KernelCode << 16 | 0x8eUL << 40 | (ulong)(Handler >> 16) << 48);
        Pointer(GdtPointer, Task + 15, Gdt);
        Pointer(IdtPointer, 14 * 16 + 15, Idt);
        foreach (uint root in new[] { Root, OtherRoot })
            Put(root, Level3 | 7);
        Put(Level3, Level2 | 7);
        Put(Level2, Pages | 7);
        for (uint page = 0; page < 512; page++)
            Put(Pages + page * 8, page << 12 | 7);

        Place(Base, a => Begin(a), 32);
        Place(Long, a =>
        {
            a.mov(eax, (int)KernelData);
            a.mov(ss, eax);
            a.mov(ds, eax);
            a.mov(es, eax);
            a.mov(esp, Stack);
            a.lidt(__[IdtPointer]);
            a.mov(eax, (int)Task);
            a.ltr(ax);
            WriteModelSpecific(a, 0xc0000081, 0x0010_0008_0000_0000);   // IA32_STAR
            WriteModelSpecific(a, 0xc0000082, Handler);                 // IA32_LSTAR
            a.mov(eax, Work);
            a.jmp(rax);
        });
        Place(Work, work);
        if (user != null)
            Place(Work + 0x100, user);
        Place(Handler, handler);
        return TinyKernel.Image(image);
    }

    private static void WriteModelSpecific(Assembler a, uint register, ulong value)
    {
        a.mov(ecx, register);
        a.mov(eax, (uint)value);
        a.mov(edx, (uint)(value >> 32));
        a.wrmsr();
    }

    // From PVH's 32-bit start into long mode.
    private static void Begin(Assembler a)
    {
        a.mov(esp, Stack);
        a.lgdt(__[GdtPointer]);
        a.mov(eax, 0x220);      // PAE, OSFXSR
        a.mov(cr4, eax);
        a.mov(eax, Root);
        a.mov(cr3, eax);
        a.mov(ecx, 0xc0000080);
        a.mov(eax, 0x901);      // NXE, LME, SCE
        a.xor(edx, edx);
        a.wrmsr();
        a.mov(eax, 0x80010033);  // PG, WP, NE, ET, MP, PE
        a.mov(cr0, eax);
        a.push((int)KernelCode);
        a.push((int)Long);
        a.retf();
    }
}
