/* Asks the kernel about memory, signals, limits and priorities, and prints the answers. Run on the host and in the guest: both must print
   the same. Nothing that differs between two correct kernels may be printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

#define PAGE 4096ul

#define ask(call) answer(#call, (long)(call))

static void show(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else
        printf("%s: status %x\n", what, status);
}

static void apart(const char *what, void (*action)(void))
{
    printf("-- %s\n", what);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        action();
        fflush(stdout);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    show(what, status);
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_for(long milliseconds)
{
    struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

static sigjmp_buf back;
static volatile sig_atomic_t caught, code;

static void on_fault(int signal, siginfo_t *information, void *context)
{
    caught = signal;
    code = information->si_code;
    siglongjmp(back, 1);
}

static void on_signal(int signal) { caught = signal; }

/* ---- memory ---- */

static int file_of(int pages)
{
    char page[PAGE];
    int file = open("/tmp/mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < pages; i++) {
        memset(page, 'a' + i, sizeof page);
        write(file, page, sizeof page);
    }
    return file;
}

static void growing_mapping(void)
{
    int file = file_of(8);
    char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, PAGE);
    answer("first page", memory[0]);
    char *wall = mmap(memory + 2 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memory[1] = 'W';
    char *grown = mremap(memory, 2 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
    answer("moved", grown != MAP_FAILED && grown != memory);
    for (int i = 0; i < 5; i++)
        answer("page", grown[i * PAGE]);
    answer("what was written", grown[1]);
    munmap(wall, PAGE);
    char *more = mremap(grown, 5 * PAGE, 7 * PAGE, MREMAP_MAYMOVE);
    answer("last page", more[6 * PAGE]);
    munmap(more, 7 * PAGE);
    close(file);
}

static void truncated_mapping(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    int file = file_of(4);
    volatile char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    for (int i = 0; i < 4; i++)
        answer("before", memory[i * PAGE]);
    memory[2 * PAGE] = 'W';
    ask(ftruncate(file, PAGE + 100));
    for (int i = 0; i < 4; i++)
        if (sigsetjmp(back, 1) == 0)
            answer("after", memory[i * PAGE]);
        else
            printf("after: signal %d code %d\n", caught, code);
    answer("cut page", memory[PAGE + 99]);
    answer("its rest", memory[PAGE + 100]);
    ask(ftruncate(file, 4 * PAGE));
    answer("grown again", memory[3 * PAGE]);
    char *beyond = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, 8 * PAGE);
    if (sigsetjmp(back, 1) == 0)
        answer("beyond", *(volatile char *)beyond);
    else
        printf("beyond: signal %d code %d\n", caught, code);
    int pair[2];
    pipe(pair);
    ask(write(pair[1], beyond, 10));
    close(file);
}

/* Thousands of neighbours that are alike are one area; pieces laid into a large one join it again. */
static void many_mappings(void)
{
    enum { Count = 3000 };
    static char *at[Count];
    int made = 0;
    for (; made < Count; made++)
        if ((at[made] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
            break;
    answer("mappings", made);
    for (int i = 0; i < made; i++)
        at[i][0] = i;
    int right = 0;
    for (int i = 0; i < made; i++)
        right += at[i][0] == (char)i;
    answer("right", right);
    for (int i = 0; i < made; i += 2)
        mprotect(at[i], PAGE, PROT_READ);
    answer("last mprotect", errno);
    for (int i = 0; i < made; i += 2)
        mprotect(at[i], PAGE, PROT_READ | PROT_WRITE);
    char *large = mmap(NULL, 5000 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int laid = 0;
    for (int i = 0; i < 5000; i++)
        laid += mmap(large + i * PAGE, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    answer("laid", laid);
    ask(munmap(large, 5000 * PAGE));
}

static void running_program(void)
{
    char path[] = "/tmp/running", buffer[65536];
    int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        write(to, buffer, count);
    close(from);
    pid_t child = fork();
    if (child == 0) {
        execl(path, path, "pause", NULL);
        _exit(errno == ETXTBSY ? 26 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    show("execve while it is open for writing", status);
    close(to);
    int ready[2];
    pipe(ready);
    child = fork();
    if (child == 0) {
        dup2(ready[1], 1);
        execl(path, path, "pause", NULL);
        _exit(1);
    }
    read(ready[0], buffer, 1);
    answer("open for writing", open(path, O_WRONLY));
    answer("open for both", open(path, O_RDWR));
    answer("open with truncation", open(path, O_RDONLY | O_TRUNC));
    ask(truncate(path, 0));
    answer("open for reading", open(path, O_RDONLY) >= 0);
    ask(unlink(path));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

/* Run by a script's first line: what the process is called, what AT_EXECFN says, and its arguments. */
static int interpreted(int count, char **arguments)
{
    char name[32] = "", own[256] = "", text[64] = "";
    prctl(PR_GET_NAME, name);
    printf("called %s, executed %s, by", name, (char *)getauxval(AT_EXECFN));
    own[readlink("/proc/self/exe", own, sizeof own - 1)] = 0;
    for (int i = 0; i < count; i++)
        printf(" %s", strcmp(arguments[i], own) ? arguments[i] : "me");
    int stat = open("/proc/self/stat", O_RDONLY);
    read(stat, text, sizeof text - 1);
    puts(strstr(text, name) ? ", and in stat" : ", and not in stat");
    fflush(stdout);
    return 0;
}

static void write_script(const char *path, const char *interpreter)
{
    int script = open(path, O_CREAT | O_WRONLY, 0755);
    dprintf(script, "#!%s\n", interpreter);
    close(script);
}

/* Scripts, and one that another interprets, whose names are longer than a process's. */
static void scripts(void)
{
    char own[200] = "", line[256];
    readlink("/proc/self/exe", own, sizeof own - 1);
    chdir("/tmp");
    snprintf(line, sizeof line, "%s interpreted", own);
    write_script("a-script-of-more-than-fifteen", line);
    write_script("second", "/tmp/a-script-of-more-than-fifteen  two words ");
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            if (i == 0)
                execl("./a-script-of-more-than-fifteen", "zero", "one", (char *)0);
            else if (i == 1)
                execl("/tmp/second", "zero", "one", "", "three", (char *)0);
            else
                execl("second", "zero", (char *)0);
            _exit(1);
        }
        wait(0);
    }
    unlink("a-script-of-more-than-fifteen");
    unlink("second");
}

static void stack_of_program(void)
{
    /* Not asked for: code on the stack does not run. */
    volatile unsigned char code[16] = { 0xc3 };
    signal(SIGSEGV, SIG_DFL);
    ((void (*)(void))code)();
    printf("the stack is executable\n");
}

static void executable_stack(void)
{
    /* A copy of this program whose PT_GNU_STACK says RWE. */
    static char image[4 << 20];
    int from = open("/proc/self/exe", O_RDONLY), size = 0, count;
    while ((count = read(from, image + size, sizeof image - size)) > 0)
        size += count;
    uint64_t headers = *(uint64_t *)(image + 32);
    for (int i = 0; i < *(uint16_t *)(image + 56); i++) {
        uint32_t *header = (uint32_t *)(image + headers + i * 56);
        if (header[0] == 0x6474e551)
            header[1] |= 1;
    }
    int to = open("/tmp/executable", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    write(to, image, size);
    close(to);
    execl("/tmp/executable", "executable", "stack", NULL);
    _exit(1);
}

/* ---- signals and waiting ---- */

static void waiting_for_children(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t child = fork();
    if (child == 0) {
        pause_for(50);
        _exit(7);
    }
    siginfo_t information;
    struct timespec long_time = { 5, 0 };
    answer("sigtimedwait", sigtimedwait(&set, &information, &long_time));
    answer("its child", information.si_pid == child && information.si_status == 7);
    waitpid(child, NULL, 0);
}

static void sleep_over_stop(void)
{
    int ends[2];
    pipe(ends);
    for (int kind = 0; kind < 4; kind++) {
        pid_t child = fork();
        if (child == 0) {
            long start = milliseconds();
            int word = 0;
            struct timespec time = { 0, 400000000 };
            struct timeval value = { 0, 400000 };
            sigset_t none;
            sigemptyset(&none);
            sigaddset(&none, SIGUSR1);
            if (kind == 0)
                nanosleep(&time, NULL);
            else if (kind == 1)
                poll(NULL, 0, 400);
            else if (kind == 2)
                syscall(SYS_futex, &word, 0, 0, &time, NULL, 0);
            else
                select(0, NULL, NULL, NULL, &value);
            long took = milliseconds() - start;
            _exit(took >= 400 && took < 640 ? 0 : 1);
        }
        pause_for(100);
        kill(child, SIGSTOP);
        pause_for(50);
        kill(child, SIGCONT);
        pause_for(150);
        kill(child, SIGSTOP);
        pause_for(20);
        kill(child, SIGCONT);
        int status;
        waitpid(child, &status, 0);
        printf("%d: %s\n", kind, status == 0 ? "goes on" : "begins again");
    }
}

static void real_time_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 1);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 3; i++) {
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i });
        sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 10 + i });
        sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 20 + i });
    }
    siginfo_t information;
    struct timespec at_once = { 0, 0 };
    int signal;
    while ((signal = sigtimedwait(&set, &information, &at_once)) > 0)
        printf("signal %s %d\n", signal == SIGUSR1 ? "user" : signal == SIGRTMIN ? "first" : "second", information.si_value.sival_int);
}

static void parent_death(void)
{
    int ends[2];
    pipe(ends);
    pid_t middle = fork();
    if (middle == 0) {
        pid_t child = fork();
        if (child == 0) {
            int signal = -1;
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            prctl(PR_GET_PDEATHSIG, &signal);
            struct sigaction action = { .sa_handler = on_signal };
            sigaction(SIGUSR2, &action, NULL);
            write(ends[1], "r", 1);
            while (!caught)
                pause_for(20);
            char told = caught == SIGUSR2 && signal == SIGUSR2 ? 'y' : 'n';
            write(ends[1], &told, 1);
            _exit(0);
        }
        char byte;
        read(ends[0], &byte, 1);
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    struct pollfd wait = { ends[0], POLLIN };
    char told = 'n';
    if (poll(&wait, 1, 3000) == 1)
        read(ends[0], &told, 1);
    answer("told of the parent's death", told == 'y');
    answer("PR_SET_PDEATHSIG 65", prctl(PR_SET_PDEATHSIG, 65));
}

static void note_end(int signal) { caught = signal; }

/* Which signal tells of a child's end: the one that clone(2) was asked for, but a parent whom others have got the child for is told as of their own end, and a program
   that begins on either side by SIGCHLD. The child writes who it is and ends when it hears something. */
static void ends_that_are_told(void)
{
    static const char *const how[] = { "child", "sibling of the child", "child that has executed a program", "child of who has executed a program" };
    struct sigaction action = { .sa_handler = note_end };
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    for (int kind = 0; kind < 3; kind++) {
        int ends[2], status = 0;
        pid_t id = 0, middle = 0;
        pipe(ends);
        sigset_t set, before;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, &before);
        if (kind == 1 && (middle = fork()) == 0) {
            if (syscall(SYS_clone, 0x8000 /* CLONE_PARENT */ | SIGUSR1, 0, 0, 0, 0) == 0) {
                id = getpid();
                write(ends[1], &id, sizeof id);
                _exit(0);
            }
            pause_for(100000);
        } else if (kind != 1 && syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0) == 0) {
            id = getpid();
            write(ends[1], &id, sizeof id);
            if (kind == 2)
                execl("/proc/self/exe", "processes", "nothing", (char *)NULL);
            _exit(0);
        }
        read(ends[0], &id, sizeof id);
        waitpid(id, &status, __WALL);
        siginfo_t information;
        int signal = sigtimedwait(&set, &information, &(struct timespec){ 3, 0 });
        printf("%s: %s, %s\n", how[kind], signal == SIGUSR1 ? "SIGUSR1" : signal == SIGCHLD ? "SIGCHLD" : "nothing", information.si_pid == id ? "its own" : "another's");
        if (middle > 0) {
            kill(middle, SIGKILL);
            waitpid(middle, NULL, 0);
        }
        caught = 0;
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(ends[0]);
        close(ends[1]);
    }
    /* In a process of its own, since it becomes another program. */
    pid_t becoming = fork();
    if (becoming == 0) {
        int ends[2];
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        pipe(ends);
        if (syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0) == 0) {
            char byte;
            close(ends[1]);
            read(ends[0], &byte, 1); /* until the other one has closed its end by execve */
            _exit(0);
        }
        fcntl(ends[1], F_SETFD, FD_CLOEXEC);
        close(ends[0]);
        execl("/proc/self/exe", "processes", "told", (char *)NULL);
        _exit(1);
    }
    int status = 0;
    waitpid(becoming, &status, 0);
    show(how[3], status);
    /* struct clone_args with an exit_signal, for a sibling and for a thread. */
    static const uint64_t flags[] = { 0x8000, 0x10000 | 0x800 | 0x100 };
    for (int i = 0; i < 2; i++) {
        uint64_t arguments[8] = { flags[i], 0, 0, 0, SIGUSR1 };
        answer("clone3 with a signal for others", syscall(SYS_clone3, arguments, sizeof arguments));
    }
}

/* The program that ends_that_are_told executes, with SIGCHLD and SIGUSR2 blocked: waits for the child that it has had before. */
static int told(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR2);
    int status = 0;
    waitpid(-1, &status, __WALL);
    return sigtimedwait(&set, NULL, &(struct timespec){ 3, 0 }) == SIGCHLD ? 4 : 5;
}

static void shared_futex(void)
{
    int *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        struct timespec time = { 3, 0 };
        _exit(syscall(SYS_futex, word, 0, 0, &time, NULL, 0) == 0 ? 0 : errno);
    }
    pause_for(100);
    *word = 1;
    answer("woken", syscall(SYS_futex, word, 1, 1, NULL, NULL, 0));
    int status;
    waitpid(child, &status, 0);
    show("waiter", status);
    /* A private one is another's word. */
    *word = 0;
    child = fork();
    if (child == 0) {
        struct timespec time = { 0, 200000000 };
        _exit(syscall(SYS_futex, word, 128, 0, &time, NULL, 0) == 0 ? 0 : errno);
    }
    pause_for(80);
    answer("woken by private", syscall(SYS_futex, word, 129, 1, NULL, NULL, 0));
    waitpid(child, &status, 0);
    show("private waiter", status);
}

/* A stopped job of an ended leader is hung up; a server of the same session elsewhere is not. */
static void orphaned_job(void)
{
    int ends[2], life[2];
    pipe(ends);
    pipe(life);
    pid_t leader = fork();
    if (leader == 0) {
        setsid();
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            close(life[0]);
            for (;;)
                pause();
        }
        close(life[1]);
        pid_t server = fork();
        if (server == 0) {
            setpgid(0, 0);
            struct sigaction action = { .sa_handler = on_signal };
            sigaction(SIGHUP, &action, NULL);
            pause_for(700);
            char told = caught ? 'h' : 'f';
            write(ends[1], &told, 1);
            _exit(0);
        }
        setpgid(job, job);
        setpgid(server, server);
        kill(job, SIGSTOP);
        int status;
        waitpid(job, &status, WUNTRACED);
        write(ends[1], &job, sizeof job);
        _exit(0);
    }
    pid_t job;
    read(ends[0], &job, sizeof job);
    waitpid(leader, NULL, 0);
    close(life[1]);
    struct pollfd alive = { life[0], POLLIN };
    answer("the stopped job has ended", poll(&alive, 1, 10000) == 1);
    char told;
    read(ends[0], &told, 1);
    answer("the server was left alone", told == 'f');
}

/* The same where the stopped job's group has a member that runs. */
static void orphaned_pipeline(void)
{
    int ends[2], ready[2];
    pipe(ends);
    pipe(ready);
    pid_t leader = fork();
    if (leader == 0) {
        setsid();
        pid_t first = fork();
        if (first == 0) {
            setpgid(0, 0);
            for (;;)
                pause();
        }
        setpgid(first, first);
        pid_t second = fork();
        if (second == 0) {
            setpgid(0, first);
            struct sigaction action = { .sa_handler = on_signal };
            sigaction(SIGHUP, &action, NULL);
            write(ready[1], "r", 1);
            for (int i = 0; i < 500 && !caught; i++)
                pause_for(20);
            char told = caught ? 'h' : 'f';
            write(ends[1], &told, 1);
            _exit(0);
        }
        setpgid(second, first);
        char one;
        read(ready[0], &one, 1);
        kill(first, SIGSTOP);
        int status;
        waitpid(first, &status, WUNTRACED);
        _exit(0);
    }
    waitpid(leader, NULL, 0);
    char told = '?';
    read(ends[0], &told, 1);
    answer("the whole group is hung up", told == 'h');
}

/* ---- limits and priorities ---- */

static void limit(int resource, rlim_t soft)
{
    struct rlimit now, wanted = { soft, 0 };
    getrlimit(resource, &now);
    wanted.rlim_max = now.rlim_max;
    answer("setrlimit", setrlimit(resource, &wanted));
    getrlimit(resource, &now);
    answer("as set", now.rlim_cur == soft);
}

static void limit_files(void)
{
    limit(RLIMIT_NOFILE, 16);
    int opened = 0, last;
    while ((last = open("/dev/null", O_RDONLY)) >= 0)
        opened = last;
    answer("open", last);
    answer("highest", opened);
    answer("dup2 to the limit", dup2(0, 16));
    answer("fcntl to the limit", fcntl(0, F_DUPFD, 16));
    int pair[2];
    answer("pipe", pipe(pair));
}

static void limit_file_size(void)
{
    char buffer[6000];
    signal(SIGXFSZ, on_signal);
    limit(RLIMIT_FSIZE, 10000);
    int file = open("/tmp/limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ask(write(file, buffer, sizeof buffer));
    ask(write(file, buffer, sizeof buffer));
    answer("signal so far", caught);
    ask(write(file, buffer, sizeof buffer));
    answer("signal", caught);
    caught = 0;
    ask(ftruncate(file, 10001));
    answer("signal", caught);
    ask(ftruncate(file, 10000));
    ask(pwrite(file, buffer, 10, 9995));
    signal(SIGXFSZ, SIG_DFL);
    write(file, buffer, 10);
    pwrite(file, buffer, 10, 20000);
}

static int deeper(int depth)
{
    volatile char room[4096];
    room[0] = depth;
    return depth == 0 ? room[0] : deeper(depth - 1) + room[0];
}

static void limit_stack(void)
{
    limit(RLIMIT_STACK, 1 << 20);
    deeper(150);
    printf("deep\n");
    fflush(stdout);
    deeper(400);
    printf("deeper\n");
}

static void limit_memory(void)
{
    limit(RLIMIT_AS, 64 << 20);
    answer("little", mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    answer("much", mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    answer("errno", errno);
    answer("sbrk", (long)sbrk(64 << 20) == -1 ? -1 : 0);
    char *small = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    answer("mremap", mremap(small, PAGE, 64 << 20, MREMAP_MAYMOVE) != MAP_FAILED);
}

static void limit_data(void)
{
    limit(RLIMIT_DATA, 8 << 20);
    answer("readable", mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    answer("writable", mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    answer("errno", errno);
    errno = 0;
    answer("sbrk", (long)sbrk(16 << 20) == -1 ? -1 : 0);
}

static void limit_processes(void)
{
    setgroups(0, NULL);
    setresgid(4321, 4321, 4321);
    setresuid(4321, 4321, 4321);
    limit(RLIMIT_NPROC, 3);
    int made = 0;
    pid_t children[8];
    for (int i = 0; i < 8; i++)
        if ((children[made] = fork()) > 0)
            made++;
        else if (children[made] == 0)
            for (;;)
                pause();
        else
            break;
    answer("children", made);
    answer("errno", errno);
    for (int i = 0; i < made; i++)
        kill(children[i], SIGKILL);
}

static void limit_time(void)
{
    struct rlimit seconds = { 1, 2 };
    signal(SIGXCPU, on_signal);
    setrlimit(RLIMIT_CPU, &seconds);
    for (int told = 0;;)
        if (caught && !told) {
            told = caught;
            printf("told by %d\n", told);
            fflush(stdout);
        }
}

static void limit_rules(void)
{
    struct rlimit one = { 20, 10 }, lower = { 100, 100 };
    ask(setrlimit(RLIMIT_NOFILE, &one));
    ask(setrlimit(RLIMIT_NOFILE, &lower));
    setgroups(0, NULL);
    setresuid(4321, 4321, 4321);
    struct rlimit highest = { 100, 201 };
    ask(setrlimit(RLIMIT_NOFILE, &highest));
    ask(setrlimit(99, &lower));
    ask(setrlimit(RLIMIT_NOFILE, (void *)8));
    pid_t child = fork();
    if (child == 0) {
        getrlimit(RLIMIT_NOFILE, &one);
        _exit(one.rlim_cur);
    }
    int status;
    waitpid(child, &status, 0);
    show("inherited", status);
}

/* All that there is, as /proc/PID/limits says it. */
static void limit_lines(void)
{
    static const rlim_t wanted[RLIM_NLIMITS] = {
        [RLIMIT_CPU] = 1000, [RLIMIT_FSIZE] = 1 << 30, [RLIMIT_DATA] = 1 << 29, [RLIMIT_STACK] = 1 << 20, [RLIMIT_RSS] = 1 << 30,
        [RLIMIT_NPROC] = 50, [RLIMIT_NOFILE] = 100, [RLIMIT_MEMLOCK] = 8192, [RLIMIT_AS] = 1 << 30, [RLIMIT_LOCKS] = 77,
        [RLIMIT_SIGPENDING] = 10, [RLIMIT_RTTIME] = 12345,
    };
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit = { wanted[i], wanted[i] * 2 };
        if (setrlimit(i, &limit) < 0)
            answer("setrlimit", i);
    }
    char text[4096];
    int file = open("/proc/self/limits", O_RDONLY);
    long length = read(file, text, sizeof text);
    printf("%.*s", (int)length, text);
}

/* As many descriptors as a process may have; they are counted, watched, inherited and closed. */
static void many_files(void)
{
    enum { Many = 4096 };
    static struct pollfd watched[Many];
    syscall(SYS_close_range, 3, ~0u, 0);
    limit(RLIMIT_NOFILE, Many);
    int last, highest = 0;
    while ((last = open("/dev/null", O_RDONLY)) >= 0)
        highest = last;
    answer("one more", last);
    answer("highest", highest);
    ask(close(3000));
    ask(close(70));
    ask(fcntl(3, F_DUPFD, 71));
    ask(dup(3));
    ask(fcntl(4000, F_SETFD, FD_CLOEXEC));
    pid_t child = fork();
    if (child == 0)
        _exit(fcntl(4000, F_GETFD) == FD_CLOEXEC && fcntl(4095, F_GETFD) == 0 && fcntl(1234, F_GETFD) == 0 ? 5 : 6);
    int status;
    waitpid(child, &status, 0);
    show("inherited", status);
    for (int i = 0; i < Many; i++)
        watched[i] = (struct pollfd){ i, POLLIN };
    answer("poll of all", poll(watched + 3, Many - 3, 0));
    errno = 0;
    answer("poll of more", poll(watched, Many + 1, 0));
    answer("close_range", syscall(SYS_close_range, 100, ~0u, 0));
    answer("closed", fcntl(100, F_GETFD));
    answer("left", fcntl(99, F_GETFD));
    int set = epoll_create1(0), pairs = 0, pair[2];
    struct epoll_event event = { .events = EPOLLIN };
    while (pipe(pair) == 0 && epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event) == 0 && write(pair[1], "x", 1) == 1)
        pairs++;
    answer("pipes", pairs);
    static struct epoll_event ready[Many];
    answer("all of them", epoll_wait(set, ready, Many, 0));
}

static void show_locked(void)
{
    char text[4096] = "";
    int file = open("/proc/self/status", O_RDONLY);
    read(file, text, sizeof text - 1);
    close(file);
    char *line = strstr(text, "VmLck:");
    printf("%.*s\n", line ? (int)strcspn(line, "\n") : 0, line ? line : "");
}

static int resident_pages(char *memory, int pages)
{
    unsigned char resident[64];
    int count = 0;
    mincore(memory, pages * PAGE, resident);
    for (int i = 0; i < pages; i++)
        count += resident[i] & 1;
    return count;
}

static char *map_locked(int pages, int flags)
{
    return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* RLIMIT_MEMLOCK holds for all but the superuser. */
static void limit_locked(void)
{
    setgroups(0, NULL);
    setresuid(4321, 4321, 4321);
    char *memory = map_locked(8, 0);
    limit(RLIMIT_MEMLOCK, 4 * PAGE);
    show_locked();
    ask(mlock(memory, 4 * PAGE));
    answer("resident", resident_pages(memory, 8));
    ask(mlock(memory + 1, 3 * PAGE));
    ask(mlock(memory + 4 * PAGE, PAGE));
    show_locked();
    ask(munlock(memory, 2 * PAGE));
    ask(mlock(memory + 4 * PAGE, 2 * PAGE));
    show_locked();
    answer("mmap of locked pages", map_locked(1, MAP_LOCKED) == MAP_FAILED ? -1 : 0);
    ask(mlockall(MCL_CURRENT));
    munmap(memory + 2 * PAGE, PAGE);
    show_locked();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        show_locked();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    ask(munlockall());
    show_locked();
    ask(mlockall(MCL_ONFAULT));
    ask(mlockall(8));
    ask(mlockall(MCL_FUTURE));
    char *two = map_locked(2, 0);
    answer("comes at once", resident_pages(two, 2));
    answer("mmap of more", map_locked(3, 0) == MAP_FAILED ? -1 : 0);
    answer("grows", mremap(two, 2 * PAGE, 5 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    ask(mlockall(MCL_FUTURE | MCL_ONFAULT));
    two = map_locked(2, 0);
    answer("comes when touched", resident_pages(two, 2));
    show_locked();
    ask(munlockall());
    two = map_locked(2, 0);
    ask(syscall(SYS_mlock2, two, 2 * PAGE, MLOCK_ONFAULT));
    answer("not there yet", resident_pages(two, 2));
    limit(RLIMIT_MEMLOCK, 0);
    ask(mlock(memory, PAGE));
    ask(mlockall(MCL_CURRENT));
    ask(munlock(memory, PAGE));
}

static void priorities(void)
{
    setpriority(PRIO_PROCESS, 0, 0); /* on the host whoever runs this may be nice */
    ask(getpriority(PRIO_PROCESS, 0));
    ask(setpriority(PRIO_PROCESS, 0, 7));
    ask(getpriority(PRIO_PROCESS, 0));
    ask(setpriority(PRIO_PROCESS, 0, 100));
    ask(getpriority(PRIO_PROCESS, 0));
    ask(setpriority(PRIO_PROCESS, 0, -3));
    errno = 0;
    answer("-3", getpriority(PRIO_PROCESS, 0) == -3);
    ask(nice(5));
    ask(setpriority(9, 0, 1));
    ask(setpriority(PRIO_PROCESS, 1 << 22, 1));
    ask(getpriority(PRIO_PROCESS, 1 << 22));
    setresuid(4321, 4321, 4321);
    ask(setpriority(PRIO_PROCESS, 0, 1));
    ask(setpriority(PRIO_PROCESS, 0, 5));
    answer("5", getpriority(PRIO_PROCESS, 0));
}

static void scheduling(void)
{
    struct sched_param parameters = { 0 };
    ask(sched_getscheduler(0));
    ask(sched_setscheduler(0, SCHED_BATCH, &parameters));
    ask(sched_getscheduler(0));
    ask(sched_setscheduler(0, SCHED_IDLE, &parameters));
    ask(sched_setscheduler(0, SCHED_OTHER, &parameters));
    parameters.sched_priority = 5;
    ask(sched_setscheduler(0, SCHED_OTHER, &parameters));
    ask(sched_setscheduler(0, 77, &parameters));
    ask(sched_setparam(0, &parameters));
    ask(sched_getparam(0, &parameters));
    answer("priority", parameters.sched_priority);
    ask(sched_get_priority_max(SCHED_OTHER));
    ask(sched_get_priority_max(SCHED_FIFO));
    ask(sched_get_priority_min(SCHED_RR));
    ask(sched_get_priority_max(77));
    ask(sched_getscheduler(1 << 22));
    cpu_set_t none;
    CPU_ZERO(&none);
    ask(sched_setaffinity(0, sizeof none, &none));
    CPU_SET(0, &none);
    ask(sched_setaffinity(0, sizeof none, &none));
    ask(sched_setaffinity(0, sizeof none, (void *)8));
    ask(sched_setaffinity(1 << 22, sizeof none, &none));
}

static void locked_memory(void)
{
    char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char resident[4];
    munmap(memory + 3 * PAGE, PAGE);
    ask(mlock(memory, 3 * PAGE));
    mincore(memory, 3 * PAGE, resident);
    answer("resident", (resident[0] & 1) + (resident[1] & 1) + (resident[2] & 1));
    answer("mlock of a hole", mlock(memory, 4 * PAGE));
    answer("munlock of a hole", munlock(memory, 4 * PAGE));
    ask(munlock(memory, 3 * PAGE));
    ask(mlockall(0));
    ask(mlockall(64));
    answer("msync", msync(memory, 3 * PAGE, MS_SYNC));
    answer("msync of a hole", msync(memory, 4 * PAGE, MS_SYNC));
    answer("msync flags", msync(memory, PAGE, MS_SYNC | MS_ASYNC));
    answer("msync unaligned", msync(memory + 1, PAGE, MS_SYNC));
}

static void groups(void)
{
    gid_t set[3] = { 5, 6, 7 }, got[8];
    ask(setgroups(3, set));
    answer("getgroups 0", getgroups(0, got));
    answer("getgroups", getgroups(8, got));
    answer("second", got[1]);
    answer("too few", getgroups(2, got));
    ask(setgroups(0, NULL));
    ask(getgroups(8, got));
    answer("bad", syscall(SYS_setgroups, 3, 8));
    answer("too many", syscall(SYS_setgroups, 70000, set));
    setresuid(4321, 4321, 4321);
    ask(setgroups(1, set));
    ask(setresuid(0, 0, 0));
    ask(setuid(0));
    ask(setuid(4321));
    ask(setgid(0));
    answer("kill init", kill(1, 0));
}

static void controls(void)
{
    ask(prctl(PR_GET_DUMPABLE));
    ask(prctl(PR_SET_DUMPABLE, 0));
    ask(prctl(PR_GET_DUMPABLE));
    ask(prctl(PR_SET_DUMPABLE, 5));
    ask(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    ask(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    ask(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    ask(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    ask(prctl(PR_GET_KEEPCAPS));
    ask(prctl(PR_SET_KEEPCAPS, 1));
    ask(prctl(PR_GET_KEEPCAPS));
    ask(prctl(PR_GET_SECUREBITS));
    pid_t child = fork();
    if (child == 0)
        _exit(prctl(PR_GET_KEEPCAPS));
    int status;
    waitpid(child, &status, 0);
    answer("a child keeps", WEXITSTATUS(status));
    ask(prctl(PR_SET_KEEPCAPS, 2));
    ask(prctl(PR_CAPBSET_READ, 40));
    ask(prctl(PR_CAPBSET_READ, 64));
    ask(prctl(12345));
    ask(syscall(324, 1 << 20, 0));
}

static void robust_lists(void)
{
    struct list { struct list *next; };
    struct { struct list *next; long offset; struct list *pending; } *head;
    struct { struct list link; int word; } *lock;
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    head = (void *)shared;
    lock = (void *)(shared + 256);
    pid_t child = fork();
    if (child == 0) {
        head->next = &lock->link;
        head->offset = (char *)&lock->word - (char *)&lock->link;
        head->pending = NULL;
        lock->link.next = (void *)&head->next;
        lock->word = getpid() | 0x80000000;
        syscall(SYS_set_robust_list, head, 24);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    answer("owner died", (lock->word & 0x40000000) != 0);
    answer("waiters kept", (lock->word & 0x80000000) != 0);
    answer("set_robust_list size", syscall(SYS_set_robust_list, head, 8));
}

/* ---- the base of GS, which the kernel exchanges for its own ---- */

static unsigned long gs_first(void)
{
    unsigned long word;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(word));
    return word;
}

static unsigned long gs_base(void)
{
    unsigned long base = 1;
    syscall(SYS_arch_prctl, 0x1004, &base);
    return base;
}

static volatile unsigned long gs_in_handler;

static void look_at_gs(int number)
{
    (void)number;
    gs_in_handler = gs_first();
}

static void segment_bases(void)
{
    static unsigned long mine[1] = { 11 }, others[1] = { 22 };
    ask(syscall(SYS_arch_prctl, 0x1001, mine));
    ask(gs_first());
    pid_t child = fork();
    if (child == 0) {
        ask(gs_first());
        ask(gs_base() == (unsigned long)mine);
        fflush(stdout);
        syscall(SYS_arch_prctl, 0x1001, others);
        for (int i = 0; i < 1000; i++) {
            sched_yield();
            if (gs_first() != 22)
                _exit(1);
        }
        execl("/proc/self/exe", "processes", "base", (char *)NULL);
        _exit(2);
    }
    int strayed = 0, status = -1;
    for (int i = 0; i < 1000; i++) {
        sched_yield();
        strayed += gs_first() != 11;
    }
    waitpid(child, &status, 0);
    show("with a base of its own", status);
    signal(SIGUSR1, look_at_gs);
    raise(SIGUSR1);
    ask(gs_in_handler);
    char *page = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64; i++) {
        page[i * PAGE] = 1;
        strayed += gs_first() != 11;
    }
    struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };
    signal(SIGALRM, look_at_gs);
    setitimer(ITIMER_REAL, &often, NULL);
    for (time_t begin = time(NULL); time(NULL) < begin + 2;)
        strayed += gs_first() != 11 || gs_in_handler != 11;
    setitimer(ITIMER_REAL, &never, NULL);
    ask(strayed);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "base") == 0)
        return gs_base() == 0 ? 0 : 3;
    if (argc > 1 && strcmp(argv[1], "nothing") == 0)
        return 0;
    if (argc > 1 && strcmp(argv[1], "told") == 0)
        return told();
    if (argc > 1 && strcmp(argv[1], "interpreted") == 0)
        return interpreted(argc, argv);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (argc > 1 && strcmp(argv[1], "pause") == 0) {
        write(1, "r", 1);
        pause();
    }
    if (argc > 1 && strcmp(argv[1], "stack") == 0) {
        volatile unsigned char code[16] = { 0xc3 };
        ((void (*)(void))code)();
        printf("the stack is executable\n");
        fflush(stdout);
        return 0;
    }
#define try(action) apart(#action, action)
    try(growing_mapping);
    try(truncated_mapping);
    try(many_mappings);
    try(running_program);
    try(scripts);
    try(stack_of_program);
    try(executable_stack);
    try(waiting_for_children);
    try(sleep_over_stop);
    try(real_time_signals);
    try(parent_death);
    try(ends_that_are_told);
    try(shared_futex);
    try(robust_lists);
    try(orphaned_job);
    try(orphaned_pipeline);
    try(limit_files);
    try(limit_file_size);
    try(limit_stack);
    try(limit_memory);
    try(limit_data);
    try(limit_processes);
    try(limit_time);
    try(limit_rules);
    try(limit_lines);
    try(limit_locked);
    try(many_files);
    try(priorities);
    try(scheduling);
    try(locked_memory);
    try(groups);
    try(controls);
    try(segment_bases);
    unlink("/tmp/mapped");
    unlink("/tmp/executable");
    unlink("/tmp/limited");
    printf("all answers given\n");
    return 0;
}
