namespace Domain;

// One line per family of handlers, for Pick.

internal unsafe struct AluRegisterRegister<TOp> : ISizePick where TOp : struct, IAlu
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Alu<TOp, TSize>.RegisterRegister;
}

internal unsafe struct AluRegisterImmediate<TOp> : ISizePick where TOp : struct, IAlu
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Alu<TOp, TSize>.RegisterImmediate;
}

internal unsafe struct AluRegisterMemory<TOp> : IMemoryPick where TOp : struct, IAlu
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &AluMemory<TOp, TSize, TAddress>.RegisterMemory;
}

internal unsafe struct AluMemoryRegister<TOp> : IMemoryPick where TOp : struct, IAlu
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &AluMemory<TOp, TSize, TAddress>.MemoryRegister;
}

internal unsafe struct AluMemoryImmediate<TOp> : IMemoryPick where TOp : struct, IAlu
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &AluMemory<TOp, TSize, TAddress>.MemoryImmediate;
}

internal unsafe struct MoveRegisterRegister : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Move<TSize>.RegisterRegister;
}

internal unsafe struct MoveRegisterImmediate : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Move<TSize>.RegisterImmediate;
}

internal unsafe struct MoveExchange : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Move<TSize>.Exchange;
}

internal unsafe struct MoveByteSwap : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Move<TSize>.ByteSwap;
}

internal unsafe struct MoveConditional : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Move<TSize>.Conditional;
}

internal unsafe struct MoveMemoryRegisterMemory : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &MoveMemory<TSize, TAddress>.RegisterMemory;
}

internal unsafe struct MoveMemoryMemoryRegister : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &MoveMemory<TSize, TAddress>.MemoryRegister;
}

internal unsafe struct MoveMemoryMemoryImmediate : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &MoveMemory<TSize, TAddress>.MemoryImmediate;
}

internal unsafe struct MoveMemoryExchange : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &MoveMemory<TSize, TAddress>.Exchange;
}

internal unsafe struct MoveMemoryLoadAddress : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &MoveMemory<TSize, TAddress>.LoadAddress;
}

internal unsafe struct MoveMemoryLoadNarrowAddress : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &MoveMemory<TSize, TAddress>.LoadNarrowAddress;
}

internal unsafe struct MoveMemoryLoadShortAddress : IMemoryPick
{
    public static Handler Get<TSize, TAddress>()
        where TSize : struct, ISize where TAddress : struct, IAddress => &MoveMemory<TSize, TAddress>.LoadShortAddress;
}

internal unsafe struct ExtendZero<TFrom> : ISizePick where TFrom : struct, ISize
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Extend<TSize, TFrom>.Zero;
}

internal unsafe struct ExtendMemoryZero<TFrom> : IMemoryPick where TFrom : struct, ISize
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &ExtendMemory<TSize, TFrom, TAddress>.Zero;
}

internal unsafe struct ExtendSign<TFrom> : ISizePick where TFrom : struct, ISize
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Extend<TSize, TFrom>.Sign;
}

internal unsafe struct ExtendMemorySign<TFrom> : IMemoryPick where TFrom : struct, ISize
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &ExtendMemory<TSize, TFrom, TAddress>.Sign;
}

internal unsafe struct DoubleShiftLeft : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DoubleShift<TSize>.Left;
}

internal unsafe struct DoubleShiftLeftByCl : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DoubleShift<TSize>.LeftByCl;
}

internal unsafe struct DoubleShiftRight : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DoubleShift<TSize>.Right;
}

internal unsafe struct DoubleShiftRightByCl : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DoubleShift<TSize>.RightByCl;
}

internal unsafe struct DivMulMultiply : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DivMul<TSize>.Multiply;
}

internal unsafe struct DivMulMultiplySigned : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DivMul<TSize>.MultiplySigned;
}

internal unsafe struct DivMulMultiplyTwo : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DivMul<TSize>.MultiplyTwo;
}

internal unsafe struct DivMulMultiplyThree : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DivMul<TSize>.MultiplyThree;
}

internal unsafe struct DivMulDivide : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DivMul<TSize>.Divide;
}

internal unsafe struct DivMulDivideSigned : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &DivMul<TSize>.DivideSigned;
}

internal unsafe struct BitsTestRegister : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.TestRegister;
}

internal unsafe struct BitsTestImmediate : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.TestImmediate;
}

internal unsafe struct BitsTestMemory : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.TestMemory;
}

internal unsafe struct LegacyBound : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Legacy.Bound<TSize>;
}

internal unsafe struct SystemInspect : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &SystemOps.Inspect<TSize>;
}

internal unsafe struct SystemLoadPointer : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &SystemOps.LoadPointer<TSize>;
}

internal unsafe struct BitsScanForward : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.ScanForward;
}

internal unsafe struct BitsScanReverse : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.ScanReverse;
}

internal unsafe struct BitsCount : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.Count;
}

internal unsafe struct BitsCompareExchange : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.CompareExchange;
}

internal unsafe struct BitsExchangeAdd : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Bits<TSize>.ExchangeAdd;
}

internal unsafe struct StringMove : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &String<TSize>.Move;
}

internal unsafe struct StringStore : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &String<TSize>.Store;
}

internal unsafe struct StringLoad : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &String<TSize>.Load;
}

internal unsafe struct StringScan : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &String<TSize>.Scan;
}

internal unsafe struct StringCompare : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &String<TSize>.Compare;
}

internal unsafe struct StringInput : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &String<TSize>.Input;
}

internal unsafe struct StringOutput : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &String<TSize>.Output;
}

internal unsafe struct PortIn : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &SystemOps.In<TSize>;
}

internal unsafe struct PortOut : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &SystemOps.Out<TSize>;
}

internal unsafe struct StackPush : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.Push<TSize>;
}

internal unsafe struct StackPushImmediate : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PushImmediate<TSize>;
}

internal unsafe struct StackPop : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.Pop<TSize>;
}

internal unsafe struct StackPopTemp : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PopTemp<TSize>;
}

internal unsafe struct StackPopStore : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PopStore<TSize>;
}

internal unsafe struct StackPopSegment : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PopSegment<TSize>;
}

internal unsafe struct StackLeave : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.Leave<TSize>;
}

internal unsafe struct StackEnter : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.Enter<TSize>;
}

internal unsafe struct StackPushFlags : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PushFlags<TSize>;
}

internal unsafe struct StackPopFlags : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PopFlags<TSize>;
}

internal unsafe struct StackPushAll : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PushAll<TSize>;
}

internal unsafe struct StackPopAll : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Stack<TStack>.PopAll<TSize>;
}

internal unsafe struct JumpCall : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Jump.Call<TStack, TSize>;
}

internal unsafe struct JumpCallIndirect : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Jump.CallIndirect<TStack, TSize>;
}

internal unsafe struct JumpReturn : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &Jump.Return<TStack, TSize>;
}

internal unsafe struct SystemFarCall : IStackPick
{
    public static Handler Get<TStack, TSize>()
        where TStack : struct, IStack where TSize : struct, ISize => &SystemOps.FarCall<TStack, TSize>;
}

internal unsafe struct LoopBy : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Jump.Loop<TSize>;
}

internal unsafe struct OperandStoreBack : ISizePick
{
    public static Handler Get<TSize>() where TSize : struct, ISize => &Operand.StoreBack<TSize>;
}

internal unsafe struct OperandLoad : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &Operand<TAddress>.Load<TSize>;
}

internal unsafe struct OperandLoadForWrite : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &Operand<TAddress>.LoadForWrite<TSize>;
}

internal unsafe struct OperandStore : IMemoryPick
{
    public static Handler Get<TSize, TAddress>() where TSize : struct, ISize where TAddress : struct, IAddress =>
        &Operand<TAddress>.Store<TSize>;
}

internal unsafe struct OperandSegmented : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.Segmented;
}

internal unsafe struct OperandNarrow : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.Narrow;
}

internal unsafe struct OperandWrapped : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.Wrapped;
}

internal unsafe struct OperandChecked : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.Checked;
}

internal unsafe struct OperandCompute : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.Compute;
}

internal unsafe struct OperandLoadVector4 : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.LoadVector4;
}

internal unsafe struct OperandLoadVector8 : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.LoadVector8;
}

internal unsafe struct OperandLoadVector16 : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.LoadVector16;
}

internal unsafe struct OperandLoadVectorAligned : IAddressPick
{
    public static Handler Get<TAddress>() where TAddress : struct, IAddress => &Operand<TAddress>.LoadVectorAligned;
}

internal unsafe struct JumpConditional : IConditionPick
{
    public static Handler Get<TCondition>() where TCondition : struct, ICondition => &Jump<TCondition>.Conditional;
}

internal unsafe struct CompareJumpRegisterRegister<TSize> : IConditionPick where TSize : struct, ISize
{
    public static Handler Get<TCondition>() where TCondition : struct, ICondition =>
        &CompareJump<TCondition, TSize>.RegisterRegister;
}

internal unsafe struct CompareJumpRegisterImmediate<TSize> : IConditionPick where TSize : struct, ISize
{
    public static Handler Get<TCondition>() where TCondition : struct, ICondition =>
        &CompareJump<TCondition, TSize>.RegisterImmediate;
}

internal unsafe struct CompareJumpTestRegister<TSize> : IConditionPick where TSize : struct, ISize
{
    public static Handler Get<TCondition>() where TCondition : struct, ICondition =>
        &CompareJump<TCondition, TSize>.TestRegister;
}

internal unsafe struct CompareJumpTestImmediate<TSize> : IConditionPick where TSize : struct, ISize
{
    public static Handler Get<TCondition>() where TCondition : struct, ICondition =>
        &CompareJump<TCondition, TSize>.TestImmediate;
}
