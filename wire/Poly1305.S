# Poly1305 over whole blocks: void poly1305_blocks(Poly1305 *state, const uint8_t *blocks, size_t count).
# The same as the C# beside it, which has no product of 128 bits where no framework is. An emulated processor pays for
# every instruction, and this is run for every block that a guest sends of itself.

        .section .text.poly1305_blocks, "ax", @progbits
        .globl  poly1305_blocks
        .type   poly1305_blocks, @function
poly1305_blocks:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        mov     %rdx, %r14              # count
        mov     0(%rdi), %r8            # h0
        mov     8(%rdi), %r9            # h1
        mov     16(%rdi), %r10          # h2
        mov     24(%rdi), %r11          # r0
        mov     32(%rdi), %r12          # r1
        mov     40(%rdi), %r13          # s1
        test    %r14, %r14
        jz      2f
1:
        add     0(%rsi), %r8            # the block, and 2^128
        adc     8(%rsi), %r9
        adc     $1, %r10
        mov     %r11, %rax              # rcx:rbx = h0*r0 + h1*s1
        mul     %r8
        mov     %rax, %rbx
        mov     %rdx, %rcx
        mov     %r13, %rax
        mul     %r9
        add     %rax, %rbx
        adc     %rdx, %rcx
        mov     %r12, %rax              # rbp:r8 = h0*r1 + h1*r0 + h2*s1 + rcx
        mul     %r8
        mov     %rax, %r8
        mov     %rdx, %rbp
        mov     %r11, %rax
        mul     %r9
        add     %rax, %r8
        adc     %rdx, %rbp
        mov     %r13, %rax
        imul    %r10, %rax
        add     %rax, %r8
        adc     $0, %rbp
        imul    %r11, %r10              # r10 = h2*r0 + rbp
        mov     %r8, %r9
        mov     %rbx, %r8
        add     %rcx, %r9
        adc     %rbp, %r10
        mov     %r10, %rax              # what is above 2^130 comes around five times
        mov     %r10, %rcx
        and     $-4, %rax
        shr     $2, %rcx
        and     $3, %r10
        add     %rcx, %rax
        add     %rax, %r8
        adc     $0, %r9
        adc     $0, %r10
        add     $16, %rsi
        dec     %r14
        jnz     1b
2:
        mov     %r8, 0(%rdi)
        mov     %r9, 8(%rdi)
        mov     %r10, 16(%rdi)
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .size   poly1305_blocks, . - poly1305_blocks
