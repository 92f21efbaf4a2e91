/* Clears the rdi bytes of the stack below its caller's frame: what functions that have returned left there. */

        .section .text.wipe, "ax"
        .globl  wipe_stack
wipe_stack:
        mov     %rdi, %rcx
        mov     %rsp, %rdi
        sub     %rcx, %rdi
        shr     $3, %rcx
        xor     %eax, %eax
        rep     stosq
        ret
