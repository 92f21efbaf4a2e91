/* Asks the kernel about local sockets (AF_UNIX) and prints the answers. Run on the host and in the guest: both must print the same.
   Process ids, inode numbers and sizes of buffers differ between two correct kernels and are not printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

static struct sockaddr_un where;
static socklen_t where_length;

static struct sockaddr *at(const char *name, int length)
{
    memset(&where, 0, sizeof where);
    where.sun_family = AF_UNIX;
    memcpy(where.sun_path, name, length);
    where_length = offsetof(struct sockaddr_un, sun_path) + length;
    return (struct sockaddr *)&where;
}

static int bind_bytes(int s, const char *name, int length)
{
    struct sockaddr *address = at(name, length);
    return bind(s, address, where_length);
}

static int connect_bytes(int s, const char *name, int length)
{
    struct sockaddr *address = at(name, length);
    return connect(s, address, where_length);
}

static int bind_to(int s, const char *name) { return bind_bytes(s, name, strlen(name) + 1); }
static int connect_to(int s, const char *name) { return connect_bytes(s, name, strlen(name) + 1); }

static long send_to(int s, const char *text, int size, const char *name, int length)
{
    struct sockaddr *address = at(name, length);
    return sendto(s, text, size, 0, address, where_length);
}

static void show_address(const char *what, const struct sockaddr_un *address, socklen_t length)
{
    printf("%s: length %d", what, (int)length);
    if (length >= 2)
        printf(" family %d \"", address->sun_family);
    for (int i = 2; i < (int)length; i++) {
        unsigned char letter = ((unsigned char *)address)[i];
        if (letter >= 32 && letter < 127)
            putchar(letter);
        else
            printf("\\%d", letter);
    }
    puts(length >= 2 ? "\"" : "");
}

static void show_name(const char *what, int (*ask)(int, struct sockaddr *, socklen_t *), int s)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    memset(&address, 0x55, sizeof address);
    if (ask(s, (struct sockaddr *)&address, &length) < 0)
        answer(what, -1);
    else
        show_address(what, &address, length);
}

static void show_poll(const char *what, int s)
{
    struct pollfd p = { s, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0 };
    poll(&p, 1, 0);
    printf("%s: %x\n", what, p.revents);
}

static int option(int s, int name)
{
    int value = -99;
    socklen_t length = sizeof value;
    return getsockopt(s, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

static int set(int s, int name, int value) { return setsockopt(s, SOL_SOCKET, name, &value, sizeof value); }

static void sleep_ms(long ms) { struct timespec t = { ms / 1000, ms % 1000 * 1000000 }; while (nanosleep(&t, &t) && errno == EINTR); }

static int pipes_raised;
static void on_pipe(int unused) { pipes_raised++; }
static void on_alarm(int unused) { }

static void alarm_in(long ms)
{
    struct itimerval value = { { 0, 0 }, { ms / 1000, ms % 1000 * 1000 } };
    setitimer(ITIMER_REAL, &value, NULL);
}

/* ---- what there is ---- */

static void making(void)
{
    int pair[2] = { -1, -1 };
    ASK(socket(AF_UNIX, SOCK_RAW, 0) >= 0);
    ASK(socket(AF_UNIX, SOCK_STREAM, AF_UNIX) >= 0);
    ASK(socket(AF_UNIX, SOCK_STREAM, 6));
    ASK(socket(AF_UNIX, SOCK_RDM, 0));
    ASK(socket(AF_UNIX, SOCK_STREAM | 0x10, 0));
    ASK(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    ASK(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
    for (int i = 0; i < 3; i++) {
        ASK(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
        ASK(fcntl(pair[0], F_GETFD));
        ASK(fcntl(pair[1], F_GETFL) & (O_NONBLOCK | O_ACCMODE));
        ASK(option(pair[0], SO_TYPE));
        ASK(option(pair[0], SO_DOMAIN));
        ASK(option(pair[0], SO_PROTOCOL));
        ASK(option(pair[0], SO_ACCEPTCONN));
        ASK(option(pair[0], SO_ERROR));
        ASK(option(pair[0], SO_PASSCRED));
        show_name("getsockname", getsockname, pair[0]);
        show_name("getpeername", getpeername, pair[0]);
        show_poll("a new pair", pair[0]);
        struct ucred credentials;
        socklen_t length = sizeof credentials;
        ASK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &credentials, &length));
        printf("own process %d user %d group %d length %d\n", credentials.pid == getpid(), credentials.uid == geteuid(), credentials.gid == getegid(), (int)length);
        struct stat status;
        ASK(fstat(pair[0], &status));
        printf("mode %o\n", status.st_mode);
        ASK(lseek(pair[0], 0, SEEK_SET));
        close(pair[0]);
        close(pair[1]);
        int s = socket(AF_UNIX, types[i], 0);
        show_name("getsockname", getsockname, s);
        show_name("getpeername", getpeername, s);
        show_poll("a new one", s);
        length = sizeof credentials;
        ASK(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
        printf("process %d user %d group %d\n", credentials.pid, (int)credentials.uid, (int)credentials.gid);
        char byte;
        ASK(recv(s, &byte, 1, MSG_DONTWAIT));
        ASK(send(s, "x", 1, MSG_NOSIGNAL));
        ASK(shutdown(s, SHUT_RDWR));
        ASK(shutdown(s, 3));
        show_poll("shut down", s);
        ASK(setsockopt(s, 6, 1, &byte, 4));
        ASK(set(s, 999, 1));
        ASK(setsockopt(s, SOL_SOCKET, SO_PASSCRED, &byte, 1));
        close(s);
    }
    int file = open("/dev/null", O_RDONLY);
    ASK(listen(file, 1));
    ASK(listen(77, 1));
    close(file);
}

/* ---- names ---- */

static void naming(void)
{
    unlink("a"), unlink("b"), unlink("plain");
    for (int i = 0; i < 3; i++) {
        int s = socket(AF_UNIX, types[i], 0);
        ASK(bind_to(s, "a"));
        ASK(bind_to(s, "b"));
        unlink("b");
        show_name("bound", getsockname, s);
        int t = socket(AF_UNIX, types[i], 0);
        ASK(bind_to(t, "a"));
        ASK(bind_to(t, "none/a"));
        ASK(bind(t, at("a", 0), 1));
        ASK(bind(t, at("a", 2), 0));
        ASK(bind(t, at("a", 2), 111));
        ASK(bind(t, at("a", 2), 200));
        ASK(bind(t, (struct sockaddr *)8, 20));
        at("x", 2);
        where.sun_family = AF_INET;
        ASK(bind(t, (struct sockaddr *)&where, where_length));
        ASK(open("a", O_RDWR));
        struct stat status;
        ASK(stat("a", &status));
        printf("mode %o\n", status.st_mode);
        ASK(connect_to(t, "none"));
        close(open("plain", O_CREAT | O_RDWR, 0644));
        ASK(connect_to(t, "plain"));
        ASK(connect_to(t, "/"));
        /* Another kind of socket finds the name, too. */
        int other = socket(AF_UNIX, types[(i + 1) % 3], 0);
        ASK(connect_to(other, "a"));
        close(other);
        ASK(rename("a", "b"));
        ASK(connect_to(t, "a"));
        ASK(i == 1 ? connect_to(t, "b") : listen(s, 1));
        ASK(i == 1 ? 0 : connect_to(t, "b"));
        show_name("peer", getpeername, t);
        close(t);
        close(s);
        t = socket(AF_UNIX, types[i], 0);
        ASK(connect_to(t, "b"));
        unlink("b");
        /* A name without a zero at its end, and one as long as it may be. */
        s = socket(AF_UNIX, types[i], 0);
        ASK(bind_bytes(s, "cut", 3));
        show_name("without zero", getsockname, s);
        ASK(access("cut", F_OK));
        unlink("cut");
        close(s);
        s = socket(AF_UNIX, types[i], 0);
        char longest[109];
        memset(longest, 'n', 108);
        longest[108] = 0;
        ASK(bind_bytes(s, longest, 108));
        show_name("longest", getsockname, s);
        ASK(unlink(longest));
        close(s), close(t);
        /* Abstract ones: bytes, not text; nobody is in the way of another kind. */
        s = socket(AF_UNIX, types[i], 0);
        t = socket(AF_UNIX, types[i], 0);
        ASK(bind_bytes(s, "\0guest\0x", 8));
        show_name("abstract", getsockname, s);
        ASK(bind_bytes(t, "\0guest\0x", 8));
        ASK(bind_bytes(t, "\0guest\0y", 8));
        ASK(connect_bytes(t, "\0guest", 6));
        other = socket(AF_UNIX, types[(i + 1) % 3], 0);
        ASK(connect_bytes(other, "\0guest\0x", 8));
        ASK(bind_bytes(other, "\0guest\0x", 8));
        close(s);
        s = socket(AF_UNIX, types[i], 0);
        ASK(bind_bytes(s, "\0guest\0x", 8));
        close(s), close(t), close(other);
        /* A name of its own choice. */
        s = socket(AF_UNIX, types[i], 0);
        ASK(bind_bytes(s, "", 0));
        struct sockaddr_un name;
        socklen_t length = sizeof name;
        getsockname(s, (struct sockaddr *)&name, &length);
        printf("length %d first %d hexadecimal %d\n", (int)length, name.sun_path[0], (int)strspn(name.sun_path + 1, "0123456789abcdef") >= 5);
        ASK(bind_bytes(s, "", 0));
        length = 4;
        memset(&name, 0x55, sizeof name);
        ASK(getsockname(s, (struct sockaddr *)&name, &length));
        printf("length %d cut %d\n", (int)length, name.sun_path[3] == 0x55);
        length = -1;
        ASK(getsockname(s, (struct sockaddr *)&name, &length));
        ASK(getsockname(s, (struct sockaddr *)&name, NULL));
        close(s);
    }
    unlink("plain");
    /* Rights: whoever may not write to the file may not connect. */
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    ASK(bind_to(s, "a"));
    ASK(listen(s, 3));
    ASK(chmod("a", 0555));
    fflush(stdout);
    if (fork() == 0) {
        if (setgid(1000) || setuid(1000))
            _exit(1);
        int t = socket(AF_UNIX, SOCK_STREAM, 0);
        ASK(connect_to(t, "a"));
        ASK(bind_to(t, "/root-only"));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    unlink("a");
    close(s);
}

/* ---- connections ---- */

static void connecting(int type)
{
    printf("---- connections of type %d\n", type);
    unlink("s");
    int l = socket(AF_UNIX, type, 0), c, a;
    ASK(listen(l, 2));
    ASK(accept(l, NULL, NULL));
    ASK(bind_to(l, "s"));
    c = socket(AF_UNIX, type, 0);
    ASK(connect_to(c, "s"));
    ASK(listen(l, 1));
    ASK(option(l, SO_ACCEPTCONN));
    show_poll("listening", l);
    ASK(accept4(l, NULL, NULL, 1));
    fcntl(l, F_SETFL, O_NONBLOCK);
    ASK(accept(l, NULL, NULL));
    fcntl(l, F_SETFL, 0);
    ASK(connect_to(l, "s"));
    ASK(connect_to(c, "s"));
    show_poll("one waits", l);
    show_poll("connected", c);
    ASK(connect_to(c, "s"));
    ASK(listen(c, 1));
    ASK(send(c, "early", 5, 0));
    show_name("client", getsockname, c);
    show_name("client's peer", getpeername, c);
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    memset(&name, 0x55, sizeof name);
    a = accept4(l, (struct sockaddr *)&name, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ASK(a >= 0);
    show_address("from", &name, length);
    ASK(fcntl(a, F_GETFD));
    ASK(fcntl(a, F_GETFL) & O_NONBLOCK);
    show_name("accepted", getsockname, a);
    show_name("accepted's peer", getpeername, a);
    char text[64] = "";
    ASK(recv(a, text, sizeof text, 0));
    printf("%.5s\n", text);
    ASK(recv(a, text, sizeof text, 0));
    ASK(ioctl(l, FIONREAD, &length));
    /* The backlog: one more than asked for. */
    int others[4];
    for (int i = 0; i < 4; i++) {
        others[i] = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
        ASK(connect_to(others[i], "s"));
    }
    struct timeval patience = { 0, 30000 };
    int late = socket(AF_UNIX, type, 0);
    setsockopt(late, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ASK(connect_to(late, "s"));
    fflush(stdout);
    if (fork() == 0) {
        sleep_ms(50);
        accept(l, NULL, NULL);
        sleep_ms(50);
        _exit(0);
    }
    int patient = socket(AF_UNIX, type, 0);
    ASK(connect_to(patient, "s"));
    wait(NULL);
    /* A listener that goes takes along who has not been accepted. */
    ASK(send(others[1], "x", 1, 0));
    close(l);
    show_poll("listener gone", others[1]);
    ASK(option(others[1], SO_ERROR));
    ASK(option(others[1], SO_ERROR));
    ASK(send(others[1], "x", 1, MSG_NOSIGNAL));
    show_poll("still connected", c);
    ASK(connect_to(late, "s"));
    /* The end of one side. */
    ASK(send(a, "last", 4, 0));
    close(a);
    show_poll("peer gone", c);
    ASK(recv(c, text, sizeof text, 0));
    ASK(recv(c, text, sizeof text, 0));
    pipes_raised = 0;
    ASK(send(c, "x", 1, 0));
    ASK(send(c, "x", 1, MSG_NOSIGNAL));
    ASK(write(c, "x", 1));
    ASK(pipes_raised);
    show_name("gone", getpeername, c);
    int pair[2];
    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
    ASK(send(pair[0], "unread", 6, 0));
    close(pair[1]);
    show_poll("unread", pair[0]);
    ASK(recv(pair[0], text, 9, 0));
    ASK(recv(pair[0], text, 9, 0));
    close(pair[0]);
    /* shutdown(2) */
    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
    ASK(shutdown(pair[0], SHUT_WR));
    show_poll("shut for writing", pair[0]);
    show_poll("its peer", pair[1]);
    ASK(send(pair[0], "x", 1, MSG_NOSIGNAL));
    ASK(recv(pair[1], text, 9, 0));
    ASK(send(pair[1], "still", 5, 0));
    ASK(recv(pair[0], text, 9, 0));
    ASK(shutdown(pair[1], SHUT_WR));
    show_poll("both", pair[0]);
    close(pair[0]), close(pair[1]);
    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
    ASK(send(pair[1], "there", 5, 0));
    ASK(shutdown(pair[0], SHUT_RD));
    show_poll("shut for reading", pair[0]);
    show_poll("its peer", pair[1]);
    ASK(recv(pair[0], text, 9, 0));
    ASK(recv(pair[0], text, 9, 0));
    ASK(send(pair[1], "x", 1, MSG_NOSIGNAL));
    close(pair[0]), close(pair[1]);
    /* A listener that is shut down. */
    unlink("s");
    l = socket(AF_UNIX, type, 0);
    bind_to(l, "s");
    listen(l, 5);
    ASK(shutdown(l, SHUT_RD));
    ASK(connect_to(late, "s"));
    ASK(accept(l, NULL, NULL));
    close(l);
    unlink("s");
    /* Descriptors run out: the connection waits. */
    l = socket(AF_UNIX, type, 0);
    bind_to(l, "s");
    listen(l, 5);
    c = socket(AF_UNIX, type, 0);
    connect_to(c, "s");
    struct rlimit limit, low;
    getrlimit(RLIMIT_NOFILE, &limit);
    low = limit;
    low.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &low);
    ASK(accept(l, NULL, NULL));
    ASK(socketpair(AF_UNIX, type, 0, pair));
    setrlimit(RLIMIT_NOFILE, &limit);
    ASK(accept(l, NULL, NULL) >= 0);
    close(l);
    unlink("s");
    for (int i = 3; i < 40; i++)
        close(i);
}

/* ---- bytes ---- */

static void streaming(void)
{
    int pair[2];
    char text[64];
    static char block[300000], back[300000];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    ASK(send(pair[0], "abc", 3, 0));
    ASK(send(pair[0], "", 0, 0));
    ASK(send(pair[0], "defg", 4, 0));
    int count;
    ASK(ioctl(pair[1], FIONREAD, &count));
    ASK(count);
    ASK(recv(pair[1], text, 5, MSG_PEEK));
    ASK(recv(pair[1], text, 64, MSG_PEEK | MSG_DONTWAIT));
    printf("%.7s\n", text);
    ASK(recv(pair[1], text, 5, 0));
    printf("%.5s\n", text);
    ASK(recv(pair[1], text, 64, MSG_TRUNC));
    ASK(recv(pair[1], text, 64, MSG_DONTWAIT));
    ASK(send_to(pair[0], "x", 1, "a", 2));
    ASK(send(pair[0], (char *)8, 10, 0));
    ASK(send(pair[0], "xy", 2, 0));
    ASK(recv(pair[1], (char *)8, 10, 0));
    ASK(recv(pair[1], text, 10, 0));
    struct iovec pieces[3] = { { "one", 3 }, { NULL, 0 }, { "three", 5 } };
    ASK(writev(pair[0], pieces, 3));
    struct iovec into[2] = { { text, 4 }, { text + 10, 20 } };
    ASK(readv(pair[1], into, 2));
    printf("%.4s %.4s\n", text, text + 10);
    pieces[0].iov_base = (void *)8;
    ASK(writev(pair[0], pieces, 3));
    for (int i = 0; i < sizeof block; i++)
        block[i] = i * 7 ^ i >> 8;
    fflush(stdout);
    if (fork() == 0) {
        long sent = write(pair[0], block, sizeof block);
        sent += send(pair[0], block, 1000, 0);
        _exit(sent == sizeof block + 1000 ? 0 : 1);
    }
    ASK(recv(pair[1], back, sizeof back, MSG_WAITALL));
    ASK(memcmp(block, back, sizeof block));
    ASK(recv(pair[1], back, 1000, MSG_WAITALL));
    int status;
    wait(&status);
    ASK(status);
    /* A full buffer. */
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    long sent = 0, step;
    while ((step = send(pair[0], block, 4096, 0)) > 0)
        sent += step;
    ASK(step);
    printf("some went in: %d\n", sent > 50000 && sent < 1000000);
    show_poll("full", pair[0]);
    show_poll("to be read", pair[1]);
    int set = epoll_create1(0);
    struct epoll_event wanted = { EPOLLOUT | EPOLLET, { .u32 = 7 } }, seen;
    ASK(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &wanted));
    ASK(epoll_wait(set, &seen, 1, 0));
    long got = 0;
    while ((step = recv(pair[1], back, 4096, MSG_DONTWAIT)) > 0)
        got += step;
    ASK(got == sent);
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(seen.events);
    ASK(epoll_wait(set, &seen, 1, 0));
    wanted.events = EPOLLIN | EPOLLET | EPOLLRDHUP;
    ASK(epoll_ctl(set, EPOLL_CTL_ADD, pair[1], &wanted));
    ASK(send(pair[0], "1", 1, 0));
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(send(pair[0], "2", 1, 0));
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(seen.events);
    close(pair[0]);
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(seen.events);
    close(set), close(pair[1]);
    /* Waiting: a limit of time, and signals. */
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct timeval patience = { 0, 20000 };
    ASK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
    ASK(recv(pair[0], text, 1, 0));
    ASK(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience));
    while (send(pair[0], block, 4096, 0) == 4096);
    ASK(send(pair[0], block, 4096, 0));
    alarm_in(30);
    char *all = back;
    while (recv(pair[1], back, sizeof back, MSG_DONTWAIT) > 0);
    ASK(recv(pair[1], text, 5, 0));
    alarm_in(30);
    ASK(send(pair[0], "xyz", 3, 0));
    ASK(recv(pair[1], text, 5, MSG_WAITALL));
    close(pair[0]), close(pair[1]);
    /* Many connections, each with its own bytes. */
    int pairs[50][2], wrong = 0;
    for (int i = 0; i < 50; i++)
        socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]);
    for (int i = 0; i < 50; i++)
        write(pairs[i][0], &i, sizeof i);
    for (int i = 0; i < 50; i++) {
        int read_back = -1;
        read(pairs[i][1], &read_back, sizeof read_back);
        wrong += read_back != i;
        close(pairs[i][0]), close(pairs[i][1]);
    }
    ASK(wrong);
}

static void packets(void)
{
    for (int i = 1; i < 3; i++) {
        int pair[2], count;
        char text[64];
        printf("---- packets of type %d\n", types[i]);
        socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK, 0, pair);
        ASK(send(pair[0], "first", 5, 0));
        ASK(send(pair[0], "", 0, 0));
        ASK(send(pair[0], "second", 6, 0));
        ASK(ioctl(pair[1], FIONREAD, &count));
        ASK(count);
        ASK(recv(pair[1], text, 3, MSG_PEEK));
        ASK(recv(pair[1], text, 3, MSG_PEEK | MSG_TRUNC));
        struct iovec piece = { text, 3 };
        struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
        ASK(recvmsg(pair[1], &message, 0));
        printf("%.3s flags %x\n", text, message.msg_flags);
        ASK(recv(pair[1], text, 9, 0));
        ASK(read(pair[1], text, 9));
        ASK(recv(pair[1], text, 9, 0));
        struct iovec pieces[3] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
        ASK(writev(pair[0], pieces, 3));
        struct iovec into[2] = { { text, 4 }, { text + 10, 20 } };
        message.msg_iov = into;
        message.msg_iovlen = 2;
        ASK(recvmsg(pair[1], &message, 0));
        printf("%.4s %.7s flags %x\n", text, text + 10, message.msg_flags);
        static char block[500000], back[500000];
        memset(block, 'b', sizeof block);
        ASK(send(pair[0], block, sizeof block, 0));
        ASK(send(pair[0], block, 100000, 0));
        ASK(recv(pair[1], back, sizeof back, 0));
        ASK(memcmp(block, back, 100000));
        ASK(send(pair[0], (char *)8, 10, 0));
        ASK(recv(pair[1], text, 9, 0));
        ASK(send(pair[0], "gone", 4, 0));
        ASK(recv(pair[1], (char *)8, 9, 0));
        ASK(recv(pair[1], text, 9, 0));
        int went = 0;
        while (send(pair[0], block, 8000, 0) == 8000)
            went++;
        printf("some went: %d\n", went >= 10);
        show_poll("full", pair[0]);
        close(pair[0]), close(pair[1]);
    }
}

static void datagrams(void)
{
    unlink("one"), unlink("two");
    int one = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), two = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int nameless = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char text[64];
    struct sockaddr_un name;
    socklen_t length;
    bind_to(one, "one");
    ASK(send_to(two, "x", 1, "none", 5));
    ASK(send_to(two, "x", 1, "", 0));
    ASK(send_to(nameless, "from nobody", 11, "one", 4));
    length = sizeof name;
    ASK(recvfrom(one, text, sizeof text, 0, (struct sockaddr *)&name, &length));
    show_address("from", &name, length);
    bind_to(two, "two");
    ASK(send_to(two, "from two", 8, "one", 4));
    length = sizeof name;
    ASK(recvfrom(one, text, sizeof text, MSG_PEEK, (struct sockaddr *)&name, &length));
    show_address("from", &name, length);
    close(two);
    length = 5;
    ASK(recvfrom(one, text, sizeof text, 0, (struct sockaddr *)&name, &length));
    printf("length %d\n", (int)length);
    ASK(send_to(one, "x", 1, "two", 4));
    unlink("two");
    two = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind_to(two, "two");
    ASK(listen(two, 1));
    ASK(accept(two, NULL, NULL));
    ASK(connect_to(two, "one"));
    show_name("peer", getpeername, two);
    ASK(connect_to(two, "one"));
    ASK(send(two, "to one", 6, 0));
    ASK(send_to(nameless, "x", 1, "two", 4));
    ASK(connect_to(nameless, "two"));
    ASK(connect_to(one, "two"));
    ASK(recv(one, text, sizeof text, 0));
    ASK(send(one, "to two", 6, 0));
    /* Another peer: what is there from the old one goes, and that one is told. */
    struct sockaddr none = { AF_UNSPEC };
    ASK(connect(two, &none, sizeof none));
    ASK(recv(two, text, sizeof text, 0));
    show_poll("its peer has gone away", one);
    ASK(option(one, SO_ERROR));
    ASK(send(two, "x", 1, 0));
    ASK(connect(two, &none, 1));
    /* Eleven may wait. */
    ASK(connect(one, &none, sizeof none));
    int went = 0;
    while (send_to(two, "x", 1, "one", 4) == 1)
        went++;
    printf("some went: %d\n", went > 0);
    answer("and then", -1);
    errno = EAGAIN;
    ASK(connect_to(two, "one"));
    show_poll("full", two);
    int set = epoll_create1(0);
    struct epoll_event wanted = { EPOLLOUT | EPOLLET, { .u32 = 7 } }, seen;
    ASK(epoll_ctl(set, EPOLL_CTL_ADD, two, &wanted));
    ASK(epoll_wait(set, &seen, 1, 0));
    ASK(recv(one, text, sizeof text, 0));
    ASK(epoll_wait(set, &seen, 1, 0));
    show_poll("room", two);
    ASK(send(two, "x", 1, 0));
    ASK(send(two, "x", 1, 0));
    fflush(stdout);
    if (fork() == 0) {
        sleep_ms(40);
        _exit(recv(one, text, sizeof text, 0) == 1 ? 0 : 1);
    }
    fcntl(two, F_SETFL, 0);
    ASK(send(two, "waited", 6, 0));
    wait(NULL);
    struct timeval patience = { 0, 20000 };
    setsockopt(two, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ASK(send(two, "x", 1, 0));
    alarm_in(20);
    patience.tv_usec = 0;
    setsockopt(two, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ASK(send(two, "x", 1, 0));
    close(one);
    show_poll("receiver gone", two);
    ASK(send(two, "x", 1, 0));
    ASK(send(two, "x", 1, 0));
    show_name("peer", getpeername, two);
    /* shutdown(2) */
    int pair[2];
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
    ASK(shutdown(pair[0], SHUT_RD));
    show_poll("shut for reading", pair[0]);
    show_poll("its peer", pair[1]);
    pipes_raised = 0;
    ASK(send(pair[1], "x", 1, 0));
    ASK(recv(pair[0], text, 1, 0));
    fcntl(pair[0], F_SETFL, 0);
    ASK(recv(pair[0], text, 1, 0));
    ASK(shutdown(pair[1], SHUT_WR));
    ASK(send(pair[1], "x", 1, 0));
    ASK(pipes_raised);
    show_poll("shut for writing", pair[1]);
    close(pair[0]), close(pair[1]), close(two), close(nameless), close(set);
    unlink("one"), unlink("two");
}

/* ---- what goes along ---- */

static char control[4096];

static long send_along(int s, const char *text, int length, int type, const void *what, int size)
{
    struct iovec piece = { (void *)text, length };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(size) };
    struct cmsghdr *head = (struct cmsghdr *)control;
    memset(control, 0, sizeof control);
    head->cmsg_len = CMSG_LEN(size);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = type;
    memcpy(CMSG_DATA(head), what, size);
    return sendmsg(s, &message, MSG_NOSIGNAL);
}

static int received[300], received_count;

static long receive_along(int s, int length, int room, int flags)
{
    char text[64] = "";
    struct iovec piece = { text, length };
    memset(control, 0, sizeof control);
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = room ? control : NULL, .msg_controllen = room };
    received_count = 0;
    long result = recvmsg(s, &message, flags);
    if (result < 0)
        return result;
    printf("  \"%.*s\" flags %x control %d:", (int)result, text, message.msg_flags, (int)message.msg_controllen);
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        printf(" level %d type %d length %d", head->cmsg_level, head->cmsg_type, (int)head->cmsg_len);
        if (head->cmsg_type == SCM_RIGHTS)
            for (int i = 0; i < (head->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
                received[received_count++] = ((int *)CMSG_DATA(head))[i];
        else if (head->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
            struct ucred *sender = (struct ucred *)CMSG_DATA(head);
            printf(" (own %d, user %d, group %d)", sender->pid == getpid(), (int)sender->uid, (int)sender->gid);
        }
    }
    puts("");
    return result;
}

static void close_received(void)
{
    for (int i = 0; i < received_count; i++)
        close(received[i]);
}

static void passing_descriptors(int type)
{
    printf("---- descriptors by type %d\n", type);
    int pair[2], ends[2], many[300];
    char byte = 0;
    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
    pipe(ends);
    ASK(send_along(pair[0], "one", 3, SCM_RIGHTS, &ends[1], sizeof(int)));
    close(ends[1]);
    ASK(receive_along(pair[1], 10, 100, 0));
    ASK(received_count);
    ASK(write(received[0], "through", 7));
    char text[16];
    ASK(read(ends[0], text, 16));
    ASK(fcntl(received[0], F_GETFD));
    close_received();
    ASK(read(ends[0], text, 16));
    /* Closed on exec, peeked at, not wanted. */
    ASK(send_along(pair[0], "two", 3, SCM_RIGHTS, ends, sizeof(int)));
    ASK(receive_along(pair[1], 10, 100, MSG_PEEK | MSG_CMSG_CLOEXEC));
    ASK(fcntl(received[0], F_GETFD));
    close_received();
    ASK(receive_along(pair[1], 10, 0, 0));
    ASK(send_along(pair[0], "three", 5, SCM_RIGHTS, ends, sizeof(int)));
    ASK(recv(pair[1], text, 16, 0));
    ASK(send_along(pair[0], "four", 4, SCM_RIGHTS, ends, sizeof(int)));
    ASK(read(pair[1], text, 16));
    /* More than there is room for. */
    for (int i = 0; i < 300; i++)
        many[i] = ends[0];
    ASK(send_along(pair[0], "many", 4, SCM_RIGHTS, many, 4 * sizeof(int)));
    ASK(receive_along(pair[1], 10, CMSG_LEN(2 * sizeof(int)), 0));
    close_received();
    ASK(send_along(pair[0], "many", 4, SCM_RIGHTS, many, 3 * sizeof(int)));
    ASK(receive_along(pair[1], 10, 17, 0));
    close_received();
    ASK(send_along(pair[0], "253", 3, SCM_RIGHTS, many, 253 * sizeof(int)));
    ASK(receive_along(pair[1], 10, 4096, 0));
    ASK(received_count);
    close_received();
    ASK(send_along(pair[0], "254", 3, SCM_RIGHTS, many, 254 * sizeof(int)));
    struct rlimit limit, low;
    getrlimit(RLIMIT_NOFILE, &limit);
    low = limit;
    low.rlim_cur = pair[1] + 3;
    ASK(send_along(pair[0], "few", 3, SCM_RIGHTS, many, 8 * sizeof(int)));
    setrlimit(RLIMIT_NOFILE, &low);
    receive_along(pair[1], 10, 4096, 0);
    setrlimit(RLIMIT_NOFILE, &limit);
    printf("got fewer: %d\n", received_count < 8);
    close_received();
    /* Not right. */
    many[1] = 999;
    ASK(send_along(pair[0], "bad", 3, SCM_RIGHTS, many, 2 * sizeof(int)));
    ASK(send_along(pair[0], "none", 4, SCM_RIGHTS, many, 0));
    ASK(receive_along(pair[1], 10, 100, 0));
    ASK(send_along(pair[0], "odd", 3, SCM_RIGHTS, many, 6));
    ASK(receive_along(pair[1], 10, 100, 0));
    close_received();
    ASK(send_along(pair[0], "type", 4, 77, many, 4));
    struct msghdr message = { .msg_control = (void *)8, .msg_controllen = 24 };
    ASK(sendmsg(pair[0], &message, 0));
    struct cmsghdr *head = (struct cmsghdr *)control;
    message.msg_control = control;
    head->cmsg_len = 3;
    ASK(sendmsg(pair[0], &message, 0));
    head->cmsg_len = 100;
    ASK(sendmsg(pair[0], &message, 0));
    message.msg_controllen = 1 << 30;
    ASK(sendmsg(pair[0], &message, 0));
    message = (struct msghdr){ .msg_iov = (void *)8, .msg_iovlen = 1 };
    ASK(sendmsg(pair[0], &message, 0));
    message.msg_iovlen = 1025;
    ASK(sendmsg(pair[0], &message, 0));
    ASK(recvmsg(pair[0], &message, 0));
    ASK(recvmsg(pair[0], (void *)8, 0));
    while (recv(pair[1], text, 16, 0) > 0);
    /* Bytes with descriptors end a read, also in the middle. */
    ASK(send(pair[0], "ab", 2, 0));
    ASK(send_along(pair[0], "cd", 2, SCM_RIGHTS, ends, sizeof(int)));
    ASK(send(pair[0], "ef", 2, 0));
    ASK(receive_along(pair[1], 10, 100, MSG_PEEK));
    close_received();
    ASK(receive_along(pair[1], 3, 100, 0));
    close_received();
    ASK(receive_along(pair[1], 10, 100, 0));
    close_received();
    ASK(receive_along(pair[1], 10, 100, 0));
    close_received();
    /* A message that nobody has read closes what it carries when the socket goes. */
    int probe[2];
    pipe(probe);
    ASK(send_along(pair[0], "late", 4, SCM_RIGHTS, &probe[1], sizeof(int)));
    close(probe[1]);
    fcntl(probe[0], F_SETFL, O_NONBLOCK);
    ASK(read(probe[0], text, 1));
    close(pair[1]);
    ASK(read(probe[0], text, 1));
    close(pair[0]), close(ends[0]), close(probe[0]);
}

/* Sockets that hold each other in their queues, and a pipe in one of them, which is closed when they are found. */
static void cycles(void)
{
    for (int round = 0; round < 4; round++) {
        int one[2], two[2], probe[2];
        char byte;
        pipe(probe);
        fcntl(probe[0], F_SETFL, O_NONBLOCK);
        socketpair(AF_UNIX, types[round % 3], 0, one);
        socketpair(AF_UNIX, types[(round + 1) % 3], 0, two);
        ASK(send_along(one[0], "x", 1, SCM_RIGHTS, &probe[1], sizeof(int)));
        close(probe[1]);
        if (round == 3) {
            ASK(send_along(one[0], "x", 1, SCM_RIGHTS, &one[1], sizeof(int)));
            ASK(send_along(one[0], "x", 1, SCM_RIGHTS, &one[0], sizeof(int)));
        } else {
            ASK(send_along(one[0], "x", 1, SCM_RIGHTS, &two[1], sizeof(int)));
            ASK(send_along(two[0], "x", 1, SCM_RIGHTS, &one[1], sizeof(int)));
        }
        close(one[0]), close(one[1]), close(two[0]);
        if (round != 3) {
            /* two[1] is open still: the pipe can be reached. */
            ASK(read(probe[0], &byte, 1));
        }
        close(two[1]);
        /* Linux looks for them when a socket is closed for good, and soon afterwards. */
        close(socket(AF_UNIX, SOCK_STREAM, 0));
        int closed = 0;
        for (int i = 0; i < 200 && !closed; i++) {
            closed = read(probe[0], &byte, 1) == 0;
            if (!closed)
                sleep_ms(5);
        }
        ASK(closed);
        close(probe[0]);
    }
    /* A chain: each socket in the queue of the next. */
    int before = -1, probe[2], closed = 0;
    char byte;
    pipe(probe);
    fcntl(probe[0], F_SETFL, O_NONBLOCK);
    before = probe[1];
    for (int i = 0; i < 300; i++) {
        int pair[2];
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        send_along(pair[0], "x", 1, SCM_RIGHTS, &before, sizeof(int));
        close(before), close(pair[0]);
        before = pair[1];
    }
    ASK(read(probe[0], &byte, 1));
    close(before);
    for (int i = 0; i < 200 && !closed; i++) {
        closed = read(probe[0], &byte, 1) == 0;
        if (!closed)
            sleep_ms(5);
    }
    ASK(closed);
    close(probe[0]);
    /* A user has at most RLIMIT_NOFILE of them on their way. */
    fflush(stdout);
    if (fork() == 0) {
        struct rlimit limit = { 20, 20 };
        int pair[2], fds[10], result = 0, went = 0;
        if (setgid(1000) || setuid(1000) || setrlimit(RLIMIT_NOFILE, &limit))
            _exit(1);
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
        for (int i = 0; i < 10; i++)
            fds[i] = 0;
        while (went < 50 && send_along(pair[0], "x", 1, SCM_RIGHTS, fds, sizeof fds) == 1)
            went++;
        answer("too many", -1);
        ASK(went);
        recv(pair[1], &byte, 1, 0);
        ASK(send_along(pair[0], "x", 1, SCM_RIGHTS, fds, sizeof fds));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void credentials(void)
{
    for (int i = 0; i < 3; i++) {
        int pair[2];
        printf("---- credentials by type %d\n", types[i]);
        socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK, 0, pair);
        ASK(send(pair[0], "before", 6, 0));
        ASK(set(pair[1], SO_PASSCRED, 1));
        ASK(option(pair[1], SO_PASSCRED));
        ASK(send(pair[0], "after", 5, 0));
        ASK(receive_along(pair[1], 20, 200, 0));
        ASK(receive_along(pair[1], 20, 200, 0));
        ASK(send(pair[0], "more", 4, 0));
        ASK(send(pair[0], "+", 1, 0));
        ASK(receive_along(pair[1], 20, 200, MSG_PEEK));
        ASK(receive_along(pair[1], 20, 20, 0));
        ASK(send(pair[0], "again", 5, 0));
        ASK(receive_along(pair[1], 20, 0, 0));
        while (recv(pair[1], control, 20, 0) > 0);
        struct ucred who = { getpid(), 0, 0 };
        ASK(send_along(pair[0], "own", 3, SCM_CREDENTIALS, &who, sizeof who));
        ASK(receive_along(pair[1], 20, 200, 0));
        who.uid = 17, who.gid = 18;
        ASK(send_along(pair[0], "a superuser's", 13, SCM_CREDENTIALS, &who, sizeof who));
        ASK(send(pair[0], "own", 3, 0));
        ASK(receive_along(pair[1], 20, 200, 0));
        ASK(receive_along(pair[1], 20, 200, 0));
        ASK(send_along(pair[0], "short", 5, SCM_CREDENTIALS, &who, 8));
        fflush(stdout);
        if (fork() == 0) {
            if (setgid(1000) || setuid(1000))
                _exit(1);
            ASK(send_along(pair[0], "x", 1, SCM_CREDENTIALS, &who, sizeof who));
            who = (struct ucred){ getpid(), 1000, 1000 };
            ASK(send_along(pair[0], "his", 3, SCM_CREDENTIALS, &who, sizeof who));
            who.pid = 1;
            ASK(send_along(pair[0], "x", 1, SCM_CREDENTIALS, &who, sizeof who));
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
        ASK(receive_along(pair[1], 20, 200, 0));
        close(pair[0]), close(pair[1]);
    }
    /* Who has connected, and who listens. */
    unlink("s");
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    bind_to(l, "s");
    chmod("s", 0777);
    listen(l, 5);
    fflush(stdout);
    if (fork() == 0) {
        if (setgid(1000) || setuid(1000))
            _exit(1);
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        ASK(connect_to(c, "s"));
        struct ucred who;
        socklen_t length = sizeof who;
        ASK(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &who, &length));
        printf("listens: parent %d user %d\n", who.pid == getppid(), (int)who.uid);
        fflush(stdout);
        _exit(0);
    }
    int status;
    pid_t child = wait(&status);
    int a = accept(l, NULL, NULL);
    struct ucred who;
    socklen_t length = 8;
    ASK(getsockopt(a, SOL_SOCKET, SO_PEERCRED, &who, &length));
    printf("connected: child %d user %d length %d\n", who.pid == child, (int)who.uid, (int)length);
    close(a), close(l);
    unlink("s");
}

/* ---- other calls ---- */

static void *nothing;

static void others(void)
{
    int pair[2], ends[2];
    char text[32] = "";
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pipe(ends);
    int file = open("content", O_CREAT | O_RDWR | O_TRUNC, 0644);
    write(file, "0123456789", 10);
    lseek(file, 0, SEEK_SET);
    off_t from = 2;
    extern ssize_t sendfile(int, int, off_t *, size_t);
    ASK(sendfile(pair[0], file, &from, 5));
    ASK(read(pair[1], text, 32));
    printf("%.5s\n", text);
    ASK(pread(pair[0], text, 1, 0));
    ASK(dup2(pair[1], 20));
    close(pair[1]);
    ASK(write(pair[0], "dup", 3));
    ASK(read(20, text, 32));
    ASK(fcntl(20, F_SETFL, O_NONBLOCK));
    ASK(read(20, text, 32));
    int on = 0;
    ASK(ioctl(20, FIONBIO, &on));
    fflush(stdout);
    if (fork() == 0) {
        close(20);
        sleep_ms(20);
        write(pair[0], "child", 5);
        _exit(0);
    }
    close(pair[0]);
    ASK(read(20, text, 32));
    wait(NULL);
    ASK(read(20, text, 32));
    close(20), close(file), close(ends[0]), close(ends[1]);
    unlink("content");
}

int main(void)
{
    mkdir("/tmp", 0777);
    chdir("/tmp");
    mkdir("local", 0777);
    chdir("local");
    umask(022);
    signal(SIGPIPE, on_pipe);
    struct sigaction interrupts = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &interrupts, NULL);
    making();
    naming();
    connecting(SOCK_STREAM);
    connecting(SOCK_SEQPACKET);
    streaming();
    packets();
    datagrams();
    passing_descriptors(SOCK_STREAM);
    passing_descriptors(SOCK_DGRAM);
    cycles();
    credentials();
    others();
    chdir("/");
    rmdir("/tmp/local");
    puts("all answers given");
    return 0;
}
