/* A loader is a flat image at 0x300000, entered at its first byte with rdi = the service table (docs/architecture.md).
   It runs on a stack of its own; when it returns, so does the call of its first byte. */

        .section .boot.text, "ax"
        .globl  loader_start
loader_start:
        push    %rbx
        push    %rbp
        cld
        mov     %rdi, %rbx
        lea     loader_bss_start(%rip), %rdi
        lea     loader_bss_end(%rip), %rcx
        sub     %rdi, %rcx
        shr     $3, %rcx                /* both ends are multiples of 16 */
        xor     %eax, %eax
        rep     stosq
        mov     %rsp, %rbp
        lea     loader_stack_top(%rip), %rsp
        mov     %rbx, %rdi
        call    loader_main
        mov     %rbp, %rsp
        pop     %rbp
        pop     %rbx
        ret

        .section .bss.stack, "aw", @nobits
        .balign 16
        .skip   32768
        .globl  loader_stack_top
loader_stack_top:
