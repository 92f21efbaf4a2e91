using System;
using System.Numerics;

namespace Domain.Devices;

/// <summary>The processor's local APIC in xAPIC mode at 0xfee00000 (SDM vol. 3, chapter 12 "APIC").</summary>
/// <remarks>
/// One processor, APIC identifier 0. Interrupts are accepted, prioritised and acknowledged on the CPU thread.
/// </remarks>
public sealed partial class LocalApic : IDevice, IInterruptController
{
    public const ulong Address = 0xfee0_0000, Length = 0x1000;

    private const uint VersionRegister = 0x0005_0014;   // six local vector table entries, integrated APIC
    private const uint SoftwareEnable = 0x100, Masked = 0x1_0000;
    private const uint IllegalVectorReceived = 1 << 6, IllegalVectorSent = 1 << 5;

    // 256-bit registers, one bit a vector; [n] holds vectors 64n to 64n+63.
    private readonly ulong[] requested = new ulong[4];
    private readonly ulong[] inService = new ulong[4];
    private readonly ulong[] levelTriggered = new ulong[4];

    private uint taskPriority, logicalDestination, destinationFormat = uint.MaxValue, spurious = 0xff;
    private uint errorStatus, errorLatch, commandLow, commandHigh;
    // timer, thermal, performance, LINT0, LINT1, error
    private readonly uint[] localVectors = [Masked, Masked, Masked, Masked, Masked, Masked];
    private uint identifier;
    private bool pending;

    /// <summary>Called when an interrupt becomes deliverable, so that a running processor looks.</summary>
    public Action? Raised { get; set; }

    /// <summary>Called at the end of a level-triggered interrupt with its vector: the I/O APIC listens.</summary>
    public Action<int>? EndOfLevelInterrupt { get; set; }

    public ApicMetrics Metrics;

    public bool Pending => pending;

    public uint TaskPriority
    {
        get => taskPriority >> 4;
        set
        {
            taskPriority = (value & 15) << 4;
            Update();
        }
    }

    public int Acknowledge()
    {
        int vector = Highest(requested);
        if (!pending || vector < 0)
            return (int)(spurious & 0xff);
        Clear(requested, vector);
        SetBit(inService, vector);
        Metrics.Delivered++;
        Update();
        return vector;
    }

    /// <summary>Accepts a fixed interrupt from the I/O APIC, a local source or an interprocessor message.</summary>
    public void Accept(int vector, bool level)
    {
        if (vector < 16)
        {
            // SDM 12.5.2: vectors 0 to 15 are illegal and set an error instead.
            Error(IllegalVectorReceived);
            return;
        }
        SetBit(requested, vector);
        if (level)
            SetBit(levelTriggered, vector);
        else
            Clear(levelTriggered, vector);
        Update();
    }

    /// <summary>Whether a message addressed like this means this processor (SDM 12.6.2).</summary>
    public bool Matches(uint destination, bool logical)
    {
        if (!logical)
            return destination == identifier >> 24 || destination == 0xff;
        uint own = logicalDestination >> 24;
        return destinationFormat >> 28 == 0xf
            ? (own & destination) != 0
            : destination == 0xff || (own >> 4 == destination >> 4 && (own & destination & 15) != 0);
    }

    public ulong Read(ulong offset, int size)
    {
        // Registers are 32 bits wide on 16-byte boundaries; anything else is undefined and reads as zero.
        if ((offset & 15) != 0 || size > 8)
            return 0;
        return (uint)offset switch
        {
            0x020 => identifier,
            0x030 => VersionRegister,
            0x080 => taskPriority,
            0x0a0 => ProcessorPriority,
            0x0d0 => logicalDestination,
            0x0e0 => destinationFormat,
            0x0f0 => spurious,
            >= 0x100 and < 0x180 => Word(inService, offset),
            >= 0x180 and < 0x200 => Word(levelTriggered, offset),
            >= 0x200 and < 0x280 => Word(requested, offset),
            0x280 => errorStatus,
            0x300 => commandLow,
            0x310 => commandHigh,
            >= 0x320 and <= 0x370 => localVectors[(offset - 0x320) >> 4],
            0x380 => initialCount,
            0x390 => CurrentCount,
            0x3e0 => divideConfiguration,
            _ => 0,
        };
    }

    public void Write(ulong offset, int size, ulong value)
    {
        if ((offset & 15) != 0)
            return;
        uint data = (uint)value;
        switch ((uint)offset)
        {
            case 0x020:
                identifier = data & 0xff00_0000;
                break;
            case 0x080:
                taskPriority = data & 0xff;
                Update();
                break;
            case 0x0b0:
                EndOfInterrupt();
                break;
            case 0x0d0:
                logicalDestination = data & 0xff00_0000;
                break;
            case 0x0e0:
                destinationFormat = data | 0x0fff_ffff;
                break;
            case 0x0f0:
                spurious = data & 0x1ff;
                MaskAllWhenDisabled();
                Update();
                break;
            case 0x280:
                // A write moves the errors collected since the last one into the register (SDM 12.5.3).
                errorStatus = errorLatch;
                errorLatch = 0;
                break;
            case 0x300:
                commandLow = data & ~0x1000u;
                SendCommand();
                break;
            case 0x310:
                commandHigh = data & 0xff00_0000;
                break;
            case 0x320:
                WriteTimerVector(data);
                break;
            case >= 0x330 and <= 0x370:
                localVectors[(offset - 0x320) >> 4] = (data & 0x1_a7ff)
                    | ((spurious & SoftwareEnable) == 0 ? Masked : 0);
                break;
            case 0x380:
                StartTimer(data);
                break;
            case 0x3e0:
                WriteDivide(data);
                break;
        }
    }

    private uint ProcessorPriority
    {
        get
        {
            int serving = Highest(inService);
            uint servingClass = serving < 0 ? 0 : (uint)serving & 0xf0;
            return (taskPriority & 0xf0) >= servingClass ? taskPriority : servingClass;
        }
    }

    private void Update()
    {
        int vector = Highest(requested);
        bool now = vector >= 0 && (spurious & SoftwareEnable) != 0
            && ((uint)vector & 0xf0) > (ProcessorPriority & 0xf0);
        bool rose = now && !pending;
        pending = now;
        if (rose)
            Raised?.Invoke();
    }

    private void EndOfInterrupt()
    {
        int vector = Highest(inService);
        if (vector < 0)
            return;
        Clear(inService, vector);
        if (IsSet(levelTriggered, vector))
            EndOfLevelInterrupt?.Invoke(vector);
        Update();
    }

    // SDM 12.6.1: on one processor only messages to oneself arrive; INIT, start-up and SMI to others go nowhere.
    private void SendCommand()
    {
        uint mode = (commandLow >> 8) & 7, shorthand = (commandLow >> 18) & 3;
        bool self = shorthand switch
        {
            0 => Matches(commandHigh >> 24, (commandLow & 0x800) != 0),
            1 or 2 => true,
            _ => false,
        };
        const uint Fixed = 0, LowestPriority = 1;
        if (!self || mode is not (Fixed or LowestPriority))
            return;
        if ((commandLow & 0xff) < 16)
            Error(IllegalVectorSent);
        else
            Accept((int)(commandLow & 0xff), false);
    }

    private void Error(uint bit)
    {
        errorLatch |= bit;
        Metrics.Errors++;
        uint vector = localVectors[5];
        if ((vector & Masked) == 0 && (vector & 0xff) >= 16)
            Accept((int)(vector & 0xff), false);
    }

    private void MaskAllWhenDisabled()
    {
        if ((spurious & SoftwareEnable) != 0)
            return;
        Expire(clock());
        foreach (ref uint vector in localVectors.AsSpan())
            vector |= Masked;
        TimerChanged?.Invoke();
    }

    private static int Highest(ulong[] register)
    {
        for (int i = 3; i >= 0; i--)
        {
            if (register[i] != 0)
                return i * 64 + 63 - BitOperations.LeadingZeroCount(register[i]);
        }
        return -1;
    }

    private static uint Word(ulong[] register, ulong offset)
    {
        int word = (int)(offset >> 4) & 7;
        return (uint)(register[word >> 1] >> ((word & 1) * 32));
    }

    private static bool IsSet(ulong[] register, int vector) => (register[vector >> 6] & 1UL << (vector & 63)) != 0;

    private static void SetBit(ulong[] register, int vector) => register[vector >> 6] |= 1UL << (vector & 63);

    private static void Clear(ulong[] register, int vector) => register[vector >> 6] &= ~(1UL << (vector & 63));
}
