/* Timers, signals and processes as descriptors; orphans and their adopters; mappings in the first 2 GiB. Run on the host and in the guest:
   both must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void sleep_ms(long ms) { struct timespec t = { ms / 1000, ms % 1000 * 1000000 }; while (nanosleep(&t, &t) && errno == EINTR); }

static int ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    poll(&p, 1, 0);
    return p.revents;
}

static int timer(int fd, int flags, long value_ms, long interval_ms)
{
    struct itimerspec setting = { { interval_ms / 1000, interval_ms % 1000 * 1000000 }, { value_ms / 1000, value_ms % 1000 * 1000000 } };
    return timerfd_settime(fd, flags, &setting, NULL);
}

static void timers(void)
{
    uint64_t count = 77;
    ASK(timerfd_create(2, 0));
    ASK(timerfd_create(CLOCK_MONOTONIC, 1));
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    ASK(fcntl(fd, F_GETFD));
    ASK(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
    struct itimerspec now;
    ASK(timerfd_gettime(fd, &now));
    printf("%ld %ld %ld %ld\n", now.it_value.tv_sec, now.it_value.tv_nsec, now.it_interval.tv_sec, now.it_interval.tv_nsec);
    ASK(read(fd, &count, 8));
    ASK(ready(fd));
    ASK(write(fd, &count, 8));
    ASK(timer(fd, 0, 20, 0));
    ASK(read(fd, &count, 8));
    ASK(read(fd, &count, 7));
    sleep_ms(30);
    ASK(ready(fd));
    ASK(read(fd, &count, 100));
    ASK(count);
    ASK(read(fd, &count, 8));
    ASK(timer(fd, 0, 10, 10));
    sleep_ms(65);
    ASK(read(fd, &count, 8));
    printf("several: %d\n", count >= 5 && count < 60);
    ASK(timerfd_gettime(fd, &now));
    printf("interval %ld, less left: %d\n", now.it_interval.tv_nsec, now.it_value.tv_sec == 0 && now.it_value.tv_nsec <= 10000000);
    ASK(timer(fd, 0, 0, 10));
    sleep_ms(20);
    ASK(read(fd, &count, 8));
    fcntl(fd, F_SETFL, 0);
    ASK(timer(fd, 0, 20, 0));
    ASK(read(fd, &count, 8));
    ASK(count);
    ASK(timer(fd, TFD_TIMER_ABSTIME, 1, 0));
    ASK(read(fd, &count, 8));
    struct itimerspec old, bad = { { 0, 0 }, { 0, 1000000000 } };
    ASK(timerfd_settime(fd, 0, &bad, NULL));
    bad.it_value.tv_nsec = -1;
    ASK(timerfd_settime(fd, 0, &bad, NULL));
    bad.it_value = (struct timespec){ -1, 0 };
    ASK(timerfd_settime(fd, 0, &bad, NULL));
    ASK(timerfd_settime(fd, 0, (void *)8, NULL));
    ASK(timer(fd, 8, 1, 1));
    ASK(timer(0x77, 0, 1, 1));
    ASK(timer(0, 0, 1, 1));
    ASK(timerfd_gettime(0, &now));
    ASK(timerfd_gettime(fd, (void *)8));
    ASK(timer(fd, 0, 50000, 3000));
    bad = (struct itimerspec){ { 0, 0 }, { 1l << 60, 0 } };
    ASK(timerfd_settime(fd, 0, &bad, &old));
    printf("%ld %d\n", old.it_interval.tv_sec, old.it_value.tv_sec > 40 && old.it_value.tv_sec <= 50);
    ASK(ready(fd));
    /* Wall time. */
    int wall = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    struct itimerspec moment = { { 0, 0 }, { 0, 0 } };
    clock_gettime(CLOCK_REALTIME, &moment.it_value);
    moment.it_value.tv_sec -= 5;
    ASK(timerfd_settime(wall, TFD_TIMER_ABSTIME, &moment, NULL));
    sleep_ms(1);
    ASK(read(wall, &count, 8));
    ASK(count);
    moment.it_value.tv_sec += 1000;
    ASK(timerfd_settime(wall, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &moment, NULL));
    ASK(read(wall, &count, 8));
    ASK(timerfd_gettime(wall, &now));
    printf("%d\n", now.it_value.tv_sec > 900 && now.it_value.tv_sec <= 1000);
    /* Several that wait, by epoll; a child inherits it. */
    int set = epoll_create1(0);
    struct epoll_event wanted = { EPOLLIN | EPOLLET, { .u32 = 5 } }, seen;
    ASK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted));
    ASK(timer(fd, 0, 10, 0));
    ASK(epoll_wait(set, &seen, 1, 5000));
    ASK(seen.events);
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(read(fd, &count, 8));
    fflush(stdout);
    if (fork() == 0) {
        timer(fd, 0, 10, 0);
        _exit(0);
    }
    wait(NULL);
    ASK(read(fd, &count, 8));
    ASK(count);
    close(fd), close(wall), close(set);
}

static void show(const struct signalfd_siginfo *s)
{
    printf("  signal %d code %d from me %d user %d status %d int %d ptr %lx\n", s->ssi_signo, s->ssi_code, s->ssi_pid == getpid(), s->ssi_uid, s->ssi_status, s->ssi_int, (long)s->ssi_ptr);
}

static void signals(void)
{
    sigset_t mask, more;
    struct signalfd_siginfo taken[4];
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGRTMIN);
    sigaddset(&mask, SIGKILL);
    ASK(signalfd(-1, &mask, 1));
    ASK(syscall(SYS_signalfd4, -1, &mask, 4, 0));
    ASK(syscall(SYS_signalfd4, -1, 8, 8, 0));
    ASK(signalfd(0, &mask, 0));
    ASK(signalfd(77, &mask, 0));
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    ASK(fd >= 0);
    ASK(fcntl(fd, F_GETFD));
    ASK(ready(fd));
    ASK(read(fd, taken, sizeof taken));
    ASK(read(fd, taken, 127));
    ASK(write(fd, taken, 128));
    ASK(kill(getpid(), SIGUSR1));
    ASK(kill(getpid(), SIGUSR1));
    ASK(ready(fd));
    union sigval value = { .sival_ptr = (void *)0x123456789a };
    ASK(sigqueue(getpid(), SIGRTMIN, value));
    value.sival_int = 7;
    ASK(sigqueue(getpid(), SIGRTMIN, value));
    ASK(read(fd, taken, sizeof taken));
    for (int i = 0; i < 3; i++)
        show(&taken[i]);
    ASK(read(fd, taken, sizeof taken));
    ASK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
    ASK(read(fd, taken, 200));
    show(taken);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    siginfo_t information;
    waitid(P_PID, child, &information, WEXITED | WNOWAIT);
    ASK(read(fd, taken, sizeof taken));
    printf("  signal %d code %d child %d status %d\n", taken[0].ssi_signo, taken[0].ssi_code, taken[0].ssi_pid == child, taken[0].ssi_status);
    ASK(wait(NULL) == child);
    /* Waiting: by read, poll, epoll. */
    fcntl(fd, F_SETFL, 0);
    int set = epoll_create1(0);
    struct epoll_event wanted = { EPOLLIN, { .u32 = 5 } }, seen;
    ASK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted));
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        child = fork();
        if (child == 0) {
            sleep_ms(20);
            kill(getppid(), SIGUSR1);
            pause();
        }
        struct pollfd p = { fd, POLLIN, 0 };
        if (i == 1)
            ASK(poll(&p, 1, 5000));
        if (i == 2)
            ASK(epoll_wait(set, &seen, 1, 5000));
        ASK(read(fd, taken, sizeof taken));
        printf("  signal %d child %d\n", taken[0].ssi_signo, taken[0].ssi_pid == child);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        sleep_ms(1);
        ASK(read(fd, taken, sizeof taken));
        printf("  signal %d code %d status %d\n", taken[0].ssi_signo, taken[0].ssi_code, taken[0].ssi_status);
    }
    ASK(epoll_wait(set, &seen, 1, 0));
    /* Another set. */
    sigemptyset(&more);
    sigaddset(&more, SIGUSR2);
    sigprocmask(SIG_BLOCK, &more, NULL);
    ASK(kill(getpid(), SIGUSR2));
    ASK(ready(fd));
    ASK(signalfd(fd, &more, 0) == fd);
    ASK(ready(fd));
    ASK(read(fd, taken, sizeof taken));
    show(taken);
    close(fd), close(set);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

static int pidfd_open_(pid_t pid, int flags) { return syscall(SYS_pidfd_open, pid, flags); }
static int pidfd_signal(int fd, int signal, siginfo_t *information, int flags) { return syscall(SYS_pidfd_send_signal, fd, signal, information, flags); }

static void processes(void)
{
    siginfo_t information;
    ASK(pidfd_open_(0, 0));
    ASK(pidfd_open_(-1, 0));
    ASK(pidfd_open_(0x7fffffff, 0));
    ASK(pidfd_open_(getpid(), 1));
    int self = pidfd_open_(getpid(), 0);
    ASK(self >= 0);
    ASK(fcntl(self, F_GETFD));
    ASK(ready(self));
    ASK(pidfd_signal(self, 0, NULL, 0));
    ASK(pidfd_signal(self, 65, NULL, 0));
    ASK(pidfd_signal(0, 0, NULL, 0));
    ASK(pidfd_signal(77, 0, NULL, 0));
    ASK(pidfd_signal(self, 0, NULL, 0x100));
    ASK(pidfd_signal(self, 0, (void *)8, 0));
    ASK(waitid(P_PIDFD, self, &information, WEXITED));
    ASK(waitid(P_PIDFD, 0, &information, WEXITED));
    ASK(waitid(P_PIDFD, 77, &information, WEXITED));
    char byte;
    ASK(read(self, &byte, 1));
    close(self);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(1);
    }
    int fd = pidfd_open_(child, O_NONBLOCK);
    ASK(fd >= 0);
    ASK(ready(fd));
    ASK(waitid(P_PIDFD, fd, &information, WEXITED));
    memset(&information, 0, sizeof information);
    ASK(waitid(P_PIDFD, fd, &information, WEXITED | WNOHANG));
    ASK(information.si_pid);
    information.si_signo = SIGTERM, information.si_code = 0;
    ASK(pidfd_signal(fd, SIGTERM, &information, 0));
    ASK(pidfd_signal(fd, SIGUSR1, &information, 0));
    int set = epoll_create1(0);
    struct epoll_event wanted = { EPOLLIN, { .u32 = 5 } }, seen;
    ASK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted));
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(pidfd_signal(fd, SIGTERM, NULL, 0));
    ASK(epoll_wait(set, &seen, 1, 5000));
    ASK(seen.events);
    ASK(ready(fd));
    ASK(pidfd_signal(fd, 0, NULL, 0));
    ASK(waitid(P_PIDFD, fd, &information, WEXITED | WNOWAIT));
    printf("child %d code %d status %d\n", information.si_pid == child, information.si_code, information.si_status);
    ASK(waitid(P_PIDFD, fd, &information, WEXITED));
    ASK(waitid(P_PIDFD, fd, &information, WEXITED));
    ASK(pidfd_signal(fd, SIGTERM, NULL, 0));
    printf("readable still: %d\n", ready(fd) & POLLIN);
    close(fd), close(set);
    /* Blocking; and clone with CLONE_PIDFD. */
    fd = -1;
    child = syscall(SYS_clone, 0x1000 | SIGCHLD, 0, &fd, 0, 0);
    if (child == 0) {
        sleep_ms(20);
        _exit(9);
    }
    ASK(fd >= 3);
    ASK(fcntl(fd, F_GETFD));
    ASK(waitid(P_PIDFD, fd, &information, WEXITED));
    printf("child %d code %d status %d\n", information.si_pid == child, information.si_code, information.si_status);
    close(fd);
    struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; } arguments = { 0x1000, (uint64_t)&fd, 0, 0, SIGCHLD };
    child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0)
        _exit(3);
    ASK(waitid(P_PIDFD, fd, &information, WEXITED));
    ASK(information.si_status);
    close(fd);
    ASK(syscall(SYS_clone, 0x1000 | SIGCHLD, 0, 8, 0, 0));
    ASK(syscall(SYS_clone, 0x1000 | 0x100000 | SIGCHLD, 0, &fd, 0, 0));
    /* Another's process. */
    fflush(stdout);
    if (fork() == 0) {
        int parent = pidfd_open_(getppid(), 0);
        if (setgid(1000) || setuid(1000))
            _exit(1);
        ASK(pidfd_signal(parent, SIGTERM, NULL, 0));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void adopting(void)
{
    int on = -1, ends[2], status;
    ASK(prctl(PR_GET_CHILD_SUBREAPER, &on));
    ASK(on);
    ASK(prctl(PR_GET_CHILD_SUBREAPER, 8));
    ASK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    ASK(prctl(PR_GET_CHILD_SUBREAPER, &on));
    ASK(on);
    pipe(ends);
    fflush(stdout);
    pid_t me = getpid(), middle = fork();
    if (middle == 0) {
        prctl(PR_GET_CHILD_SUBREAPER, &on);
        printf("inherited: %d\n", on);
        fflush(stdout);
        if (fork() == 0) {
            for (int i = 0; i < 400 && getppid() != me; i++)
                sleep_ms(5);
            _exit(getppid() == me ? 21 : 22);
        }
        if (fork() == 0)
            _exit(23);
        sleep_ms(20);
        _exit(5);
    }
    waitpid(middle, &status, 0);
    ASK(WEXITSTATUS(status));
    int sum = 0;
    for (int i = 0; i < 2; i++)
        if (wait(&status) > 0)
            sum += WEXITSTATUS(status);
    ASK(sum);
    ASK(wait(&status));
    ASK(prctl(PR_SET_CHILD_SUBREAPER, 0));
    close(ends[0]), close(ends[1]);
}

static void low_mappings(void)
{
    uint64_t gib = 1 << 30;
    char *first = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    printf("low: %d\n", (uint64_t)first < 2 * gib);
    char *second = mmap((void *)(1ul << 40), 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    printf("low: %d apart: %d\n", (uint64_t)second < 2 * gib, first + 4096 <= second || second + (1 << 20) <= first);
    first[0] = second[0] = 1;
    ASK(munmap(second, 1 << 20));
    char *third = mmap(NULL, 3 * gib, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_NORESERVE, -1, 0);
    printf("%s\n", third == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    char *fourth = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("high: %d\n", (uint64_t)fourth > 2 * gib);
    munmap(first, 4096);
}

static void counters(void)
{
    uint64_t value;
    int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
    for (int i = 0; i < 4; i++) {
        value = 77;
        ASK(read(fd, &value, 8));
        ASK(value);
    }
    value = 2;
    ASK(write(fd, &value, 8));
    ASK(ready(fd));
    ASK(read(fd, &value, 8));
    ASK(ready(fd));
    ASK(read(fd, &value, 8));
    ASK(ready(fd));
    close(fd);
    int memory = memfd_create("name", MFD_CLOEXEC);
    ASK(memory >= 0);
    ASK(fcntl(memory, F_GETFD));
    ASK(write(memory, "content", 7));
    ASK(pread(memory, &value, 8, 0));
    ASK(ftruncate(memory, 100000));
    struct stat status;
    ASK(fstat(memory, &status));
    ASK(status.st_size);
    close(memory);
    ASK(memfd_create("x", 0x4000));
    ASK(memfd_create((void *)8, 0));
}

int main(void)
{
    timers();
    signals();
    processes();
    adopting();
    low_mappings();
    counters();
    puts("all answers given");
    return 0;
}
