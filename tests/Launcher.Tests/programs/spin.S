# A guest's kernel that computes for ever: started as PVH starts one (Xen's docs/misc/pvh.pandoc), note 18 is XEN_ELFNOTE_PHYS32_ENTRY.
        .section .note.PVH, "a", @note
        .long 4, 4, 18
        .asciz "Xen"
        .long _start
        .text
        .globl _start
_start: jmp _start
