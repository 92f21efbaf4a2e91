/* checkpoint_fork: the instant that the checkpoint holds (thesis §6.3.3). Like setjmp it returns twice: 0 here, 1 on
   the machine that the checkpoint arrives on; or once, 2, when there is no fork yet. The registers go to memory before
   memory is write-protected, so they are part of it. */

        .section .text.fork, "ax"
        .globl  checkpoint_fork
checkpoint_fork:                        /* rdi = context: rbx rbp r12 r13 r14 r15 rsp */
        mov     %rbx, 0(%rdi)
        mov     %rbp, 8(%rdi)
        mov     %r12, 16(%rdi)
        mov     %r13, 24(%rdi)
        mov     %r14, 32(%rdi)
        mov     %r15, 40(%rdi)
        mov     %rsp, 48(%rdi)
        sub     $8, %rsp
        call    checkpoint_freeze
        add     $8, %rsp
        ret

/* Entered by the checkpoint loader (docs/architecture.md, "Checkpoint hand-over") with its page tables and its stack:
   rdi = hvm_start_info, rsi = the header's argument, rdx = late frames. */
        .globl  checkpoint_recover
checkpoint_recover:
        cld
        lea     recovery_stack_top(%rip), %rsp
        xor     %ebp, %ebp
        call    checkpoint_arrive       /* returns the context, with the forked process's address space in force */
        mov     0(%rax), %rbx
        mov     8(%rax), %rbp
        mov     16(%rax), %r12
        mov     24(%rax), %r13
        mov     32(%rax), %r14
        mov     40(%rax), %r15
        mov     48(%rax), %rsp
        mov     $1, %eax
        ret

        .globl  checkpoint_recover_address
checkpoint_recover_address:
        lea     checkpoint_recover(%rip), %rax
        ret

        .section .bss.recovery, "aw", @nobits
        .balign 16
        .skip   16384
recovery_stack_top:
