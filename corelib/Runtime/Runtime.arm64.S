/* What compiled C# calls by symbol, as Runtime.S has it for x86-64; the compiler probes its stack itself here. AAPCS64
   throughout. */

        .section .text.memmove, "ax"
        .globl  memmove
        .globl  memcpy
memcpy:
memmove:                                /* x0 = destination, which is also the result, x1 = source, x2 = length */
        sub     x3, x0, x1
        cmp     x3, x2                  /* unsigned: destination inside the source? */
        b.lo    3f
        mov     x3, x0
1:      subs    x2, x2, #16
        b.lo    2f
        ldp     x4, x5, [x1], #16
        stp     x4, x5, [x3], #16
        b       1b
2:      tbz     x2, #3, 4f              /* what is left, less 16: its low four bits are as they were */
        ldr     x4, [x1], #8
        str     x4, [x3], #8
4:      ands    x2, x2, #7
5:      b.eq    6f
        ldrb    w4, [x1], #1
        strb    w4, [x3], #1
        subs    x2, x2, #1
        b       5b
6:      ret
3:      cbz     x2, 6b                  /* overlapping upwards: from the end */
        sub     x2, x2, #1
        ldrb    w4, [x1, x2]
        strb    w4, [x0, x2]
        b       3b

        .section .text.memset, "ax"
        .globl  memset
memset:                                 /* x0 = destination, which is also the result, w1 = value, x2 = length */
        mov     x3, x0
        dup     v0.16b, w1
1:      subs    x2, x2, #16
        b.lo    2f
        str     q0, [x3], #16
        b       1b
2:      ands    x2, x2, #15
3:      b.eq    4f
        strb    w1, [x3], #1
        subs    x2, x2, #1
        b       3b
4:      ret

/* Transitions between native and managed code: there is no collector to tell. */
        .section .text.transition, "ax"
        .globl  RhpReversePInvoke
        .globl  RhpReversePInvokeReturn
RhpReversePInvoke:
RhpReversePInvokeReturn:
        ret

        .section .text.failfast, "ax"
        .globl  RhpFallbackFailFast
RhpFallbackFailFast:
        b       freestanding_fail

        .section .rodata.cookie, "a"
        .globl  __security_cookie
        .balign 8
__security_cookie:
        /* Guards buffers on the stack against overruns, which bounds checks should have caught. Fixed, so no secret. */
        .quad   0x5bd1e995c6a4a793
