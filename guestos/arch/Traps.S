/* Ways into the kernel and out of it. Every way builds the same TrapFrame (TrapFrame.cs).

   Exceptions and interrupts enter on an interrupt stack (IST) that a checkpoint neither contains nor protects: the
   frame is built there, a write fault of the checkpointer is answered there, and everything else moves its frame to the
   kernel stack first. SYSCALL changes to the kernel stack by itself; its pushes may meet a protected page, which is
   such a write fault. x87 and MXCSR stay in the processor (FloatState.cs).

   While C# runs, GS leads to the LogicalProcessor; in user mode its base is the thread's. SWAPGS (SDM vol. 2) changes
   between the two where the privilege changes: behind SYSCALL and before IRETQ to user mode, with interrupts off. A
   trap goes by the privilege that it has interrupted. Those that may come between the change of privilege and SWAPGS:
   NMI, double fault and machine check ask the register itself; a refused IRETQ is known by its address, since nothing
   else traps there; and a single step behind SYSCALL returns without a look at GS (Traps.cs). */

#define USER_CODE 0x33
#define USER_DATA 0x2b
#define USER_PRIVILEGE 3
#define SYSCALL_VECTOR 256
#define TRAP_OR_RESUME 0x10100  /* TF and RF */
#define IA32_GS_BASE 0xc0000101
#define CR4_OSXSAVE 0x40000
#define XCR0_X87_SSE_AVX 7

/* Offsets in TrapFrame (TrapFrame.cs). */
#define FRAME_R11 560
#define FRAME_RCX 624
#define FRAME_RIP 664
#define FRAME_CS 672
#define FRAME_FLAGS 680

/* Offsets in LogicalProcessor (LogicalProcessor.cs). */
#define PROCESSOR_SELF 0
#define PROCESSOR_KERNEL_STACK_TOP 8
#define PROCESSOR_USER_STACK_POINTER 16
#define PROCESSOR_CURRENT_THREAD 24

        .macro  save_registers
        push    %rax
        push    %rbx
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %rbp
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $528, %rsp              /* FXSAVE area, fault address, one word of padding */
        movaps  %xmm0, 160(%rsp)
        movaps  %xmm1, 176(%rsp)
        movaps  %xmm2, 192(%rsp)
        movaps  %xmm3, 208(%rsp)
        movaps  %xmm4, 224(%rsp)
        movaps  %xmm5, 240(%rsp)
        movaps  %xmm6, 256(%rsp)
        movaps  %xmm7, 272(%rsp)
        movaps  %xmm8, 288(%rsp)
        movaps  %xmm9, 304(%rsp)
        movaps  %xmm10, 320(%rsp)
        movaps  %xmm11, 336(%rsp)
        movaps  %xmm12, 352(%rsp)
        movaps  %xmm13, 368(%rsp)
        movaps  %xmm14, 384(%rsp)
        movaps  %xmm15, 400(%rsp)
        .endm

        .macro  restore_registers
        movaps  160(%rsp), %xmm0
        movaps  176(%rsp), %xmm1
        movaps  192(%rsp), %xmm2
        movaps  208(%rsp), %xmm3
        movaps  224(%rsp), %xmm4
        movaps  240(%rsp), %xmm5
        movaps  256(%rsp), %xmm6
        movaps  272(%rsp), %xmm7
        movaps  288(%rsp), %xmm8
        movaps  304(%rsp), %xmm9
        movaps  320(%rsp), %xmm10
        movaps  336(%rsp), %xmm11
        movaps  352(%rsp), %xmm12
        movaps  368(%rsp), %xmm13
        movaps  384(%rsp), %xmm14
        movaps  400(%rsp), %xmm15
        add     $528, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rbp
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rbx
        pop     %rax
        add     $16, %rsp               /* vector, error code */
        .endm

        .section .text.traps, "ax"

/* 256 entries of 16 bytes. Exceptions 8, 10-14, 17, 21, 29, 30 push an error code themselves (SDM vol. 3A table 6-1;
   29 and 30: APM vol. 2 §8.2).
   NMI, double fault and machine check come at any time. */
        .balign 16
        .globl  trap_stubs
trap_stubs:
        vector = 0
        .rept   256
        .balign 16
        .set    exception, (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17)
        .set    pushes, exception || (vector == 21) || (vector == 29) || (vector == 30)
        .if     !pushes
        pushq   $0
        .endif
        pushq   $vector
        .if     (vector == 2) || (vector == 8) || (vector == 18)
        jmp     trap_anywhere
        .else
        jmp     trap_common
        .endif
        vector = vector + 1
        .endr

trap_anywhere:
        save_registers
        mov     $IA32_GS_BASE, %ecx
        rdmsr
        test    %edx, %edx              /* user mode has the lower half of addresses, the kernel the upper */
        js      trap_entered
        swapgs
        jmp     trap_entered

trap_common:
        save_registers
        testb   $USER_PRIVILEGE, FRAME_CS(%rsp)
        jnz     1f
        lea     trap_iret(%rip), %rax
        cmp     %rax, FRAME_RIP(%rsp)
        jne     trap_entered
1:      swapgs
trap_entered:
        cld
        mov     %rsp, %rdi
        call    trap_enter              /* the frame's place on the kernel stack, or 0: all done */
        test    %rax, %rax
        jz      trap_return
        mov     %rax, %rsp
        mov     %rax, %rdi
        call    trap_handle

        .globl  trap_return
trap_return:                            /* rsp = TrapFrame */
        testb   $USER_PRIVILEGE, FRAME_CS(%rsp)
        jnz     return_to_user
        restore_registers
        iretq

return_to_user:
        restore_registers
        swapgs
        .globl  trap_iret
trap_iret:                              /* a fault here is the fault of the frame in user mode: Traps.cs */
        iretq

        .globl  first_return
first_return:                           /* a new thread: its user frame lies right above */
        mov     %rsp, %rdi
        call    thread_first_return
        jmp     return_to_user

        .globl  syscall_entry
syscall_entry:                          /* rcx = return address, r11 = flags; interrupts are off (FMASK) */
        swapgs
        mov     %rsp, %gs:PROCESSOR_USER_STACK_POINTER
        mov     %gs:PROCESSOR_KERNEL_STACK_TOP, %rsp
        pushq   $USER_DATA
        pushq   %gs:PROCESSOR_USER_STACK_POINTER
        push    %r11
        pushq   $USER_CODE
        push    %rcx
        pushq   $0
        pushq   $SYSCALL_VECTOR
        save_registers
        mov     %rsp, %rdi
        mov     %gs:PROCESSOR_SELF, %rsi
        call    syscall_handle
        /* SYSRET where it does what IRETQ would: rcx and r11 are what the frame returns to, nothing is to be traced
           or resumed, and the address is canonical, since a fault of SYSRET itself would come in the kernel. */
        mov     FRAME_RIP(%rsp), %rcx
        mov     FRAME_FLAGS(%rsp), %r11
        cmp     %rcx, FRAME_RCX(%rsp)
        jne     return_to_user
        cmp     %r11, FRAME_R11(%rsp)
        jne     return_to_user
        test    $TRAP_OR_RESUME, %r11d
        jnz     return_to_user
        shr     $47, %rcx
        jnz     return_to_user
        restore_registers
        swapgs
        mov     24(%rsp), %rsp
        sysretq

/* SYSCALL in compatibility mode, which AMD has (APM vol. 2 §6.1.1): there are no 32-bit system calls.
   rcx = return address, r11 = flags. */
        .globl  syscall_entry_32
syscall_entry_32:
        mov     $-38, %eax              /* ENOSYS */
        sysretl

/* Lets in what has gathered while interrupts were off. */
        .globl  serve_interrupts
serve_interrupts:
        sti
        nop                             /* STI holds interrupts back for one instruction */
        cli
        ret

/* (byte* image): x87, MXCSR and XMM registers to memory, and back. */
        .globl  save_float
save_float:
        fxsave64 (%rdi)
        ret
        .globl  load_float
load_float:
        fxrstor64 (%rdi)
        ret

/* (byte* upper): the upper halves of the YMM registers to memory, and back; the lower halves stay as they are. */
        .globl  save_upper
save_upper:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vextractf128 $1, %ymm\n, 16 * \n(%rdi)
        .endr
        ret
        .globl  load_upper
load_upper:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vinsertf128 $1, 16 * \n(%rdi), %ymm\n, %ymm\n
        .endr
        ret

        .globl  switch_on_upper
switch_on_upper:
        mov     %cr4, %rax
        or      $CR4_OSXSAVE, %eax
        mov     %rax, %cr4
        xor     %ecx, %ecx
        xor     %edx, %edx
        mov     $XCR0_X87_SSE_AVX, %eax
        xsetbv
        vzeroupper
        ret

/* (ulong* save, ulong load): leaves this kernel stack, continues on another. */
        .globl  switch_context
switch_context:
        push    %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        ret

        .globl  symbol_trap_stubs
symbol_trap_stubs:
        lea     trap_stubs(%rip), %rax
        ret
        .globl  symbol_first_return
symbol_first_return:
        lea     first_return(%rip), %rax
        ret
        .globl  symbol_syscall_entry
symbol_syscall_entry:
        lea     syscall_entry(%rip), %rax
        ret
        .globl  symbol_syscall_entry_32
symbol_syscall_entry_32:
        lea     syscall_entry_32(%rip), %rax
        ret
        .globl  symbol_trap_iret
symbol_trap_iret:
        lea     trap_iret(%rip), %rax
        ret
        .globl  current_processor
current_processor:
        mov     %gs:PROCESSOR_SELF, %rax
        ret
        .globl  current_thread
current_thread:
        mov     %gs:PROCESSOR_CURRENT_THREAD, %rax
        ret
        .globl  symbol_kernel_text_start
symbol_kernel_text_start:
        lea     kernel_text_start(%rip), %rax
        ret
        .globl  symbol_kernel_rodata_start
symbol_kernel_rodata_start:
        lea     kernel_rodata_start(%rip), %rax
        ret
        .globl  symbol_kernel_data_start
symbol_kernel_data_start:
        lea     kernel_data_start(%rip), %rax
        ret
        .globl  symbol_kernel_end
symbol_kernel_end:
        lea     kernel_end(%rip), %rax
        ret

/* (ulong root, ulong argument): from the boot page tables to the kernel's own, where the boot stack is in the direct
   map only. */
        .globl  enter_kernel_tables
enter_kernel_tables:
        mov     %rdi, %cr3
        movabs  $boot_stack_top + 0xffffc00000000000, %rsp
        mov     %rsi, %rdi
        xor     %ebp, %ebp
        call    kernel_start
        ud2

/* Loads a GDT made by Descriptors.cs: pointer in rdi; the data segments are empty in long mode. */
        .globl  load_segments
load_segments:
        lgdt    (%rdi)
        mov     $0x18, %eax
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        pop     %rax
        pushq   $0x10
        push    %rax
        lretq

/* A broken invariant found by compiled code. */
        .section .text.fail, "ax"
        .globl  freestanding_fail
freestanding_fail:
        mov     (%rsp), %rdi
        mov     %rsp, %rsi
        and     $-16, %rsp
        call    kernel_fail
        ud2
