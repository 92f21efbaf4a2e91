using System;
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

    /// <summary>A device that computes with floating point, and has the garbage collected.</summary>
    private sealed class Calculator : IDevice
    {
        private readonly double[] numbers = [3, 0, double.Epsilon];

        public int Accesses { get; private set; }

        public ulong Read(ulong offset, int size) => Compute();

        public void Write(ulong offset, int size, ulong value) => Compute();

        private ulong Compute()
        {
            Accesses++;
            (double three, double none, double least) = (numbers[0], numbers[1], numbers[2]);
            Assert.Equal(0x3fd5555555555555UL, BitConverter.DoubleToUInt64Bits(1 / three));
            Assert.Equal(1UL, BitConverter.DoubleToUInt64Bits(least * (1 / (three - 2))));
            Assert.True(double.IsNaN(none / none));
            Assert.True(double.IsInfinity(three / none));
            Assert.True(double.IsInfinity(double.MaxValue * three));
            GC.Collect();
            return 0;
        }
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

    /// <summary>
    /// While a device is accessed the guest's MXCSR is not in force: its rounding, its zeros for denormals and the
    /// exceptions that it has unmasked do not reach the monitor's arithmetic, nor that arithmetic the guest's flags.
    /// </summary>
    [Theory]
    [InlineData(0xe040u)]
    [InlineData(0xdfc0u)]
    [InlineData(0x1f80u)]
    public void TheGuestsFloatingPointControlIsNotTheDevices(uint control)
    {
        // The first run has the monitor's own code compiled while the guest runs, and the compiler computes, too.
        Compute(control);
        var (unmasked, masked) = Compute(control);
        Assert.Equal($"{control:x}", $"{unmasked:x}");
        Assert.Equal($"{control | 0x1fa0:x}", $"{masked:x}");
    }

    /// <summary>MXCSR behind accesses to the calculator, as it was loaded, and with a division and exceptions masked.
    /// </summary>
    private static (ulong Unmasked, ulong Masked) Compute(uint control)
    {
        const ulong values = 0x200000;
        var machine = new TestMachine();
        var device = new Calculator();
        machine.Bus.MapMmio(Physical, 0x1000, device);
        machine.Bus.MapPorts(0x300, 16, device);
        machine.Entry(Window) = Physical | 7;
        machine.Write(values, control);
        machine.Write(values + 8, control | 0x1f80);
        machine.Write(values + 32, BitConverter.DoubleToUInt64Bits(1));
        machine.Write(values + 40, BitConverter.DoubleToUInt64Bits(3));
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rdi, Window);
            a.mov(esi, (uint)values);
            a.mov(edx, 0x300);
            foreach (int at in new[] { 0, 8 })
            {
                a.ldmxcsr(__dword_ptr[rsi + at]);
                a.movsd(xmm0, __qword_ptr[rsi + 32]);
                a.mov(rax, __qword_ptr[rdi]);
                a.mov(__dword_ptr[rdi], ecx);
                a.add(__dword_ptr[rdi], 1);
                a.@in(al, dx);
                a.@out(dx, al);
                // Inexact, where that is masked.
                if (at != 0)
                    a.divsd(xmm0, __qword_ptr[rsi + 40]);
                a.mov(rax, __qword_ptr[rdi + 7]);
                a.stmxcsr(__dword_ptr[rsi + at + 4]);
            }
            a.hlt();
        });
        machine.RunToHalt();
        Assert.True(device.Accesses >= 14, $"{device.Accesses} accesses");
        return (machine.Read(values) >> 32, machine.Read(values + 8) >> 32);
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
