/* As packetd_syscall in Runtime.S, for arm64. AAPCS64. */

        .text
        .globl  packetd_syscall
packetd_syscall:                        /* (a, b, c, d, e, number) */
        mov     x8, x5
        svc     #0
        ret
