/* Asks the kernel many small questions and prints the answers. Run on the host and in the guest: both must print the same.
   Nothing that differs between two correct kernels (addresses, ids, times) may be printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "answer.h"

extern char **environ;

static volatile sig_atomic_t caught, caught_code, order[16], order_count;
static void *caught_address;
static sigjmp_buf back;

static void on_signal(int signal, siginfo_t *information, void *context)
{
    (void)context;
    caught = signal;
    caught_code = information->si_code;
    caught_address = information->si_addr;
    if (order_count < 16)
        order[order_count++] = signal;
}

static void on_fault(int signal, siginfo_t *information, void *context)
{
    on_signal(signal, information, context);
    siglongjmp(back, 1);
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = { .sa_flags = SA_SIGINFO | flags };
    action.sa_sigaction = handler;
    sigaction(signal, &action, NULL);
}

static int status_of(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static void show_status(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed by %d\n", what, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped by %d\n", what, WSTOPSIG(status));
    else
        printf("%s: %x\n", what, status);
}

static long remap(void *at, unsigned long from, unsigned long to, int flags, void *target)
{
    return syscall(SYS_mremap, at, from, to, flags, target) < 0 ? -errno : 0;
}

/* mremap(2): where pages go, what they hold afterwards, and what it refuses. */
static __attribute__((noinline)) void remapping(void)
{
    enum { PAGE = 4096 };
    char *room = mmap(NULL, 32 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *from = mmap(room, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    char *target = room + 16 * PAGE;
    for (int i = 0; i < 4; i++)
        from[i * PAGE] = 10 + i;
    answer("in place there is no room", remap(from, 4 * PAGE, 8 * PAGE, 0, NULL));
    answer("unaligned", remap(from + 1, PAGE, PAGE, MREMAP_MAYMOVE, NULL));
    answer("no length", remap(from, PAGE, 0, MREMAP_MAYMOVE, NULL));
    answer("fixed, but may not move", remap(from, PAGE, PAGE, MREMAP_FIXED, target));
    answer("an unknown flag", remap(from, PAGE, PAGE, 64, target));
    answer("onto itself", remap(from, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, from + PAGE));
    answer("to an unaligned place", remap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + 1));
    answer("moved", remap(from, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target));
    answer("its bytes", target[0] + target[PAGE] + target[2 * PAGE] + target[3 * PAGE]);
    answer("the new ones are zero", target[4 * PAGE] + target[5 * PAGE]);
    target[5 * PAGE] = 1;
    if (sigsetjmp(back, 1) == 0)
        from[0] = 1;
    answer("the old place: code", caught_code);
    answer("the middle of it moved", remap(target + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 8 * PAGE));
    answer("its bytes", room[8 * PAGE] + room[9 * PAGE]);
    answer("its neighbours", target[0] + target[3 * PAGE]);
    if (sigsetjmp(back, 1) == 0)
        target[PAGE] = 1;
    answer("the gap: code", caught_code);
    answer("shrunk while it moves", remap(target + 3 * PAGE, 3 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 12 * PAGE));
    answer("its byte", room[12 * PAGE]);
    int file = open("/proc/self/exe", O_RDONLY);
    char *mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, PAGE), second;
    pread(file, &second, 1, 2 * PAGE);
    mapped = mremap(mapped, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    answer("a mapping of a file grows in the file", mapped != MAP_FAILED && mapped[PAGE] == second);
    close(file);
    munmap(room, 32 * PAGE);
}

static void memory(void)
{
    char *page = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    answer("mmap", page != MAP_FAILED);
    long sum = 0;
    for (int i = 0; i < 8 * 4096; i++)
        sum += page[i];
    answer("fresh pages are zero", sum);
    memset(page, 7, 8 * 4096);
    answer("mprotect middle", mprotect(page + 4096, 4096, PROT_READ));
    handle(SIGSEGV, on_fault, 0);
    if (sigsetjmp(back, 1) == 0)
        page[4096] = 1;
    answer("write to read-only: signal", caught);
    answer("code", caught_code);
    answer("address is right", caught_address == page + 4096);
    answer("mprotect back", mprotect(page + 4096, 4096, PROT_READ | PROT_WRITE));
    page[4096] = 9;
    answer("kept its neighbours", page[4095] + page[8192] + page[4097]);
    answer("munmap middle", munmap(page + 2 * 4096, 4096));
    if (sigsetjmp(back, 1) == 0)
        page[2 * 4096] = 1;
    answer("unmapped: code", caught_code);
    answer("read after PROT_NONE set", mprotect(page, 4096, PROT_NONE));
    if (sigsetjmp(back, 1) == 0)
        sum = *(volatile char *)page;
    answer("PROT_NONE: code", caught_code);
    mprotect(page, 4096, PROT_READ);
    answer("content survived PROT_NONE", page[10]);
    if (sigsetjmp(back, 1) == 0)
        ((void (*)(void))(page + 5 * 4096))();
    answer("no execute: code", caught_code);
    if (sigsetjmp(back, 1) == 0)
        *(volatile int *)8 = 1;
    answer("null: code", caught_code);
    answer("munmap unaligned", munmap(page + 1, 4096));
    answer("munmap nothing", munmap(page, 0));
    answer("mprotect hole", mprotect(page, 8 * 4096, PROT_READ));
    answer("mmap length 0", (long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    answer("mmap bad descriptor", (long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 77, 0));
    answer("mmap no type", (long)mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));

    char *grown = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(grown, 3, 3 * 4096);
    grown = mremap(grown, 3 * 4096, 300 * 4096, MREMAP_MAYMOVE);
    answer("mremap grows", grown != MAP_FAILED);
    answer("content", grown[0] + grown[3 * 4096 - 1] + grown[3 * 4096] + grown[300 * 4096 - 1]);
    char *small = mremap(grown, 300 * 4096, 4096, 0);
    answer("mremap shrinks in place", small == grown);
    answer("mremap of nothing", (long)mremap((void *)0x100000, 4096, 8192, MREMAP_MAYMOVE));

    remapping();

    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared[0] = private[0] = 1;
    pid_t child = fork();
    if (child == 0) {
        shared[0] = private[0] = 2;
        _exit(0);
    }
    status_of(child);
    answer("shared after fork", shared[0]);
    answer("private after fork", private[0]);
    unsigned char resident[4];
    answer("madvise DONTNEED", madvise(private, 4096, MADV_DONTNEED));
    answer("mincore untouched", mincore(private, 4096, resident));
    answer("zero again", private[0]);
    answer("mincore unaligned", mincore(private + 1, 4096, resident));
    void *end = sbrk(0);
    answer("sbrk", sbrk(100000) == end);
    memset(end, 1, 100000);
    answer("sbrk back", sbrk(-100000) != (void *)-1);
    answer("absurd malloc fails", malloc(1ul << 46) == NULL);
    int file = open("/proc/self/exe", O_RDONLY);
    char *image = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    answer("file mapping", image != MAP_FAILED && memcmp(image, "\177ELF", 4) == 0);
    close(file);
    signal(SIGSEGV, SIG_DFL);
}

static void bad_pointers(void)
{
    int pipes[2];
    pipe(pipes);
    char *readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    answer("write from null", write(pipes[1], NULL, 5));
    answer("write from kernel", write(pipes[1], (void *)0xffffc00000400000, 5));
    answer("write from noncanonical", write(pipes[1], (void *)0x800000000000, 5));
    write(pipes[1], "hello", 5);
    answer("read into read-only", read(pipes[0], readonly, 5));
    answer("read into kernel", read(pipes[0], (void *)-4096, 5));
    answer("clock_gettime bad", syscall(SYS_clock_gettime, 0, (void *)-8));
    answer("clock_gettime clock", syscall(SYS_clock_gettime, 77, NULL));
    answer("sigaction bad", syscall(SYS_rt_sigaction, SIGUSR1, (void *)0x10, NULL, 8));
    answer("sigaction size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    answer("sigaction kill", syscall(SYS_rt_sigaction, SIGKILL, (void *)environ, NULL, 8));
    answer("sigprocmask bad", syscall(SYS_rt_sigprocmask, 0, (void *)0x10, NULL, 8));
    answer("uname bad", syscall(SYS_uname, (void *)0x10));
    answer("execve bad path", syscall(SYS_execve, (void *)0x10, NULL, NULL));
    answer("execve bad arguments", syscall(SYS_execve, "/proc/self/exe", (void *)0x10, NULL));
    answer("execve missing", execl("/does/not/exist", "x", NULL));
    answer("execve directory", execl("/proc", "x", NULL));
    answer("nanosleep bad", syscall(SYS_nanosleep, (void *)0x10, NULL));
    struct timespec wrong = { 0, 2000000000 };
    answer("nanosleep not normal", nanosleep(&wrong, NULL));
    answer("wait4 bad", ({ pid_t child = fork(); if (child == 0) _exit(0); syscall(SYS_wait4, child, (void *)0x10, 0, NULL); }));
    answer("futex bad", syscall(SYS_futex, (void *)0x10, 0, 0, NULL, NULL, 0));
    answer("getrandom bad", syscall(SYS_getrandom, (void *)0x10, 16, 0));
    answer("pipe bad", syscall(SYS_pipe, (void *)0x10));
    answer("unknown call", syscall(499));
    answer("huge call number", syscall(0x7fffffff));
    close(pipes[0]);
    close(pipes[1]);
}

static void processors(void)
{
    unsigned cpu = -1, node = -1;
    cpu_set_t ours;
    answer("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL));
    answer("sched_getaffinity", sched_getaffinity(0, sizeof ours, &ours));
    answer("a processor of ours", cpu < CPU_SETSIZE && CPU_ISSET(cpu, &ours) != 0);
    answer("a node", node != -1u);
    answer("getcpu, nothing asked", syscall(SYS_getcpu, NULL, NULL, NULL));
    answer("getcpu, bad processor", syscall(SYS_getcpu, (void *)8, NULL, NULL));
    answer("getcpu, bad node", syscall(SYS_getcpu, NULL, (void *)8, NULL));
}

static void processes(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(42);
    show_status("exit", status_of(child));
    child = fork();
    if (child == 0) {
        kill(getpid(), SIGKILL);
        _exit(0);
    }
    show_status("kill", status_of(child));
    child = fork();
    if (child == 0)
        abort();
    show_status("abort", status_of(child));
    int signals[] = { SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGPIPE, SIGTERM, SIGALRM, SIGUSR1, SIGHUP };
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        child = fork();
        if (child == 0) {
            raise(signals[i]);
            _exit(0);
        }
        show_status("default action", status_of(child));
    }
    child = fork();
    if (child == 0) {
        volatile int zero = 0;
        _exit(100 / zero);
    }
    show_status("division by zero", status_of(child));
    child = fork();
    if (child == 0)
        __builtin_trap();
    show_status("illegal instruction", status_of(child));
    child = fork();
    if (child == 0) {
        raise(SIGURG);
        raise(SIGWINCH);
        raise(SIGCHLD);
        _exit(5);
    }
    show_status("ignored by default", status_of(child));

    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(6);
    }
    int status;
    answer("stopped child is reported", waitpid(child, &status, WUNTRACED) == child);
    show_status("stop", status);
    kill(child, SIGCONT);
    show_status("continued", status_of(child));
    answer("no child", waitpid(-1, NULL, 0));
    answer("no such child", waitpid(1, NULL, 0));
    answer("bad options", waitpid(-1, NULL, 0x100));
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    answer("not ended yet", waitpid(child, NULL, WNOHANG));
    kill(child, SIGTERM);
    siginfo_t information = { 0 };
    answer("waitid", waitid(P_PID, child, &information, WEXITED | WNOWAIT));
    answer("code", information.si_code);
    answer("status", information.si_status);
    answer("pid", information.si_pid == child);
    show_status("still there", status_of(child));
    answer("kill the dead", kill(child, 0));
    answer("kill bad signal", kill(getpid(), 99));
    answer("tgkill bad", syscall(SYS_tgkill, -1, -1, 0));

    child = vfork();
    if (child == 0)
        _exit(7);
    show_status("vfork", status_of(child));
    char *arguments[] = { "answers", "child", "with", "arguments", NULL };
    fflush(stdout);
    int spawned = posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ);
    show_status("spawned", status_of(child));
    answer("posix_spawn", spawned);
    answer("posix_spawn missing", posix_spawn(&child, "/does/not/exist", NULL, NULL, arguments, environ));

    child = fork();
    if (child == 0) {
        answer("setsid", setsid() == getpid());
        answer("session", getsid(0) == getpid() && getpgrp() == getpid());
        answer("setsid again", setsid());
        answer("setpgid of leader", setpgid(0, 0));
        pid_t grandchild = fork();
        if (grandchild == 0) {
            answer("group is inherited", getpgrp() == getppid());
            answer("setpgid", setpgid(0, 0));
            answer("own group", getpgrp() == getpid());
            answer("setpgid to nonsense", setpgid(0, 99999));
            fflush(stdout);
            _exit(0);
        }
        status_of(grandchild);
        fflush(stdout);
        _exit(0);
    }
    status_of(child);

    /* An orphan gets a new parent. */
    int pipes[2];
    pipe(pipes);
    child = fork();
    if (child == 0) {
        pid_t middle = getpid();
        if (fork() == 0) {
            while (getppid() == middle)
                usleep(1000);
            write(pipes[1], "o", 1);
            _exit(0);
        }
        _exit(0);
    }
    status_of(child);
    char byte;
    answer("orphan lives", read(pipes[0], &byte, 1));
    close(pipes[0]);
    close(pipes[1]);
    char name[16];
    prctl(PR_SET_NAME, "a rather long name");
    prctl(PR_GET_NAME, name);
    printf("name: %s\n", name);
    struct rusage usage;
    answer("getrusage", getrusage(RUSAGE_CHILDREN, &usage));
    answer("getrusage bad", getrusage(5, &usage));
    struct utsname names;
    uname(&names);
    printf("%s %s\n", names.sysname, names.machine);
    answer("page size", sysconf(_SC_PAGESIZE));
    answer("clock ticks", sysconf(_SC_CLK_TCK));
    answer("secure", getauxval(AT_SECURE));
    answer("random bytes given", getauxval(AT_RANDOM) != 0);
}

static void signals(void)
{
    handle(SIGUSR1, on_signal, 0);
    handle(SIGUSR2, on_signal, 0);
    raise(SIGUSR1);
    answer("handler ran", caught);
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &old);
    caught = order_count = 0;
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    answer("blocked", caught);
    sigpending(&pending);
    answer("pending", sigismember(&pending, SIGUSR1) + 2 * sigismember(&pending, SIGUSR2));
    sigsuspend(&old);
    answer("after sigsuspend", order_count);
    sigprocmask(SIG_SETMASK, NULL, &pending);
    answer("mask is back", sigismember(&pending, SIGUSR1));
    raise(SIGUSR1);
    struct timespec second = { 1, 0 };
    siginfo_t information;
    answer("sigtimedwait", sigtimedwait(&set, &information, &second));
    answer("its code", information.si_code);
    struct timespec moment = { 0, 1000000 };
    answer("sigtimedwait in vain", sigtimedwait(&set, &information, &moment));
    union sigval value = { .sival_int = 77 };
    sigqueue(getpid(), SIGUSR2, value);
    sigwaitinfo(&set, &information);
    answer("queued value", information.si_value.sival_int);
    answer("queued code", information.si_code);
    sigprocmask(SIG_SETMASK, &old, NULL);

    /* Registers, floating point among them, survive a handler. */
    double x = 1.5;
    for (int i = 0; i < 10; i++) {
        x = x * 1.25 + i;
        raise(SIGUSR1);
    }
    printf("floating point: %.10f\n", x);

    /* Restart of read, and none of it. */
    int pipes[2];
    pipe(pipes);
    for (int restart = 0; restart < 2; restart++) {
        handle(SIGALRM, on_signal, restart ? SA_RESTART : 0);
        pid_t child = fork();
        if (child == 0) {
            usleep(150000);
            write(pipes[1], "x", 1);
            _exit(0);
        }
        struct itimerval soon = { { 0, 0 }, { 0, 50000 } };
        setitimer(ITIMER_REAL, &soon, NULL);
        char byte;
        answer(restart ? "read restarted" : "read interrupted", read(pipes[0], &byte, 1));
        status_of(child);
        if (!restart)
            read(pipes[0], &byte, 1);
    }
    handle(SIGALRM, on_signal, SA_RESTART);
    struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
    setitimer(ITIMER_REAL, &soon, NULL);
    struct timespec second_left, one = { 1, 0 };
    answer("nanosleep interrupted", nanosleep(&one, &second_left));
    answer("some time is left", second_left.tv_nsec > 800000000);
    setitimer(ITIMER_REAL, &soon, NULL);
    answer("poll interrupted", poll(NULL, 0, 1000));
    alarm(100);
    answer("alarm left", alarm(0));

    /* The alternate stack takes what the stack cannot. */
    stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 }, before;
    answer("sigaltstack", sigaltstack(&stack, &before));
    answer("there was none", before.ss_flags);
    handle(SIGSEGV, on_fault, SA_ONSTACK);
    if (sigsetjmp(back, 1) == 0) {
        volatile char *deep = alloca(100);
        for (;;) {
            deep = alloca(65536);
            deep[0] = 1;
        }
    }
    answer("stack overflow", caught);
    answer("sigaltstack too small", ({ stack_t tiny = { .ss_sp = stack.ss_sp, .ss_size = 100 }; sigaltstack(&tiny, NULL); }));
    signal(SIGSEGV, SIG_DFL);

    handle(SIGFPE, on_fault, 0);
    if (sigsetjmp(back, 1) == 0) {
        volatile int zero = 0;
        caught = 100 / zero;
    }
    answer("division by zero", caught);
    answer("its code", caught_code);
    handle(SIGILL, on_fault, 0);
    if (sigsetjmp(back, 1) == 0)
        __builtin_trap();
    answer("illegal instruction", caught);
    handle(SIGPIPE, on_signal, 0);
    close(pipes[0]);
    answer("broken pipe", write(pipes[1], "x", 1));
    answer("its signal", caught);
    close(pipes[1]);
    handle(SIGCHLD, on_signal, SA_RESTART);
    caught = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(3);
    show_status("child", status_of(child));
    answer("SIGCHLD", caught);
    answer("its code", caught_code);
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0)
        _exit(3);
    answer("unattended child", waitpid(child, NULL, 0));
    signal(SIGCHLD, SIG_DFL);
    handle(SIGUSR1, on_signal, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    answer("reset handler", action.sa_handler == SIG_DFL);
}

static void times_and_waiting(void)
{
    struct timespec before, after, pause = { 0, 30000000 };
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long elapsed = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    answer("slept long enough", elapsed >= 29 && elapsed < 2000);
    struct timespec deadline = after;
    deadline.tv_nsec += 20000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    answer("absolute sleep", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL));
    answer("past deadline", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &before, NULL));
    answer("wall clock is this century", time(NULL) > 1600000000);
    int word = 1;
    struct timespec short_time = { 0, 10000000 };
    answer("futex other value", syscall(SYS_futex, &word, 0, 2, NULL, NULL, 0));
    answer("futex time-out", syscall(SYS_futex, &word, 0, 1, &short_time, NULL, 0));
    answer("futex wake nobody", syscall(SYS_futex, &word, 1, 1, NULL, NULL, 0));
    answer("futex unaligned", syscall(SYS_futex, (char *)&word + 1, 1, 1, NULL, NULL, 0));
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)shared;
    cpu_set_t set;
    answer("affinity", sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1);
    answer("yield", sched_yield());
    struct rlimit limit;
    answer("stack limit", getrlimit(RLIMIT_STACK, &limit));
    answer("limit bad", getrlimit(99, &limit));
    struct tms buffer;
    answer("times", times(&buffer) > 0);
    volatile double work = 1;
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            work = work * 1.0001;
    }
    /* A busy child does not keep its parent from running. */
    struct timespec moment = { 0, 1000000 };
    for (int i = 0; i < 20; i++)
        nanosleep(&moment, NULL);
    kill(child, SIGKILL);
    show_status("busy child", status_of(child));
}

/* A datagram in several pieces is one datagram, whoever cuts it. */
static void messages(void)
{
    int here = socket(AF_INET, SOCK_DGRAM, 0), there = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, from = { 0 };
    socklen_t length = sizeof name;
    answer("bind", bind(here, (struct sockaddr *)&name, sizeof name));
    answer("name", getsockname(here, (struct sockaddr *)&name, &length));
    char parts[3][8] = { "one-", "", "two" }, got[2][8] = { "", "" };
    struct iovec out[3] = { { parts[0], 4 }, { parts[1], 0 }, { parts[2], 3 } }, in[2] = { { got[0], 5 }, { got[1], 7 } };
    struct msghdr send = { .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = out, .msg_iovlen = 3 };
    struct msghdr receive = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = in, .msg_iovlen = 2 };
    answer("sent in three", sendmsg(there, &send, 0));
    answer("received in two", recvmsg(here, &receive, 0));
    printf("got: %.8s and %.8s\n", got[0], got[1]);
    answer("whole", receive.msg_flags & MSG_TRUNC);
    answer("who", from.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && from.sin_port != 0);
    answer("sent again", sendmsg(there, &send, 0));
    in[0].iov_len = 2;
    in[1].iov_len = 3;
    answer("received in part", recvmsg(here, &receive, 0));
    answer("the rest is gone", (receive.msg_flags & MSG_TRUNC) != 0);
    answer("no more", recvmsg(here, &receive, MSG_DONTWAIT));
    send.msg_iovlen = 0;
    answer("sent nothing", sendmsg(there, &send, 0));
    answer("received nothing", recvmsg(here, &receive, 0));
    out[2].iov_base = (void *)8;
    send.msg_iovlen = 3;
    answer("bad piece", sendmsg(there, &send, 0));
    out[2].iov_base = parts[2];
    out[1].iov_len = 70000;
    static char large[70000];
    out[1].iov_base = large;
    answer("too large", sendmsg(there, &send, 0));
    close(here);
    close(there);
}

/* What registers hold beyond what a call takes: descriptors and flags are 32 bits, unknown flags are refused, addresses end somewhere. */
static void registers(void)
{
    const unsigned long above = 1ul << 32;
    int ends[2], extra;
    char byte = 0;
    struct stat status;
    struct sockaddr_in name;
    void *kernel = (void *)0xffffc00000400000;
    /* A clock that stays as it is, whoever asks: the moment is none. */
    struct timespec never = { INT64_MAX, 0 };
    answer("clock_settime, more bits", syscall(SYS_clock_settime, above | CLOCK_REALTIME, &never));
    answer("clock_settime, kernel address", syscall(SYS_clock_settime, CLOCK_REALTIME, kernel));
    answer("settimeofday, no moment", syscall(SYS_settimeofday, &never, NULL));
    answer("settimeofday, kernel address", syscall(SYS_settimeofday, kernel, NULL));
    answer("setpriority, more bits", syscall(SYS_setpriority, above | PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)));
    answer("getpriority, more bits", syscall(SYS_getpriority, above | PRIO_PROCESS, 0) > 0);
    answer("pipe2, more bits", syscall(SYS_pipe2, ends, above | O_NONBLOCK));
    answer("pipe2, unknown flag", syscall(SYS_pipe2, ends, 0x10));
    answer("read, more bits", syscall(SYS_read, above | ends[0], &byte, 1));
    answer("dup, more bits", (extra = syscall(SYS_dup, above | ends[0])) > 0);
    answer("fcntl, more bits", syscall(SYS_fcntl, above | extra, F_SETFD, FD_CLOEXEC));
    answer("fcntl asked", fcntl(extra, F_GETFD));
    answer("close, more bits", syscall(SYS_close, above | extra));
    answer("close again", close(extra));
    answer("dup2 to itself, more bits", syscall(SYS_dup2, above | ends[0], ends[0]) == ends[0]);
    answer("dup3 to itself, more bits", syscall(SYS_dup3, above | ends[0], ends[0], 0));
    answer("close_range, more bits", syscall(SYS_close_range, above | 1000, above | 1001, above));
    answer("write, kernel address", syscall(SYS_write, ends[1], kernel, 1));
    answer("write, wrapping", syscall(SYS_write, ends[1], &byte, -1ul));
    answer("write, to no address", syscall(SYS_write, ends[1], NULL, 0));
    answer("read, kernel address", syscall(SYS_read, ends[0], kernel, 1));
    answer("read from the wrong end", syscall(SYS_read, ends[1], kernel, 1));
    answer("write to the wrong end", syscall(SYS_write, ends[0], kernel, 1));
    answer("pread, negative", syscall(SYS_pread64, ends[0], &byte, 1, -1l));
    answer("fstatat, unknown flag", syscall(SYS_newfstatat, AT_FDCWD, "/", &status, 1));
    answer("fstatat, more bits", syscall(SYS_newfstatat, above | (unsigned)AT_FDCWD, "/", &status, above));
    answer("fstatat, descriptor", syscall(SYS_newfstatat, ends[0], "", &status, AT_EMPTY_PATH));
    answer("fstatat, no path", syscall(SYS_newfstatat, 99, "", &status, AT_EMPTY_PATH));
    answer("fchownat, unknown flag", syscall(SYS_fchownat, AT_FDCWD, "/", -1, -1, 0x200));
    answer("utimensat, unknown flag", syscall(SYS_utimensat, AT_FDCWD, "/", NULL, 0x200));
    answer("faccessat2, unknown flag", syscall(SYS_faccessat2, AT_FDCWD, "/", R_OK, 0x400));
    answer("unlinkat, unknown flag", syscall(SYS_unlinkat, AT_FDCWD, "/none", 1));
    answer("renameat2, both flags", syscall(SYS_renameat2, AT_FDCWD, "/none", AT_FDCWD, "/none", 3));
    answer("eventfd2, unknown flag", syscall(SYS_eventfd2, 0, 2));
    answer("epoll_create1, unknown flag", syscall(SYS_epoll_create1, 1));
    answer("getrandom, unknown flag", syscall(SYS_getrandom, &byte, 1, 8));
    answer("getrandom, two sources", syscall(SYS_getrandom, &byte, 1, 6));
    answer("getrandom, more bits", syscall(SYS_getrandom, &byte, 1, above));
    answer("splice, unknown flag", syscall(SYS_splice, ends[0], NULL, ends[1], NULL, 1, 16));
    answer("wait4, unknown option", syscall(SYS_wait4, -1, NULL, 16, NULL));
    answer("wait4, more bits", syscall(SYS_wait4, -1, NULL, above, NULL));
    answer("waitid, nothing asked", syscall(SYS_waitid, P_ALL, 0, NULL, WNOHANG, NULL));
    int s = socket(AF_INET, SOCK_STREAM, 0), length = -1;
    answer("socket, unknown flag", socket(AF_INET, SOCK_STREAM | 0x100, 0));
    answer("accept4, unknown flag", syscall(SYS_accept4, s, NULL, NULL, 1));
    answer("getsockname, negative length", getsockname(s, (struct sockaddr *)&name, (socklen_t *)&length));
    answer("getsockname, more bits", (length = sizeof name, syscall(SYS_getsockname, above | s, &name, &length)));
    answer("recvfrom, kernel address", syscall(SYS_recvfrom, s, kernel, 1, MSG_DONTWAIT, NULL, NULL));
    struct iovec bad = { &byte, -1ul };
    struct msghdr message = { .msg_iov = &bad, .msg_iovlen = 1 };
    answer("sendmsg, negative length", sendmsg(s, &message, 0));
    answer("writev, negative length", writev(ends[1], &bad, 1));
    bad = (struct iovec){ kernel, 1 };
    answer("writev, kernel address", writev(ends[1], &bad, 1));
    struct pollfd one = { .fd = ends[0], .events = POLLIN };
    answer("poll, nobody at no address", syscall(SYS_poll, kernel, 0, 0));
    answer("poll, more bits", syscall(SYS_poll, &one, above | 1, 0));
    int set = syscall(SYS_semget, above, 1, above | 0x380);
    answer("semget, more bits", set < 0 ? set : 0);
    answer("semctl, more bits", syscall(SYS_semctl, above | set, above, above | 12, 0));
    answer("semctl, removed", syscall(SYS_semctl, set, 0, above, 0));
    answer("msgget, more bits", syscall(SYS_msgget, above | 77, above));
    answer("shmget, more bits", syscall(SYS_shmget, above | 77, 4096, above));
    answer("shmat, kernel address", (syscall(SYS_shmat, 0, kernel, 0) < 0) - 1);
    answer("timer_gettime, more bits", syscall(SYS_timer_gettime, above | 77, &status));
    answer("flock, more bits", syscall(SYS_flock, s, above | LOCK_UN));
    answer("mmap, more bits", syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, above | ends[0], 0));
    close(s);
    close(ends[0]);
    close(ends[1]);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 4096);
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        printf("child: %d arguments, last %s, environment %s\n", argc, argv[argc - 1], getenv("ANSWERS") ? getenv("ANSWERS") : "missing");
        return 9;
    }
    for (int signal_number = 1; signal_number < 32; signal_number++)
        signal(signal_number, SIG_DFL);     /* whoever started this may have ignored some */
    setenv("ANSWERS", "here", 1);
    memory();
    bad_pointers();
    processors();
    processes();
    signals();
    times_and_waiting();
    messages();
    registers();
    printf("all answers given\n");
    return 0;
}
