/* The last step of the unroll phase (thesis §6.5.1): into the checkpoint. This code, its stack and its tables lie below
   4 MiB, which the new page tables map where the old ones did. */

        .section .text.resume, "ax"
        .globl  resume_checkpoint
/* rdi = page tables, rsi = entry, rdx = hvm_start_info, rcx = argument, r8 = arrival block */
resume_checkpoint:
        cli
        lea     gdt(%rip), %rax
        mov     %rax, gdt_pointer + 2(%rip)
        lgdt    gdt_pointer(%rip)
        lea     1f(%rip), %rax
        push    $8
        push    %rax
        lretq
1:      mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        lea     loader_stack_top(%rip), %rsp
        mov     %rdi, %cr3
        mov     %rsi, %rax
        mov     %rdx, %rdi
        mov     %rcx, %rsi
        mov     %r8, %rdx
        xor     %ebp, %ebp
        push    $0                      /* as if called: no return */
        jmp     *%rax

        .section .data.resume, "aw"
        .balign 8
gdt:    .quad   0
        .quad   0x00af9b000000ffff      /* 0x08: 64-bit code */
        .quad   0x00cf93000000ffff      /* 0x10: data */
gdt_pointer:
        .word   23
        .quad   0

        .macro  area name size
        .section .bss.\name, "aw", @nobits
        .balign 4096
\name\()_start:
        .skip   \size
        .section .text.\name, "ax"
        .globl  \name
\name:
        lea     \name\()_start(%rip), %rax
        ret
        .endm
        area    area_page_tables 6*4096
        area    area_arrival 256*1024+4096
        area    area_received 0xC0000/8
