/* What user mode gets to read clocks without a system call (vdso(7)): a page that holds an ELF image with Linux's
   names, and SharedClock (kernel/SharedClock.cs) at its end. fs/exec/Vdso.cs copies and maps it. */

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define SYSTEM_CALL_CLOCK_GETTIME 228
#define SYSTEM_CALL_GETTIMEOFDAY 96
#define NANOSECONDS 1000000000

/* Offsets in the page: SharedClock. */
#define CLOCK 0xf80
#define CLOCK_VERSION CLOCK + 0
#define CLOCK_ORIGIN CLOCK + 8
#define CLOCK_SCALE CLOCK + 16
#define CLOCK_BASE CLOCK + 24
#define CLOCK_WALL_OFFSET CLOCK + 32
#define CLOCK_SLEW_LEFT CLOCK + 40
#define CLOCK_SLEW_START CLOCK + 48
#define CLOCK_SLEW_RATE CLOCK + 56

        .section .rodata.vdso, "a"
        .balign 16
vdso_image:
        /* ELF header (System V ABI, "ELF Header"): a shared object for x86-64. */
        .byte   0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
        .short  3, 62
        .long   1
        .quad   0, vdso_segments - vdso_image, 0
        .long   0
        .short  64, 56, 2, 64, 0, 0
vdso_segments:
        .long   1, 5                            /* PT_LOAD, readable and executable */
        .quad   0, 0, 0, 4096, 4096, 4096
        .long   2, 4                            /* PT_DYNAMIC, readable */
        .quad   vdso_dynamic - vdso_image, vdso_dynamic - vdso_image, vdso_dynamic - vdso_image
        .quad   vdso_symbols - vdso_dynamic, vdso_symbols - vdso_dynamic, 8
vdso_dynamic:
        .quad   4, vdso_hash - vdso_image       /* DT_HASH */
        .quad   5, vdso_strings - vdso_image    /* DT_STRTAB */
        .quad   6, vdso_symbols - vdso_image    /* DT_SYMTAB */
        .quad   10, vdso_strings_end - vdso_strings     /* DT_STRSZ */
        .quad   11, 24                          /* DT_SYMENT */
        .quad   14, vdso_name - vdso_strings    /* DT_SONAME */
        .quad   0x6ffffff0, vdso_versions - vdso_image          /* DT_VERSYM */
        .quad   0x6ffffffc, vdso_definitions - vdso_image       /* DT_VERDEF */
        .quad   0x6ffffffd, 2                                   /* DT_VERDEFNUM */
        .quad   0, 0
vdso_symbols:
        .skip   24
        .macro  function name
        .long   vdso_name_of_\name - vdso_strings
        .byte   0x12, 0                         /* STB_GLOBAL, STT_FUNC */
        .short  1
        .quad   vdso_\name - vdso_image, vdso_end_of_\name - vdso_\name
        .endm
        function clock_gettime
        function gettimeofday
        function time
vdso_hash:                                      /* one bucket with all of them */
        .long   1, 4, 1, 0, 2, 3, 0
        /* The version that Linux gives its functions, without which Go's runtime does not look further: Verdef and
           Verdaux for the object (VER_FLG_BASE), and for LINUX_2.6; the hashes are those of DT_HASH. */
vdso_definitions:
        .short  1, 1, 1, 1
        .long   0xdeebfa1, 20, 28
        .long   vdso_name - vdso_strings, 0
        .short  1, 0, 2, 1
        .long   0x3ae75f6, 20, 0
        .long   vdso_name_of_version - vdso_strings, 0
vdso_versions:
        .short  0, 2, 2, 2
vdso_strings:
        .byte   0
vdso_name:
        .asciz  "linux-vdso.so.1"
vdso_name_of_version:
        .asciz  "LINUX_2.6"
vdso_name_of_clock_gettime:
        .asciz  "__vdso_clock_gettime"
vdso_name_of_gettimeofday:
        .asciz  "__vdso_gettimeofday"
vdso_name_of_time:
        .asciz  "__vdso_time"
vdso_strings_end:

        .balign 16
/* (clock, struct timespec *): the two clocks that count in time; others are the kernel's. */
vdso_clock_gettime:
        cmp     $CLOCK_MONOTONIC, %edi
        ja      1f
        call    vdso_read
        mov     %rax, (%rsi)
        mov     %rdx, 8(%rsi)
        xor     %eax, %eax
        ret
1:      mov     $SYSTEM_CALL_CLOCK_GETTIME, %eax
        syscall
        ret
vdso_end_of_clock_gettime:

/* (struct timeval *, struct timezone *) */
vdso_gettimeofday:
        test    %rsi, %rsi
        jnz     1f
        test    %rdi, %rdi
        jz      1f
        mov     %rdi, %rsi
        mov     $CLOCK_REALTIME, %edi
        call    vdso_read
        mov     %rax, (%rsi)
        mov     %edx, %eax
        xor     %edx, %edx
        mov     $1000, %ecx
        div     %ecx
        mov     %rax, 8(%rsi)
        xor     %eax, %eax
        ret
1:      mov     $SYSTEM_CALL_GETTIMEOFDAY, %eax
        syscall
        ret
vdso_end_of_gettimeofday:

/* (time_t *) */
vdso_time:
        mov     %rdi, %rsi
        mov     $CLOCK_REALTIME, %edi
        call    vdso_read
        test    %rsi, %rsi
        jz      1f
        mov     %rax, (%rsi)
1:      ret
vdso_end_of_time:

/* edi = clock: rax = seconds, rdx = nanoseconds; rsi and rdi are kept. What Clock.Monotonic and Clock.Realtime say
   (kernel/Clock.cs). After a move, which may come at any instruction, the version is another. */
vdso_read:
        lea     vdso_image(%rip), %r8
1:      mov     CLOCK_VERSION(%r8), %r9
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        sub     CLOCK_ORIGIN(%r8), %rax
        mulq    CLOCK_SCALE(%r8)
        shrd    $32, %rdx, %rax
        add     CLOCK_BASE(%r8), %rax
        test    %edi, %edi
        jnz     4f
        mov     CLOCK_SLEW_LEFT(%r8), %r10
        test    %r10, %r10
        jz      3f
        mov     %rax, %r11
        sub     CLOCK_SLEW_START(%r8), %rax
        xor     %edx, %edx
        divq    CLOCK_SLEW_RATE(%r8)
        test    %r10, %r10
        js      2f
        cmp     %r10, %rax
        cmovg   %r10, %rax
        add     %r11, %rax
        jmp     3f
2:      neg     %rax
        cmp     %r10, %rax
        cmovl   %r10, %rax
        add     %r11, %rax
3:      add     CLOCK_WALL_OFFSET(%r8), %rax
4:      cmp     CLOCK_VERSION(%r8), %r9
        jne     1b
        xor     %edx, %edx
        mov     $NANOSECONDS, %ecx
        div     %rcx
        ret

        .org    vdso_image + CLOCK, 0
        .org    vdso_image + 4096, 0

        .section .text.vdso, "ax"
        .globl  symbol_vdso_image
symbol_vdso_image:
        lea     vdso_image(%rip), %rax
        ret
