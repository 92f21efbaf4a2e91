/* A child that ptrace holds, and a thread that waits for a lock with priority inheritance, while what is read comes in parts: all of it on Linux
   and in a guest that moves between the parts. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long told = 1;
static volatile double half = 0.5;

/* Lines of the input, until so many have come; their sum of first numbers. */
static long part(int lines)
{
    char line[300];
    long sum = 0;
    while (lines-- > 0 && fgets(line, sizeof line, stdin))
        sum += atol(line);
    return sum;
}

static __attribute__((noinline)) long worked(long with)
{
    return with * 3 + told + (long)(half * 4);
}

static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    long all = 0;
    for (int i = 0; i < 5; i++) {
        all += worked(i);
        __asm__ volatile("int3");
        raise(SIGUSR1);
    }
    exit(all & 63);
}

static void await(int id, const char *what)
{
    int status;
    if (waitpid(id, &status, __WALL) != id)
        perror("waitpid");
    printf("%s: %s %d\n", what, WIFSTOPPED(status) ? "stopped" : WIFEXITED(status) ? "ended" : "killed", WIFSTOPPED(status) ? WSTOPSIG(status) : WEXITSTATUS(status));
    fflush(stdout);
}

static int lock;
static volatile int stage;

static void *waiter(void *unused)
{
    stage = 1;
    long result = syscall(SYS_futex, &lock, FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0);
    printf("waiter has it: %ld, owner %d\n", result, (lock & FUTEX_TID_MASK) == (int)syscall(SYS_gettid));
    stage = 2;
    printf("waiter gives it back: %ld\n", syscall(SYS_futex, &lock, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, 0, 0));
    return 0;
}

/* Letter of a thread's state as /proc tells it. */
static char state(int id)
{
    char name[60], text[500] = "";
    sprintf(name, "/proc/%d/stat", id);
    FILE *file = fopen(name, "r");
    if (!file || !fgets(text, sizeof text, file))
        return '?';
    fclose(file);
    return strrchr(text, ')')[2];
}

int main(void)
{
    pthread_mutexattr_t kind;
    pthread_mutex_t mutex;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&mutex, &kind);
    pthread_mutex_lock(&mutex);
    int held = fork();
    if (held == 0)
        child();
    await(held, "at the beginning");
    ptrace(PTRACE_SETOPTIONS, held, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    printf("%ld\n", part(200));
    lock = syscall(SYS_gettid);
    pthread_t thread;
    pthread_create(&thread, 0, waiter, 0);
    while (!stage || !(*(volatile int *)&lock & FUTEX_WAITERS))
        usleep(1000);
    printf("it waits\n");
    printf("%ld\n", part(200));
    ptrace(PTRACE_CONT, held, 0, 0);
    await(held, "a breakpoint");
    struct user_regs_struct before, after;
    struct user_fpregs_struct floats;
    ptrace(PTRACE_GETREGS, held, 0, &before);
    ptrace(PTRACE_GETFPREGS, held, 0, &floats);
    printf("told %ld, mxcsr %x\n", ptrace(PTRACE_PEEKDATA, held, &told, 0), floats.mxcsr);
    /* The next line comes when the guest has moved once: the child was held at its breakpoint, the thread waited in the kernel. */
    printf("%ld\n", part(1));
    ptrace(PTRACE_GETREGS, held, 0, &after);
    printf("registers are the same: %d, held %c, stage %d\n", memcmp(&before, &after, sizeof before) == 0, state(held), stage);
    ptrace(PTRACE_POKEDATA, held, &told, 10L);
    for (int i = 0; i < 50; i++) {
        ptrace(PTRACE_SINGLESTEP, held, 0, 0);
        int status;
        waitpid(held, &status, 0);
        if (status >> 8 != SIGTRAP)
            printf("step %d: %x\n", i, status);
    }
    ptrace(PTRACE_GETREGS, held, 0, &before);
    /* The input ends when it has moved again, between two single steps. */
    printf("%ld\n", part(1000));
    ptrace(PTRACE_GETREGS, held, 0, &after);
    printf("registers are the same: %d, held %c, stage %d\n", memcmp(&before, &after, sizeof before) == 0, state(held), stage);
    long given = syscall(SYS_futex, &lock, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, 0, 0);
    pthread_join(thread, 0);
    printf("given: %ld\n", given);
    pthread_mutex_unlock(&mutex);
    int calls = 0, status, traps = 0, signals = 0;
    for (;;) {
        ptrace(PTRACE_SYSCALL, held, 0, 0);
        waitpid(held, &status, 0);
        if (!WIFSTOPPED(status))
            break;
        if (WSTOPSIG(status) == (SIGTRAP | 0x80))
            calls++;
        else if (WSTOPSIG(status) == SIGTRAP)
            traps++;
        else
            signals++;
    }
    printf("calls %d, breakpoints %d, signals %d, end %x\n", calls, traps, signals, status);
    return 0;
}
