/* The instructions that C# has no word for. System V AMD64 calling convention. */

        .macro  function name
        .section .text.\name, "ax"
        .globl  \name
\name:
        .endm

function port_in8
        mov     %edi, %edx
        xor     %eax, %eax
        in      %dx, %al
        ret
function port_out8
        mov     %edi, %edx
        mov     %esi, %eax
        out     %al, %dx
        ret
function mmio_read8
        movzbl  (%rdi), %eax
        ret
function mmio_read32
        mov     (%rdi), %eax
        ret
function mmio_write32
        mov     %esi, (%rdi)
        ret
function cpu_rdmsr
        mov     %edi, %ecx
        rdmsr
        shl     $32, %rdx
        or      %rdx, %rax
        ret
function cpu_wrmsr
        mov     %edi, %ecx
        mov     %esi, %eax
        mov     %rsi, %rdx
        shr     $32, %rdx
        wrmsr
        ret
function cpu_rdtsc
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        ret
function cpu_cpuid                      /* (leaf, subleaf, uint[4] result) */
        mov     %rbx, %r8
        mov     %rdx, %r9
        mov     %edi, %eax
        mov     %esi, %ecx
        cpuid
        mov     %eax, (%r9)
        mov     %ebx, 4(%r9)
        mov     %ecx, 8(%r9)
        mov     %edx, 12(%r9)
        mov     %r8, %rbx
        ret
function cpu_write_cr0
        mov     %rdi, %cr0
        ret
function cpu_read_cr2
        mov     %cr2, %rax
        ret
function cpu_read_cr3
        mov     %cr3, %rax
        ret
function cpu_write_cr3
        mov     %rdi, %cr3
        ret
function cpu_write_cr4
        mov     %rdi, %cr4
        ret
function cpu_invlpg
        invlpg  (%rdi)
        ret
function cpu_cli
        cli
        ret
function cpu_sti_hlt                    /* sti shadows one instruction: no interrupt is lost between the two */
        sti
        hlt
        ret
function cpu_hlt
        hlt
        ret
function cpu_pause
        pause
        ret
function cpu_lidt
        lidt    (%rdi)
        ret
function cpu_ltr
        ltr     %di
        ret
function memory_fence
        mfence
        ret

/* The end of the machine: the keyboard controller's reset line, and where there is none a triple fault. Chips and
   emulators take a moment for the first, in which the second would look like a crash. */
function machine_reset
        cli
        mov     $0xfe, %al
        out     %al, $0x64
        mov     $1024, %ecx
1:      pause
        dec     %ecx
        jnz     1b
        lea     no_idt(%rip), %rax
        lidt    (%rax)
        ud2
        .section .rodata.idt, "a"
no_idt: .word   0
        .quad   0

/* A broken invariant: say where on the UART (return address and what lies above it), then ask for a reset.
   Weak, so that a kernel can say it better. */
        .section .text.fail, "ax"
        .weak   freestanding_fail
freestanding_fail:
        cli
        lea     fail_text(%rip), %rsi
1:      lodsb
        test    %al, %al
        jz      2f
        call    fail_put
        jmp     1b
2:      mov     %rsp, %rbx
        mov     $12, %r12d
3:      mov     (%rbx), %r8
        mov     $16, %r9d
4:      rol     $4, %r8
        mov     %r8d, %eax
        and     $15, %eax
        add     $'0', %al
        cmp     $'9', %al
        jbe     5f
        add     $('a' - '0' - 10), %al
5:      call    fail_put
        dec     %r9d
        jnz     4b
        mov     $' ', %al
        call    fail_put
        add     $8, %rbx
        dec     %r12d
        jnz     3b
        mov     $'\n', %al
        call    fail_put
        call    machine_reset
fail_put:
        push    %rax
        mov     $0x3fd, %edx
7:      in      %dx, %al
        test    $0x20, %al
        jz      7b
        pop     %rax
        mov     $0x3f8, %edx
        out     %al, %dx
        ret
        .section .rodata.fail, "a"
fail_text:
        .asciz  "\nbroken invariant; return addresses: "
