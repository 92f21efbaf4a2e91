using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Returns lead where the guest's stack says, whatever calls there have been.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed unsafe class ReturnTests
{
    private const ulong Function = 0x200000, FaultHandler = 0x110000, High = 0x7f00_0000_0000;

    private static TestMachine Machine()
    {
        var machine = new TestMachine();
        // All memory once more, at addresses that do not fit 32 bits.
        machine.Write(0x10000 + 8 * (High >> 39), 0x11000 | 7);
        return machine;
    }

    /// <summary>Whatever the bound is worth: what grows beyond its stack meets memory that ends the monitor.</summary>
    [Fact]
    public void BelowAStackNothingCanBeTouched()
    {
        const int bytes = ReturnStack.Bytes;
        CodeMemory memory = CodeMemory.Allocate(1 << 16);
        memory.AllocateData(100);
        for (int i = 0; i < 2; i++)
        {
            ulong stack = (ulong)memory.AllocateStack(bytes);
            Assert.Equal("---p", RightsAt(stack - 1));
            Assert.Equal("---p", RightsAt(stack - (60 << 10)));
            Assert.Equal("rw-p", RightsAt(stack));
            Assert.Equal("rw-p", RightsAt(stack + bytes - 1));
        }

        static string? RightsAt(ulong address)
        {
            foreach (string line in File.ReadLines("/proc/self/maps"))
            {
                string[] words = line.Split(' ', '-');
                if (ulong.Parse(words[0], NumberStyles.HexNumber) <= address && address < ulong.Parse(words[1], NumberStyles.HexNumber))
                    return line.Split(' ')[1];
            }
            return null;
        }
    }

    [Theory]
    [InlineData(TestMachine.CodeAt)]
    [InlineData(High + TestMachine.CodeAt)]
    public void AFunctionCallsItselfDeeply(ulong at)
    {
        const int depth = 20_000;
        var machine = Machine();
        machine.Place(TestMachine.CodeAt, TestMachine.Assemble(at, a =>
        {
            var function = a.CreateLabel();
            var last = a.CreateLabel();
            a.xor(eax, eax);
            a.mov(ecx, depth);
            a.call(function);
            a.hlt();
            a.Label(ref function);
            a.dec(ecx);
            a.je(last);
            a.call(function);
            a.inc(eax);
            a.ret();
            a.Label(ref last);
            a.hlt();
            a.ret();
        }));
        machine.S->Rip = at;
        machine.RunToHalt();
        Assert.InRange(machine.S->ReturnBottom - machine.S->ReturnStack, 0UL, (ulong)ReturnStack.Bytes / 2);
        machine.RunToHalt();
        Assert.Equal((ulong)depth - 1, machine.S->Gpr[0]);
        Assert.Equal(TestMachine.StackTop, machine.S->Gpr[4]);
    }

    /// <summary>Two calls are left behind each time.</summary>
    [Theory]
    [InlineData(TestMachine.CodeAt)]
    [InlineData(High + TestMachine.CodeAt)]
    public void AFunctionReturnsFromItsCallers(ulong at)
    {
        const int count = 20_000;
        var machine = Machine();
        machine.Place(TestMachine.CodeAt, TestMachine.Assemble(at, a =>
        {
            var loop = a.CreateLabel();
            var outer = a.CreateLabel();
            var middle = a.CreateLabel();
            var inner = a.CreateLabel();
            a.xor(eax, eax);
            a.mov(ecx, count);
            a.Label(ref loop);
            a.call(outer);
            a.inc(eax);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
            a.Label(ref outer);
            a.mov(rbp, rsp);
            a.call(middle);
            a.ud2();
            a.Label(ref middle);
            a.call(inner);
            a.ud2();
            a.Label(ref inner);
            a.mov(rsp, rbp);
            a.ret();
        }));
        machine.S->Rip = at;
        machine.RunToHalt();
        Assert.Equal((ulong)count, machine.S->Gpr[0]);
    }

    /// <summary>
    /// One privilege calls without a return and leaves by SYSCALL or SYSRET; the run loop is left at the other alone.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void APrivilegeCallsDeeplyThatTheRunLoopNeverMeets(bool user)
    {
        const ulong entry = 0x101000, program = 0x202000, programStack = 0x400000;
        const int rounds = 14, depth = 1000;
        var machine = Machine();
        machine.S->Star = (ulong)(TestMachine.UserData - 8) << 48 | (ulong)TestMachine.KernelCode << 32;
        machine.S->Lstar = entry;
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ebp, rounds);
            a.jmp(entry);
        });
        machine.Place(entry, a =>
        {
            var next = a.CreateLabel();
            a.mov(rsp, TestMachine.StackTop);
            a.dec(ebp);
            a.jne(next);
            a.hlt();
            a.Label(ref next);
            if (user)
                Resume(a, TestMachine.KernelCode, TestMachine.KernelData);
            else
                Descend(a, depth);
            a.mov(rcx, program);
            a.mov(r11d, 2);
            a.sysretq();
        });
        machine.Place(program, a =>
        {
            a.mov(rsp, programStack);
            if (user)
                Descend(a, depth);
            else
                Resume(a, TestMachine.UserCode, TestMachine.UserData);
            a.syscall();
        });
        machine.RunToHalt();
        Assert.InRange(machine.S->ReturnBottom - machine.S->ReturnStack, 0UL, (ulong)ReturnStack.Bytes / 2);
        Assert.InRange(machine.S->OtherReturnBottom - machine.S->OtherReturnStack, 0UL, (ulong)ReturnStack.Bytes / 2);
    }

    private static void Descend(Assembler a, int depth)
    {
        var function = a.CreateLabel();
        var last = a.CreateLabel();
        a.mov(ebx, depth);
        a.Label(ref function);
        a.dec(ebx);
        a.je(last);
        a.call(function);
        a.Label(ref last);
    }

    /// <summary>IRET to what follows, by way of the run loop.</summary>
    private static void Resume(Assembler a, ushort code, ushort stack)
    {
        var next = a.CreateLabel();
        a.mov(rbx, rsp);
        a.push(stack);
        a.push(rbx);
        a.push(2);
        a.push(code);
        a.lea(rbx, __[next]);
        a.push(rbx);
        a.iretq();
        a.Label(ref next);
    }

    [Fact]
    public void AReturnWithoutACall()
    {
        const int count = 20_000;
        var machine = Machine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            var there = a.CreateLabel();
            var function = a.CreateLabel();
            a.xor(eax, eax);
            a.mov(ecx, count);
            a.Label(ref loop);
            a.lea(rdx, __[there]);
            a.push(rdx);
            a.ret();
            a.Label(ref there);
            a.call(function);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
            a.Label(ref function);
            a.inc(eax);
            a.ret(0);
        });
        machine.RunToHalt();
        Assert.Equal((ulong)count, machine.S->Gpr[0]);
        Assert.Equal(TestMachine.StackTop, machine.S->Gpr[4]);
    }

    /// <summary>SDM vol. 2, RET: #GP(0) at the RET, which has changed nothing.</summary>
    [Fact]
    public void AReturnToANonCanonicalAddressFaultsAtTheReturn()
    {
        var machine = Machine();
        machine.Gate(13, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        machine.Place(Function, a =>
        {
            a.mov(rdx, 0x8000_0000_0000UL);
            a.mov(__qword_ptr[rsp], rdx);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.call(Function);
            a.hlt();
        });
        machine.RunToHalt();
        ulong frame = machine.S->Gpr[4];
        Assert.Equal(0UL, machine.Read(frame));
        Assert.Equal(Function + 14, machine.Read(frame + 8));
        Assert.Equal(TestMachine.StackTop - 8, machine.Read(frame + 32));
    }

    /// <summary>A CALL that ends at the last canonical address leaves an address that no RET may go to.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AReturnBehindTheLastCallBelowTheHoleFaultsAtTheReturn(bool indirect)
    {
        const ulong page = 0x7fff_ffff_f000, frame = 0x300000, function = page + 0x100;
        var machine = Machine();
        // The last page of the lower half is a page of its own.
        machine.Write(0x10000 + 8 * (page >> 39), 0x301000 | 7);
        machine.Write(0x301ff8, 0x302000 | 7);
        machine.Write(0x302ff8, 0x303000 | 7);
        machine.Write(0x303ff8, frame | 7);
        machine.Gate(13, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        int length = indirect ? 2 : 5;
        machine.Place(frame + 0x1000 - (ulong)length, TestMachine.Assemble(page + 0x1000 - (ulong)length, a =>
        {
            if (indirect)
                a.call(rax);
            else
                a.call(function);
        }));
        machine.Place(frame + 0x100, [0x90, 0xc3]);
        machine.Place(frame, TestMachine.Assemble(page, a =>
        {
            // So that the TLB has the stack and the function is a recent target: translated code does both.
            a.call(rax);
            a.call(rax);
            a.jmp(page + 0x1000 - (ulong)length);
        }));
        machine.S->Gpr[0] = function;
        machine.S->Rip = page;
        machine.RunToHalt();
        ulong pushed = machine.S->Gpr[4];
        Assert.Equal(0UL, machine.Read(pushed));
        Assert.Equal(function + 1, machine.Read(pushed + 8));
        Assert.Equal(TestMachine.StackTop - 8, machine.Read(pushed + 32));
        Assert.Equal(page + 0x1000, machine.Read(TestMachine.StackTop - 8));
    }

    /// <summary>SDM vol. 2, JMP and CALL: #GP(0) at the branch, and nothing has been pushed.</summary>
    [Theory]
    [InlineData(0xe9)]
    [InlineData(0xe8)]
    public void ABranchIntoTheHoleFaultsAtTheBranch(byte opcode)
    {
        const ulong page = 0x7fff_ffff_f000, frame = 0x300000;
        var machine = Machine();
        machine.Write(0x10000 + 8 * (page >> 39), 0x301000 | 7);
        machine.Write(0x301ff8, 0x302000 | 7);
        machine.Write(0x302ff8, 0x303000 | 7);
        machine.Write(0x303ff8, frame | 7);
        machine.Gate(13, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        machine.Place(frame, [0x90, opcode, 0, 0x10, 0, 0]);
        machine.S->Rip = page;
        machine.RunToHalt();
        ulong pushed = machine.S->Gpr[4];
        Assert.Equal(page + 1, machine.Read(pushed + 8));
        Assert.Equal(TestMachine.StackTop, machine.Read(pushed + 32));
    }

    /// <summary>
    /// What the case before takes for granted, on the host: a program's RET into the hole, whose signal finds RSP and RIP
    /// as they were.
    /// </summary>
    [Fact]
    public void TheHostFaultsAtTheReturnToo()
    {
        const int sigaction = 13, exit = 60, segmentationFault = 11;
        const int stackInContext = 160, pointerInContext = 168;
        const ulong at = 0x400000, codeAt = at + 0x78;
        byte[] code = TestMachine.Assemble(codeAt, a =>
        {
            var handler = a.CreateLabel();
            var action = a.CreateLabel();
            var returns = a.CreateLabel();
            a.mov(eax, sigaction);
            a.mov(edi, segmentationFault);
            a.lea(rsi, __[action]);
            a.xor(edx, edx);
            a.mov(r10d, 8);
            a.syscall();
            a.mov(rax, 0x8000_0000_0000UL);
            a.push(rax);
            a.mov(rbx, rsp);
            a.Label(ref returns);
            a.ret();
            a.Label(ref handler);
            // RDX: ucontext_t, in which uc_mcontext has the registers (Linux, asm/sigcontext.h).
            a.sub(rbx, __qword_ptr[rdx + stackInContext]);
            a.lea(rcx, __[returns]);
            a.sub(rcx, __qword_ptr[rdx + pointerInContext]);
            a.or(rbx, rcx);
            a.setne(dil);
            a.movzx(edi, dil);
            a.mov(eax, exit);
            a.syscall();
            a.Label(ref action);
            // sa_handler, then SA_SIGINFO | SA_RESTORER, a restorer that nobody comes to, and the mask.
            foreach (ulong word in new ulong[] { 0, 0x04000004, 0, 0 })
                a.dq(word);
        });
        ulong handlerAt = codeAt + (ulong)code.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x48, 0x2b, 0x9a]);
        BinaryPrimitives.WriteUInt64LittleEndian(code.AsSpan(code.Length - 32), handlerAt);
        byte[] file = new byte[0x78 + code.Length];
        void Put(int offset, ulong value, int size)
        {
            for (int i = 0; i < size; i++)
                file[offset + i] = (byte)(value >> (8 * i));
        }
        // ELF header (64 bits, little-endian, ET_EXEC, x86-64) and one loadable segment, all of the file.
        Put(0, 0x00010102_464c457f, 8);
        Put(16, 0x0001_003e_0002, 8);
        Put(24, codeAt, 8);
        Put(32, 64, 8);
        Put(52, 64 | 56UL << 16 | 1UL << 32, 6);
        Put(64, 1 | 5UL << 32, 8);
        Put(80, at, 8);
        Put(96, (ulong)file.Length, 8);
        Put(104, (ulong)file.Length, 8);
        Put(112, 0x1000, 8);
        code.CopyTo(file, 0x78);
        string path = Path.Combine(Directory.CreateTempSubdirectory("ret").FullName, "program");
        try
        {
            File.WriteAllBytes(path, file);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            using var process = Process.Start(path);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, true);
        }
    }

    /// <summary>What is called puts other code to where it returns, every other time.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ThePageThatIsBranchedToIsAnotherByTurns(bool isConditional)
    {
        const ulong page = 0x300000, first = 0x310000, second = 0x320000;
        const ulong entry = TestMachine.PageTable + (page >> 12) * 8;
        const int count = 100;
        var machine = Machine();
        machine.Entry(page) = first | 7;
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.xor(eax, eax);
            a.mov(ecx, count);
            a.jmp(Function);
        });
        machine.Place(Function, a =>
        {
            var same = a.CreateLabel();
            a.test(ecx, 1);
            a.je(same);
            a.xor(__qword_ptr[entry], (int)(first ^ second));
            a.invlpg(__byte_ptr[page]);
            a.Label(ref same);
            a.test(ecx, ecx);
            if (isConditional)
                a.jne(page);
            else
                a.jmp(page);
            a.hlt();
        });
        foreach (ulong frame in new[] { first, second })
        {
            machine.Place(frame, TestMachine.Assemble(page, a =>
            {
                var end = a.CreateLabel();
                a.imul(eax, eax, 3);
                a.add(eax, frame == first ? 1 : 2);
                a.dec(ecx);
                a.je(end);
                a.jmp(Function);
                a.Label(ref end);
                a.hlt();
            }));
        }
        machine.RunToHalt();
        uint expected = 0;
        bool other = false;
        for (int left = count; left > 0; left--)
        {
            other ^= (left & 1) != 0;
            expected = expected * 3 + (other ? 2u : 1);
        }
        Assert.Equal((ulong)expected, machine.S->Gpr[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ThePageOfTheCallerIsAnotherWhenItIsReturnedTo(bool byControlRegister)
    {
        const ulong page = 0x300000, first = 0x310000, second = 0x320000;
        const ulong entry = TestMachine.PageTable + (page >> 12) * 8;
        const int count = 100;
        var machine = Machine();
        machine.Entry(page) = first | 7;
        foreach (ulong frame in new[] { first, second })
        {
            machine.Place(frame, TestMachine.Assemble(page, a =>
            {
                a.call(Function);
                // The order counts, too: what is returned to wrongly every other time has the same sum.
                a.imul(eax, eax, 3);
                a.add(eax, frame == first ? 1 : 2);
                a.ret();
            }));
        }
        machine.Place(Function, a =>
        {
            var same = a.CreateLabel();
            a.test(ecx, 1);
            a.je(same);
            a.xor(__qword_ptr[entry], (int)(first ^ second));
            if (byControlRegister)
            {
                a.mov(rdx, cr3);
                a.mov(cr3, rdx);
                // So that the TLB has the stack, and translated code does the RET.
                a.mov(rdx, __qword_ptr[rsp]);
            }
            else
                a.invlpg(__byte_ptr[page]);
            a.Label(ref same);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.xor(eax, eax);
            a.mov(ecx, count);
            a.Label(ref loop);
            a.call(page);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        uint expected = 0;
        bool other = false;
        for (int left = count; left > 0; left--)
        {
            other ^= (left & 1) != 0;
            expected = expected * 3 + (other ? 2u : 1);
        }
        Assert.Equal((ulong)expected, machine.S->Gpr[0]);
    }

    /// <summary>What is called changes the instruction that it returns to.</summary>
    [Fact]
    public void TheCallerIsOverwrittenBeforeItIsReturnedTo()
    {
        const int count = 100;
        const ulong caller = 0x300000;
        var machine = Machine();
        machine.Place(caller, a =>
        {
            a.call(Function);
            a.add(eax, 0x10000);
            a.ret();
        });
        machine.Place(Function, a =>
        {
            a.inc(__byte_ptr[caller + 6]);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.xor(eax, eax);
            a.mov(ecx, count);
            a.Label(ref loop);
            a.call(caller);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal((ulong)(count * 0x10000 + count * (count + 1) / 2), machine.S->Gpr[0]);
    }
}
