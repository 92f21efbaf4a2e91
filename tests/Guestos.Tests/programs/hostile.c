/* System calls and instructions that no honest program makes. Each runs in a child of its own; what became of it is printed. Run on the
   host and in the guest: both must print the same, and the parent must live to print it. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define KERNEL 0xffffc00000440000ul
#define PAGE 4096ul

static const uint64_t addresses[] = {
    0, 1, PAGE, 0x7fffffffffff, 0x7ffffffff000, 0x800000000000, 0x8000000000000000ul, 0xffff7fffffffffff, KERNEL, KERNEL + 1,
    0xffffc00000400000, 0xfffffffffffff000, 0xfffffffffffffff8, 0xffffffffffffffff,
};
#define ADDRESSES (sizeof addresses / sizeof *addresses)

static const uint64_t lengths[] = { 1, 8, PAGE, 0x7fffffffffff, 0x800000000000, 0x8000000000000000ul, 0xfffffffffffff000, 0xffffffffffffffff };
#define LENGTHS (sizeof lengths / sizeof *lengths)

static void show(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: signal %d\n", what, WTERMSIG(status));
}

static void apart(const char *what, void (*action)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        action();
        fflush(stdout);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, __WALL);
    show(what, status);
}

/* Where emulated processors differ from others in what they raise. */
static void whatever(const char *what, void (*action)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        action();
        _exit(0);
    }
    waitpid(child, NULL, __WALL);
    printf("%s: ended\n", what);
}

static long result_of(long result) { return result < 0 ? -errno : result; }

/* ---- ranges ---- */

static void answer_range(const char *call, uint64_t address, uint64_t length, long result)
{
    if (result < 0)
        printf("%s %lx %lx: %s\n", call, (unsigned long)address, (unsigned long)length, strerrorname_np(errno));
    else
        printf("%s %lx %lx: done\n", call, (unsigned long)address, (unsigned long)length);
}

static void ranges(void)
{
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        uint64_t at = addresses[i];
        /* Everything from here to the top, or nothing: what lies low is the program itself. */
        if (at < 0x7ffffffff000)
            continue;
        for (unsigned j = 0; j < LENGTHS; j++) {
            uint64_t length = lengths[j];
            answer_range("munmap", at, length, syscall(SYS_munmap, at, length));
            answer_range("mprotect", at, length, syscall(SYS_mprotect, at, length, PROT_READ));
            answer_range("madvise", at, length, syscall(SYS_madvise, at, length, MADV_DONTNEED));
            answer_range("mremap to", at, length, syscall(SYS_mremap, page, PAGE, length, MREMAP_MAYMOVE | MREMAP_FIXED, at));
            answer_range("mremap from", at, length, syscall(SYS_mremap, at, length, PAGE, MREMAP_MAYMOVE, 0));
            long fixed = syscall(SYS_mmap, at, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            printf("mmap %lx %lx: %s\n", (unsigned long)at, (unsigned long)length, fixed < 0 ? "refused" : "done");
        }
    }
    printf("the page is %s\n", page[0] == 0 ? "there" : "changed");
}

/* ---- pointers ---- */

static void pointers(void)
{
    for (unsigned i = 0; i < ADDRESSES; i++) {
        uint64_t at = addresses[i];
        int pair[2];
        pipe(pair);
        write(pair[1], "01234567", 8);
        long results[] = {
            result_of(syscall(SYS_read, pair[0], at, 8)),
            result_of(syscall(SYS_write, pair[1], at, 8)),
            result_of(syscall(SYS_uname, at)),
            result_of(syscall(SYS_pipe, at)),
            result_of(syscall(SYS_open, at, 0)),
            result_of(syscall(SYS_execve, at, 0, 0)),
            result_of(syscall(SYS_clock_gettime, 1, at)),
            result_of(syscall(SYS_rt_sigaction, SIGUSR1, at ? at : 1, 0, 8)),
            result_of(syscall(SYS_rt_sigaction, SIGUSR1, 0, at ? at : 1, 8)),
            result_of(syscall(SYS_rt_sigprocmask, 0, at ? at : 1, 0, 8)),
            result_of(syscall(SYS_sysinfo, at)),
            result_of(syscall(SYS_getrusage, 0, at)),
            result_of(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, at ? at : 1, 0)),
            result_of(syscall(SYS_getcwd, at, 100)),
            result_of(syscall(SYS_sigaltstack, at ? at : 1, 0)),
            result_of(syscall(SYS_getitimer, 0, at)),
            result_of(syscall(SYS_nanosleep, at, 0)),
        };
        printf("pointer %lx:", (unsigned long)at);
        for (unsigned j = 0; j < sizeof results / sizeof *results; j++)
            printf(" %ld", results[j]);
        printf("\n");
        close(pair[0]);
        close(pair[1]);
    }
}

/* ---- numbers ---- */

static void signal_numbers(void)
{
    static const uint64_t numbers[] = { 65, 66, 127, 128, 200, 255 };
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint64_t number = numbers[i];
        pid_t self = getpid();
        printf("signal %lu: %ld %ld %ld %ld", (unsigned long)number, result_of(syscall(SYS_kill, self, number)),
            result_of(syscall(SYS_tkill, self, number)), result_of(syscall(SYS_tgkill, self, self, number)),
            result_of(syscall(SYS_rt_sigaction, number, 0, 0, 8)));
        fflush(stdout);
        long child = syscall(SYS_clone, number, 0, 0, 0, 0);
        if (child == 0)
            _exit(3);
        int status = -1;
        if (child > 0)
            printf(" clone done, waited %d", waitpid(child, &status, __WALL) == child && WEXITSTATUS(status) == 3);
        else
            printf(" clone %d", errno);
        uint64_t arguments[8] = { 0, 0, 0, 0, number };
        printf(" clone3 %ld\n", result_of(syscall(435, arguments, sizeof arguments)));
    }
}

static void segment_bases(void)
{
    static const uint64_t bases[] = { 0x7fffffffe000, 0x7fffffffffff, 0x800000000000, 0x1234567890abcdef, KERNEL, ~0ul };
    for (unsigned i = 0; i < sizeof bases / sizeof *bases; i++) {
        long child = syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, bases[i]);
        if (child == 0) {
            __asm__ volatile ("syscall" : : "a"(SYS_exit_group), "D"(5) : "rcx", "r11", "memory");
        }
        int error = errno;
        int status = -1;
        if (child > 0)
            waitpid(child, &status, 0);
        printf("clone with base %lx: %s %d\n", (unsigned long)bases[i], child > 0 ? "done" : strerrorname_np(error), child > 0 ? WEXITSTATUS(status) : 0);
        uint64_t arguments[8] = { CLONE_SETTLS, 0, 0, 0, SIGCHLD, 0, 0, bases[i] };
        child = syscall(435, arguments, sizeof arguments);
        if (child == 0)
            __asm__ volatile ("syscall" : : "a"(SYS_exit_group), "D"(5) : "rcx", "r11", "memory");
        error = errno;
        if (child > 0)
            waitpid(child, &status, 0);
        printf("clone3 with base %lx: %s\n", (unsigned long)bases[i], child > 0 ? "done" : strerrorname_np(error));
        printf("arch_prctl %ld\n", result_of(syscall(SYS_arch_prctl, ARCH_SET_GS, bases[i])));
    }
}

/* ---- frames ---- */

static void hand_on(int signal) { (void)signal; }

static ucontext_t *context_of(void *context) { return context; }

static void break_rip(int signal, siginfo_t *information, void *context) { context_of(context)->uc_mcontext.gregs[REG_RIP] = 0x8000000000000000; }
static void break_rip_in_kernel(int signal, siginfo_t *information, void *context) { context_of(context)->uc_mcontext.gregs[REG_RIP] = KERNEL; }
static void break_rip_at_edge(int signal, siginfo_t *information, void *context) { context_of(context)->uc_mcontext.gregs[REG_RIP] = 0x7ffffffff000; }
static void break_rsp(int signal, siginfo_t *information, void *context) { context_of(context)->uc_mcontext.gregs[REG_RSP] = KERNEL; }
static void break_flags(int signal, siginfo_t *information, void *context) { context_of(context)->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 0x4000 | 0x20000 | 0x100000; }
static void break_mxcsr(int signal, siginfo_t *information, void *context) { context_of(context)->uc_mcontext.fpregs->mxcsr = 0xffffffff; }
static void break_segments(int signal, siginfo_t *information, void *context) { context_of(context)->uc_mcontext.gregs[REG_CSGSFS] = 0x10; }

static void with_handler(void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void frame_rip(void) { with_handler(break_rip); }
static void frame_rip_in_kernel(void) { with_handler(break_rip_in_kernel); }
static void frame_rip_at_edge(void) { with_handler(break_rip_at_edge); }
static void frame_rsp(void) { with_handler(break_rsp); }
static void frame_flags(void) { with_handler(break_flags); }
static void frame_mxcsr(void) { with_handler(break_mxcsr); }
static void handler_nowhere(void) { with_handler((void *)0x8000000000000000); }
static void handler_in_kernel(void) { with_handler((void *)KERNEL); }

static void stack_nowhere(void)
{
    signal(SIGALRM, hand_on);
    struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
    setitimer(ITIMER_REAL, &soon, NULL);
    __asm__ volatile ("mov %0, %%rsp; 1: jmp 1b" : : "r"(0x8000000000000000ul));
}

static void stack_in_kernel(void)
{
    signal(SIGALRM, hand_on);
    struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
    setitimer(ITIMER_REAL, &soon, NULL);
    __asm__ volatile ("mov %0, %%rsp; 1: jmp 1b" : : "r"(KERNEL));
}

static void return_without_frame(void) { __asm__ volatile ("mov %0, %%rsp; mov $15, %%eax; syscall" : : "r"(KERNEL)); }
static void alternate_in_kernel(void)
{
    stack_t stack = { .ss_sp = (void *)KERNEL, .ss_size = 65536 };
    printf("sigaltstack in the kernel: %ld\n", result_of(sigaltstack(&stack, NULL)));
    fflush(stdout);
    struct sigaction action = { .sa_handler = hand_on, .sa_flags = SA_ONSTACK };
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

/* ---- instructions ---- */

static volatile sig_atomic_t steps;

static void count_step(int signal) { steps++; }

/* Single steps over a system call: the trap must come in user mode, behind it. */
static void single_step(void)
{
    signal(SIGTRAP, count_step);
    __asm__ volatile (
        "pushfq; orq $0x100, (%%rsp); popfq\n"
        "mov $39, %%eax; syscall\n"
        "pushfq; andq $~0x100, (%%rsp); popfq\n"
        : : : "rax", "rcx", "r11", "memory", "cc");
    printf("steps %d\n", steps);
}

/* As above, where MOV to SS holds the trap back over the SYSCALL. */
static void single_step_behind_ss(void)
{
    signal(SIGTRAP, count_step);
    __asm__ volatile (
        "mov %%ss, %%edx\n"
        "mov $39, %%eax\n"
        "pushfq; orq $0x100, (%%rsp); popfq\n"
        "mov %%edx, %%ss; syscall\n"
        "nop\n"
        "pushfq; andq $~0x100, (%%rsp); popfq\n"
        : : : "rax", "rcx", "rdx", "r11", "memory", "cc");
    printf("steps %s\n", steps > 0 ? "some" : "none");
}

static void step_without_handler(void) { __asm__ volatile ("pushfq; orq $0x100, (%%rsp); popfq; mov $39, %%eax; syscall; nop" : : : "rax", "rcx", "r11", "memory", "cc"); }
static void icebp(void) { __asm__ volatile (".byte 0xf1"); }
static void breakpoint(void) { __asm__ volatile ("int3"); }
static void overflow(void) { __asm__ volatile ("int $4"); }
static void interrupt_timer(void) { __asm__ volatile ("int $0x40"); }
static void interrupt_double(void) { __asm__ volatile ("int $8"); }
static void interrupt_nmi(void) { __asm__ volatile ("int $2"); }
static void halt(void) { __asm__ volatile ("hlt"); }
static void port(void) { __asm__ volatile ("in $0x64, %%al" : : : "eax"); }
static void bad_ds(void) { __asm__ volatile ("mov %0, %%ds" : : "r"(0x1238)); }
static void null_ss(void) { __asm__ volatile ("mov %0, %%ss" : : "r"(0)); }
static void kernel_ss(void) { __asm__ volatile ("mov %0, %%ss" : : "r"(0x18)); }
static void jump_nowhere(void) { __asm__ volatile ("jmp *%0" : : "r"(0x8000000000000000ul)); }
static void load_kernel(void) { *(volatile char *)KERNEL; }
static void store_kernel(void) { *(volatile char *)KERNEL = 1; }
static void load_nowhere(void) { *(volatile char *)0x8000000000000000ul; }
static void nowhere_by_stack(void) { __asm__ volatile ("mov %0, %%rsp; pop %%rax" : : "r"(0x8000000000000000ul)); }
static void kernel_return(void) { __asm__ volatile ("pushq $0x18; push %%rsp; pushfq; pushq $0x10; pushq $0; iretq" : : : "memory"); }

/* All of the processor's exceptions unmasked, and pending as the kernel is entered. */
static void pending_x87(void)
{
    uint16_t control = 0x340;
    __asm__ volatile ("fninit; fldcw %0; fld1; fldz; fdivrp; mov $39, %%eax; syscall; fwait" : : "m"(control) : "rax", "rcx", "r11", "memory");
}

static void unmasked_sse(void)
{
    uint32_t control = 0;
    __asm__ volatile ("ldmxcsr %0; mov $39, %%eax; syscall" : : "m"(control) : "rax", "rcx", "r11", "memory");
    struct rusage usage;
    for (int i = 0; i < 100; i++)
        getrusage(RUSAGE_SELF, &usage);
    sleep(0);
    control = 0x1f80;
    __asm__ volatile ("ldmxcsr %0" : : "m"(control));
    printf("unmasked, and nothing happens\n");
}

static void aligned_check(void)
{
    __asm__ volatile ("pushfq; orq $0x40000, (%%rsp); popfq; mov $39, %%eax; syscall; pushfq; andq $~0x40000, (%%rsp); popfq"
        : : : "rax", "rcx", "r11", "memory", "cc");
}

/* ---- timers ---- */

/* The interval may be too short for anything but the handler to run: that ends it. */
static void count_alarm(int signal)
{
    struct itimerval never = { 0 };
    if (++steps == 20)
        setitimer(ITIMER_REAL, &never, NULL);
}

static void tiny_interval(void)
{
    signal(SIGALRM, count_alarm);
    struct itimerval tiny = { .it_interval = { .tv_usec = 1 }, .it_value = { .tv_usec = 1 } };
    setitimer(ITIMER_REAL, &tiny, NULL);
    while (steps < 20)
        ;
    printf("alarms came\n");
}

static void tiny_interval_blocked(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct itimerval tiny = { .it_interval = { .tv_usec = 1 }, .it_value = { .tv_usec = 1 } };
    setitimer(ITIMER_REAL, &tiny, NULL);
    struct timespec tenth = { .tv_nsec = 100000000 };
    nanosleep(&tenth, NULL);
    signal(SIGALRM, SIG_IGN);
    nanosleep(&tenth, NULL);
    printf("blocked and ignored\n");
}

/* ---- large and empty ---- */

static void large(void)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    uint64_t size = 1ul << 43;
    char *all = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("large: %s\n", all == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    printf("mprotect %ld\n", result_of(mprotect(all, size / 2, PROT_READ)));
    printf("madvise %ld\n", result_of(madvise(all, size, MADV_DONTNEED)));
    printf("munmap %ld\n", result_of(munmap(all, size)));
    clock_gettime(CLOCK_MONOTONIC, &after);
    printf("in time: %d\n", after.tv_sec - before.tv_sec < 3);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
#define try(action) apart(#action, action)
#define endure(action) whatever(#action, action)
    try(ranges);
    try(pointers);
    try(signal_numbers);
    try(segment_bases);
    try(frame_rip);
    try(frame_rip_in_kernel);
    try(frame_rip_at_edge);
    try(frame_rsp);
    try(frame_flags);
    try(handler_nowhere);
    try(handler_in_kernel);
    try(stack_nowhere);
    try(stack_in_kernel);
    try(return_without_frame);
    try(alternate_in_kernel);
    try(single_step);
    try(single_step_behind_ss);
    try(step_without_handler);
    endure(icebp);
    try(breakpoint);
    try(overflow);
    try(interrupt_timer);
    try(interrupt_double);
    try(interrupt_nmi);
    try(halt);
    try(port);
    try(bad_ds);
    try(null_ss);
    try(kernel_ss);
    try(jump_nowhere);
    try(load_kernel);
    try(store_kernel);
    try(load_nowhere);
    endure(nowhere_by_stack);
    try(kernel_return);
    endure(pending_x87);
    try(unmasked_sse);
    try(aligned_check);
    try(tiny_interval);
    try(tiny_interval_blocked);
    try(large);
    printf("all was tried\n");
    return 0;
}
