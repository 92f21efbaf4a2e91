using System;
using System.Collections.Generic;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests.SystemPrograms;

/// <summary>What the cases do.</summary>
internal sealed partial class SystemProgram
{
    private void Case(Assembler c)
    {
        switch (random.Next(16))
        {
            case < 6:
                Paging(c);
                break;
            case < 9:
                Selectors(c);
                break;
            case < 11:
                Gates(c);
                break;
            case 11:
                Canonical(c);
                break;
            case 12:
                SingleStep(c);
                break;
            case 13:
                Interrupts(c);
                break;
            default:
                Privileged(c);
                break;
        }
    }

    private void Describe(string text) => descriptions.Add(text);

    private static void Finish(Assembler c) => c.@int(Done);

    private bool Chance(int times, int of) => random.Next(of) < times;

    private T Pick<T>(params ReadOnlySpan<T> values) => values[random.Next(values.Length)];

    /// <summary>Goes on at privilege 3 with these flags.</summary>
    private static void ToUser(Assembler c, ulong flags = 2)
    {
        Label there = c.CreateLabel();
        c.push(UserData);
        c.push((int)UserStack);
        c.push((int)flags);
        c.push(UserCode);
        c.lea(rax, __[there]);
        c.push(rax);
        c.xor(eax, eax);
        c.iretq();
        c.Label(ref there);
    }

    private bool MaybeUser(Assembler c)
    {
        bool user = Chance(1, 2);
        if (user)
            ToUser(c);
        return user;
    }

    /// <summary>A walk of four levels, each with rights of its own, by a read, a write, both, or a fetch.</summary>
    private void Paging(Assembler c)
    {
        string kind = Pick("read", "write", "both", "fetch", "push", "call", "string");
        ulong[] entries = [Target3, Target2, Target1, Frames, Frames + 0x1000];
        for (int i = 0; i < entries.Length; i++)
        {
            ref ulong entry = ref entries[i];
            entry |= Chance(15, 16) ? 1u : 0;
            entry |= (Chance(3, 4) ? 2u : 0) | (Chance(3, 4) ? 4u : 0) | (ulong)random.Next(4) << 3 | (ulong)random.Next(4) << 5;
            entry |= (Chance(1, 8) ? 0x100u : 0) | (ulong)random.Next(8) << 9;
            entry |= Chance(1, 6) ? 1UL << 63 : 0;
            // Bits from 40 on are reserved: the physical address has 40.
            if (Chance(1, 24))
                entry |= 1UL << random.Next(40, 52);
            // Large pages are at their own place; the highest level has none.
            bool leaf = i is 1 or 2 && Chance(1, 6) || i == 0 && Chance(1, 24);
            if (leaf)
                entry = entry & ~0x000f_ffff_ffff_f080UL | (i == 2 ? (ulong)Frames : 0) | 0x80;
            if (leaf && Chance(1, 6))
                entry |= 1UL << random.Next(13, i == 2 ? 21 : 30);
            // The accessed and dirty bits are nobody's but the processor's.
            entry &= ~0x60UL | (Chance(1, 2) ? 0x60UL : 0);
        }
        uint[] places = [Pml4 + 16, Target3, Target2 + 24, Target1, Target1 + 8];
        for (int i = 0; i < places.Length; i++)
            Entry(c, places[i], entries[i]);
        bool protect = Chance(3, 4), noExecute = Chance(5, 6);
        c.mov(eax, protect ? Control0 : Control0 & ~0x1_0000u);
        c.mov(cr0, rax);
        SetModelSpecific(c, 0xc000_0080, noExecute ? Efer : Efer & ~0x800u);
        c.mov(eax, Pml4);
        c.mov(cr3, rax);
        ulong at = Target + (kind == "both" ? (ulong)random.Next(0x200) * 8 : Chance(3, 4) ? (ulong)random.Next(0x800) * 2 : 0x1000 - (ulong)random.Next(4) * 2);
        c.mov(rsi, at);
        bool user = MaybeUser(c);
        Describe($"{(user ? "user" : "kernel")} {kind} at {at:x}, WP {protect}, NX {noExecute}, entries {string.Join(' ', Array.ConvertAll(entries, e => e.ToString("x")))}");
        switch (kind)
        {
            case "read":
                c.mov(rax, __qword_ptr[rsi]);
                break;
            case "write":
                c.mov(__qword_ptr[rsi], rsi);
                break;
            case "both":
                c.add(__dword_ptr[rsi], 1);
                break;
            case "fetch":
                c.jmp(rsi);
                break;
            case "push":
                c.mov(rsp, rsi);
                c.push(rsi);
                break;
            case "call":
                c.mov(ebx, (int)Frames);
                c.mov(rsp, rsi);
                c.call(rbx);
                break;
            default:
                c.mov(rdi, rsi);
                c.mov(esi, (int)Frames);
                c.mov(ecx, 3);
                c.rep.movsq();
                break;
        }
        Finish(c);
    }

    /// <summary>A descriptor of any kind in one of the spare places of the table.</summary>
    /// <param name="forGates">it may be for 64-bit and 32-bit code at once, which gates refuse; so do far transfers, but not QEMU's</param>
    private ulong AnyDescriptor(bool forGates)
    {
        ulong access = (uint)random.Next(32) | (uint)random.Next(4) << 5 | (Chance(5, 6) ? 0x80u : 0);
        // Of system segments those that long mode knows, and those that nobody does.
        access |= Chance(5, 6) ? 0x10u : 8;
        // The largest limit: where an instruction pointer beyond it is refused is told by unit tests.
        ulong flags = 8 | (ulong)random.Next(8);
        if (Chance(1, 2) || (access & 0x80) == 0)
            flags = flags & ~6UL | (Chance(1, 2) || (access & 0x80) == 0 ? 2u : 4u);
        if ((flags & 6) == 6 && !forGates)
            flags ^= 2;
        return flags << 52 | 0xfUL << 48 | access << 40 | 0xffff;
    }

    private ushort AnySelector() => Chance(1, 6)
        ? Pick<ushort>(0, 3, KernelCode, KernelData, UserData, UserCode, Task, 0x3b, 0x40, GdtLimit + 1, 0xfff8, Spare | 4)
        : (ushort)(Spare + 8 * random.Next(Spares) + random.Next(4));

    /// <summary>Not a null one of another privilege, which QEMU's emulator lets be a stack.</summary>
    private ushort StackSelector() => (ushort)(AnySelector() is var any && (any & ~3) != 0 ? any : UserData);

    private string Spread(Assembler c, bool forGates = false)
    {
        var all = new List<string>();
        for (int i = 0; i < Spares; i++)
        {
            ulong descriptor = AnyDescriptor(forGates);
            all.Add(descriptor.ToString("x"));
            Entry(c, Gdt + Spare + 8 * (uint)i, descriptor);
        }
        return string.Join(' ', all);
    }

    /// <summary>Segment registers, far transfers, and what asks about selectors.</summary>
    private void Selectors(Assembler c)
    {
        string spares = Spread(c);
        bool user = MaybeUser(c);
        ushort selector = AnySelector();
        string kind = Pick("ds", "es", "fs", "gs", "ss", "ss", "lldt", "ltr", "lar", "lsl", "verr", "verw", "jmp", "call", "retf", "retf", "iret", "iret", "lss");
        ulong target = Frames + 0x100;
        c.mov(eax, selector);
        switch (kind)
        {
            case "ds":
                c.mov(ds, eax);
                c.mov(eax, ds);
                break;
            case "es":
                c.mov(es, eax);
                c.mov(eax, es);
                break;
            case "fs":
                c.mov(fs, eax);
                c.mov(eax, fs);
                break;
            case "gs":
                c.mov(gs, eax);
                c.mov(eax, gs);
                break;
            case "ss":
                c.mov(ss, eax);
                c.nop();
                break;
            case "lldt":
                c.lldt(ax);
                break;
            case "ltr":
                // Whoever loads another task's segment takes his stacks from there. QEMU's emulator takes a null one, and ends.
                if ((selector & ~3) == 0 || selector >= Spare && selector <= GdtLimit)
                    c.mov(eax, selector = (ushort)(Pick<ushort>(KernelCode, KernelData, Task) | selector & 3));
                c.ltr(ax);
                break;
            case "lar":
                c.mov(ecx, eax);
                c.lar(eax, ecx);
                break;
            case "lsl":
                c.mov(ecx, eax);
                c.lsl(eax, ecx);
                break;
            case "verr":
                c.verr(ax);
                break;
            case "verw":
                c.verw(ax);
                break;
            case "jmp" or "call" or "lss":
                c.sub(rsp, 16);
                c.mov(__dword_ptr[rsp], (int)target);
                c.mov(__word_ptr[rsp + 4], ax);
                if (kind == "jmp")
                    c.jmp(__fword_ptr[rsp]);
                else if (kind == "call")
                    c.call(__fword_ptr[rsp]);
                else
                    c.lss(ebx, __fword_ptr[rsp]);
                break;
            case "retf":
                c.push(StackSelector());
                c.push((int)UserStack);
                c.push(rax);
                c.push((int)target);
                c.db(0x48, 0xcb);   // RETF of 64-bit words
                break;
            default:
                ulong flags = 2UL | (Chance(1, 4) ? 0x3000u : 0) | (Chance(1, 8) ? 0x4_0000u : 0);
                c.push(Chance(1, 2) ? UserData : StackSelector());
                c.push((int)UserStack);
                c.push((int)flags);
                c.push(rax);
                c.mov(rbx, target);
                c.push(rbx);
                c.iretq();
                break;
        }
        Describe($"{(user ? "user" : "kernel")} {kind} with selector {selector:x} to {target:x}, spare descriptors {spares}");
        Finish(c);
    }

    /// <summary>Gates of any kind, stacks that cannot be entered, and the double faults that come of it.</summary>
    private void Gates(Assembler c)
    {
        string spares = Spread(c, forGates: true);
        int kind = Chance(1, 3) ? random.Next(256) : 0x8e | random.Next(2) | random.Next(4) << 5 | (Chance(1, 8) ? 0 : 0x80);
        int stack = random.Next(8) < 5 ? 0 : random.Next(3);
        int vector = Pick(Gate, Gate, ExceptionOfPage, ExceptionOfProtection, ExceptionOfOpcode, 3, 0);
        // A handler of #GP that stays at privilege 3 would be its own next cause, for ever.
        ushort selector = stack != 0 || vector == ExceptionOfProtection || Chance(1, 2) ? KernelCode : AnySelector();
        Entry(c, Idt + 16 * (uint)vector, GateTo(stubs[vector], selector, stack, kind));
        ulong ring = Chance(1, 4) ? Pick<ulong>(0x0000_9000_0000_0000UL, Target, 1UL << 41, RingStack - 3) : RingStack;
        Entry(c, Tss + 4, ring);
        bool absent = Chance(1, 2);
        if (absent)
            Entry(c, Target1, 0);
        bool user = MaybeUser(c);
        ulong pointer = user ? UserStack : KernelStack;
        // A stack that is none QEMU's emulator tells only when it changes to it.
        if (Chance(1, 4))
            pointer = user ? Pick<ulong>(0x0000_9000_0000_0000UL, Target + 64, 0xffff_8000_0000_0000UL - 8) : Target + 64;
        Describe($"{(user ? "user" : "kernel")} vector {vector:x} by a gate {kind:x} to {selector:x}, IST {stack}, RSP0 {ring:x}, RSP {pointer:x}, absent {absent}, spare descriptors {spares}");
        c.mov(rsp, pointer);
        switch (vector)
        {
            case Gate:
                c.@int(Gate);
                break;
            case ExceptionOfPage:
                c.mov(rbx, Target + 8);
                c.mov(eax, __dword_ptr[rbx]);
                break;
            case ExceptionOfProtection:
                c.mov(eax, GdtLimit + 1);
                c.mov(ds, eax);
                break;
            case ExceptionOfOpcode:
                c.ud2();
                break;
            case 3:
                c.int3();
                break;
            default:
                c.xor(ecx, ecx);
                c.div(ecx);
                break;
        }
        c.mov(esp, user ? UserStack : KernelStack);
        Finish(c);
    }

    private const int ExceptionOfOpcode = 6, ExceptionOfProtection = 13, ExceptionOfPage = 14;

    /// <summary>Addresses that are none.</summary>
    private void Canonical(Assembler c)
    {
        bool user = MaybeUser(c);
        ulong at = Pick<ulong>(0x0000_8000_0000_0000, 0x0000_7fff_ffff_fffc, 0xffff_7fff_ffff_ffff, 1UL << 63, 0x0000_7fff_ffff_f000, 0xffff_8000_0000_0000UL);
        string kind = Pick("read", "write", "invlpg", "lgdt", "fxsave");
        Describe($"{(user ? "user" : "kernel")} {kind} {at:x}");
        c.mov(rbx, at);
        switch (kind)
        {
            case "read":
                c.mov(rax, __qword_ptr[rbx]);
                break;
            case "write":
                c.mov(__qword_ptr[rbx], rax);
                break;
            case "invlpg":
                c.invlpg(__[rbx]);
                break;
            case "lgdt":
                c.lgdt(__[rbx]);
                break;
            case "fxsave":
                c.fxsave(__[rbx]);
                break;
        }
        Finish(c);
    }

    /// <summary>TF, and the instructions that hide it or take it away.</summary>
    private void SingleStep(Assembler c)
    {
        bool user = Chance(1, 2);
        bool byReturn = user && Chance(1, 2);
        if (user)
            ToUser(c, byReturn ? 0x102u : 2);
        c.mov(ecx, KernelData);
        if (user)
            c.mov(ecx, UserData);
        if (!byReturn)
        {
            c.push(0x102);
            c.popfq();
        }
        string kind = Pick("nop", "ss", "popss", "popf", "syscall", "int", "ud2", "div", "rep", "pushf", "jmp", "iret");
        Describe($"{(user ? "user" : "kernel")} {kind} with TF by {(byReturn ? "IRET" : "POPF")}");
        switch (kind)
        {
            case "ss":
                c.mov(ss, ecx);
                c.nop();
                break;
            case "popss":
                c.push(rcx);
                c.db(0x0f, 0xa1);   // POP FS, which hides nothing
                break;
            case "popf":
                c.push(2);
                c.popfq();
                break;
            case "syscall":
                c.syscall();
                break;
            case "int":
                c.@int(Gate);
                break;
            case "ud2":
                c.ud2();
                break;
            case "div":
                c.xor(ecx, ecx);
                c.div(ecx);
                break;
            case "rep":
                c.mov(esi, (int)Frames);
                break;
            case "pushf":
                c.pushfq();
                break;
            case "iret":
                ToUser(c);
                break;
            case "jmp":
                c.mov(ebx, (int)Frames);
                c.jmp(rbx);
                break;
            default:
                c.nop();
                break;
        }
        c.nop();
        Finish(c);
    }

    /// <summary>An interrupt that waits, and the instruction behind which it comes.</summary>
    private void Interrupts(Assembler c)
    {
        c.mov(edi, LocalApic);
        c.mov(__dword_ptr[rdi + 0x300], 0x4_0000 | MessageVector);
        // It has come when the register says so.
        Label wait = c.CreateLabel();
        c.Label(ref wait);
        c.mov(eax, __dword_ptr[rdi + 0x200 + 0x10 * (MessageVector >> 5)]);
        c.test(eax, 1 << (MessageVector & 31));
        c.je(wait);
        string kind = Pick("sti", "sti sti", "popf", "iret", "sti fault", "cr8", "sti cli");
        Describe($"kernel {kind} before an interrupt");
        switch (kind)
        {
            case "sti":
                c.sti();
                break;
            case "sti sti":
                c.sti();
                c.sti();
                break;
            case "popf":
                c.push(0x202);
                c.popfq();
                break;
            case "iret":
                ToUser(c, 0x202);
                break;
            case "sti fault":
                c.sti();
                c.nop();
                c.ud2();
                break;
            case "sti cli":
                c.sti();
                c.cli();
                c.nop();
                c.sti();
                break;
            default:
                c.mov(eax, 5);
                c.mov(cr8, rax);
                c.sti();
                c.nop();
                c.nop();
                c.xor(eax, eax);
                c.mov(cr8, rax);
                break;
        }
        c.nop();
        c.nop();
        c.nop();
        Finish(c);
    }

    /// <summary>What takes privilege 0, what takes a bit of a control register, and what no processor has.</summary>
    private void Privileged(Assembler c)
    {
        ulong level = (ulong)random.Next(4) << 12;
        bool user = Chance(3, 4);
        (string Name, byte[] Code)[] all =
        [
            ("cli", [0xfa]), ("sti", [0xfb]), ("in", [0xe4, 0x70]), ("out", [0xee]), ("insb", [0x6c]), ("clts", [0x0f, 0x06]),
            ("lmsw", [0x0f, 0x01, 0xf0]), ("smsw", [0x0f, 0x01, 0xe0]), ("mov cr0", [0x0f, 0x20, 0xc0]), 
            ("to cr0", [0x0f, 0x22, 0xc0]), ("to cr3", [0x0f, 0x22, 0xd8]), ("to cr4", [0x0f, 0x22, 0xe0]), ("to cr8", [0x44, 0x0f, 0x22, 0xc0]),
            ("mov dr7", [0x0f, 0x21, 0xf8]), ("rdmsr", [0x0f, 0x32]), ("wrmsr", [0x0f, 0x30]), ("swapgs", [0x0f, 0x01, 0xf8]), ("wbinvd", [0x0f, 0x09]),
            ("sysret", [0x48, 0x0f, 0x07]), ("ud2", [0x0f, 0x0b]), ("int3", [0xcc]), ("int", [0xcd, Gate]), ("int 20", [0xcd, 0x20]),
            ("push es", [0x06]), ("lock nop", [0xf0, 0x90]), ("lock add", [0xf0, 0x01, 0xc0]), ("mov cs", [0x8e, 0xc8]), ("mov to 6", [0x8e, 0xf0]),
            ("popf", [0x9d]), ("fld1", [0xd9, 0xe8]), ("xorps", [0x0f, 0x57, 0xc0]), ("fwait", [0x9b]),
            ("stmxcsr", [0x0f, 0xae, 0x1e]), ("movaps", [0x0f, 0x28, 0x06]), ("fxsave", [0x0f, 0xae, 0x06]), ("str", [0x0f, 0x00, 0xc8]), ("sgdt", [0x0f, 0x01, 0x06]),
            ("long", [0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90]), ("syscall", [0x0f, 0x05]),
            ("rdtsc", [0x0f, 0x31]), ("cmpxchg16b", [0x48, 0x0f, 0xc7, 0x0e]), ("xgetbv", [0x0f, 0x01, 0xd0]),
        ];
        (string name, byte[] code) = Pick<(string, byte[])>(all);
        uint control = Control0 | Pick<uint>(0, 0, 2, 4, 8, 10, 0x20);
        c.mov(eax, control);
        c.mov(cr0, rax);
        uint control4 = Chance(1, 4) ? Control4 & ~0x200u : Control4 | (Chance(1, 8) ? 4u : 0);
        c.mov(eax, control4);
        c.mov(cr4, rax);
        bool disabled = name is "syscall" or "sysret" && Chance(1, 2);
        if (disabled)
            SetModelSpecific(c, 0xc000_0080, Efer & ~1u);
        if (user)
            ToUser(c, 2 | level);
        ulong value = Pick<ulong>(0, 1, Control0, Control4, 1UL << 32, Pml4, 0xffff_ffff_8000_0000, ulong.MaxValue, 0x8001_0032, 0x20, 15);
        // What a control register refuses QEMU's emulator takes, and goes on without a page table.
        if (!user && name is "to cr0" or "to cr3" or "to cr4" or "to cr8" or "wrmsr")
            value = name switch { "to cr0" => Pick<ulong>(Control0, Control0 | 8), "to cr3" => Pml4, "to cr4" => Pick<ulong>(Control4, Control4 | 4), "to cr8" => 15, _ => Efer };
        if (name is "sysret")
            c.mov(ecx, (int)Frames);
        else
            c.mov(ecx, Pick<uint>(0x10, 0xc000_0080, 0xc000_0103));
        c.mov(edx, name == "wrmsr" ? (int)(value >> 32) : 0x80);
        c.mov(esi, (int)Frames + Pick(0, 4, 8));
        c.mov(r11d, 2);
        if (name == "popf")
            c.push((int)Pick<uint>(2, 0x3002, 0x202, 0x4002, 0x4_0002, 0x20_0002, 0x1_0002));
        c.mov(rax, value);
        c.db(code);
        Describe($"{(user ? "user" : "kernel")} {name}, IOPL {level >> 12}, CR0 {control:x}, CR4 {control4:x}, RAX {value:x}, SCE {!disabled}");
        if (name is "rdtsc" or "rdmsr" or "in" or "smsw" or "mov cr0")
            c.xor(eax, eax);
        Finish(c);
    }
}
