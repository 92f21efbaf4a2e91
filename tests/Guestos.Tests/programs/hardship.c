/* Hard times for a kernel, one per argument. Prints what has become of it; the kernel must survive each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sysv.h"

#define LARGE (8 << 20)

static long free_kib(void)
{
    struct sysinfo information;
    sysinfo(&information);
    return information.freeram / 1024;
}

static void show(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: killed by %d\n", what, WTERMSIG(status));
}

static int in_child(void (*action)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        action();
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static int deeper(int depth)
{
    volatile char room[4096];
    room[depth & 4095] = 1;
    return deeper(depth + 1) + room[0];
}

static void overflow(void) { printf("%d\n", deeper(0)); }

static void eat(void)
{
    for (;;) {
        char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            _exit(1);
        memset(memory, 1, 1 << 20);
    }
}

/* Pages at random in 100 TiB: nearly all that they take is page tables. */
static char *sparse(long pages, int writes)
{
    unsigned long size = 100ul << 40;
    volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        _exit(1);
    static uint64_t at = 88172645463325252ull;
    for (; pages != 0; pages--) {
        at ^= at << 13, at ^= at >> 7, at ^= at << 17;
        volatile char *page = memory + at % size;
        if (writes)
            *page = 1;
        else if (*page != 0)
            _exit(2);
    }
    return (char *)memory;
}

static void read_sparse(void) { sparse(-1, 0); }

static void write_sparse(void) { sparse(-1, 1); }

/* Who takes page tables without pages is named, not its neighbour; and tables go with what they mapped. */
static void sparsely(void)
{
    enum { Pages = 2000 };
    int ready[2];
    pipe(ready);
    pid_t neighbour = fork();
    if (neighbour == 0) {
        char *memory = mmap(NULL, Pages << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int page = 0; page < Pages; page++)
            memory[page << 12] = 1;
        write(ready[1], "r", 1);
        pause();
    }
    char said;
    read(ready[0], &said, 1);
    show("reader", in_child(read_sparse));
    show("writer", in_child(write_sparse));
    printf("its neighbour is %s\n", waitpid(neighbour, NULL, WNOHANG) == 0 ? "there" : "gone");
    kill(neighbour, SIGKILL);
    waitpid(neighbour, NULL, 0);
    /* All of it at once would be more than there is. */
    for (int i = 0; i < 12; i++) {
        munmap(sparse(800, 1), 100ul << 40);
        fflush(stdout);
    }
    printf("unmapped\n");
}

/* The kernel runs out while it writes to user memory. */
static void eat_by_read(void)
{
    int zero = open("/dev/zero", O_RDONLY);
    for (;;) {
        char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED || read(zero, memory, 1 << 20) < 0)
            _exit(1);
    }
}

/* An ordinary user takes all memory that is left above so many pages, for ever. */
static void fill_down_to(long pages)
{
    setgid(1000), setuid(1000);
    enum { Piece = 1000 };
    char *memory = NULL;
    for (unsigned long page = 0;; page++) {
        while (free_kib() / 4 <= pages)
            usleep(200);
        if (page % Piece == 0)
            while ((memory = mmap(NULL, Piece << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
                usleep(200);
        memory[page % Piece << 12] = 1;
    }
}

/* What is the superuser's goes on, whether the one who fills memory goes as far as he can or stops where he would be chosen to end. */
static void hogs(void)
{
    for (int i = 0; i < 2; i++) {
        pid_t hog = fork();
        if (hog == 0)
            fill_down_to(i == 0 ? 130 : 390);
        usleep(1500000);
        char *memory = mmap(NULL, 600 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int page = 0; page < 600; page++) {
            memory[page << 12] = 1;
            if (page % 100 == 0) {
                pid_t child = fork();
                if (child == 0)
                    _exit(0);
                if (child < 0)
                    printf("no fork: %s\n", strerrorname_np(errno));
                waitpid(child, NULL, 0);
            }
        }
        munmap(memory, 600 << 12);
        int status = 0;
        waitpid(hog, &status, 0);
        show("hog", status);
    }
}

/* An ordinary user has as many processes as he may; the superuser goes on to start some. */
static void crowd(void)
{
    enum { Few = 8 };
    pid_t leader = fork();
    if (leader == 0) {
        setpgid(0, 0);
        setgid(1000), setuid(1000);
        for (;;) {
            pid_t child = fork();
            if (child <= 0)
                pause();
        }
    }
    sleep(1);
    int started = 0;
    for (; started < Few; started++) {
        pid_t child = fork();
        if (child < 0)
            break;
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    printf("the superuser started %d\n", started);
    fflush(stdout);
    kill(-leader, SIGKILL);
    while (wait(NULL) > 0)
        ;
}

static void bomb(void)
{
    int count = 0;
    pid_t first = getpid();
    setpgid(0, 0);
    for (; count < 2000; count++) {
        pid_t child = fork();
        if (child < 0)
            break;
        if (child == 0) {
            pause();
            _exit(0);
        }
    }
    printf("stopped by %s after %s\n", errno == EAGAIN || errno == ENOMEM ? "EAGAIN" : strerrorname_np(errno), count >= 100 && count < 300 ? "some hundred" : "another number");
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    kill(-first, SIGTERM);
    while (wait(NULL) > 0)
        ;
}

/* Everybody forks all the time, for a second. */
static void wild_bomb(void)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec++;
    do {
        fork();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || now.tv_nsec < end.tv_nsec);
}

static void many_programs(void)
{
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl("/bin/true", "true", NULL);
            _exit(1);
        }
        int status;
        waitpid(child, &status, 0);
        if (status != 0)
            _exit(2);
    }
}

static void many_mappings(void)
{
    for (int i = 0; i < 40000; i++) {
        char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            printf("the limit is %s\n", errno == ENOMEM ? "ENOMEM" : strerrorname_np(errno));
            return;
        }
        mprotect(memory, 4096, PROT_READ);
    }
    printf("no limit\n");
}

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static char *writable, *readonly;

static uint64_t argument(void)
{
    switch (next() % 14) {
    case 0: return 0;
    case 1: return next() % 16;
    case 2: return next() % 300;
    case 3: return -(next() % 16);
    case 4: return (uint64_t)writable + next() % 4096;
    case 5: return (uint64_t)writable;
    case 6: return (uint64_t)readonly;
    case 7: return (uint64_t)writable + 16384 - next() % 64;
    case 8: return 0xffffc00000000000 + next() % 0x4000000;
    case 9: return 0x7ffffffff000 + next() % 8192;
    case 10: return next();
    case 11: return 1ul << next() % 64;
    case 12: return 0x7fffffff0000 + next() % 0x20000;
    default: return next() % 65536;
    }
}

static int is_forbidden(int number)
{
    /* Among them ptrace (101): a child that has itself traced stops at its next signal. */
    static const int numbers[] = { 101, 15, 34, 35, 56, 57, 58, 60, 61, 62, 129, 130, 169, 200, 231, 234, 230, 247, 297, 435, 7, 270, 271, 23, 232, 281, 202, 128, 11, 25, 10, 9, 12, 37, 38 };
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] == number)
            return 1;
    return 0;
}

static int mapping_too;
static int *calls;

static void on_alarm(int signal) { (void)signal; }

/* Random calls with random arguments. Calls that sleep, end or kill are left out; blocking ones are cut short by an alarm. */
static void storm(void)
{
    writable = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(writable + 16384, 4096, PROT_NONE);
    readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = { { 0, 4000 }, { 0, 4000 } };
    setitimer(ITIMER_REAL, &often, NULL);
    mkdir("/tmp/storm", 0755);
    chdir("/tmp/storm");
    for (int i = 0; i < 20000; i++) {
        if (i % 16 == 0) {
            uint64_t *words = (uint64_t *)writable;
            for (int k = 0; k < 2048; k++)
                words[k] = k % 3 ? argument() : next() % 100;
            if (i % 64 == 0)
                strcpy(writable, "/tmp/storm/name");
        }
        int number = next() % 450;
        if (is_forbidden(number) && !(mapping_too && (number == 9 || number == 10 || number == 11 || number == 12 || number == 25)))
            continue;
        if (!mapping_too && (number == 13 || number == 14 || number == 131 || number == 36))
            continue;                   /* the alarm is to go on */
        ++*calls;
        if (number == 1 || number == 18 || number == 20) {  /* not on the console */
            syscall(number, 3 + next() % 20, argument(), argument() % 100000, argument());
            continue;
        }
        syscall(number, argument(), argument(), argument(), argument(), argument(), argument());
    }
}

static void storms(void)
{
    calls = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 8; round++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            state = 88172645463325252ull + 7919 * round;
            mapping_too = round >= 4;
            setpgid(0, 0);
            for (int descriptor = 0; descriptor < 3; descriptor++)
                close(descriptor);
            open("/dev/null", O_RDWR);
            dup(0);
            dup(0);
            storm();
            _exit(0);
        }
        for (int waited = 0; waited < 150; waited++) {
            if (waitpid(child, NULL, WNOHANG) == child) {
                child = 0;
                break;
            }
            usleep(10000);
        }
        if (child) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
        }
    }
    remove_system_v();
    printf("survived the storms, %s calls\n", *calls > 40000 ? "over 40000" : "too few");
    if (*calls <= 40000)
        printf("%d\n", *calls);
}

/* Nobody waits for the first child of these. */
static void orphans(void)
{
    for (int i = 0; i < 20; i++)
        if (fork() == 0) {
            if (fork() == 0)
                usleep(20000);
            _exit(0);
        }
}

/* An ordinary user opens all files that there may be; the superuser can still open some. */
static void many_files(void)
{
    int ready[2], done[2];
    pipe(ready);
    pipe(done);
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            setuid(1000);
            int error = 0;
            for (int opened = 0; opened < 1000 && error == 0; opened++)
                error = open("/", O_RDONLY) < 0 ? errno : 0;
            write(ready[1], error == ENFILE ? "f" : ".", 1);
            close(done[1]);
            read(done[0], &error, 1);
            _exit(0);
        }
    char said[8];
    for (int i = 0; i < 8; i++)
        read(ready[0], said + i, 1);
    printf("%s, the superuser %s\n", memchr(said, 'f', 8) ? "no more files" : "files without end", open("/", O_RDONLY) < 0 ? "neither" : "goes on");
    close(done[1]);
    while (wait(NULL) > 0)
        ;
}

/* An ordinary user fills the disk; the superuser can still write something. */
static void full_disk(void)
{
    static char page[4096];
    int full = open("/tmp/full", O_CREAT | O_WRONLY, 0600), rest = open("/tmp/rest", O_CREAT | O_WRONLY, 0600), status;
    pid_t child = fork();
    if (child == 0) {
        setuid(1000);
        while (write(full, page, sizeof page) > 0)
            ;
        _exit(errno == ENOSPC);
    }
    waitpid(child, &status, 0);
    int written = 0;
    while (written < 64 && write(rest, page, sizeof page) == sizeof page)
        written++;
    printf("the disk is %s, the superuser %s\n", status == 1 << 8 ? "full" : "endless", written == 64 ? "goes on" : "neither");
    unlink("/tmp/full"), unlink("/tmp/rest");
}

static int bound(int type)
{
    int descriptor = socket(AF_INET, type, 0);
    struct sockaddr_in any = {.sin_family = AF_INET};
    if (descriptor < 0 || bind(descriptor, (void *)&any, sizeof any) < 0)
        return -1;
    return type == SOCK_STREAM && listen(descriptor, 1) < 0 ? -1 : descriptor;
}

static int listener(void) { return bound(SOCK_STREAM); }
static int datagram(void) { return bound(SOCK_DGRAM); }

/* One more descriptor in a set; in another set when all are in this one. An open file is watched a few dozen times. */
static int watch(void)
{
    enum { FILES = 500, FIRST = 600, END = 4000 };
    static int set = -1, file, next = END;
    if (next == END) {
        if (set < 0)
            file = eventfd(0, 0);
        for (int made = file; set < 0 && made < file + FILES - 1;)
            made = eventfd(0, 0);
        set = epoll_create1(0);
        next = FIRST;
    }
    struct epoll_event event = {.events = EPOLLIN};
    int descriptor = fcntl(next, F_GETFD) < 0 ? dup2(file + next % FILES, next) : next;
    next++;
    return set < 0 || descriptor < 0 ? -1 : epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
}

/* Whether the superuser still gets one of what an ordinary user has taken all of. */
static void exhaust(const char *what, int (*take)(void))
{
    int ready[2], done[2], error = 0;
    pipe(ready);
    pipe(done);
    if (fork() == 0) {
        struct rlimit files = {4096, 4096};
        setrlimit(RLIMIT_NOFILE, &files);
        setuid(1000);
        while (take() >= 0)
            ;
        error = errno;
        write(ready[1], &error, sizeof error);
        close(done[1]);
        read(done[0], &error, 1);
        _exit(0);
    }
    read(ready[0], &error, sizeof error);
    printf("%s: %s for others, ", what, error == ENOBUFS ? "ENOBUFS" : error == ENOSPC ? "ENOSPC" : strerror(error));
    printf("%s for the superuser\n", take() < 0 ? strerror(errno) : "one");
    fflush(stdout);
    close(done[1]);
    wait(NULL);
}

static void network_tables(void)
{
    exhaust("listeners", listener);
    exhaust("datagram sockets", datagram);
    exhaust("watched files", watch);
}

static volatile int *in_call;
static char *large;
static struct iovec pieces[1024];
static int null, zero, random_device;

static void send_zeros(void) { sendfile(null, zero, NULL, 1ul << 43); }

static void send_random(void) { sendfile(null, random_device, NULL, 1ul << 62); }

static void read_zeros(void) { readv(zero, pieces, 1024); }

static void read_random_at(void) { preadv(random_device, pieces, 1024, 0); }

static void take_random(void) { syscall(SYS_getrandom, large, LARGE, 0); }

/* Others run while a single call is at work, and SIGKILL ends it. */
static void show_long_call(const char *what, void (*action)(void))
{
    int seen = 0;
    *in_call = 0;
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            *in_call = 1;
            action();
            *in_call = 0;
        }
    }
    for (int i = 0; i < 1000 && seen < 5; i++) {
        usleep(10000);
        seen += *in_call;
    }
    kill(child, SIGKILL);
    int status = -1;
    waitpid(child, &status, 0);
    printf("%s: %s, ", what, seen == 5 ? "others run" : "nobody else runs");
    show("then", status);
}

static void long_calls(void)
{
    in_call = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(large, 1, LARGE);
    for (int i = 0; i < 1024; i++)
        pieces[i] = (struct iovec){ large, 2 << 20 };
    null = open("/dev/null", O_WRONLY);
    zero = open("/dev/zero", O_RDONLY);
    random_device = open("/dev/urandom", O_RDONLY);
    show_long_call("sendfile of zeros", send_zeros);
    show_long_call("sendfile of random bytes", send_random);
    show_long_call("readv of zeros", read_zeros);
    show_long_call("preadv of random bytes", read_random_at);
    show_long_call("getrandom", take_random);
}

/* What System V's calls take is bounded, and comes back while the process goes on, without another call of theirs. */
static void show_back(const char *what, long before)
{
    long lost = before - free_kib();
    printf("%s: memory %s\n", what, lost < 300 ? "is back" : "is lost");
}

static int filled_segment(char **at)
{
    enum { Size = 6 << 20 };
    int segment = shmget(IPC_PRIVATE, Size, 0600);
    *at = shmat(segment, NULL, 0);
    memset(*at, 1, Size);
    shmctl(segment, IPC_RMID, NULL);
    return Size;
}

static void leave_segment(void)
{
    char *at;
    filled_segment(&at);
}

static void execute_with_segment(void)
{
    leave_segment();
    execl("/proc/self/exe", "hardship", "rest", NULL);
}

static void system_v(void)
{
    struct sembuf up = {0, 1, SEM_UNDO};
    long before = free_kib();
    for (int i = 0; i < 12000; i++) {
        int set = semget(IPC_PRIVATE, 1, 0600);
        if (semop(set, &up, 1) < 0)
            printf("round %d: %s\n", i, strerrorname_np(errno));
        semctl(set, 0, IPC_RMID);
    }
    show_back("undone sets", before);
    int sets[1000], count = 0;
    while (count < 1000 && (sets[count] = semget(IPC_PRIVATE, 1, 0600)) >= 0 && semop(sets[count++], &up, 1) == 0)
        ;
    printf("undo of %d sets, then %s\n", count - 1, strerrorname_np(errno));
    printf("of the first: %d\n", semop(sets[0], &up, 1));
    while (count > 0)
        semctl(sets[--count], 0, IPC_RMID);
    show_back("sets with undo", before);

    char *at;
    before = free_kib();
    int size = filled_segment(&at);
    shmdt(at);
    show_back("shmdt", before);
    filled_segment(&at);
    munmap(at, size);
    show_back("munmap", before);
    in_child(leave_segment);
    show_back("exit", before);
    pid_t child = fork();
    if (child == 0)
        execute_with_segment();
    usleep(100000);
    show_back("exec", before);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "rest") == 0)
        pause();
    setvbuf(stdout, NULL, _IOLBF, 4096);
    in_child(many_programs);
    void (*fill)(void) = strstr(what, "bomb") || strcmp(what, "crowd") == 0 ? bomb : strcmp(what, "tables") == 0 ? network_tables : NULL;
    if (fill != NULL) {         /* tables grow to their size, and keep it */
        int console = dup(1);
        freopen("/dev/null", "w", stdout);
        in_child(fill);
        fflush(stdout);
        dup2(console, 1);
    }
    long before = free_kib();
    if (strcmp(what, "overflow") == 0)
        show("stack overflow", in_child(overflow));
    else if (strcmp(what, "eat") == 0)
        show("eater", in_child(eat));
    else if (strcmp(what, "eat-by-read") == 0)
        show("eater by read", in_child(eat_by_read));
    else if (strcmp(what, "sparse") == 0)
        show("sparsely", in_child(sparsely));
    else if (strcmp(what, "hogs") == 0)
        show("hogs", in_child(hogs));
    else if (strcmp(what, "crowd") == 0) {
        show("crowd", in_child(crowd));
        sleep(1);
    }
    else if (strcmp(what, "bomb") == 0)
        show("bomb", in_child(bomb));
    else if (strcmp(what, "wild-bomb") == 0) {
        show("wild bomb", in_child(wild_bomb));
        sleep(2);
    }
    else if (strcmp(what, "programs") == 0)
        show("programs", in_child(many_programs));
    else if (strcmp(what, "mappings") == 0)
        show("mappings", in_child(many_mappings));
    else if (strcmp(what, "tables") == 0)
        show("tables", in_child(network_tables));
    else if (strcmp(what, "files") == 0)
        show("files", in_child(many_files));
    else if (strcmp(what, "disk") == 0)
        show("disk", in_child(full_disk));
    else if (strcmp(what, "orphans") == 0) {
        show("orphans", in_child(orphans));
        usleep(200000);
    }
    else if (strcmp(what, "long-calls") == 0)
        show("long calls", in_child(long_calls));
    else if (strcmp(what, "system-v") == 0)
        show("System V", in_child(system_v));
    else if (strcmp(what, "storm") == 0)
        storms();
    else
        return 1;
    long lost = before - free_kib();
    printf("memory %s\n", lost < 600 ? "is back" : "is lost");
    if (lost >= 600)
        printf("%ld KiB\n", lost);
    return 0;
}
