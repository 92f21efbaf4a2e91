/* corelib/Runtime/Runtime.S for a program that values its size over its speed: the moves are the processor's own.
   System V AMD64 calling convention throughout. */

        .text
        .globl  packetd_syscall, memmove, memset, RhpReversePInvoke, RhpReversePInvokeReturn, RhpFallbackFailFast, __security_cookie

packetd_syscall:                        /* (a, b, c, d, e, number) */
        mov     %rcx, %r10
        mov     %r9, %rax
        syscall
        ret

memmove:                                /* rdi = destination, rsi = source, rdx = length */
        mov     %rdi, %r8
        sub     %rsi, %r8
        cmp     %rdx, %r8               /* unsigned: destination inside the source? */
        jb      freestanding_fail       /* nothing here moves that way, and what did would be copied wrong */
        mov     %rdx, %rcx
        rep     movsb
        ret

memset:                                 /* rdi = destination, esi = value, rdx = length */
        mov     %esi, %eax
        mov     %rdx, %rcx
        rep     stosb
        ret

RhpReversePInvoke:                      /* transitions between native and managed code: there is no collector to tell */
RhpReversePInvokeReturn:
        ret

RhpFallbackFailFast:
        jmp     freestanding_fail

        .section .rodata.cookie, "a"
__security_cookie:
        .quad   0x5bd1e995c6a4a793      /* guards buffers on the stack against overruns, which bounds checks should have caught; fixed, so no secret */
