/* Runs before the runtime, while the process still has one thread: afterwards the kernel gives it no user namespace
   (unshare(2), EINVAL). Two starts of the program ask for them: one whose network is a descriptor (--net-fd, as every
   machine of a node has it), so that it needs none of what stays behind, and otherwise the second one (argv[0] begins
   with '+', see Lockdown.Reenter), for which the first has opened a TAP device. */

#define SYS_getppid 110
#define SYS_prctl   157
#define SYS_unshare 272

#define PR_GET_PDEATHSIG 2

/* CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWNET, then NEWUSER. Not NEWPID: it would forbid threads, and the
   filter forbids children anyway. */
#define NAMESPACES  0x4e020000
#define NEWUSER     0x10000000

/* The first eight letters of options, as a number: "--net-fd", and "--no-san" of --no-sandbox. */
#define NET_FD      0x64662d74656e2d2d
#define NO_SANDBOX  0x6e61732d6f6e2d2d

        .section .init_array, "aw"
        .balign 8
        .quad   early_unshare

        .text
early_unshare:                          /* edi = argc, rsi = argv */
        test    %edi, %edi
        jz      1f
        mov     (%rsi), %rax
        cmpb    $'+', (%rax)
        je      5f
        movabs  $NET_FD, %r8
        movabs  $NO_SANDBOX, %r9
        xor     %r10d, %r10d            /* whether there is a --net-fd */
3:      add     $8, %rsi
        mov     (%rsi), %rax
        test    %rax, %rax
        jz      4f
        mov     (%rax), %rcx            /* behind the last argument there are eight bytes more: the name of the file
                                           and the end of the stack (execve in the kernel's fs/binfmt_elf.c) */
        cmp     %r9, %rcx
        je      1f
        cmp     %r8, %rcx
        jne     3b
        mov     $1, %r10d
        jmp     3b
4:      test    %r10d, %r10d
        jz      1f
        mov     $SYS_prctl, %eax        /* a user namespace takes this away (prctl(2)) */
        mov     $PR_GET_PDEATHSIG, %edi
        lea     early_signal(%rip), %rsi
        syscall
        mov     $SYS_getppid, %eax
        syscall
        mov     %eax, early_parent(%rip)
5:      mov     $SYS_unshare, %eax
        mov     $NAMESPACES | NEWUSER, %edi
        syscall
        test    %rax, %rax
        jz      2f
        mov     $SYS_unshare, %eax      /* no user namespaces here: a privileged caller needs none for the others */
        mov     $NAMESPACES, %edi
        syscall
        test    %rax, %rax
        jnz     1f
2:      movl    $1, early_namespaces(%rip)
1:      ret

        .globl  domain_has_namespaces   /* int domain_has_namespaces(void) */
domain_has_namespaces:
        mov     early_namespaces(%rip), %eax
        ret

        .globl  domain_death_signal     /* int domain_death_signal(void): before namespaces were entered, otherwise 0 */
domain_death_signal:
        mov     early_signal(%rip), %eax
        ret

        .globl  domain_parent           /* int domain_parent(void): likewise */
domain_parent:
        mov     early_parent(%rip), %eax
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
        .local  early_signal
        .comm   early_signal, 4, 4
        .local  early_parent
        .comm   early_parent, 4, 4

        .section .note.GNU-stack, "", @progbits
