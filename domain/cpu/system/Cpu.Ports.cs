namespace Domain;

/// <summary>IN and OUT (SDM vol. 1, chapter 19): from the handlers to the bus.</summary>
public sealed unsafe partial class Cpu
{
    internal uint PortIn(ushort port, int size)
    {
        HostFloat.Leave(s);
        uint value = bus.In(port, size);
        HostFloat.Enter(s);
        return value;
    }

    internal void PortOut(ushort port, int size, uint value)
    {
        HostFloat.Leave(s);
        bus.Out(port, size, value);
        HostFloat.Enter(s);
    }

    /// <summary>Port access: IOPL only; the TSS's bitmap is taken as denying everything.</summary>
    internal static bool MayUsePorts(CpuState* s, Op* op)
    {
        if (s->Cpl <= (int)(s->SystemFlags >> 12 & 3))
            return true;
        Raise(s, op, ExceptionVector.GP);
        return false;
    }
}
