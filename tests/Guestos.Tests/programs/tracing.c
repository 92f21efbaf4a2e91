/* ptrace(2): stops at signals, system calls and events, registers, memory, steps, ends. Run on the host and in the guest: both must print
   the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reg.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

static long trace(long request, int pid, void *address, void *data) { return syscall(SYS_ptrace, request, pid, address, data); }

static char *self;
static int child;

/* Waits for one, and says how it stands. */
static int wait_for(const char *what, int pid)
{
    int status = 0, got = waitpid(pid, &status, __WALL);
    if (got < 0)
        printf("%s: -1 %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %s %x\n", what, got == pid ? "it" : "another", status);
    errno = 0;
    return status;
}

static void go(long request, long signal)
{
    if (trace(request, child, 0, (void *)signal) < 0)
        printf("request %lx: %s\n", request, strerrorname_np(errno));
}

static void information(int pid)
{
    siginfo_t signal;
    memset(&signal, 0, sizeof signal);
    if (trace(PTRACE_GETSIGINFO, pid, 0, &signal) < 0)
        printf("  information: %s\n", strerrorname_np(errno));
    else
        printf("  information: signal %d code %x\n", signal.si_signo, signal.si_code);
    errno = 0;
}

static struct user_regs_struct registers(void)
{
    struct user_regs_struct seen;
    memset(&seen, 0, sizeof seen);
    if (trace(PTRACE_GETREGS, child, 0, &seen) < 0)
        printf("no registers: %s\n", strerrorname_np(errno));
    return seen;
}

static void finish(void)
{
    kill(child, SIGKILL);
    int status;
    while (waitpid(child, &status, __WALL) == child && !WIFSIGNALED(status) && !WIFEXITED(status))
        ;
}

/* A child that stops itself once it is traced. */
static int begin(void)
{
    fflush(stdout);
    child = fork();
    if (child == 0) {
        trace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
    } else
        wait_for("begun", child);
    return child;
}

static void errors(void)
{
    static unsigned long room[64];
    ASK(trace(PTRACE_CONT, 3999999, 0, 0));
    ASK(trace(PTRACE_CONT, getppid(), 0, 0));
    ASK(trace(PTRACE_ATTACH, getpid(), 0, 0));
    ASK(trace(PTRACE_ATTACH, 3999999, 0, 0));
    ASK(trace(PTRACE_SEIZE, 3999999, 0, 0));
    ASK(trace(999, 3999999, 0, 0));
    if (begin() == 0)
        for (;;)
            pause();
    ASK(trace(PTRACE_ATTACH, child, 0, 0));
    ASK(trace(PTRACE_SEIZE, child, 0, 0));
    ASK(trace(999, child, 0, 0));
    ASK(trace(PTRACE_CONT, child, 0, (void *)65));
    ASK(trace(PTRACE_SETOPTIONS, child, 0, (void *)0x40000000));
    ASK(trace(PTRACE_PEEKDATA, child, (void *)8, room));
    ASK(trace(PTRACE_POKEDATA, child, (void *)8, (void *)1));
    ASK(trace(PTRACE_PEEKDATA, child, (void *)0xffffc00000000000, room));
    ASK(trace(PTRACE_PEEKUSER, child, (void *)3, room));
    ASK(trace(PTRACE_PEEKUSER, child, (void *)928, room));
    ASK(trace(PTRACE_GETREGS, child, 0, (void *)8));
    ASK(trace(PTRACE_SETREGS, child, 0, (void *)8));
    ASK(trace(PTRACE_INTERRUPT, child, 0, 0));
    ASK(trace(PTRACE_LISTEN, child, 0, 0));
    ASK(trace(PTRACE_GETREGSET, child, (void *)999, room));
    struct user_regs_struct wrong = registers();
    wrong.cs = 0x10;
    ASK(trace(PTRACE_SETREGS, child, 0, &wrong));
    ASK(trace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, ss), (void *)0x18));
    ASK(trace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, fs_base), (void *)0x800000000000));
    ASK(trace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, gs_base), (void *)0xffff800000000000));
    go(PTRACE_CONT, 0);
    ASK(trace(PTRACE_GETREGS, child, 0, &wrong));
    ASK(trace(PTRACE_CONT, child, 0, 0));
    ASK(trace(PTRACE_KILL, child, 0, 0));
    wait_for("killed", child);
    ASK(trace(PTRACE_CONT, child, 0, 0));
    wait_for("gone", child);
}

static volatile int handled;

static void handler(int signal) { handled = signal; }

static void signals(void)
{
    if (begin() == 0) {
        signal(SIGUSR1, handler);
        signal(SIGUSR2, handler);
        signal(SIGURG, SIG_IGN);
        raise(SIGUSR1);
        int first = handled;
        handled = 0;
        raise(SIGUSR1);
        int second = handled;
        raise(SIGUSR1);
        int third = handled;
        raise(SIGURG);
        raise(SIGCHLD);
        raise(SIGTERM);
        _exit(first == SIGUSR1 && second == 0 && third == SIGUSR2 ? 7 : 8);
    }
    information(child);
    go(PTRACE_CONT, 0);
    wait_for("delivered", child);
    information(child);
    go(PTRACE_CONT, SIGUSR1);
    wait_for("suppressed", child);
    go(PTRACE_CONT, 0);
    wait_for("changed", child);
    go(PTRACE_CONT, SIGUSR2);
    wait_for("ignored", child);
    go(PTRACE_CONT, SIGURG);
    wait_for("ignored by default", child);
    go(PTRACE_CONT, SIGCHLD);
    wait_for("deadly, suppressed", child);
    siginfo_t wanted;
    trace(PTRACE_GETSIGINFO, child, 0, &wanted);
    wanted.si_code = -1;
    ASK(trace(PTRACE_SETSIGINFO, child, 0, &wanted));
    information(child);
    go(PTRACE_CONT, 0);
    wait_for("end", child);
    if (begin() == 0)
        for (;;)
            pause();
    go(PTRACE_CONT, SIGKILL);
    wait_for("killed by its tracer", child);
    if (begin() == 0)
        for (;;)
            pause();
    kill(child, SIGKILL);
    wait_for("killed while it stood", child);
}

static void calls(void)
{
    if (begin() == 0) {
        char byte = 'a';
        syscall(SYS_getpid);
        syscall(SYS_getuid);
        long result = syscall(12345);
        int failed = errno;
        _exit(result == -1 && failed == ENOSYS ? 3 : 4);
    }
    ASK(trace(PTRACE_SETOPTIONS, child, 0, (void *)PTRACE_O_TRACESYSGOOD));
    long own = child;
    for (int i = 0; i < 7; i++) {
        go(PTRACE_SYSCALL, 0);
        int status = wait_for("call", child);
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
            break;
        information(child);
        unsigned long message = 0;
        trace(PTRACE_GETEVENTMSG, child, 0, &message);
        struct user_regs_struct now = registers();
        struct __ptrace_syscall_info told;
        memset(&told, 0, sizeof told);
        long length = trace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof told, &told);
        printf("  number %lld result %lld message %ld, length %ld op %d arch %x ip %d sp %d\n", (long long)now.orig_rax,
            (long long)now.rax == own ? 1000 : (long long)now.rax, message, length, told.op, told.arch, told.instruction_pointer == now.rip, told.stack_pointer == now.rsp);
        if (told.op == 1)
            printf("  entry %lld\n", (long long)told.entry.nr);
        if (told.op == 2)
            printf("  exit %lld %d\n", (long long)told.exit.rval == own ? 1000 : (long long)told.exit.rval, told.exit.is_error);
    }
    finish();

    /* The tracer changes a number, an argument and a result, and leaves a call out. */
    int ends[2];
    pipe(ends);
    if (begin() == 0) {
        long a = syscall(SYS_getppid);
        long b = write(ends[1], "abc", 3);
        long c = syscall(SYS_getpid);
        long d = syscall(SYS_getppid);
        _exit(a == getpid() && b == 1 && c == 77 && d == 55 ? 5 : 6);
    }
    go(PTRACE_SYSCALL, 0);
    waitpid(child, 0, 0);
    struct user_regs_struct now = registers();
    now.orig_rax = SYS_getpid;
    trace(PTRACE_SETREGS, child, 0, &now);
    go(PTRACE_SYSCALL, 0);
    waitpid(child, 0, 0);
    go(PTRACE_SYSCALL, 0);
    waitpid(child, 0, 0);
    trace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, rdx), (void *)1);
    go(PTRACE_SYSCALL, 0);
    waitpid(child, 0, 0);
    go(PTRACE_SYSCALL, 0);
    waitpid(child, 0, 0);
    go(PTRACE_SYSCALL, 0);
    waitpid(child, 0, 0);
    trace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, rax), (void *)77);
    go(PTRACE_SYSCALL, 0);
    waitpid(child, 0, 0);
    now = registers();
    now.orig_rax = -1;
    now.rax = 55;
    trace(PTRACE_SETREGS, child, 0, &now);
    go(PTRACE_CONT, 0);
    wait_for("changed", child);
    char bytes[8];
    printf("written: %ld\n", (long)read(ends[0], bytes, sizeof bytes));
}

static volatile long number = 0x1122334455667788;
static const char text[] = "read-only text of the program";

static void memory(void)
{
    long page = sysconf(_SC_PAGESIZE);
    char *two = mmap(0, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *shared = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *closed = mmap(0, page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    strcpy(shared, "shared");
    if (begin() == 0)
        _exit(number == 99 && text[0] == 'W' && two[page] == 7 && shared[0] == 'S' ? 9 : 10);
    long word = 0;
    ASK(trace(PTRACE_PEEKDATA, child, (void *)&number, &word));
    printf("%lx\n", word);
    ASK(trace(PTRACE_POKEDATA, child, (void *)&number, (void *)99));
    ASK(trace(PTRACE_PEEKTEXT, child, (void *)text, &word));
    word = (word & ~0xffl) | 'W';
    ASK(trace(PTRACE_POKETEXT, child, (void *)text, (void *)word));
    printf("own %lx %c\n", number, text[0]);
    ASK(trace(PTRACE_POKEDATA, child, two + page - 4, (void *)0x0000000700000000));
    ASK(trace(PTRACE_PEEKDATA, child, two + page - 4, &word));
    printf("across pages %lx, own %d\n", word, two[page]);
    ASK(trace(PTRACE_PEEKDATA, child, two + 2 * page - 4, &word) >= 0);
    ASK(trace(PTRACE_POKEDATA, child, shared, (void *)0x0000646572616853));
    printf("%s\n", shared);
    ASK(trace(PTRACE_POKEDATA, child, closed, (void *)1));

    char path[64], seen[32];
    sprintf(path, "/proc/%d/mem", child);
    int file = open(path, O_RDWR);
    ASK(pread(file, seen, sizeof text, (off_t)text));
    printf("%s\n", seen);
    ASK(pwrite(file, "X", 1, (off_t)text + 1));
    ASK(pread(file, seen, 4, (off_t)text));
    printf("%.4s\n", seen);
    ASK(pread(file, seen, 4, 8));
    ASK(pwrite(file, seen, 4, (off_t)closed));
    ASK(lseek(file, (off_t)text, SEEK_SET) == (off_t)text);
    ASK(read(file, seen, 4));
    printf("%.4s\n", seen);
    close(file);
    struct iovec here = { seen, 8 }, there = { (void *)text, 8 };
    ASK(process_vm_readv(child, &here, 1, &there, 1, 0));
    printf("%.8s\n", seen);
    ASK(process_vm_writev(child, &here, 1, &there, 1, 0));
    sprintf(path, "/proc/%d/status", child);
    FILE *status = fopen(path, "r");
    char line[128];
    while (fgets(line, sizeof line, status)) {
        int tracer;
        if (sscanf(line, "TracerPid: %d", &tracer) == 1)
            printf("traced by %s\n", tracer == getpid() ? "this" : "another");
        if (strncmp(line, "State:", 6) == 0)
            printf("%s", line);
    }
    fclose(status);
    sprintf(path, "/proc/%d/auxv", child);
    file = open(path, O_RDONLY);
    unsigned long pair[2];
    int found = 0;
    while (read(file, pair, sizeof pair) == sizeof pair && pair[0] != 0)
        found |= pair[0] == 6 && pair[1] == page;
    printf("auxiliary vector: %d\n", found);
    close(file);
    go(PTRACE_CONT, 0);
    wait_for("end", child);
}

/* Registers of all kinds that the tracer sees and changes. */
static void register_sets(void)
{
    if (begin() == 0) {
        unsigned long a, b, c, d, e, f;
        double x = 1.5, y = 0;
        asm volatile("mov $1, %%rbx\n mov $2, %%rcx\n mov $3, %%rdx\n mov $4, %%rsi\n mov $5, %%r8\n mov $6, %%r15\n movsd %6, %%xmm3\n fld1\n int3\n"
                     "fstpl %7\n movsd %%xmm3, %6\n mov %%rbx, %0\n mov %%rcx, %1\n mov %%rdx, %2\n mov %%rsi, %3\n mov %%r8, %4\n mov %%r15, %5"
                     : "=m"(a), "=m"(b), "=m"(c), "=m"(d), "=m"(e), "=m"(f), "+m"(x), "+m"(y) : : "rbx", "rcx", "rdx", "rsi", "r8", "r15", "xmm3", "memory");
        _exit(a == 11 && b == 12 && c == 13 && d == 14 && e == 15 && f == 16 && x == 2.5 && y == 3 ? 1 : 2);
    }
    go(PTRACE_CONT, 0);
    wait_for("breakpoint", child);
    information(child);
    struct user_regs_struct now = registers();
    printf("%llx %llx %llx %llx %llx %llx cs %llx ss %llx orig %llx flags %llx\n", now.rbx, now.rcx, now.rdx, now.rsi, now.r8, now.r15, now.cs, now.ss,
        now.orig_rax, now.eflags & 0x302);
    now.rbx += 10;
    now.rcx += 10;
    now.rdx += 10;
    now.rsi += 10;
    now.r8 += 10;
    now.r15 += 10;
    now.eflags |= 0xffffffff003f7000 & ~(1ul << 18) & ~(1ul << 21);
    ASK(trace(PTRACE_SETREGS, child, 0, &now));
    now = registers();
    printf("flags %llx\n", now.eflags & 0xffffffff003a3200);
    struct user_fpregs_struct floats;
    ASK(trace(PTRACE_GETFPREGS, child, 0, &floats));
    double value;
    memcpy(&value, (char *)floats.xmm_space + 48, 8);
    printf("cwd %x mxcsr %x xmm3 %g st0 %x\n", floats.cwd, floats.mxcsr, value, ((unsigned short *)floats.st_space)[4]);
    value = 2.5;
    memcpy((char *)floats.xmm_space + 48, &value, 8);
    struct iovec vector = { &floats, sizeof floats };
    ((unsigned long *)floats.st_space)[0] = 0xc000000000000000;
    ((unsigned short *)floats.st_space)[4] = 0x4000;
    ASK(trace(PTRACE_SETREGSET, child, (void *)NT_PRFPREG, &vector));
    floats.mxcsr = 0xffffffff;
    ASK(trace(PTRACE_SETFPREGS, child, 0, &floats));
    vector.iov_len = sizeof floats + 64;
    vector.iov_base = &floats;
    char room[2048];
    vector.iov_base = room;
    ASK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
    printf("length %ld\n", (long)vector.iov_len);
    vector.iov_len = 64;
    ASK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
    printf("length %ld\n", (long)vector.iov_len);
    vector.iov_len = 63;
    ASK(trace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
    go(PTRACE_CONT, 0);
    wait_for("end", child);
}

static void step_handler(int signal) { handled = signal; }

/* Steps over instructions, a system call and into a handler. */
static void steps(void)
{
    if (begin() == 0) {
        signal(SIGUSR1, step_handler);
        asm volatile("int3\n nop\n nop\n nop");
        asm volatile("mov $39, %%eax\n int3\n syscall\n nop\n nop" : : : "rax", "rcx", "r11", "memory");
        asm volatile("int3\n nop");
        _exit(handled == SIGUSR1 ? 21 : 22);
    }
    go(PTRACE_CONT, 0);
    wait_for("first", child);
    unsigned long long at = registers().rip;
    for (int i = 0; i < 3; i++) {
        go(PTRACE_SINGLESTEP, 0);
        wait_for("step", child);
        information(child);
        printf("  +%lld flags %llx\n", registers().rip - at, registers().eflags & 0x100);
    }
    go(PTRACE_CONT, 0);
    wait_for("at a call", child);
    at = registers().rip;
    go(PTRACE_SINGLESTEP, 0);
    wait_for("over a call", child);
    struct user_regs_struct now = registers();
    printf("  +%lld result %d\n", now.rip - at, now.rax == child);
    go(PTRACE_SINGLESTEP, 0);
    wait_for("behind it", child);
    printf("  +%lld\n", registers().rip - at);
    go(PTRACE_CONT, 0);
    wait_for("before a handler", child);
    go(PTRACE_SINGLESTEP, SIGUSR1);
    wait_for("in the handler", child);
    information(child);
    printf("  at its start %d, argument %lld\n", registers().rip == (unsigned long)step_handler, registers().rdi);
    go(PTRACE_CONT, 0);
    wait_for("end", child);

    /* A breakpoint that is set, hit, taken back and gone over. */
    if (begin() == 0) {
        volatile sighandler_t called = handler;
        called(30);
        _exit(handled);
    }
    long word, broken;
    trace(PTRACE_PEEKTEXT, child, (void *)handler, &word);
    broken = (word & ~0xffl) | 0xcc;
    trace(PTRACE_POKETEXT, child, (void *)handler, (void *)broken);
    go(PTRACE_CONT, 0);
    wait_for("breakpoint", child);
    now = registers();
    printf("  behind it %lld\n", now.rip - (unsigned long)handler);
    trace(PTRACE_POKETEXT, child, (void *)handler, (void *)word);
    now.rip = (unsigned long)handler;
    trace(PTRACE_SETREGS, child, 0, &now);
    go(PTRACE_SINGLESTEP, 0);
    wait_for("stepped", child);
    go(PTRACE_CONT, 0);
    wait_for("end", child);
}

static void *no_thread(void *unused) { return 0; }

static void events(void)
{
    if (begin() == 0) {
        int one = fork();
        if (one == 0)
            _exit(1);
        waitpid(one, 0, 0);
        one = vfork();
        if (one == 0)
            _exit(2);
        waitpid(one, 0, 0);
        pthread_t thread;
        pthread_create(&thread, 0, no_thread, 0);
        pthread_join(thread, 0);
        execl(self, "tracing", "end", (char *)0);
        _exit(9);
    }
    long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEVFORKDONE;
    ASK(trace(PTRACE_SETOPTIONS, child, 0, (void *)options));
    int main_ = child;
    unsigned long message = 0;

    go(PTRACE_CONT, 0);
    wait_for("fork", main_);
    information(main_);
    trace(PTRACE_GETEVENTMSG, main_, 0, &message);
    child = message;
    wait_for("its child", child);
    go(PTRACE_CONT, 0);
    wait_for("its exit", child);
    trace(PTRACE_GETEVENTMSG, child, 0, &message);
    printf("  status %lx\n", message);
    go(PTRACE_CONT, 0);
    wait_for("its end", child);
    child = main_;
    go(PTRACE_CONT, 0);
    wait_for("told of it", main_);
    go(PTRACE_CONT, SIGCHLD);

    wait_for("vfork", main_);
    trace(PTRACE_GETEVENTMSG, main_, 0, &message);
    child = message;
    wait_for("its child", child);
    go(PTRACE_CONT, 0);
    wait_for("its exit", child);
    go(PTRACE_CONT, 0);
    wait_for("its end", child);
    int former = child;
    child = main_;
    go(PTRACE_CONT, 0);
    int status = wait_for("told of it, or done", main_);
    for (int i = 0; i < 2 && status >> 16 != PTRACE_EVENT_CLONE; i++) {
        go(PTRACE_CONT, status >> 16 ? 0 : WSTOPSIG(status));
        status = waitpid(main_, &status, __WALL) == main_ ? status : 0;
    }
    printf("clone %x\n", status);
    trace(PTRACE_GETEVENTMSG, main_, 0, &message);
    child = message;
    wait_for("its thread", child);
    go(PTRACE_CONT, 0);
    wait_for("its exit", child);
    child = main_;
    go(PTRACE_CONT, 0);
    child = message;
    go(PTRACE_CONT, 0);
    wait_for("its end", child);
    child = main_;
    wait_for("exec", main_);
    trace(PTRACE_GETEVENTMSG, main_, 0, &message);
    printf("  former %d\n", message == main_);
    go(PTRACE_CONT, 0);
    wait_for("exit", main_);
    trace(PTRACE_GETEVENTMSG, main_, 0, &message);
    printf("  status %lx\n", message);
    go(PTRACE_CONT, 0);
    wait_for("end", main_);

    /* execve(2) without the option. */
    if (begin() == 0) {
        execl(self, "tracing", "end", (char *)0);
        _exit(9);
    }
    go(PTRACE_CONT, 0);
    wait_for("exec", child);
    information(child);
    go(PTRACE_CONT, 0);
    wait_for("end", child);
}

static int other(void)
{
    fflush(stdout);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    return child;
}

static void attached(void)
{
    static unsigned long room[8];
    other();
    ASK(trace(PTRACE_ATTACH, child, 0, 0));
    wait_for("attached", child);
    information(child);
    ASK(trace(PTRACE_DETACH, child, 0, 0));
    ASK(trace(PTRACE_CONT, child, 0, 0));
    ASK(trace(PTRACE_ATTACH, child, 0, 0));
    wait_for("again", child);
    ASK(trace(PTRACE_DETACH, child, 0, (void *)SIGTERM));
    wait_for("detached with a signal", child);

    /* A process that has been stopped already. */
    other();
    kill(child, SIGSTOP);
    int status;
    waitpid(child, &status, WUNTRACED);
    ASK(trace(PTRACE_ATTACH, child, 0, 0));
    wait_for("attached while stopped", child);
    ASK(trace(PTRACE_DETACH, child, 0, 0));
    kill(child, SIGCONT);
    kill(child, SIGTERM);
    wait_for("end", child);

    /* Seized. */
    other();
    ASK(trace(PTRACE_SEIZE, child, (void *)1, 0));
    ASK(trace(PTRACE_SEIZE, child, 0, (void *)0x40000000));
    ASK(trace(PTRACE_SEIZE, child, 0, (void *)PTRACE_O_TRACESYSGOOD));
    ASK(waitpid(child, &status, WNOHANG));
    ASK(trace(PTRACE_CONT, child, 0, 0));
    ASK(trace(PTRACE_INTERRUPT, child, 0, 0));
    wait_for("interrupted", child);
    information(child);
    go(PTRACE_CONT, 0);
    kill(child, SIGSTOP);
    wait_for("a stop comes", child);
    go(PTRACE_CONT, SIGSTOP);
    wait_for("stopped", child);
    information(child);
    ASK(trace(PTRACE_LISTEN, child, 0, 0));
    ASK(trace(PTRACE_GETEVENTMSG, child, 0, room));
    ASK(waitpid(child, &status, WNOHANG));
    kill(child, SIGCONT);
    wait_for("goes on", child);
    go(PTRACE_CONT, 0);
    wait_for("the signal that let it", child);
    go(PTRACE_CONT, 0);
    ASK(trace(PTRACE_INTERRUPT, child, 0, 0));
    wait_for("interrupted", child);
    ASK(trace(PTRACE_DETACH, child, 0, 0));
    kill(child, SIGTERM);
    wait_for("end", child);

    /* A stop of one that has not been seized. */
    if (begin() == 0)
        for (;;)
            pause();
    go(PTRACE_CONT, SIGSTOP);
    wait_for("stopped", child);
    information(child);
    go(PTRACE_CONT, 0);
    kill(child, SIGTERM);
    wait_for("runs all the same", child);
    go(PTRACE_CONT, SIGTERM);
    wait_for("end", child);
}

/* Calls that a stop interrupts go on. */
static void restarted(void)
{
    int ends[2];
    pipe(ends);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        char byte;
        struct timespec time = { 0, 300000000 }, left;
        long slept = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left);
        long count = read(ends[0], &byte, 1);
        _exit(slept == 0 && count == 1 ? 31 : 32);
    }
    trace(PTRACE_SEIZE, child, 0, 0);
    for (int i = 0; i < 20; i++) {
        usleep(20000);
        trace(PTRACE_INTERRUPT, child, 0, 0);
        int status;
        waitpid(child, &status, __WALL);
        if (!WIFSTOPPED(status)) {
            printf("it has ended: %x\n", status);
            return;
        }
        go(PTRACE_CONT, 0);
    }
    usleep(300000);
    trace(PTRACE_INTERRUPT, child, 0, 0);
    wait_for("in read", child);
    struct user_regs_struct now = registers();
    printf("  number %lld result %lld\n", now.orig_rax, (long long)now.rax);
    go(PTRACE_CONT, 0);
    write(ends[1], "x", 1);
    wait_for("end", child);

    /* A debugger has it call a function in between. */
    fflush(stdout);
    child = fork();
    if (child == 0) {
        char byte;
        long count = read(ends[0], &byte, 1);
        _exit(count == 1 && handled == 5 ? 33 : 34);
    }
    usleep(100000);
    trace(PTRACE_SEIZE, child, 0, 0);
    trace(PTRACE_INTERRUPT, child, 0, 0);
    wait_for("in read", child);
    struct user_regs_struct saved = registers(), call = saved;
    call.rsp = (call.rsp - 256 & ~15ul) - 8;
    trace(PTRACE_POKEDATA, child, (void *)call.rsp, (void *)0);
    call.rip = (unsigned long)handler;
    call.rdi = 5;
    call.rax = 0;
    call.orig_rax = -1;
    trace(PTRACE_SETREGS, child, 0, &call);
    go(PTRACE_CONT, 0);
    wait_for("the function has returned to nowhere", child);
    trace(PTRACE_SETREGS, child, 0, &saved);
    go(PTRACE_CONT, 0);
    write(ends[1], "x", 1);
    wait_for("end", child);
    close(ends[0]);
    close(ends[1]);
}

/* What becomes of tracees whose tracer ends. */
static void tracer_ends(void)
{
    int ends[2];
    for (int how = 0; how < 2; how++) {
        pipe(ends);
        int victim = other();
        int tracer = fork();
        if (tracer == 0) {
            trace(PTRACE_ATTACH, victim, 0, 0);
            waitpid(victim, 0, __WALL);
            if (how == 1)
                trace(PTRACE_SETOPTIONS, victim, 0, (void *)PTRACE_O_EXITKILL);
            write(ends[1], "t", 1);
            pause();
        }
        char byte;
        read(ends[0], &byte, 1);
        kill(tracer, SIGKILL);
        waitpid(tracer, 0, 0);
        if (how == 0)
            kill(victim, SIGTERM);
        wait_for(how == 0 ? "left alone" : "killed with it", victim);
        close(ends[0]);
        close(ends[1]);
    }

    /* The end of a tracee is its tracer's to know first, then its parent's. */
    pipe(ends);
    int victim = other();
    int tracer = fork();
    if (tracer == 0) {
        trace(PTRACE_SEIZE, victim, 0, 0);
        write(ends[1], "t", 1);
        int status = 0, got = waitpid(victim, &status, __WALL);
        printf("the tracer: %d %x\n", got == victim, status);
        trace(PTRACE_CONT, victim, 0, (void *)SIGTERM);
        got = waitpid(victim, &status, __WALL);
        printf("and then: %d %x\n", got == victim, status);
        fflush(stdout);
        _exit(0);
    }
    char byte;
    read(ends[0], &byte, 1);
    kill(victim, SIGTERM);
    waitpid(tracer, 0, 0);
    wait_for("the parent", victim);
    wait_for("nobody", victim);
    close(ends[0]);
    close(ends[1]);
}

static void rights(void)
{
    if (getuid() != 0)
        return;
    int victim = other();
    fflush(stdout);
    int tracer = fork();
    if (tracer == 0) {
        setgid(1000);
        setuid(1000);
        ASK(trace(PTRACE_ATTACH, victim, 0, 0));
        ASK(trace(PTRACE_SEIZE, victim, 0, 0));
        char path[64];
        sprintf(path, "/proc/%d/mem", victim);
        int file = open(path, O_RDONLY);
        char byte;
        printf("memory: %d\n", file >= 0 && read(file, &byte, 1) >= 0);
        fflush(stdout);
        _exit(0);
    }
    waitpid(tracer, 0, 0);
    finish();
    /* One that does not show itself. */
    int ends[2];
    pipe(ends);
    fflush(stdout);
    tracer = fork();
    if (tracer == 0) {
        setgid(1000);
        setuid(1000);
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        child = fork();
        if (child == 0) {
            prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
            write(ends[1], "d", 1);
            pause();
        }
        char byte;
        read(ends[0], &byte, 1);
        ASK(trace(PTRACE_ATTACH, child, 0, 0));
        finish();
        child = fork();
        if (child == 0) {
            write(ends[1], "d", 1);
            for (;;)
                pause();
        }
        read(ends[0], &byte, 1);
        ASK(trace(PTRACE_ATTACH, child, 0, 0));
        wait_for("attached", child);
        finish();
        fflush(stdout);
        _exit(0);
    }
    waitpid(tracer, 0, 0);
    close(ends[0]);
    close(ends[1]);
}

static volatile int thread_id;

static void *waits(void *unused)
{
    thread_id = syscall(SYS_gettid);
    for (;;)
        pause();
}

/* A process of two threads, of which each is traced for itself. */
static void threads(void)
{
    int *ids = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, 0, waits, 0);
        while (thread_id == 0)
            usleep(1000);
        ids[0] = thread_id;
        for (;;)
            pause();
    }
    while (((volatile int *)ids)[0] == 0)
        usleep(1000);
    usleep(50000);
    int main_ = child, second = ids[0];
    ASK(trace(PTRACE_SEIZE, main_, 0, 0));
    ASK(trace(PTRACE_SEIZE, second, 0, 0));
    ASK(trace(PTRACE_INTERRUPT, second, 0, 0));
    wait_for("the second", second);
    child = second;
    go(PTRACE_CONT, 0);
    kill(main_, SIGSTOP);
    int status, got = waitpid(-1, &status, __WALL);
    printf("one takes it: %x\n", status);
    child = got;
    go(PTRACE_CONT, SIGSTOP);
    wait_for("one is stopped", main_);
    wait_for("so is the other", second);
    child = main_;
    go(PTRACE_CONT, 0);
    child = second;
    go(PTRACE_CONT, 0);
    kill(main_, SIGKILL);
    wait_for("the second has ended", second);
    wait_for("the first has ended", main_);
    wait_for("nobody is left", -1);
}

static void waiting(void)
{
    if (begin() == 0)
        for (;;)
            raise(SIGUSR1);
    siginfo_t told;
    go(PTRACE_CONT, 0);
    memset(&told, 0, sizeof told);
    ASK(waitid(P_PID, child, &told, WEXITED | WNOWAIT));
    printf("signal %d code %d status %x\n", told.si_signo, told.si_code, told.si_status);
    memset(&told, 0, sizeof told);
    ASK(waitid(P_PID, child, &told, WSTOPPED));
    printf("signal %d code %d status %x\n", told.si_signo, told.si_code, told.si_status);
    memset(&told, 0, sizeof told);
    ASK(waitid(P_PID, child, &told, WSTOPPED | WNOHANG));
    printf("signal %d\n", told.si_signo);
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, 0);
    struct timespec none = { 0, 0 };
    sigtimedwait(&child_signal, &told, &none);
    go(PTRACE_CONT, 0);
    struct timespec later = { 10, 0 };
    ASK(sigtimedwait(&child_signal, &told, &later));
    printf("code %d status %x of it %d\n", told.si_code, told.si_status, told.si_pid == child);
    sigprocmask(SIG_UNBLOCK, &child_signal, 0);
    unsigned long mask = 0;
    ASK(trace(PTRACE_GETSIGMASK, child, (void *)8, &mask));
    printf("%lx\n", mask);
    mask = 1ul << (SIGUSR1 - 1) | 1ul << (SIGKILL - 1);
    ASK(trace(PTRACE_SETSIGMASK, child, (void *)8, &mask));
    ASK(trace(PTRACE_GETSIGMASK, child, (void *)8, &mask));
    printf("%lx\n", mask);
    finish();
}

/* Registers that no program may have: set or refused, nobody but the child comes to harm. What becomes of it is told as far as systems agree: Linux
   takes some that the guest refuses, and then its own access ends it. A call that returns to RCX with the flags of R11 may do so by SYSRET. */
static void hostile_registers(void)
{
    static const struct { int index; unsigned long long value; } all[] = {
        { RIP, 0x8000000000000000 }, { RIP, 0xffffffff81000000 }, { RIP, 0xffffc00000100000 }, { RIP, 0x00007ffffffff000 }, { RIP, 0x0000800000000000 }, { RIP, ~0ull },
        { RSP, 0x8000000000000000 }, { RSP, 0xffffc00000100000 }, { EFLAGS, ~0ull }, { EFLAGS, 0 }, { EFLAGS, 0x3000 }, { EFLAGS, 0x20000 }, { CS, 0x08 }, { CS, 0x10 }, { CS, 0 },
        { SS, 0 }, { SS, 0x10 }, { FS_BASE, 0x8000000000000000 }, { FS_BASE, 0xffffc00000100000 }, { GS_BASE, 0x8000000000000000 }, { ORIG_RAX, 0x7fffffff }, { ORIG_RAX, ~0ull },
    };
    enum { ways = 4 }; /* one of them, all of them, all of them as SYSRET wants them, the same at the end of a system call */
    int wrong = 0;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        for (int way = 0; way < ways; way++) {
            int it = fork(), status;
            if (it == 0) {
                ptrace(PTRACE_TRACEME, 0, 0, 0);
                raise(SIGSTOP);
                syscall(SYS_getpid);
                _exit(0);
            }
            waitpid(it, &status, WUNTRACED);
            for (int stop = 0; way == 3 && stop < 2; stop++) {
                ptrace(PTRACE_SYSCALL, it, 0, 0);
                waitpid(it, &status, 0);
            }
            unsigned long long set[27];
            ptrace(PTRACE_GETREGS, it, 0, set);
            set[all[i].index] = all[i].value;
            if (way >= 2) {
                set[RCX] = set[RIP];
                set[R11] = set[EFLAGS];
            }
            long refused = way ? ptrace(PTRACE_SETREGS, it, 0, set) : ptrace(PTRACE_POKEUSER, it, all[i].index * 8, all[i].value);
            ptrace(i % 2 || way ? PTRACE_CONT : PTRACE_SINGLESTEP, it, 0, 0);
            waitpid(it, &status, 0);
            /* Nobody has code there. */
            if (all[i].index == RIP && !refused && !(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV))
                wrong++;
            kill(it, SIGKILL);
            waitpid(it, &status, 0);
        }
    printf("nobody else came to harm, %d ran on where no code is\n", wrong);
    errno = 0;
}

int main(int count, char **arguments)
{
    if (count > 1)
        return 4;
    self = "/proc/self/exe";
    setvbuf(stdout, 0, _IONBF, 0);
    errors();
    signals();
    calls();
    memory();
    register_sets();
    steps();
    events();
    attached();
    restarted();
    tracer_ends();
    rights();
    threads();
    waiting();
    hostile_registers();
    puts("all answers given");
    return 0;
}
