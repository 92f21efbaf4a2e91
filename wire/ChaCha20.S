# ChaCha20 over three blocks at once:
# void chacha20_triples(const ChaCha20 *state, uint8_t *text, size_t count, uint32_t counter).
# The same as Pair of the C# beside it. A block is one chain of instructions that wait for each other; the processor
# does three chains side by side. A chain's double round stands in one piece, because an emulated processor may keep
# vector registers in its own only for so many instructions. No branch and no address depends on key or text.

        .macro  quarter a, b, c, d
        paddd   \b, \a
        pxor    \a, \d
        pshufb  %xmm14, \d
        paddd   \d, \c
        pxor    \c, \b
        movdqa  \b, %xmm12
        pslld   $12, \b
        psrld   $20, %xmm12
        por     %xmm12, \b
        paddd   \b, \a
        pxor    \a, \d
        pshufb  %xmm15, \d
        paddd   \d, \c
        pxor    \c, \b
        movdqa  \b, %xmm12
        pslld   $7, \b
        psrld   $25, %xmm12
        por     %xmm12, \b
        .endm

        .macro  double_round a, b, c, d
        quarter \a, \b, \c, \d
        pshufd  $0x39, \b, \b           # diagonals become columns
        pshufd  $0x4e, \c, \c
        pshufd  $0x93, \d, \d
        quarter \a, \b, \c, \d
        pshufd  $0x93, \b, \b
        pshufd  $0x4e, \c, \c
        pshufd  $0x39, \d, \d
        .endm

# Adds what the block began with, whose last row is in xmm13, and combines it with the text.
        .macro  finish a, b, c, d, at
        paddd   chacha20_constant(%rip), \a
        paddd   %xmm14, \b
        paddd   %xmm15, \c
        paddd   %xmm13, \d
        movdqu  \at+0(%rsi), %xmm12
        pxor    \a, %xmm12
        movdqu  %xmm12, \at+0(%rsi)
        movdqu  \at+16(%rsi), %xmm12
        pxor    \b, %xmm12
        movdqu  %xmm12, \at+16(%rsi)
        movdqu  \at+32(%rsi), %xmm12
        pxor    \c, %xmm12
        movdqu  %xmm12, \at+32(%rsi)
        movdqu  \at+48(%rsi), %xmm12
        pxor    \d, %xmm12
        movdqu  %xmm12, \at+48(%rsi)
        .endm

        .section .text.chacha20_triples, "ax", @progbits
        .globl  chacha20_triples
        .type   chacha20_triples, @function
        .balign 64
chacha20_triples:
        test    %rdx, %rdx
        jz      3f
        sub     $24, %rsp
        mov     %ecx, (%rsp)            # the last row: counter and nonce
        mov     32(%rdi), %eax
        mov     %eax, 4(%rsp)
        mov     36(%rdi), %rax
        mov     %rax, 8(%rsp)
1:
        movdqa  chacha20_constant(%rip), %xmm0
        movdqu  0(%rdi), %xmm3
        movdqu  16(%rdi), %xmm6
        movdqu  (%rsp), %xmm9
        movdqa  %xmm0, %xmm1
        movdqa  %xmm0, %xmm2
        movdqa  %xmm3, %xmm4
        movdqa  %xmm3, %xmm5
        movdqa  %xmm6, %xmm7
        movdqa  %xmm6, %xmm8
        movdqa  %xmm9, %xmm10
        paddd   chacha20_one(%rip), %xmm10
        movdqa  %xmm10, %xmm11
        paddd   chacha20_one(%rip), %xmm11
        movdqa  chacha20_by16(%rip), %xmm14
        movdqa  chacha20_by8(%rip), %xmm15
        mov     $10, %eax
2:
        double_round %xmm0, %xmm3, %xmm6, %xmm9
        double_round %xmm1, %xmm4, %xmm7, %xmm10
        double_round %xmm2, %xmm5, %xmm8, %xmm11
        dec     %eax
        jnz     2b
        movdqu  0(%rdi), %xmm14
        movdqu  16(%rdi), %xmm15
        movdqu  (%rsp), %xmm13
        finish  %xmm0, %xmm3, %xmm6, %xmm9, 0
        paddd   chacha20_one(%rip), %xmm13
        finish  %xmm1, %xmm4, %xmm7, %xmm10, 64
        paddd   chacha20_one(%rip), %xmm13
        finish  %xmm2, %xmm5, %xmm8, %xmm11, 128
        addl    $3, (%rsp)
        add     $192, %rsi
        dec     %rdx
        jnz     1b
        add     $24, %rsp
3:
        ret
        .size   chacha20_triples, . - chacha20_triples

        .section .rodata.chacha20, "a", @progbits
        .balign 16
chacha20_constant:                      # "expand 32-byte k"
        .long   0x61707865, 0x3320646e, 0x79622d32, 0x6b206574
chacha20_one:
        .long   1, 0, 0, 0
chacha20_by16:                          # rotates each word to the left by 16 bits
        .byte   2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13
chacha20_by8:                           # by 8
        .byte   3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14
