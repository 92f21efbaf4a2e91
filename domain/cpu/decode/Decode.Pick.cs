namespace Domain;

// Type arguments stand for sizes and address forms; these turn the decoder's run-time values into them.

internal unsafe interface ISizePick
{
    static abstract Handler Get<TSize>() where TSize : struct, ISize;
}

internal unsafe interface IMemoryPick
{
    static abstract Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress;
}

internal unsafe interface IAddressPick
{
    static abstract Handler Get<TAddress>() where TAddress : struct, IAddress;
}

internal unsafe interface IConditionPick
{
    static abstract Handler Get<TCondition>() where TCondition : struct, ICondition;
}

internal unsafe interface IStackPick
{
    static abstract Handler Get<TStack, TSize>() where TStack : struct, IStack where TSize : struct, ISize;
}

internal enum StackForm
{
    Wide,
    Flat,
    Segmented,
}

internal enum AddressForm
{
    Base,
    Index,
    Rip,
}

internal static unsafe class Pick
{
    public static Handler Size<TPick>(int log) where TPick : struct, ISizePick => log switch
    {
        0 => TPick.Get<Size8>(),
        1 => TPick.Get<Size16>(),
        2 => TPick.Get<Size32>(),
        _ => TPick.Get<Size64>(),
    };

    public static Handler Address<TPick>(AddressForm form) where TPick : struct, IAddressPick => form switch
    {
        AddressForm.Base => TPick.Get<AddressBase>(),
        AddressForm.Index => TPick.Get<AddressIndex>(),
        _ => TPick.Get<AddressRip>(),
    };

    public static Handler Memory<TPick>(int log, AddressForm form) where TPick : struct, IMemoryPick => form switch
    {
        AddressForm.Base => Memory<TPick, AddressBase>(log),
        AddressForm.Index => Memory<TPick, AddressIndex>(log),
        _ => Memory<TPick, AddressRip>(log),
    };

    private static Handler Memory<TPick, TAddress>(int log) where TPick : struct, IMemoryPick
        where TAddress : struct, IAddress => log switch
    {
        0 => TPick.Get<Size8, TAddress>(),
        1 => TPick.Get<Size16, TAddress>(),
        2 => TPick.Get<Size32, TAddress>(),
        _ => TPick.Get<Size64, TAddress>(),
    };

    public static Handler Stack<TPick>(StackForm form, int log) where TPick : struct, IStackPick => form switch
    {
        StackForm.Wide => Stack<TPick, Stack64>(log),
        StackForm.Flat => Stack<TPick, Stack32>(log),
        _ => Stack<TPick, StackSegmented>(log),
    };

    private static Handler Stack<TPick, TStack>(int log)
        where TPick : struct, IStackPick where TStack : struct, IStack => log switch
    {
        1 => TPick.Get<TStack, Size16>(),
        2 => TPick.Get<TStack, Size32>(),
        _ => TPick.Get<TStack, Size64>(),
    };

    /// <summary>Condition code 0–15.</summary>
    public static Handler Condition<TPick>(int code) where TPick : struct, IConditionPick => code switch
    {
        0 => TPick.Get<Overflow>(),
        1 => TPick.Get<Not<Overflow>>(),
        2 => TPick.Get<Below>(),
        3 => TPick.Get<Not<Below>>(),
        4 => TPick.Get<Equal>(),
        5 => TPick.Get<Not<Equal>>(),
        6 => TPick.Get<BelowOrEqual>(),
        7 => TPick.Get<Not<BelowOrEqual>>(),
        8 => TPick.Get<Sign>(),
        9 => TPick.Get<Not<Sign>>(),
        10 => TPick.Get<Parity>(),
        11 => TPick.Get<Not<Parity>>(),
        12 => TPick.Get<Less>(),
        13 => TPick.Get<Not<Less>>(),
        14 => TPick.Get<LessOrEqual>(),
        _ => TPick.Get<Not<LessOrEqual>>(),
    };
}
