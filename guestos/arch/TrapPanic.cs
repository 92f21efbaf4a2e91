using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime;
using Board;

namespace Guestos;

/// <summary>A panic that shows registers and stack.</summary>
internal static unsafe class TrapPanic
{
    /// <summary>As <see cref="Panic.Stop"/>, with the registers of what was interrupted.</summary>
    [DoesNotReturn]
    public static void Stop(ReadOnlySpan<byte> reason, TrapFrame* frame)
    {
        Panic.Begin(reason);
        Show(frame);
        Panic.End();
    }

    private static void Show(TrapFrame* frame)
    {
        Word("\nvector "u8, frame->Vector);
        Word(" error "u8, frame->ErrorCode);
        Word(" cr2 "u8, frame->FaultAddress);
        Word("\nrip "u8, frame->Rip);
        Word(" cs "u8, frame->Cs);
        Word(" flags "u8, frame->Flags);
        Word(" rsp "u8, frame->Rsp);
        Word("\nrax "u8, frame->Rax);
        Word(" rbx "u8, frame->Rbx);
        Word(" rcx "u8, frame->Rcx);
        Word(" rdx "u8, frame->Rdx);
        Word("\nrsi "u8, frame->Rsi);
        Word(" rdi "u8, frame->Rdi);
        Word(" rbp "u8, frame->Rbp);
        Word(" cr3 "u8, Processor.ReadCr3());
        Word("\nr8  "u8, frame->R8);
        Word(" r9  "u8, frame->R9);
        Word(" r10 "u8, frame->R10);
        Word(" r11 "u8, frame->R11);
        Word("\nr12 "u8, frame->R12);
        Word(" r13 "u8, frame->R13);
        Word(" r14 "u8, frame->R14);
        Word(" r15 "u8, frame->R15);
        if (!frame->FromUser && frame->Rsp >= DirectMap.Base)
            ShowStack(frame->Rsp);
    }

    /// <summary>The words of the stack that look like return addresses.</summary>
    private static void ShowStack(ulong stack)
    {
        Console.Write("\ncalled from"u8);
        ulong end = (stack | (ulong)(DirectMap.PageSize - 1)) & ~7UL;
        int shown = 0;
        for (ulong at = stack & ~7UL; at < end && shown < 16; at += 8)
        {
            ulong value = *(ulong*)at;
            if (value < KernelImage.TextStart() || value >= KernelImage.RodataStart())
                continue;
            Word(" "u8, value);
            shown++;
        }
    }

    private static void Word(ReadOnlySpan<byte> name, ulong value)
    {
        Console.Write(name);
        Console.WriteHex(value);
    }

    /// <summary>A failed bounds check or the like in compiled code.</summary>
    [RuntimeExport("kernel_fail")]
    private static void Fail(ulong returnAddress, ulong stack)
    {
        Console.Write("\nbroken invariant near "u8);
        Console.WriteHex(returnAddress);
        ShowStack(stack);
        Panic.Stop("broken invariant"u8);
    }
}
