/* A Linux process begins here: sp points at argc, argv, 0, envp, 0, auxv. AAPCS64 throughout. */

        .section .text.start, "ax"
        .globl  _start
_start:
        mov     x29, #0
        mov     x30, #0
        ldr     x0, [sp]
        add     x1, sp, #8
        add     x2, x1, x0, lsl #3
        add     x2, x2, #8
        bl      freestanding_main
        mov     x8, #94                 /* exit_group */
        svc     #0
        udf     #0

        .globl  linux_syscall
        .section .text.syscall, "ax"
linux_syscall:                          /* (a, b, c, d, e, number) */
        mov     x8, x5
        svc     #0
        ret

        .globl  linux_syscall6
        .section .text.syscall6, "ax"
linux_syscall6:                         /* (number, a, b, c, d, e, f) */
        mov     x8, x0
        mov     x0, x1
        mov     x1, x2
        mov     x2, x3
        mov     x3, x4
        mov     x4, x5
        mov     x5, x6
        svc     #0
        ret

        .section .text.fail, "ax"
        .globl  freestanding_fail
freestanding_fail:
        udf     #0                      /* SIGILL: a broken invariant ends the process at once */
