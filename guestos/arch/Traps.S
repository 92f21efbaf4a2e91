/* Ways into the kernel and out of it. Every way builds the same TrapFrame (TrapFrame.cs).

   Exceptions and interrupts enter on an interrupt stack (IST) that a checkpoint neither contains nor protects: the frame is built
   there, a write fault of the checkpointer is answered there, and everything else moves its frame to the kernel stack first.
   SYSCALL changes to the kernel stack by itself; its pushes may meet a protected page, which is such a write fault. */

#define USER_CODE 0x33
#define USER_DATA 0x2b
#define SYSCALL_VECTOR 256

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
        fxsave64 (%rsp)
        ldmxcsr kernel_mxcsr(%rip)      /* no exception that a process has unmasked may come in the kernel */
        .endm

        .section .text.traps, "ax"

/* 256 entries of 16 bytes. Exceptions 8, 10-14, 17, 21, 29, 30 push an error code themselves (SDM vol. 3A table 6-1). */
        .balign 16
        .globl  trap_stubs
trap_stubs:
        vector = 0
        .rept   256
        .balign 16
        .if (vector != 8) && ((vector < 10) || (vector > 14)) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_common
        vector = vector + 1
        .endr

trap_common:
        save_registers
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
        fxrstor64 (%rsp)
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
        .globl  trap_iret
trap_iret:                              /* a fault here is the fault of the frame in user mode: Traps.cs */
        iretq

        .globl  first_return
first_return:                           /* a new process: its user frame lies right above */
        mov     %rsp, %rdi
        call    process_first_return
        jmp     trap_return

        .globl  syscall_entry
syscall_entry:                          /* rcx = return address, r11 = flags; interrupts are off (FMASK) */
        mov     %rsp, syscall_user_stack(%rip)
        mov     kernel_stack_top(%rip), %rsp
        pushq   $USER_DATA
        pushq   syscall_user_stack(%rip)
        push    %r11
        pushq   $USER_CODE
        push    %rcx
        pushq   $0
        pushq   $SYSCALL_VECTOR
        save_registers
        mov     %rsp, %rdi
        call    syscall_handle
        jmp     trap_return

/* SYSCALL in compatibility mode, which AMD has (APM vol. 2 §6.1.1): there are no 32-bit system calls. rcx = return address, r11 = flags. */
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
        .globl  symbol_kernel_stack_top
symbol_kernel_stack_top:
        lea     kernel_stack_top(%rip), %rax
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

/* (ulong root, ulong argument): from the boot page tables to the kernel's own, where the boot stack is in the direct map only. */
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

        .section .data.traps, "aw"
        .balign 8
kernel_mxcsr:
        .long   0x1f80, 0
syscall_user_stack:
        .quad   0
        .globl  kernel_stack_top
kernel_stack_top:
        .quad   0
