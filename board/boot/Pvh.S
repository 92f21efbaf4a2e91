/* PVH direct boot (Xen "x86/HVM direct boot ABI"): the monitor enters at the address in ELF note 18 in 32-bit protected
   mode with paging off and ebx = physical address of hvm_start_info. From here to 64-bit C#: identity map of the first
   4 GiB, the same again at 0xffffc00000000000 (the direct map), SSE on, a stack, kernel_main(hvm_start_info).
   Everything in .boot* is linked at its physical address, whatever the rest of the image is linked at. */

#define DIRECT_MAP_SLOT 384             /* (0xffffc00000000000 >> 39) & 511 */

        .section .note.pvh, "a", @note
        .balign 4
        .long   4, 4, 18                /* name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz  "Xen"
        .long   _start32

        .section .boot.text, "ax"
        .code32
        .globl  _start32
_start32:
        cld
        cli
        mov     $boot_stack_top, %esp
        mov     %ebx, %ebp              /* hvm_start_info survives in ebp */

        mov     $boot_pml4, %edi        /* six page-table pages, cleared */
        xor     %eax, %eax
        mov     $(6 * 1024), %ecx
        rep     stosl

        mov     $boot_pdpt + 3, %eax    /* present, writable */
        mov     %eax, boot_pml4
        mov     %eax, boot_pml4 + 8 * DIRECT_MAP_SLOT

        mov     $boot_pd + 3, %eax
        mov     $boot_pdpt, %edi
        mov     $4, %ecx
1:      mov     %eax, (%edi)
        add     $4096, %eax
        add     $8, %edi
        loop    1b

        mov     $0x83, %eax             /* present, writable, 2 MiB */
        mov     $boot_pd, %edi
        mov     $2048, %ecx
2:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    2b

        mov     $boot_pml4, %eax
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $0x620, %eax            /* PAE, OSFXSR, OSXMMEXCPT */
        mov     %eax, %cr4
        mov     $0xc0000080, %ecx       /* IA32_EFER: SCE, LME, NXE */
        rdmsr
        or      $0x901, %eax
        wrmsr
        mov     %cr0, %eax
        and     $~0x4, %eax             /* no x87 emulation */
        or      $0x80010022, %eax       /* PG, WP, NE, MP */
        mov     %eax, %cr0

        lgdt    boot_gdt_pointer
        ljmp    $8, $boot64

        .code64
boot64:
        mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        movabs  $boot_stack_top, %rsp
        mov     %ebp, %edi
        xor     %ebp, %ebp
        movabs  $kernel_main, %rax
        call    *%rax
        ud2

        .section .boot.data, "aw"
        .balign 8
        .globl  boot_gdt
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 0x08: 64-bit code */
        .quad   0x00cf93000000ffff      /* 0x10: data */
        .quad   0x00cf9b000000ffff      /* 0x18: 32-bit code, the way back to PVH's start state */
boot_gdt_pointer:
        .word   31
        .quad   boot_gdt

        .section .boot.bss, "aw", @nobits
        .balign 4096
        .globl  boot_pml4
boot_pml4:
        .skip   4096
boot_pdpt:
        .skip   4096
boot_pd:
        .skip   4 * 4096
        .globl  boot_stack_top
        .skip   32768
boot_stack_top:
