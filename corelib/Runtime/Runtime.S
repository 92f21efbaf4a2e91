/* What compiled C# calls by symbol: block moves and the stack probe.
   System V AMD64 calling convention throughout. */

        .section .text.memmove, "ax"
        .globl  memmove
        .globl  memcpy
memcpy:
memmove:                                /* rdi = destination, rsi = source, rdx = length */
        mov     %rdi, %rax
        mov     %rdi, %rcx
        sub     %rsi, %rcx
        cmp     %rdx, %rcx              /* unsigned: destination inside the source? */
        jb      1f
        mov     %rdx, %rcx
        cmp     $32, %rdx
        jbe     2f
        /* The last word first: where the ranges overlap the stores reach it. An emulator moves one element after the
           other: words are eight times as fast there as bytes. */
        mov     -8(%rsi,%rdx), %r8
        lea     -8(%rdi,%rdx), %r9
        shr     $3, %rcx
        rep     movsq
        mov     %r8, (%r9)
        ret
2:      cmp     $16, %rdx
        jae     5f
        cmp     $8, %rdx
        jae     6f
        cmp     $4, %rdx
        jae     7f
        test    %rdx, %rdx
        jz      3f
        rep     movsb
3:      ret
5:      movdqu  (%rsi), %xmm0
        movdqu  -16(%rsi,%rdx), %xmm1
        movdqu  %xmm0, (%rdi)
        movdqu  %xmm1, -16(%rdi,%rdx)
        ret
6:      mov     (%rsi), %r8
        mov     -8(%rsi,%rdx), %r9
        mov     %r8, (%rdi)
        mov     %r9, -8(%rdi,%rdx)
        ret
7:      mov     (%rsi), %r8d
        mov     -4(%rsi,%rdx), %r9d
        mov     %r8d, (%rdi)
        mov     %r9d, -4(%rdi,%rdx)
        ret
1:      test    %rcx, %rcx              /* the same place */
        jz      3b
        mov     %rdx, %rcx
        cmp     $32, %rdx
        jbe     2b                      /* the short moves load all before they store */
        lea     -1(%rdi,%rdx), %rdi     /* overlapping upwards: from the end */
        lea     -1(%rsi,%rdx), %rsi
        std
        rep     movsb
        cld
        ret

        .section .text.memset, "ax"
        .globl  memset
memset:                                 /* rdi = destination, esi = value, rdx = length */
        mov     %rdi, %r8
        mov     %rdx, %rcx
        movzbl  %sil, %eax
        cmp     $16, %rdx
        jb      1f
        mov     $0x0101010101010101, %r9
        imul    %r9, %rax
        mov     %rax, -8(%rdi,%rdx)     /* the rest that is no whole word */
        shr     $3, %rcx
        rep     stosq
        mov     %r8, %rax
        ret
1:      rep     stosb
        mov     %r8, %rax
        ret

        .section .text.probe, "ax"
        .globl  RhpStackProbe
RhpStackProbe:                          /* r11 = the stack pointer to be: touch every page down to it */
        lea     -1(%rsp), %r10          /* r10 is free here by the compiler's contract */
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
        .globl  RhpPInvoke
        .globl  RhpPInvokeReturn
RhpReversePInvoke:
RhpReversePInvokeReturn:
RhpPInvoke:
RhpPInvokeReturn:
        ret

        .globl  RhpFallbackFailFast
        .globl  __fail_fast
        .section .text.fail, "ax"
RhpFallbackFailFast:
__fail_fast:
        call    freestanding_fail
        ud2

        .section .rodata.cookie, "a"
        .globl  __security_cookie
        .balign 8
__security_cookie:
        .quad   0x5bd1e995c6a4a793      /* guards buffers on the stack; fixed, so no secret */
