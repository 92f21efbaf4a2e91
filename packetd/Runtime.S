/* corelib's Start.S and Runtime.S for a program that never returns and whose size matters more than its speed: memory
   is moved and set by string instructions. System V AMD64 calling convention throughout. */

        .text
        .globl  _start, freestanding_fail, linux_syscall, memmove, memset, __security_cookie

_start:                                 /* rsp points at argc, argv, 0, envp, 0, auxv */
        mov     (%rsp), %rdi
        lea     8(%rsp), %rsi
        call    freestanding_main
freestanding_fail:
        ud2                             /* SIGILL: a broken invariant ends the process at once */

linux_syscall:                          /* (a, b, c, d, e, number) */
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

        .section .rodata.cookie, "a"
__security_cookie:
        /* Guards buffers on the stack against overruns, which bounds checks should have caught. Fixed, so no secret. */
        .quad   0x5bd1e995c6a4a793
