/* Whom an open file sends signals, and which: O_ASYNC, FIOASYNC, F_SETOWN, F_SETSIG and their relatives; how large a pipe is; what splice leaves behind.
   Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answer.h"

static sigset_t waited;

/* What has been sent, until nothing has. */
static void sent(const char *after, int fd)
{
    struct timespec now = { 0, 0 };
    siginfo_t info;
    int signal;
    printf("%s:", after);
    while ((signal = sigtimedwait(&waited, &info, &now)) > 0) {
        if (info.si_code == SI_KERNEL)
            printf(" SIG%d", signal);
        else
            printf(" SIG%d code %d band %lx fd %s", signal, info.si_code, info.si_band, info.si_fd == fd ? "right" : "wrong");
    }
    puts("");
    errno = 0;
}

static void signals(const char *kind, int reader, int writer)
{
    int on = 1, off = 0;
    char byte;
    puts(kind);
    ASK(fcntl(reader, F_GETOWN));
    ASK(fcntl(reader, F_GETSIG));
    ASK(ioctl(reader, FIOASYNC, &on));
    ASK((fcntl(reader, F_GETFL) & O_ASYNC) != 0);
    write(writer, "a", 1);
    sent("nobody owns it", reader);
    read(reader, &byte, 1);
    ASK(fcntl(reader, F_SETOWN, getpid()));
    ASK(fcntl(reader, F_GETOWN) == getpid());
    write(writer, "b", 1);
    sent("owned", reader);
    read(reader, &byte, 1);
    ASK(fcntl(reader, F_SETSIG, SIGRTMIN + 1));
    ASK(fcntl(reader, F_GETSIG) == SIGRTMIN + 1);
    write(writer, "c", 1);
    sent("with a signal of its own", reader);
    read(reader, &byte, 1);
    ASK(fcntl(reader, F_SETFL, fcntl(reader, F_GETFL) & ~O_ASYNC));
    write(writer, "d", 1);
    sent("no longer", reader);
    read(reader, &byte, 1);
    ASK(fcntl(reader, F_SETFL, fcntl(reader, F_GETFL) | O_ASYNC));
    ASK(fcntl(reader, F_SETOWN, -getpgrp()));
    ASK(fcntl(reader, F_GETOWN) == -getpgrp());
    write(writer, "e", 1);
    sent("a group's", reader);
    struct f_owner_ex owner = { 9, 9 };
    ASK(fcntl(reader, F_GETOWN_EX, &owner));
    printf("%d %d\n", owner.type, owner.pid == getpgrp());
    owner.type = F_OWNER_TID;
    owner.pid = gettid();
    ASK(fcntl(reader, F_SETOWN_EX, &owner));
    ASK(fcntl(reader, F_SETSIG, 0));
    write(writer, "f", 1);
    sent("a thread's", reader);
    int copy = dup(reader);
    close(reader);
    write(writer, "g", 1);
    sent("by another descriptor", reader);
    close(copy);
    write(writer, "h", 1);
    sent("closed", reader);
    close(writer);
}

static void refusals(void)
{
    int ends[2], on = 1;
    pipe(ends);
    ASK(fcntl(ends[0], F_SETOWN, 0x3ffffff));
    ASK(fcntl(ends[0], F_SETOWN, -0x3ffffff));
    ASK(fcntl(ends[0], F_SETSIG, 65));
    ASK(fcntl(ends[0], F_SETSIG, -1));
    struct f_owner_ex owner = { 3, 1 };
    ASK(fcntl(ends[0], F_SETOWN_EX, &owner));
    ASK(fcntl(ends[0], F_SETOWN_EX, 8));
    ASK(fcntl(ends[0], F_GETOWN_EX, 8));
    ASK(ioctl(ends[0], FIOASYNC, 8));
    int event = eventfd(0, 0);
    ASK(ioctl(event, FIOASYNC, &on));
    int set = epoll_create1(0);
    ASK(ioctl(set, FIOASYNC, &on));
    int pair[2], who = 0;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    who = getpid();
    ASK(ioctl(pair[0], FIOSETOWN, &who));
    ASK(fcntl(pair[0], F_GETOWN) == getpid());
    who = 0;
    ASK(ioctl(pair[0], SIOCGPGRP, &who));
    ASK(who == getpid());
    ASK(ioctl(ends[0], FIOGETOWN, &who));
}

static void by_descriptor(void)
{
    int ends[2];
    pipe(ends);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    int signals = signalfd(-1, &set, SFD_NONBLOCK);
    fcntl(ends[0], F_SETOWN, getpid());
    fcntl(ends[0], F_SETSIG, SIGRTMIN + 1);
    fcntl(ends[0], F_SETFL, O_ASYNC);
    write(ends[1], "x", 1);
    struct signalfd_siginfo info;
    ASK(read(signals, &info, sizeof info));
    printf("%d %x %d\n", info.ssi_code, info.ssi_band, info.ssi_fd == ends[0]);
    close(ends[0]);
    close(ends[1]);
}

/* The ring is filled, read from, filled again, so that it is wound up when it gets its new size; what comes out must be what went in. */
static unsigned char in, out;

static long fill(int fd)
{
    long all = 0, count;
    do {
        unsigned char bytes[1000];
        for (int i = 0; i < 1000; i++)
            bytes[i] = (unsigned char)(in + i);
        count = write(fd, bytes, sizeof bytes);
        in += count > 0 ? count : 0;
        all += count > 0 ? count : 0;
    } while (count > 0);
    errno = 0;
    return all;
}

static long drain(int fd, long most)
{
    long all = 0;
    while (all < most) {
        unsigned char bytes[777];
        long count = read(fd, bytes, most - all < 777 ? most - all : 777);
        if (count <= 0)
            break;
        for (int i = 0; i < count; i++)
            if (bytes[i] != out++)
                return -1;
        all += count;
    }
    errno = 0;
    return all;
}

static void sizes(void)
{
    int ends[2];
    pipe2(ends, O_NONBLOCK);
    ASK(fcntl(ends[0], F_GETPIPE_SZ));
    ASK(fcntl(ends[0], F_SETPIPE_SZ, 4096));
    ASK(fill(ends[1]) > 0);
    ASK(fcntl(ends[1], F_SETPIPE_SZ, 8192));
    struct pollfd asked = { .fd = ends[1], .events = POLLOUT };
    ASK(poll(&asked, 1, 0));
    ASK(drain(ends[0], 3000));
    ASK(fill(ends[1]) > 0);
    ASK(fcntl(ends[0], F_SETPIPE_SZ, 4096));
    ASK(fcntl(ends[0], F_SETPIPE_SZ, 100000));
    ASK(fill(ends[1]) > 0);
    ASK(drain(ends[0], 1 << 20) > 0);
    for (int i = 0; i < 9; i++) {
        fill(ends[1]);
        if (drain(ends[0], 5000) != 5000)
            puts("wrong");
        fcntl(ends[0], F_SETPIPE_SZ, 131072 + (i % 2) * 131072);
        fill(ends[1]);
        if (drain(ends[0], 1 << 20) < 0)
            puts("wrong");
    }
    ASK(fcntl(ends[0], F_SETPIPE_SZ, 1));
    ASK(fcntl(ends[0], F_SETPIPE_SZ, 0));
    ASK(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20));
    ASK(fcntl(0x7fff, F_SETPIPE_SZ, 4096));
    int event = eventfd(0, 0);
    ASK(fcntl(event, F_SETPIPE_SZ, 4096));
    close(ends[0]);
    close(ends[1]);
}

/* A target that takes nothing, or less than there is, leaves the rest in the pipe. */
static void splices(void)
{
    int ends[2], pair[2], other[2];
    char bytes[8192];
    pipe(ends);
    pipe2(other, O_NONBLOCK);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    while (write(pair[0], bytes, sizeof bytes) > 0) {}
    write(ends[1], "all of it", 9);
    ASK(splice(ends[0], 0, pair[0], 0, 9, 0));
    int waiting;
    ASK(ioctl(ends[0], FIONREAD, &waiting));
    ASK(waiting);
    ASK(splice(ends[0], 0, other[1], 0, 4, 0));
    ASK(splice(ends[0], 0, other[1], 0, 100, SPLICE_F_NONBLOCK));
    ASK(read(other[0], bytes, sizeof bytes));
    printf("%.9s\n", bytes);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&waited);
    sigaddset(&waited, SIGIO);
    sigaddset(&waited, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &waited, 0);
    setpgid(0, 0);
    int ends[2];
    pipe(ends);
    signals("pipe", ends[0], ends[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    signals("stream", ends[0], ends[1]);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    signals("datagrams", ends[0], ends[1]);
    refusals();
    by_descriptor();
    sizes();
    splices();
    puts("all answers given");
    return 0;
}
