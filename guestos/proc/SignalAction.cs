using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct sigaction of one signal (kernel layout).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SignalAction
{
    /// <summary>SIG_DFL and SIG_IGN.</summary>
    public const ulong Default = 0;
    public const ulong Ignore = 1;

    // SA_… (include/uapi/asm-generic/signal-defs.h)
    public const ulong NoChildStop = 1;
    public const ulong NoChildWait = 2;
    public const ulong Restorer = 0x04000000;
    public const ulong OnStack = 0x08000000;
    public const ulong Restart = 0x10000000;
    public const ulong NoDefer = 0x40000000;
    public const ulong ResetHandler = 0x80000000;

    public ulong Handler;
    public ulong Flags;
    public ulong RestorerAddress;
    public ulong Mask;
}

/// <summary>The actions of a process, shared by CLONE_SIGHAND.</summary>
public unsafe struct SignalActions
{
    public int References;
    private fixed ulong words[Signal.Count * 4];

    public static SignalAction* Of(SignalActions* actions, Signal signal) =>
        (SignalAction*)actions->words + signal.Index;

    private static Slab<SignalActions> s_slab;

    /// <summary>All default; null without memory.</summary>
    public static SignalActions* Create()
    {
        SignalActions* actions = s_slab.Allocate();
        if (actions != null)
            actions->References = 1;
        return actions;
    }

    public static SignalActions* Fork(SignalActions* from)
    {
        SignalActions* actions = Create();
        if (actions != null)
        {
            *actions = *from;
            actions->References = 1;
        }
        return actions;
    }

    /// <summary>No handlers: what is not ignored has its default action, and none has flags or a mask.</summary>
    public static void Clear(SignalActions* actions)
    {
        for (ulong number = 1; Signal.TryMake(number, out Signal signal); number++)
        {
            SignalAction* action = Of(actions, signal);
            ulong handler = action->Handler == SignalAction.Ignore ? SignalAction.Ignore : SignalAction.Default;
            *action = new SignalAction { Handler = handler };
        }
    }

    public static void Release(SignalActions* actions)
    {
        actions->References--;
        if (actions->References == 0)
            s_slab.Free(actions);
    }
}
