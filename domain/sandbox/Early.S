/* Runs before the runtime, while the process still has one thread: afterwards the kernel gives it no user namespace
   (unshare(2), EINVAL). Only the second start of the program (argv[0] begins with '+', see Lockdown.Reenter) asks for them. */

#define SYS_unshare 272

/* CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWNET, then NEWUSER. Not NEWPID: it would forbid threads, and the
   filter forbids children anyway. */
#define NAMESPACES  0x4e020000
#define NEWUSER     0x10000000

        .section .init_array, "aw"
        .balign 8
        .quad   early_unshare

        .text
early_unshare:                          /* edi = argc, rsi = argv */
        test    %edi, %edi
        jz      1f
        mov     (%rsi), %rax
        cmpb    $'+', (%rax)
        jne     1f
        mov     $SYS_unshare, %eax
        mov     $NAMESPACES | NEWUSER, %edi
        syscall
        test    %rax, %rax
        jz      2f
        mov     $SYS_unshare, %eax      /* no user namespaces here: a privileged caller needs none for the others */
        mov     $NAMESPACES, %edi
        syscall
        test    %rax, %rax
        jnz     1f
2:      movl    $1, early_namespaces
1:      ret

        .globl  domain_has_namespaces   /* int domain_has_namespaces(void) */
domain_has_namespaces:
        mov     early_namespaces, %eax
        ret

#ifdef SANDBOX_PROBE
        .globl  probe_compat_call       /* int probe_compat_call(int number): by the door of 32-bit programs, whose numbers are others */
probe_compat_call:
        push    %rbx
        mov     %edi, %eax
        xor     %ebx, %ebx
        xor     %ecx, %ecx
        xor     %edx, %edx
        int     $0x80
        pop     %rbx
        ret
#endif

        .local  early_namespaces
        .comm   early_namespaces, 4, 4

        .section .note.GNU-stack, "", @progbits
