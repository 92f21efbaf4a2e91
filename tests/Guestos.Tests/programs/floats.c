/* x87, MXCSR and XMM registers: over system calls, other threads and processes, signals, fork and exec. Prints the same on Linux. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* What FXSAVE writes (SDM vol. 1 table 10-2), without where the last x87 instruction was. */
struct state {
    uint16_t control, status, tags, opcode;
    uint64_t instruction, data;
    uint32_t mxcsr, mask;
    uint8_t stack[128], xmm[256], reserved[96];
} __attribute__((aligned(16)));

static void fill(struct state *state, int seed)
{
    __asm__ volatile ("fninit; fld1; fldpi; fldl2e; fxsave64 %0" : "=m" (*state));
    state->control = seed % 2 ? 0x77f : 0xb7f;                 /* rounding down, up */
    state->mxcsr = seed % 2 ? 0x3f80 : 0xdf80;
    for (int i = 0; i < 8; i++)
        memset(state->stack + 16 * i, seed + i, 7);
    for (int i = 0; i < 256; i++)
        state->xmm[i] = seed * 7 + i;
}

/* The call between loading and saving everything: what may differ behind it. */
static long call_with(const struct state *before, struct state *after, long number, long a, long b, long c)
{
    long result;
    __asm__ volatile ("fxrstor64 %2; syscall; fxsave64 %1; fninit; ldmxcsr %7"
        : "=a" (result), "=m" (*after)
        : "m" (*before), "0" (number), "D" (a), "S" (b), "d" (c), "m" ((uint32_t) { 0x1f80 })
        : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
          "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
    return result;
}

static int same(const struct state *one, const struct state *other)
{
    for (int i = 0; i < 8; i++)
        if (memcmp(one->stack + 16 * i, other->stack + 16 * i, 10) != 0)
            return 0;
    return one->control == other->control && one->status == other->status && (uint8_t)one->tags == (uint8_t)other->tags
        && one->mxcsr == other->mxcsr && memcmp(one->xmm, other->xmm, sizeof one->xmm) == 0;
}

#include "registers.h"

static void *other_thread(void *unused)
{
    (void)unused;
    return (void *)(long)turns(2, there[0], back[1], 0);
}

static void with_others(void)
{
    pthread_t thread;
    void *kept;
    open_pipes();
    pthread_create(&thread, NULL, other_thread, NULL);
    int mine = turns(1, back[0], there[1], 1);
    pthread_join(thread, &kept);
    printf("threads: %d %ld\n", mine, (long)kept);
    with_processes();
}

static volatile struct { int control, mxcsr, frame_control, frame_mxcsr, xmm, stack, aligned; } seen;
static int changes;

static void handler(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)information;
    struct state now;
    __asm__ volatile ("fxsave64 %0" : "=m" (now));
    ucontext_t *user = context;
    struct _libc_fpstate *floats = user->uc_mcontext.fpregs;
    seen.control = now.control;
    seen.mxcsr = now.mxcsr;
    seen.frame_control = floats->cwd;
    seen.frame_mxcsr = floats->mxcsr;
    seen.xmm = floats->_xmm[15].element[3];
    seen.stack = floats->_st[0].significand[0];
    seen.aligned = (uintptr_t)floats % 16 == 0;
    __asm__ volatile ("fninit; fldz; ldmxcsr %0; pxor %%xmm14, %%xmm14; pxor %%xmm7, %%xmm7" : : "m" ((uint32_t) { 0x1fff }) : "xmm14", "xmm7");
    if (changes) {
        floats->mxcsr = 0x5f80;
        floats->cwd = 0x37f;
        floats->_xmm[3].element[1] = 0x12345678;
    }
}

static void tell_seen(const char *what)
{
    printf("%s: in the handler %x %x, in the frame %x %x, xmm15 %x, st0 %x, aligned %d\n", what, seen.control, seen.mxcsr, seen.frame_control,
        seen.frame_mxcsr, (unsigned)seen.xmm, (unsigned)seen.stack, seen.aligned);
}

static void with_signals(void)
{
    struct state before, after;
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, NULL);
    fill(&before, 5);
    call_with(&before, &after, SYS_tkill, gettid(), SIGUSR1, 0);
    tell_seen("signal");
    printf("kept: %d\n", same(&before, &after));
    changes = 1;
    call_with(&before, &after, SYS_tkill, gettid(), SIGUSR1, 0);
    uint32_t word;
    memcpy(&word, after.xmm + 3 * 16 + 4, 4);
    printf("changed by the handler: %x %x %x\n", after.mxcsr, after.control, word);
}

/* What is left of a process that has been forked with registers, and of one that has begun a program. */
static void with_programs(char *self)
{
    struct state before, after;
    fill(&before, 6);
    fflush(stdout);
    long child = call_with(&before, &after, SYS_fork, 0, 0, 0);
    if (child == 0)
        _exit(same(&before, &after));
    int status;
    waitpid(child, &status, 0);
    printf("fork: %d %d\n", same(&before, &after), WEXITSTATUS(status));
    if (fork() == 0) {
        char *arguments[] = { self, "fresh", NULL };
        call_with(&before, &after, SYS_execve, (long)"/proc/self/exe", (long)arguments, 0);
        _exit(1);
    }
    wait(&status);
    printf("exec: %d\n", WEXITSTATUS(status));
}

/* SIGHUP's handler is to run where nothing can be written: that is a fault. */
static volatile int faults, hangups;
static void fault_handler(int number) { (void)number; faults++; }
static void hangup_handler(int number) { (void)number; hangups++; }

static void without_stack(void)
{
    void *stack = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t alternate = { .ss_sp = stack, .ss_size = 65536 };
    sigaltstack(&alternate, NULL);
    signal(SIGSEGV, fault_handler);
    struct sigaction action = { .sa_handler = hangup_handler, .sa_flags = SA_ONSTACK };
    sigaction(SIGHUP, &action, NULL);
    raise(SIGHUP);
    printf("no stack: %d faults, %d hangups\n", faults, hangups);
    mprotect(stack, 65536, PROT_READ | PROT_WRITE);
    raise(SIGHUP);
    printf("a stack: %d faults, %d hangups\n", faults, hangups);
    mprotect(stack, 65536, PROT_READ);
    for (int i = 0; i < 3; i++) {
        fflush(stdout);
        int status;
        pid_t child = fork();
        if (child == 0) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGSEGV);
            if (i == 0)
                sigprocmask(SIG_BLOCK, &set, NULL);
            else if (i == 1)
                signal(SIGSEGV, SIG_IGN);
            else
                sigaction(SIGSEGV, &action, NULL);
            raise(SIGHUP);
            _exit(7);
        }
        waitpid(child, &status, 0);
        printf("fault that is %s: signal %d\n", i == 0 ? "blocked" : i == 1 ? "ignored" : "without a stack, too", WTERMSIG(status));
    }
}

int main(int count, char **arguments)
{
    if (count == 2 && !strcmp(arguments[1], "fresh")) {
        struct state now;
        __asm__ volatile ("fxsave64 %0" : "=m" (now));
        return now.control == 0x37f && now.mxcsr == 0x1f80 && (uint8_t)now.tags == 0;
    }
    struct state before, after;
    fill(&before, 9);
    call_with(&before, &after, SYS_getpid, 0, 0, 0);
    printf("getpid: %d\n", same(&before, &after));
    call_with(&before, &after, -1, 0, 0, 0);
    printf("no call: %d\n", same(&before, &after));
    with_others();
    with_signals();
    with_programs(arguments[0]);
    without_stack();
    puts("all answers given");
    return 0;
}
