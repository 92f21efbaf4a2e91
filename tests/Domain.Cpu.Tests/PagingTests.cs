using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Page faults: error codes, CR2, restart, accessed and dirty bits, write protection in both modes.</summary>
public sealed unsafe class PagingTests
{
    private const ulong Page = 0x200000, Handler = 0x110000;
    private const ulong Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, NoExecute = 1UL << 63;

    // The handler notes error code (R8), CR2 (R9), RIP (R10), the interrupted RSP (R11), then halts.
    private static TestMachine Machine()
    {
        var machine = new TestMachine();
        machine.Gate(14, Handler);
        machine.Place(Handler, a =>
        {
            a.mov(r8, __[rsp]);
            a.mov(r9, cr2);
            a.mov(r10, __[rsp + 8]);
            a.mov(r11, __[rsp + 32]);
            a.hlt();
            a.add(rsp, 8);
            a.iretq();
        });
        return machine;
    }

    private static void ExpectFault(TestMachine machine, uint error, ulong address, ulong rip)
    {
        machine.RunToHalt();
        Assert.Equal(error, machine.S->Gpr[8]);
        Assert.Equal(address, machine.S->Gpr[9]);
        Assert.Equal(rip, machine.S->Gpr[10]);
    }

    [Theory]
    [InlineData(false, false, 0u)]
    [InlineData(true, false, 2u)]
    [InlineData(false, true, 4u)]
    [InlineData(true, true, 6u)]
    public void MissingPage(bool write, bool user, uint error)
    {
        var machine = Machine();
        machine.Entry(Page) = 0;
        machine.Place(TestMachine.CodeAt, a =>
        {
            if (write)
                a.mov(__qword_ptr[Page + 8], rax);
            else
                a.mov(rax, __qword_ptr[Page + 8]);
            a.hlt();
        });
        machine.S->Gpr[0] = 0x1234;
        if (user)
            machine.ToUser();
        ExpectFault(machine, error, Page + 8, TestMachine.CodeAt);
        Assert.Equal(0x1234UL, machine.S->Gpr[0]);
    }

    [Theory]
    [InlineData(false, false, 3u)]
    [InlineData(true, false, 7u)]
    [InlineData(false, true, 0u)]
    public void WriteProtection(bool user, bool withoutWp, uint error)
    {
        var machine = Machine();
        machine.Entry(Page) &= ~Writable;
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rbx, __qword_ptr[Page]);
            a.add(__qword_ptr[Page], rax);
            a.hlt();
        });
        machine.Write(Page, 5);
        machine.S->Gpr[0] = 7;
        if (withoutWp)
            machine.S->Cr0 &= ~Cr0.WP;
        machine.Cpu.FlushTlbs();
        if (user)
            machine.ToUser();
        if (withoutWp)
        {
            machine.RunToHalt();
            Assert.Equal(12UL, machine.Read(Page));
            return;
        }
        ExpectFault(machine, error, Page, TestMachine.CodeAt + (ulong)TestMachine.Assemble(TestMachine.CodeAt, a => a.mov(rbx, __qword_ptr[Page])).Length);
        Assert.Equal(5UL, machine.Read(Page));
        Assert.Equal(0UL, machine.Entry(Page) & Dirty);

        // Given back, the instruction restarts and completes once.
        machine.Entry(Page) |= Writable;
        machine.Cpu.FlushPage(Page);
        if (user)
        {
            machine.Gate(13, Handler + 0x1000);
            machine.Place(Handler + 0x1000, a => a.hlt());
        }
        machine.RunToHalt();
        Assert.Equal(12UL, machine.Read(Page));
        Assert.Equal(Dirty | Accessed, machine.Entry(Page) & (Dirty | Accessed));
    }

    [Fact]
    public void CachedWritesFaultAfterProtectionAndInvlpg()
    {
        var machine = Machine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(__dword_ptr[Page], 1);
            a.and(__qword_ptr[TestMachine.PageTable + (Page >> 12) * 8], ~2);
            a.invlpg(__byte_ptr[Page]);
            a.mov(__dword_ptr[Page], 2);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(3UL, machine.S->Gpr[8]);
        Assert.Equal(1UL, machine.Read(Page));
    }

    [Fact]
    public void UserCannotTouchKernelPagesEvenWhenTheKernelJustDid()
    {
        var machine = Machine();
        machine.Entry(Page) &= ~User;
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rax, __qword_ptr[Page]);
            a.mov(__qword_ptr[Page], rax);
            a.push((int)TestMachine.UserData);
            a.push(0x80000);
            a.push(2);
            a.push((int)TestMachine.UserCode);
            a.push(0x120000);
            a.iretq();
        });
        machine.Place(0x120000, a => a.mov(rax, __qword_ptr[Page]));
        ExpectFault(machine, 5, Page, 0x120000);
        Assert.Equal(0x80000UL, machine.S->Gpr[11]);
        Assert.Equal(TestMachine.KernelCode, machine.S->Selector[1]);
        Assert.Equal(TestMachine.InterruptStackTop - 48, machine.S->Gpr[4]);
    }

    [Fact]
    public void UserCannotRunKernelCodeThatTheKernelRan()
    {
        var machine = Machine();
        machine.Entry(0x130000) &= ~User;
        machine.Place(0x130000, a => a.ret());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.call(0x130000);
            a.push((int)TestMachine.UserData);
            a.push(0x80000);
            a.push(2);
            a.push((int)TestMachine.UserCode);
            a.push(0x120000);
            a.iretq();
        });
        machine.Place(0x120000, a => a.call(0x130000));
        ExpectFault(machine, 0x15, 0x130000, 0x130000);
    }

    [Fact]
    public void NoExecuteAndReservedBits()
    {
        var machine = Machine();
        machine.Entry(Page) |= NoExecute;
        machine.Place(TestMachine.CodeAt, a => a.jmp(Page));
        ExpectFault(machine, 0x11, Page, Page);

        machine = Machine();
        machine.Entry(Page) |= 1UL << 45;
        machine.Place(TestMachine.CodeAt, a => a.mov(al, __byte_ptr[Page + 3]));
        ExpectFault(machine, 9, Page + 3, TestMachine.CodeAt);
    }

    [Fact]
    public void AccessAcrossPagesFaultsOnTheSecondAndWritesNothing()
    {
        var machine = Machine();
        machine.Entry(Page + 0x1000) &= ~Writable;
        machine.Write(Page + 0xff8, 0x1111111111111111);
        machine.Write(Page + 0x1000, 0x2222222222222222);
        machine.Place(TestMachine.CodeAt, a => a.mov(__qword_ptr[Page + 0xffc], rax));
        machine.S->Gpr[0] = ulong.MaxValue;
        ExpectFault(machine, 3, Page + 0x1000, TestMachine.CodeAt);
        Assert.Equal(0x1111111111111111UL, machine.Read(Page + 0xff8));

        machine.Entry(Page + 0x1000) |= Writable;
        machine.Cpu.FlushPage(Page + 0x1000);
        machine.Place(Handler + 0x2000, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(__qword_ptr[Page + 0xffc], rax);
            a.@lock.add(__dword_ptr[Page + 0xffe], 1);
            a.mov(rbx, __qword_ptr[Page + 0xffc]);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(0x0000ffffUL | 0xffffUL << 48 | 0UL, machine.S->Gpr[3] & 0xffff00000000ffff);
        Assert.Equal(0xffff_0000_0000_ffffUL, machine.S->Gpr[3]);
    }

    [Fact]
    public void RepMovsStopsAtTheFaultAndGoesOn()
    {
        var machine = Machine();
        machine.Entry(Page + 0x2000) = 0;
        for (ulong i = 0; i < 0x4000; i += 8)
            machine.Write(0x300000 + i, i * 0x0101010101010101 + 1);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(esi, 0x300010);
            a.mov(edi, (int)Page + 0x10);
            a.mov(ecx, 0x3000);
            a.cld();
            a.rep.movsb();
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(2UL, machine.S->Gpr[8]);
        Assert.Equal(Page + 0x2000, machine.S->Gpr[9]);
        Assert.Equal(Page + 0x2000, machine.S->Gpr[7]);
        Assert.Equal(0x302000UL, machine.S->Gpr[6]);
        Assert.Equal(0x1010UL, machine.S->Gpr[1]);
        machine.Entry(Page + 0x2000) = Page + 0x2000 | 7;
        machine.RunToHalt();
        Assert.Equal(0UL, machine.S->Gpr[1]);
        for (ulong i = 0x10; i < 0x3010; i += 8)
            Assert.Equal(machine.Read(0x300000 + i), machine.Read(Page + i));
    }

    [Fact]
    public void LargePages()
    {
        var machine = Machine();
        // 0x800000..0xa00000 by one 2 MiB entry pointing at 0x600000, which has data.
        machine.Write(0x12000 + 8 * 4, 0x600000 | 0x80 | 7);
        machine.Write(0x612340, 0xabcdef);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rax, __qword_ptr[0x812340]);
            a.mov(__qword_ptr[0x812348], rax);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(0xabcdefUL, machine.S->Gpr[0]);
        Assert.Equal(0xabcdefUL, machine.Read(0x612348));
        Assert.Equal(Accessed | Dirty, machine.Read(0x12000 + 8 * 4) & (Accessed | Dirty));
    }

    [Fact]
    public void NonCanonicalAddressIsAProtectionFault()
    {
        var machine = Machine();
        machine.Gate(13, Handler);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rbx, 0x8000_0000_0000);
            a.mov(rax, __qword_ptr[rbx]);
        });
        machine.RunToHalt();
        Assert.Equal(0UL, machine.S->Gpr[8]);
    }
}
