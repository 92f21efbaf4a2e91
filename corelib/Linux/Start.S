/* A Linux process begins here (System V AMD64 ABI, "Process Initialization"): rsp, a multiple
   of 16, points at argc, argv, 0, envp, 0, auxv. */

        .section .text.start, "ax"
        .globl  _start, freestanding_fail
_start:
        xor     %ebp, %ebp
        mov     (%rsp), %rdi
        lea     8(%rsp), %rsi
        lea     16(%rsp,%rdi,8), %rdx
        call    freestanding_main
        mov     %eax, %edi
        mov     $231, %eax              /* exit_group */
        syscall
freestanding_fail:
        ud2                             /* SIGILL: a broken invariant ends the process at once */

        .globl  linux_syscall
        .section .text.syscall, "ax"
linux_syscall:                          /* (a, b, c, d, e, number) */
        mov     %rcx, %r10
        mov     %r9, %rax
        syscall
        ret

        .globl  linux_syscall6
        .section .text.syscall6, "ax"
linux_syscall6:                         /* (number, a, b, c, d, e, f) */
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsi
        mov     %rcx, %rdx
        mov     %r8, %r10
        mov     %r9, %r8
        mov     8(%rsp), %r9
        syscall
        ret
