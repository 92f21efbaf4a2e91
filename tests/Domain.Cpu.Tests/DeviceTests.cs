using System.Collections.Generic;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Device registers and ports: each access reaches the device once, with its size and place.</summary>
public sealed unsafe class DeviceTests
{
    private sealed class Recorder : IDevice
    {
        public List<string> Log { get; } = [];

        public ulong Next { get; set; }

        public ulong Read(ulong offset, int size)
        {
            Log.Add($"r{size}@{offset:x}");
            return Next;
        }

        public void Write(ulong offset, int size, ulong value) => Log.Add($"w{size}@{offset:x}={value:x}");
    }

    // The page after RAM, seen at 0x400000.
    private const ulong Window = 0x400000, Physical = 0x1000_0000;

    private static (TestMachine, Recorder) Machine()
    {
        var machine = new TestMachine();
        var device = new Recorder { Next = 0x1122334455667788 };
        machine.Bus.MapMmio(Physical, 0x1000, device);
        machine.Bus.MapPorts(0x300, 16, device);
        machine.Entry(Window) = Physical | 7;
        return (machine, device);
    }

    [Fact]
    public void EverySizeReachesTheDeviceOnce()
    {
        var (machine, device) = Machine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rdi, Window);
            a.mov(rbx, __qword_ptr[rdi + 8]);
            a.mov(ecx, __dword_ptr[rdi + 4]);
            a.movzx(edx, __word_ptr[rdi + 2]);
            a.movzx(esi, __byte_ptr[rdi + 1]);
            a.mov(__qword_ptr[rdi + 0x10], rbx);
            a.mov(__dword_ptr[rdi + 0x18], 0x12345678);
            a.mov(__word_ptr[rdi + 0x1c], cx);
            a.mov(__byte_ptr[rdi + 0x1e], 0x5a);
            a.add(__dword_ptr[rdi + 0x20], 1);
            a.cmp(__dword_ptr[rdi + 0x24], 5);
            a.push(__qword_ptr[rdi + 0x28]);
            a.xchg(__dword_ptr[rdi + 0x30], eax);
            a.movups(xmm0, __xmmword_ptr[rdi + 0x40]);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(
        [
            "r8@8", "r4@4", "r2@2", "r1@1", "w8@10=1122334455667788", "w4@18=12345678", "w2@1c=7788", "w1@1e=5a", "r4@20", "w4@20=55667789", "r4@24",
            "r8@28", "r4@30", "w4@30=0", "r8@40", "r8@48",
        ], device.Log);
        Assert.Equal(0x1122334455667788UL, machine.S->Gpr[3]);
        Assert.Equal(0x55667788UL, machine.S->Gpr[1]);
        Assert.Equal(0x7788UL, machine.S->Gpr[2]);
        Assert.Equal(0x88UL, machine.S->Gpr[6]);
        Assert.Equal(0x55667788UL, machine.S->Gpr[0]);
        Assert.Equal(0x1122334455667788UL, machine.Read(TestMachine.StackTop - 8));
    }

    [Fact]
    public void PortsAndStrings()
    {
        var (machine, device) = Machine();
        machine.Write(0x200000, 0x4443424141);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(edx, 0x300);
            a.@in(al, dx);
            a.mov(edx, 0x302);
            a.mov(eax, 0xabcd1234);
            a.@out(dx, ax);
            a.mov(edx, 0x304);
            a.@out(dx, eax);
            a.mov(esi, 0x200001);
            a.mov(ecx, 3);
            a.mov(edx, 0x308);
            a.rep.outsb();
            a.mov(edi, 0x200010);
            a.mov(ecx, 2);
            a.rep.insd();
            a.mov(esi, (int)Window);
            a.mov(edi, 0x200020);
            a.mov(ecx, 2);
            a.rep.movsd();
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(
            ["r1@0", "w2@2=1234", "w4@4=abcd1234", "w1@8=41", "w1@8=42", "w1@8=43", "r4@8", "r4@8", "r4@0", "r4@4"],
            device.Log);
        Assert.Equal(0x5566778855667788UL, machine.Read(0x200010));
        Assert.Equal(0x5566778855667788UL, machine.Read(0x200020));
        Assert.Equal(0x200028UL, machine.S->Gpr[7]);
    }
}
