/* The loops of make bench-guest: what one operation of a kernel takes, in microseconds, one line each: "@ NAME MICROSECONDS".
   loops            all of them; loops NAME…: these
   loops time NAME COMMAND…      how long a program takes, in microseconds
   loops wait PORT               until a server on this machine listens
   loops http PORT PATH          a request to a server on this machine, over 8 connections that stay open
   Linux and the guest's kernel run the same file. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define SHORTEST 0.12           /* seconds of a measurement at least */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "loops: %s: %s\n", what, strerror(errno));
    printf("! %s: %s\n", what, strerror(errno));
    exit(1);
}

static void check(int holds, const char *what)
{
    if (!holds)
        fail(what);
}

static char buffer[256 * 1024];
static char self[256];                  /* path of this program */

/* Each loop does its operation so many times. */

static void loop_getpid(long count)
{
    while (count-- > 0)
        syscall(SYS_getpid);
}

static void loop_clock(long count)
{
    struct timespec time;
    while (count-- > 0)
        clock_gettime(CLOCK_MONOTONIC, &time);
}

static void loop_stat(long count)
{
    struct stat status;
    while (count-- > 0)
        check(stat("/tmp/a/b/file", &status) == 0, "stat");
}

static void loop_open(long count)
{
    while (count-- > 0) {
        int file = open("/tmp/a/b/file", O_RDONLY);
        check(file >= 0, "open");
        close(file);
    }
}

/* Create, write 4 KiB, read them, remove. */
static void loop_file(long count)
{
    while (count-- > 0) {
        int file = open("/tmp/new", O_RDWR | O_CREAT | O_TRUNC, 0600);
        check(file >= 0, "create");
        check(write(file, buffer, PAGE) == PAGE, "write");
        check(pread(file, buffer, PAGE, 0) == PAGE, "read");
        close(file);
        unlink("/tmp/new");
    }
}

/* 64 KiB of a file that is in memory. */
static void loop_reread(long count)
{
    int file = open("/tmp/a/b/file", O_RDONLY);
    while (count-- > 0)
        check(pread(file, buffer, 65536, 0) == 65536, "pread");
    close(file);
}

static void got_signal(int number) { (void)number; }

static void loop_signal(long count)
{
    struct sigaction action = { .sa_handler = got_signal };
    sigaction(SIGUSR1, &action, NULL);
    pid_t pid = getpid();
    while (count-- > 0)
        kill(pid, SIGUSR1);
}

static void loop_mmap(long count)
{
    while (count-- > 0) {
        char *at = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(at != MAP_FAILED, "mmap");
        for (int i = 0; i < 64; i++)
            at[i * PAGE] = 1;
        munmap(at, 64 * PAGE);
    }
}

/* A page of many that are touched for the first time: written, and read. */
#define PAGES 1024

static void loop_write_fault(long count)
{
    for (; count > 0; count -= PAGES) {
        char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(at != MAP_FAILED, "mmap");
        for (int i = 0; i < PAGES; i++)
            at[i * PAGE] = 1;
        munmap(at, PAGES * PAGE);
    }
}

static void loop_read_fault(long count)
{
    volatile char sum = 0;
    for (; count > 0; count -= PAGES) {
        char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(at != MAP_FAILED, "mmap");
        for (int i = 0; i < PAGES; i++)
            sum += at[i * PAGE];
        munmap(at, PAGES * PAGE);
    }
}

static void loop_fork(long count)
{
    while (count-- > 0) {
        pid_t child = fork();
        check(child >= 0, "fork");
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
}

static void loop_exec(long count)
{
    while (count-- > 0) {
        pid_t child = fork();
        check(child >= 0, "fork");
        if (child == 0) {
            execl(self, self, "nothing", (char *)NULL);
            _exit(1);
        }
        int status;
        waitpid(child, &status, 0);
        check(status == 0, "exec");
    }
}

static void *nothing(void *argument) { return argument; }

static void loop_thread(long count)
{
    while (count-- > 0) {
        pthread_t thread;
        check(pthread_create(&thread, NULL, nothing, NULL) == 0, "pthread_create");
        pthread_join(thread, NULL);
    }
}

/* A child that gives back each byte; it ends with the descriptors. */
static void ping(int to, int from, long count)
{
    char byte = 1;
    while (count-- > 0) {
        check(write(to, &byte, 1) == 1, "write");
        check(read(from, &byte, 1) == 1, "read");
    }
}

static void pong(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1)
        if (write(to, &byte, 1) != 1)
            break;
    _exit(0);
}

static void loop_pipe(long count)
{
    int there[2], back[2];
    check(pipe(there) == 0 && pipe(back) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        pong(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    ping(there[1], back[0], count);
    close(there[1]);
    close(back[0]);
    waitpid(child, NULL, 0);
}

/* Reads until the end. */
static void drain(int from)
{
    while (read(from, buffer, 65536) > 0)
        ;
    _exit(0);
}

/* 64 KiB through a pipe, to another process. */
static void loop_pipe_stream(long count)
{
    int pair[2];
    check(pipe(pair) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        close(pair[1]);
        drain(pair[0]);
    }
    close(pair[0]);
    while (count-- > 0)
        check(write(pair[1], buffer, 65536) == 65536, "write");
    close(pair[1]);
    waitpid(child, NULL, 0);
}

static void loop_local(long count)
{
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        pong(pair[1], pair[1]);
    }
    close(pair[1]);
    ping(pair[0], pair[0], count);
    close(pair[0]);
    waitpid(child, NULL, 0);
}

/* Eight processes in a ring of pipes: one switch is one step of the byte. */
static void loop_switch(long count)
{
    enum { RING = 8 };
    int pipes[RING][2];
    pid_t children[RING];
    for (int i = 0; i < RING; i++)
        check(pipe(pipes[i]) == 0, "pipe");
    for (int i = 1; i < RING; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (int j = 0; j < RING; j++) {
                if (j != i)
                    close(pipes[j][0]);
                if (j != (i + 1) % RING)
                    close(pipes[j][1]);
            }
            pong(pipes[i][0], pipes[(i + 1) % RING][1]);
        }
    }
    for (int i = 0; i < RING; i++) {
        if (i != 0)
            close(pipes[i][0]);
        if (i != 1)
            close(pipes[i][1]);
    }
    ping(pipes[1][1], pipes[0][0], (count + RING - 1) / RING);
    close(pipes[1][1]);
    for (int i = 1; i < RING; i++)
        waitpid(children[i], NULL, 0);
    close(pipes[0][0]);
}

/* Both ends of a TCP connection over loopback. */
static void connection(int ends[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    check(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0, "listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(ends[0], (struct sockaddr *)&address, length) == 0, "connect");
    ends[1] = accept(listener, NULL, NULL);
    check(ends[1] >= 0, "accept");
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    close(listener);
}

static void loop_tcp(long count)
{
    int ends[2];
    connection(ends);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        pong(ends[1], ends[1]);
    }
    close(ends[1]);
    ping(ends[0], ends[0], count);
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static void loop_tcp_stream(long count)
{
    int ends[2];
    connection(ends);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        drain(ends[1]);
    }
    close(ends[1]);
    while (count-- > 0)
        check(write(ends[0], buffer, 65536) == 65536, "write");
    shutdown(ends[0], SHUT_WR);
    waitpid(child, NULL, 0);
    close(ends[0]);
}

static void loop_connect(long count)
{
    while (count-- > 0) {
        int ends[2];
        connection(ends);
        close(ends[0]);
        close(ends[1]);
    }
}

/* 200 descriptors of which none is ready. */
static void loop_poll(long count)
{
    enum { MANY = 200 };
    static struct pollfd asked[MANY];
    static int pipes[MANY / 2][2];
    for (int i = 0; i < MANY / 2; i++) {
        check(pipe(pipes[i]) == 0, "pipe");
        asked[2 * i] = (struct pollfd) { .fd = pipes[i][0], .events = POLLIN };
        asked[2 * i + 1] = (struct pollfd) { .fd = pipes[i][1], .events = POLLPRI };
    }
    while (count-- > 0)
        check(poll(asked, MANY, 0) == 0, "poll");
    for (int i = 0; i < MANY / 2; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
}

static void loop_epoll(long count)
{
    int pair[2], set = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };
    check(pipe(pair) == 0, "pipe");
    check(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event) == 0, "epoll_ctl");
    while (count-- > 0) {
        check(write(pair[1], buffer, 1) == 1, "write");
        check(epoll_wait(set, &event, 1, 0) == 1, "epoll_wait");
        check(read(pair[0], buffer, 1) == 1, "read");
    }
    close(set);
    close(pair[0]);
    close(pair[1]);
}

static const struct { const char *name; void (*run)(long); } loops[] = {
    { "getpid", loop_getpid },
    { "clock_gettime", loop_clock },
    { "stat", loop_stat },
    { "open+close", loop_open },
    { "file", loop_file },
    { "read64k", loop_reread },
    { "signal", loop_signal },
    { "mmap+touch", loop_mmap },
    { "write-fault", loop_write_fault },
    { "read-fault", loop_read_fault },
    { "fork+exit", loop_fork },
    { "fork+exec", loop_exec },
    { "thread", loop_thread },
    { "pipe", loop_pipe },
    { "pipe-64k", loop_pipe_stream },
    { "local", loop_local },
    { "switch", loop_switch },
    { "tcp", loop_tcp },
    { "tcp-64k", loop_tcp_stream },
    { "tcp-connect", loop_connect },
    { "poll-200", loop_poll },
    { "epoll", loop_epoll },
};

static void tell(const char *name, double seconds, long count)
{
    printf("@ %s %.4f\n", name, seconds * 1e6 / count);
    fflush(stdout);
}

/* Doubles the count until the loop runs long enough; what came before has warmed up. */
static void measure(const char *name, void (*run)(long))
{
    for (long count = 1; ; count *= 2) {
        double begin = now();
        run(count);
        double took = now() - begin;
        if (took >= SHORTEST) {
            tell(name, took, count < PAGES && strstr(name, "-fault") ? PAGES : count);
            return;
        }
    }
}

/* A connection to a server on this machine, which may need ten seconds to begin. */
static int connect_to(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    double begin = now();
    for (;;) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client, (struct sockaddr *)&address, sizeof address) == 0)
            return client;
        check(now() - begin < 10, "connect");
        close(client);
        usleep(50000);
    }
}

/* As many requests in a second as one client gets out of a server: each connection asks again as soon as it has been answered. */
static void http(int port, const char *path)
{
    enum { CONNECTIONS = 8 };
    static struct { int socket; size_t received; } peers[CONNECTIONS];
    static char request[512], answer[65536];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: guest\r\n\r\n", path);
    int set = epoll_create1(0);
    size_t whole = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        peers[i].socket = connect_to(port);
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
        epoll_ctl(set, EPOLL_CTL_ADD, peers[i].socket, &event);
        check(write(peers[i].socket, request, length) == length, "request");
    }
    long done = 0;
    double begin = now();
    while (now() - begin < 0.5) {
        struct epoll_event ready[CONNECTIONS];
        int count = epoll_wait(set, ready, CONNECTIONS, 1000);
        check(count > 0, "answer");
        for (int i = 0; i < count; i++) {
            int peer = ready[i].data.u32;
            ssize_t got = read(peers[peer].socket, answer, sizeof answer - 1);
            check(got > 0, "answer");
            answer[got] = 0;
            if (whole == 0) {
                const char *said = strstr(answer, "Content-Length: "), *body = strstr(answer, "\r\n\r\n");
                check(said != NULL && body != NULL && strstr(answer, " 200 ") != NULL, answer);
                whole = body + 4 - answer + atol(said + 16);
            }
            peers[peer].received += got;
            if (peers[peer].received < whole)
                continue;
            peers[peer].received = 0;
            done++;
            check(write(peers[peer].socket, request, length) == length, "request");
        }
    }
    tell("nginx", now() - begin, done);
}

static int run_timed(char **arguments)
{
    double begin = now();
    pid_t child = fork();
    if (child == 0) {
        execv(arguments[1], arguments + 1);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    check(status == 0, arguments[1]);
    tell(arguments[0], now() - begin, 1);
    return 0;
}

int main(int count, char **arguments)
{
    check(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "/proc/self/exe");
    if (count == 2 && !strcmp(arguments[1], "nothing"))
        return 0;
    if (count > 3 && !strcmp(arguments[1], "time"))
        return run_timed(arguments + 2);
    if (count == 4 && !strcmp(arguments[1], "http")) {
        http(atoi(arguments[2]), arguments[3]);
        return 0;
    }
    if (count == 3 && !strcmp(arguments[1], "wait")) {
        close(connect_to(atoi(arguments[2])));
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    memset(buffer, 'x', sizeof buffer);
    mkdir("/tmp/a", 0755);
    mkdir("/tmp/a/b", 0755);
    int file = open("/tmp/a/b/file", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    check(write(file, buffer, 65536) == 65536, "file");
    close(file);
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        int asked = count == 1;
        for (int j = 1; j < count; j++)
            asked |= !strcmp(arguments[j], loops[i].name);
        if (asked)
            measure(loops[i].name, loops[i].run);
    }
    return 0;
}
