using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Exceptions and interrupts, system calls, and what ends a machine.</summary>
public sealed unsafe class ExceptionTests
{
    private const ulong Handler = 0x110000;

    [Fact]
    public void DivideErrorRestartsWithNothingChanged()
    {
        var machine = new TestMachine();
        machine.Gate(0, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(ecx, 3);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 100);
            a.xor(edx, edx);
            a.xor(ecx, ecx);
            a.div(ecx);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(33UL, machine.S->Gpr[0]);
        Assert.Equal(1UL, machine.S->Gpr[2]);
    }

    [Theory]
    [InlineData(0x8000000000000000, ulong.MaxValue, ulong.MaxValue, true)]
    [InlineData(0, 1, 1, true)]
    [InlineData(0, 0, 5, true)]
    [InlineData(0, 0xffffffffffffffff, 1, false)]
    [InlineData(12345, 0, 12346, false)]
    public void Divides128(ulong low, ulong high, ulong divisor, bool faults)
    {
        var machine = new TestMachine();
        machine.Gate(0, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(r15d, 1);
            a.hlt();
        });
        // high and low are swapped for the unsigned cases below: RDX:RAX = high:low.
        machine.Place(TestMachine.CodeAt, a =>
        {
            if (low == 0x8000000000000000)
            {
                a.mov(rax, low);
                a.cqo();
                a.mov(rcx, divisor);
                a.idiv(rcx);
            }
            else
            {
                a.mov(rax, high);
                a.mov(rdx, low);
                a.mov(rcx, faults ? low : divisor);
                a.div(rcx);
            }
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(faults ? 1UL : 0, machine.S->Gpr[15]);
        if (!faults)
        {
            var dividend = new System.UInt128(low, high);
            Assert.Equal((ulong)(dividend / divisor), machine.S->Gpr[0]);
            Assert.Equal((ulong)(dividend % divisor), machine.S->Gpr[2]);
        }
    }

    [Fact]
    public void InterruptsWaitForStiAndItsShadow()
    {
        var machine = new TestMachine();
        machine.Gate(0x40, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(r15, __[rsp]);
            a.mov(r14, __[rsp + 16]);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 1);
            a.sti();
            a.mov(ebx, 2);
            a.mov(ecx, 3);
            a.hlt();
        });
        machine.Interrupts.Enqueue(0x40);
        machine.RunToHalt();
        // The instruction behind STI still ran before the interrupt.
        Assert.Equal(TestMachine.CodeAt + 5 + 1 + 5, machine.S->Gpr[15]);
        Assert.Equal(Flags.IF, machine.S->Gpr[14] & Flags.IF);
        Assert.Equal(3UL, machine.S->Gpr[1]);
    }

    /// <summary>
    /// An interrupt that comes while interrupts are off is taken in a loop that lets them in for one instruction only,
    /// and nowhere else; and such a loop does not go through the run loop where it is translated.
    /// </summary>
    [Fact]
    public void InterruptsAreTakenWhereTheyAreLetInForAnInstruction()
    {
        const int rounds = 100_000;
        var machine = new TestMachine();
        machine.Gate(0x40, Handler);
        machine.Place(Handler, a =>
        {
            a.inc(r13);
            a.mov(r15, __[rsp]);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, rounds);
            a.Label(ref loop);
            a.inc(rbx);
            a.sti();
            a.inc(rax);
            a.cli();
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        const ulong closing = TestMachine.CodeAt + 5 + 3 + 1 + 3;
        machine.Interrupts.Enqueue(0x40);
        ulong before = machine.S->Searches;
        machine.RunToHalt();
        Assert.Equal((1UL, closing), (machine.S->Gpr[13], machine.S->Gpr[15]));
        Assert.Equal(((ulong)rounds, (ulong)rounds), (machine.S->Gpr[0], machine.S->Gpr[3]));
        if (TestMachine.Translates)
            Assert.InRange(machine.S->Searches - before, 1UL, 100UL);
    }

    [Fact]
    public void HaltWaitsAndWakes()
    {
        var machine = new TestMachine();
        machine.Gate(0x41, Handler, stackTable: 2);
        machine.Write(0x3000 + 0x24 + 8, 0xb0000);
        machine.Place(Handler, a =>
        {
            a.mov(r15, rsp);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.sti();
            a.hlt();
            a.mov(eax, 77);
            a.cli();
            a.hlt();
        });
        Assert.Equal(CpuExit.Halted, machine.Cpu.Run());
        Assert.Equal(CpuExit.Halted, machine.Cpu.Run());
        machine.Cpu.RaiseAttention();
        Assert.Equal(CpuExit.Attention, machine.Cpu.Run());
        machine.Interrupts.Enqueue(0x41);
        Assert.Equal(CpuExit.Halted, machine.Cpu.Run());
        Assert.Equal(77UL, machine.S->Gpr[0]);
        Assert.Equal(0xb0000UL - 40, machine.S->Gpr[15]);
        Assert.Equal(TestMachine.StackTop, machine.S->Gpr[4]);
    }

    [Fact]
    public void AttentionInterruptsALoop()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a => a.jmp(TestMachine.CodeAt));
        machine.Cpu.RaiseAttention();
        Assert.Equal(CpuExit.Attention, machine.Cpu.Run());
        var timer = new System.Threading.Timer(_ => machine.Cpu.RaiseAttention(), null, 20, -1);
        Assert.Equal(CpuExit.Attention, machine.Cpu.Run());
        timer.Dispose();
    }

    [Fact]
    public void DoubleFaultUsesItsStackAndATripleFaultEnds()
    {
        var machine = new TestMachine();
        machine.Gate(8, Handler, stackTable: 1);
        machine.Write(0x3000 + 0x24, 0xc0000);
        machine.Place(Handler, a =>
        {
            a.mov(r15, __[rsp]);
            a.mov(r14, rsp);
            a.hlt();
        });
        // No gate for #PF: #PF, then #NP or #GP on its gate is a double fault.
        machine.Place(TestMachine.CodeAt, a => a.mov(rax, __qword_ptr[0x7000_0000]));
        machine.RunToHalt();
        Assert.Equal(0UL, machine.S->Gpr[15]);
        Assert.Equal(0xc0000UL - 48, machine.S->Gpr[14]);

        machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a => a.ud2());
        machine.S->IdtLimit = 0;
        Assert.Equal(CpuExit.TripleFault, machine.Cpu.Run());
    }

    [Fact]
    public void FaultOnTheExceptionStackIsADoubleFault()
    {
        var machine = new TestMachine();
        machine.Gate(6, Handler);
        machine.Gate(14, Handler);
        machine.Gate(8, Handler + 0x100, stackTable: 1);
        machine.Write(0x3000 + 0x24, 0xc0000);
        machine.Place(Handler, a => a.hlt());
        machine.Place(Handler + 0x100, a =>
        {
            a.mov(r15d, 8);
            a.hlt();
        });
        // #UD cannot be pushed: that is a #PF, whose push faults as well: #DF on its own stack.
        machine.Place(TestMachine.CodeAt, a => a.ud2());
        machine.S->Gpr[4] = 0x7000_0000;
        machine.RunToHalt();
        Assert.Equal(8UL, machine.S->Gpr[15]);
    }

    [Fact]
    public void SystemCallsAndReturns()
    {
        var machine = new TestMachine();
        const ulong user = 0x120000, entry = 0x130000;
        machine.Gate(13, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(r14, __[rsp + 8]);
            a.hlt();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, 0xc0000081);
            a.xor(eax, eax);
            a.mov(edx, 0x00100008);
            a.wrmsr();
            a.mov(ecx, 0xc0000082);
            a.mov(eax, (uint)entry);
            a.xor(edx, edx);
            a.wrmsr();
            a.mov(ecx, 0xc0000084);
            a.mov(eax, 0x600);
            a.wrmsr();
            a.mov(ecx, 0xc0000102);
            a.mov(eax, 0x5000);
            a.wrmsr();
            a.mov(ecx, (uint)user);
            a.mov(r11d, 0x202);
            a.sysretq();
        });
        machine.Place(user, a =>
        {
            a.std();
            a.mov(edi, 5);
            a.syscall();
            a.mov(ebx, eax);
            a.hlt();
        });
        machine.Place(entry, a =>
        {
            a.swapgs();
            a.mov(eax, __dword_ptr.gs[0x30]);
            a.add(eax, edi);
            a.pushfq();
            a.pop(r13);
            a.swapgs();
            a.sysretq();
        });
        machine.Write(0x5030, 37);
        machine.RunToHalt();
        Assert.Equal(42UL, machine.S->Gpr[3]);
        Assert.Equal(2UL, machine.S->Gpr[13] & 0x602);
        // HLT in user mode is refused where it stands.
        Assert.Equal(user + 1 + 5 + 2 + 2, machine.S->Gpr[14]);
        Assert.Equal(0x602UL, machine.S->Gpr[11] & 0x602);
    }

    [Fact]
    public void SoftwareInterruptsRespectTheGatesPrivilege()
    {
        var machine = new TestMachine();
        machine.Gate(0x80, Handler, level: 3);
        machine.Gate(0x81, Handler);
        machine.Gate(13, Handler + 0x100);
        machine.Place(Handler, a =>
        {
            a.inc(r15d);
            a.iretq();
        });
        machine.Place(Handler + 0x100, a =>
        {
            a.mov(r14, __[rsp]);
            a.hlt();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.@int(0x80);
            a.@int(0x81);
        });
        machine.ToUser();
        machine.RunToHalt();
        Assert.Equal(1UL, machine.S->Gpr[15]);
        Assert.Equal(0x81UL * 8 + 2, machine.S->Gpr[14]);
    }

    [Fact]
    public void SingleStepTrapsAfterEachInstruction()
    {
        var machine = new TestMachine();
        machine.Gate(1, Handler);
        machine.Place(Handler, a =>
        {
            a.inc(r15d);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.push(0x102);
            a.popfq();
            a.mov(eax, 1);
            a.add(eax, 2);
            a.push(2);
            a.popfq();
            a.mov(ebx, eax);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(4UL, machine.S->Gpr[15]);
        Assert.Equal(3UL, machine.S->Gpr[3]);
    }

    [Fact]
    public void PrivilegedInstructionsFaultInUserMode()
    {
        foreach (byte[] code in new byte[][]
        {
            [0x0f, 0x20, 0xd8], [0x0f, 0x22, 0xd8], [0x0f, 0x01, 0x15, 0, 0, 0, 0], [0x0f, 0x30], [0x0f, 0x32], [0xfa], [0xfb], [0xf4],
            [0x0f, 0x01, 0x3b], [0x0f, 0x01, 0xf8], [0x0f, 0x09], [0xe4, 0x10], [0xe6, 0x10], [0x0f, 0x06], [0x0f, 0x00, 0xd8], [0x48, 0x0f, 0x07],
        })
        {
            var machine = new TestMachine();
            machine.Gate(13, Handler);
            machine.Place(Handler, a =>
            {
                a.mov(r15, __[rsp + 8]);
                a.hlt();
            });
            machine.Place(TestMachine.CodeAt, code);
            machine.ToUser();
            machine.RunToHalt();
            Assert.Equal(TestMachine.CodeAt, machine.S->Gpr[15]);
        }
    }

    [Fact]
    public void UnknownRegistersAreRefused()
    {
        var machine = new TestMachine();
        machine.Gate(13, Handler);
        machine.Place(Handler, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, 0x12345678);
            a.rdmsr();
            a.ud2();
        });
        machine.RunToHalt();
        Assert.Equal(Handler + 1, machine.S->Rip);
    }

    [Theory]
    [InlineData(7, 0x8UL, new byte[] { 0xd9, 0xe8 })]
    [InlineData(7, 0x8UL, new byte[] { 0x0f, 0x57, 0xc0 })]
    [InlineData(7, 0x8UL, new byte[] { 0x0f, 0x6f, 0xc1 })]
    [InlineData(6, 0x4UL, new byte[] { 0x0f, 0x57, 0xc0 })]
    [InlineData(6, 0x0UL, new byte[] { 0x0f, 0x20, 0xc8 })]
    [InlineData(6, 0x0UL, new byte[] { 0xc5, 0xf8, 0x57, 0xc0 })]
    public void SwitchedOffOrMissing(int vector, ulong control, byte[] code)
    {
        var machine = new TestMachine();
        machine.Gate(vector, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(r15d, vector);
            a.hlt();
        });
        machine.Place(TestMachine.CodeAt, code);
        machine.S->Cr0 |= control;
        machine.RunToHalt();
        Assert.Equal((ulong)vector, machine.S->Gpr[15]);
    }

    [Fact]
    public void ManyOperationsOfOneBlockFit()
    {
        var machine = new TestMachine();
        machine.S->SegmentBase[Cpu.SegmentFs] = 0x200000;
        machine.Place(TestMachine.CodeAt, a =>
        {
            for (int i = 0; i < 200; i++)
                a.paddd(mm0, __qword_ptr.fs[rax + rbx * 2 + 8]);
            a.hlt();
        });
        machine.Write(0x200008, 0x0000_0002_0000_0001);
        machine.RunToHalt();
        Assert.Equal(400UL << 32 | 200, machine.S->Fpu[0]);
    }

    /// <summary>The frame of a fault has RF set, that of a trap or of INT n has not (SDM vol. 3, 18.3.1.1).</summary>
    [Theory]
    [InlineData("ud2", 6, true)]
    [InlineData("int", 0x40, false)]
    [InlineData("int3", 3, false)]
    [InlineData("step", 1, false)]
    public void FramesOfFaultsResume(string kind, int vector, bool resumes)
    {
        var machine = new TestMachine();
        machine.Gate(vector, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(r14, __[rsp + 16]);
            a.hlt();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            if (kind == "step")
            {
                a.push(0x102);
                a.popfq();
                a.nop();
            }
            else if (kind == "int3")
                a.int3();
            else if (kind == "int")
                a.@int(0x40);
            else
                a.ud2();
        });
        machine.RunToHalt();
        Assert.Equal(resumes ? Flags.RF : 0, machine.S->Gpr[14] & Flags.RF);
    }

    /// <summary>A gate leads to 64-bit code only, and not to what calls itself 32-bit code as well.</summary>
    [Fact]
    public void AGateToCodeOfTwoSizesIsRefused()
    {
        var machine = new TestMachine();
        machine.Write(0x1000 + TestMachine.Spare, 0x00ef9b000000ffff);
        machine.Gate(0x40, Handler);
        machine.Write(0x2000 + 0x40 * 16, machine.Read(0x2000 + 0x40 * 16) & ~0xffff0000UL | (ulong)TestMachine.Spare << 16);
        machine.Gate(13, Handler);
        machine.Place(Handler, a =>
        {
            a.pop(rbx);
            a.hlt();
        });
        machine.S->GdtLimit = TestMachine.Spare + 7;
        machine.Place(TestMachine.CodeAt, a => a.@int(0x40));
        machine.RunToHalt();
        Assert.Equal(TestMachine.Spare, machine.S->Gpr[3]);
    }

    /// <summary>A stack pointer that is no address is the stack's fault, met on the way to a handler (SDM vol. 2, INT n).</summary>
    [Fact]
    public void AStackOutsideTheAddressesIsAStackFault()
    {
        var machine = new TestMachine();
        machine.Gate(0x40, Handler);
        machine.Gate(12, Handler, stackTable: 1);
        machine.Write(0x3000 + 0x24, TestMachine.InterruptStackTop);
        machine.Place(Handler, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rsp, 0x0000_9000_0000_0000);
            a.@int(0x40);
        });
        machine.RunToHalt();
        Assert.Equal(0UL, machine.Read(machine.S->Gpr[4]));
        Assert.Equal(TestMachine.CodeAt + 10, machine.Read(machine.S->Gpr[4] + 8));
    }

    /// <summary>Far transfers look at privileges before they look whether the segment is there (SDM vol. 2, CALL).</summary>
    [Theory]
    [InlineData(0, 11)]
    [InlineData(3, 13)]
    public void PrivilegeComesBeforePresence(int requested, int vector)
    {
        var machine = new TestMachine();
        machine.Write(0x1000 + TestMachine.Spare, 0x00af1b000000ffff);
        machine.S->GdtLimit = TestMachine.Spare + 7;
        machine.Gate(vector, Handler);
        machine.Place(Handler, a => a.hlt());
        machine.Write(0x200000, Handler | (ulong)(TestMachine.Spare | requested) << 32);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ebx, 0x200000);
            a.jmp(__fword_ptr[rbx]);
        });
        machine.RunToHalt();
        Assert.Equal(TestMachine.Spare, machine.Read(machine.S->Gpr[4]));
    }

    /// <summary>What CR0.EM, MP and TS do to each kind of instruction (SDM vol. 3, 2.5, tables 2-2 and 2-3).</summary>
    [Theory]
    [InlineData(Cr0.EM | Cr0.MP, new byte[] { 0x9b }, 0)]
    [InlineData(Cr0.TS, new byte[] { 0x9b }, 0)]
    [InlineData(Cr0.TS | Cr0.MP, new byte[] { 0x9b }, 7)]
    [InlineData(Cr0.EM, new byte[] { 0xd9, 0xe8 }, 7)]
    [InlineData(Cr0.EM, new byte[] { 0x0f, 0x77 }, 6)]
    [InlineData(Cr0.EM | Cr0.TS, new byte[] { 0x0f, 0x77 }, 6)]
    [InlineData(Cr0.TS, new byte[] { 0x0f, 0x77 }, 7)]
    [InlineData(Cr0.EM, new byte[] { 0x0f, 0xfc, 0xc0 }, 6)]
    [InlineData(Cr0.TS, new byte[] { 0x0f, 0xfc, 0xc0 }, 7)]
    [InlineData(Cr0.EM, new byte[] { 0x0f, 0xae, 0x1c, 0x24 }, 6)]
    [InlineData(Cr0.TS, new byte[] { 0x0f, 0xae, 0x1c, 0x24 }, 7)]
    public void ControlBitsRefuseTheFpu(ulong control, byte[] code, int vector)
    {
        var machine = new TestMachine();
        machine.S->Cr0 = machine.S->Cr0 & ~(Cr0.EM | Cr0.MP | Cr0.TS) | control;
        foreach (int each in new[] { 6, 7 })
        {
            machine.Gate(each, Handler + 0x100 * (ulong)each);
            machine.Place(Handler + 0x100 * (ulong)each, a =>
            {
                a.mov(ebx, each);
                a.hlt();
            });
        }
        machine.Place(TestMachine.CodeAt, [.. code, 0xf4]);
        machine.RunToHalt();
        Assert.Equal((ulong)vector, machine.S->Gpr[3]);
    }
}
