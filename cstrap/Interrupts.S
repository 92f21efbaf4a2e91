/* Interrupts only end the HLT in which cstrap sleeps; its loop then looks for the reason. */

        .section .text.interrupts, "ax"
        .globl  interrupt_wake
interrupt_wake:
        push    %rax
        mov     $0xfee000b0, %eax       /* local APIC: end of interrupt */
        movl    $0, (%rax)
        pop     %rax
        iretq

        .globl  interrupt_spurious
interrupt_spurious:
        iretq

        .globl  interrupt_exception
interrupt_exception:
        call    freestanding_fail
        ud2

        .macro  address function symbol
        .globl  \function
\function:
        lea     \symbol(%rip), %rax
        ret
        .endm
        address interrupt_wake_address interrupt_wake
        address interrupt_spurious_address interrupt_spurious
        address interrupt_exception_address interrupt_exception
        address image_end_address image_end
