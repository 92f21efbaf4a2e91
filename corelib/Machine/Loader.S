/* A loader is a flat image at 0x300000, entered at its first byte with rdi = the service table (docs/architecture.md). */

        .section .boot.text, "ax"
        .globl  loader_start
loader_start:
        cld
        mov     %rdi, %rbx
        lea     loader_bss_start(%rip), %rdi
        lea     loader_bss_end(%rip), %rcx
        sub     %rdi, %rcx
        xor     %eax, %eax
        rep     stosb
        lea     loader_stack_top(%rip), %rsp
        mov     %rbx, %rdi
        xor     %ebp, %ebp
        call    loader_main
        ud2

        .section .bss.stack, "aw", @nobits
        .balign 16
        .skip   32768
loader_stack_top:
