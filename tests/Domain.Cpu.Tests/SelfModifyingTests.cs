using System;
using System.Collections.Generic;
using Testing;
using Testing.Processor;
using Xunit;

namespace Domain.Tests;

/// <summary>
/// Loops that write over themselves: ahead, behind, into the instruction that writes, across a page, by another address of
/// the same frame, by REP MOVS over itself, and in a page that is mapped elsewhere with INVLPG. Stepped instruction by
/// instruction, interpreted, and translated at once and later, each must end in the same state (SDM vol. 3, 8.1.3).
/// </summary>
public sealed unsafe class SelfModifyingTests
{
    private const int Slot = 16, Page = 4096;
    private const ulong Border = 0x201000, Alias = 0x100000, OtherFrame = 0x400000, StepHandler = 0x110000, TrapFlag = 0x100;

    private enum Kind
    {
        Load, Arithmetic, StoreImmediate, StoreOperation, Copy, DoubleOwn, Increment, Call, MapOther, MapBack,
    }

    private readonly record struct Place(Kind Kind, ulong At);

    private static readonly byte[] s_operations = [0xc0, 0xe8, 0xf0, 0xc8];

    [Fact]
    public void EveryEngineRunsWhatIsWritten()
    {
        var run = new RandomRun(15);
        var stepped = new TestMachine(false);
        TestMachine[] machines = [new TestMachine(false), new TestMachine(true), new TestMachine(true, 3)];
        while (run.Next())
        {
            var (start, code) = Program(run.Random);
            string expected = Run(stepped, start, code, true);
            foreach (var machine in machines)
                Assert.True(expected == Run(machine, start, code, false), $"{run}: {(machine.Cpu.Translates ? "translated" : "interpreted")}");
        }
    }

    private static string Run(TestMachine machine, ulong start, byte[] code, bool steps)
    {
        machine.Reset();
        machine.S->Halted = false;
        // Both frames of the second page begin alike.
        machine.Place(Border - Page, new byte[2 * Page]);
        machine.Place(start, code);
        machine.Place(OtherFrame, new Span<byte>(machine.Memory.Base + Border, Page).ToArray());
        for (ulong page = Border - Page; page <= Border; page += Page)
            machine.Entry(page + Alias) = page | 7;
        machine.Entry(Border + Alias + Page) = OtherFrame | 7;
        machine.Gate(1, StepHandler);
        machine.Place(StepHandler, a => a.iretq());
        machine.S->Rip = start;
        machine.S->SystemFlags = steps ? TrapFlag : 0;
        machine.RunToHalt();
        var hash = new HashCode();
        hash.AddBytes(new Span<byte>(machine.Memory.Base + Border - Page, 2 * Page));
        hash.AddBytes(new Span<byte>(machine.Memory.Base + OtherFrame, Page));
        return $"{machine.S->Gpr[0]:x} {machine.S->Gpr[3]:x} {machine.S->Rip:x} {hash.ToHashCode():x}";
    }

    private static (ulong Start, byte[] Code) Program(Random random)
    {
        int count = random.Next(6, 40);
        ulong start = Border - (ulong)random.Next(0, count * Slot);
        var places = new List<Place>();
        for (int i = 0; i < count; i++)
            places.Add(new Place((Kind)random.Next(10), start + 8 + (ulong)(i * Slot * 2)));
        var code = new List<byte>();
        // MOV R15D, the rounds.
        code.AddRange([0x41, 0xbf, (byte)random.Next(2, 40), 0, 0, 0, 0x90, 0x90]);
        foreach (var place in places)
        {
            var bytes = Bytes(place, places, random);
            code.AddRange(bytes);
            for (int rest = bytes.Count; rest < 2 * Slot; rest++)
                code.Add(0x90);
        }
        // DEC R15D; JNE to the first.
        code.AddRange([0x41, 0xff, 0xcf, 0x0f, 0x85]);
        code.AddRange(BitConverter.GetBytes(8 - (code.Count + 4)));
        // PUSH 2; POPF, since HLT does not wait while it is stepped; HLT.
        code.AddRange([0x6a, 2, 0x9d, 0xf4]);
        return (start, [.. code]);
    }

    private static List<byte> Bytes(Place place, List<Place> places, Random random)
    {
        var bytes = new List<byte>();
        var other = places[random.Next(places.Count)];
        switch (place.Kind)
        {
            case Kind.Load:
                Add(0xbb);
                Number(random.Next());
                break;
            case Kind.Arithmetic:
                Add(0x81, s_operations[random.Next(4)]);
                Number(random.Next());
                break;
            case Kind.StoreImmediate:
                // MOV [immediate of another], EAX
                Add(0x89, 0x04, 0x25);
                Number((int)Reach(Immediate(other)));
                break;
            case Kind.StoreOperation:
            {
                var target = places.Find(p => p.Kind == Kind.Arithmetic && random.Next(3) == 0);
                Add(0xc6, 0x04, 0x25);
                Number((int)Reach(target.At == 0 ? place.At + 2 * Slot - 1 : target.At + 1));
                Add(target.At == 0 ? (byte)0x90 : s_operations[random.Next(4)]);
                break;
            }
            case Kind.Copy:
            {
                // MOV ESI and EDI, PUSH and POP RCX, REP MOVSB: one of the same kind over another, itself perhaps.
                var target = places.FindLast(p => p.Kind == other.Kind && random.Next(2) == 0);
                Add(0xbe);
                Number((int)Reach(other.At));
                Add(0xbf);
                Number((int)Reach(target.At == 0 || other.Kind == Kind.Call ? other.At : target.At));
                Add(0x6a, (byte)(2 * Slot), 0x59, 0xf3, 0xa4);
                break;
            }
            case Kind.DoubleOwn:
                // ADD BYTE [own immediate], immediate; ADD EBX, EAX
                Add(0x80, 0x04, 0x25);
                Number((int)Reach(place.At + 7));
                Add((byte)random.Next(256), 0x01, 0xc3);
                break;
            case Kind.Increment:
                Add(0xff, 0x04, 0x25);
                Number((int)Reach(Immediate(other)));
                break;
            case Kind.Call:
                // CALL to the sixth byte behind; JMP over it; ADD EAX, immediate; RET
                Add(0xe8, 2, 0, 0, 0, 0xeb, 7, 0x81, 0xc0);
                Number(random.Next());
                Add(0xc3);
                break;
            default:
                // MOV QWORD [entry], frame; INVLPG
                Add(0x48, 0xc7, 0x04, 0x25);
                Number((int)(TestMachine.PageTable + (Border >> 12) * 8));
                Number((int)(place.Kind == Kind.MapOther ? OtherFrame : Border) | 7);
                Add(0x0f, 0x01, 0x3c, 0x25);
                Number((int)Border);
                break;
        }
        return bytes;

        void Add(params ReadOnlySpan<byte> what) => bytes.AddRange(what);

        void Number(int value) => bytes.AddRange(BitConverter.GetBytes(value));

        // By its own address, or by another one of the same frame; of the second page by that of either frame.
        ulong Reach(ulong address) => random.Next(2) == 0 ? address : address + Alias
            + (address >= Border && random.Next(2) == 0 ? (ulong)Page : 0);
    }

    /// <summary>Four bytes that may hold anything.</summary>
    private static ulong Immediate(Place place) => place.Kind switch
    {
        Kind.Load => place.At + 1,
        Kind.Arithmetic => place.At + 2,
        Kind.Call => place.At + 9,
        _ => 0x300800,
    };
}
