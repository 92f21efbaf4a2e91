/* corelib/Runtime/Runtime.S for a program that values its size over its speed: the moves are the processor's own.
   System V AMD64 calling convention throughout. */

        .section .text.memmove, "ax"
        .globl  memmove
        .globl  memcpy
memcpy:
memmove:                                /* rdi = destination, rsi = source, rdx = length */
        mov     %rdi, %rax
        mov     %rdx, %rcx
        mov     %rdi, %r8
        sub     %rsi, %r8
        cmp     %rdx, %r8               /* unsigned: destination inside the source? */
        jb      freestanding_fail       /* nothing here moves that way, and what did would be copied wrong */
        rep     movsb
        ret

        .section .text.memset, "ax"
        .globl  memset
memset:                                 /* rdi = destination, esi = value, rdx = length */
        mov     %rdi, %r8
        mov     %esi, %eax
        mov     %rdx, %rcx
        rep     stosb
        mov     %r8, %rax
        ret

        .section .text.probe, "ax"
        .globl  RhpStackProbe
RhpStackProbe:                          /* r11 = the stack pointer to be: touch every page down to it */
        lea     -1(%rsp), %r10
        and     $-4096, %r10
1:      cmp     %r11, %r10
        jb      2f
        testb   $0, (%r10)
        sub     $4096, %r10
        jmp     1b
2:      ret

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
        jmp     freestanding_fail

        .section .rodata.cookie, "a"
        .globl  __security_cookie
        .balign 8
__security_cookie:
        .quad   0x5bd1e995c6a4a793      /* guards buffers on the stack against overruns, which bounds checks should have caught; fixed, so no secret */
