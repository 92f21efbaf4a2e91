/* Back to the state in which a PVH monitor starts a kernel: 32-bit protected mode, paging off, flat segments,
   ebx = hvm_start_info (Xen "x86/HVM direct boot ABI"). Loaded and run below 4 GiB, identity mapped, with the
   processor's own tables. */

        .section .text.enter, "ax"
        .globl  enter_pvh
enter_pvh:                              /* edi = entry, esi = hvm_start_info */
        cli
        mov     %edi, %r8d
        mov     %esi, %ebx
        mov     %r8d, %edi
        lea     gdt(%rip), %rax
        mov     %rax, gdt_pointer + 2(%rip)
        lgdt    gdt_pointer(%rip)
        lea     leave64(%rip), %rax
        push    $8
        push    %rax
        lretq
        .code32
leave64:
        mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        mov     %cr0, %eax
        and     $0x7fffffff, %eax       /* paging off: long mode ends */
        mov     %eax, %cr0
        mov     $0xc0000080, %ecx       /* IA32_EFER */
        xor     %eax, %eax
        xor     %edx, %edx
        wrmsr
        mov     %eax, %cr3
        mov     %eax, %cr4
        mov     $0x11, %eax             /* PE, ET: all other bits are clear at a PVH entry */
        mov     %eax, %cr0
        xor     %ecx, %ecx
        xor     %esi, %esi
        xor     %ebp, %ebp
        mov     %edi, %eax
        xor     %edi, %edi
        jmp     *%eax

        .code64
        .section .data.enter, "aw"
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* 0x08: 32-bit code */
        .quad   0x00cf93000000ffff      /* 0x10: data */
gdt_pointer:
        .word   23
        .quad   0
