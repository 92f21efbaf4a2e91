/* What poll, select and epoll say and when they say it, printed. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

static int set;

#define ask(call) answer(#call, (long)(call))

static int control(int epoll, int operation, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    return epoll_ctl(epoll, operation, fd, &event);
}

static int by_data(const void *a, const void *b)
{
    return ((const struct epoll_event *)a)->data.fd - ((const struct epoll_event *)b)->data.fd;
}

/* Everything that is ready now, by descriptor; waits a little for what is on its way. */
static void see_in(int epoll, const char *when, int milliseconds)
{
    struct epoll_event events[16];
    int count = epoll_wait(epoll, events, 16, milliseconds);
    qsort(events, count < 0 ? 0 : count, sizeof *events, by_data);
    printf("%s:", when);
    for (int i = 0; i < count; i++)
        printf(" %x", events[i].events);
    printf(count == 0 ? " nothing\n" : "\n");
}

static void see(const char *when)
{
    see_in(set, when, 0);
}

static void soon(const char *when)
{
    see_in(set, when, 2000);
}

static void fill(int fd)
{
    static char block[4096];
    while (write(fd, block, sizeof block) > 0)
        ;
}

static void drain(int fd)
{
    static char block[4096];
    while (read(fd, block, sizeof block) > 0)
        ;
}

static void event_counters(void)
{
    uint64_t one = 1, value;
    int fd = eventfd(0, EFD_NONBLOCK);
    set = epoll_create1(0);
    ask(control(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET));
    see("nothing written");
    write(fd, &one, 8);
    see("written");
    see("unread");
    write(fd, &one, 8);
    see("written again, unread");
    read(fd, &value, 8);
    see("read");
    write(fd, &one, 8);
    see("written after that");
    ask(control(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT | EPOLLET));
    see("modified");
    see("looked at again");
    read(fd, &value, 8);
    see("read, asked for both");
    write(fd, &one, 8);
    see("written, asked for both");
    ask(control(set, EPOLL_CTL_MOD, fd, EPOLLIN));
    see("level");
    see("level again");
    ask(control(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT));
    see("one shot");
    see("one shot over");
    write(fd, &one, 8);
    see("one shot over, written");
    ask(control(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT | EPOLLET));
    see("armed again");
    see("over again");
    int same = dup(fd);
    ask(control(set, EPOLL_CTL_ADD, fd, EPOLLIN));
    ask(control(set, EPOLL_CTL_ADD, same, EPOLLIN | EPOLLET));
    see("a second descriptor");
    close(fd);
    see("the first closed");
    write(same, &one, 8);
    see("written through the second");
    close(same);
    see("both closed");
    close(set);
}

static void pipes(void)
{
    char buffer[5000];
    int p[2];
    pipe2(p, O_NONBLOCK);
    set = epoll_create1(0);
    ask(control(set, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET));
    ask(control(set, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET));
    see("an empty pipe");
    write(p[1], "x", 1);
    see("one byte");
    write(p[1], "x", 1);
    see("another, unread");
    read(p[0], buffer, 1);
    see("one read");
    drain(p[0]);
    see("drained");
    for (int i = 0; i < 3; i++)
    {
        write(p[1], "y", 1);
        see("filled after EAGAIN");
        drain(p[0]);
    }
    fill(p[1]);
    see("full");
    read(p[0], buffer, 4096);
    see("a page read");
    fill(p[1]);
    drain(p[0]);
    see("filled and drained between two looks");
    int second = dup(p[1]);
    close(p[1]);
    see("one of two writers closed");
    close(second);
    see("the last one closed");
    see("once only");
    close(p[0]);
    pipe2(p, O_NONBLOCK);
    ask(control(set, EPOLL_CTL_ADD, p[1], EPOLLET));
    close(p[0]);
    see("the reader closed");
    ask(control(set, EPOLL_CTL_DEL, p[1], 0));
    see("deleted");
    close(p[1]);
    close(set);
}

static int connected(int listener)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        answer("connect", -1);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int listening(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(19000) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    while (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == EADDRINUSE)
        address.sin_port = htons(ntohs(address.sin_port) + 1);
    errno = 0;
    if (listen(fd, 16) < 0)
        answer("listen", -1);
    return fd;
}

static void sockets(void)
{
    static char block[65536];
    int listener = listening();
    set = epoll_create1(0);
    ask(control(set, EPOLL_CTL_ADD, listener, EPOLLIN | EPOLLET));
    see("a listener");
    int first = connected(listener);
    soon("a connection");
    see("not accepted");
    int second = connected(listener);
    soon("a second one, the first not accepted");
    int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    close(accept(listener, NULL, NULL));
    close(second);
    see("accepted");
    ask(control(set, EPOLL_CTL_ADD, server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET));
    see("may be written");
    write(first, "data", 4);
    soon("data");
    see("unread data");
    write(first, "data", 4);
    soon("more data, unread");
    drain(server);
    see("drained");
    for (int i = 0; i < 3; i++)
    {
        write(first, "data", 4);
        soon("data after EAGAIN");
        drain(server);
    }
    write(server, "answer", 6);
    struct pollfd arrived = { .fd = first, .events = POLLIN };
    poll(&arrived, 1, 2000);
    usleep(100000);
    see("what was written has arrived");
    while (write(server, block, sizeof block) > 0)
        ;
    see("no room");
    for (int i = 0; i < 400; i++)
    {
        drain(first);
        usleep(1000);
    }
    soon("room again");
    shutdown(first, SHUT_WR);
    soon("the peer has nothing more to say");
    see("said once");
    shutdown(server, SHUT_WR);
    soon("nor have we");
    close(first), close(server);
    close(listener), close(set);
}

static void datagrams(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    char buffer[16];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind(fd, (struct sockaddr *)&address, sizeof address);
    getsockname(fd, (struct sockaddr *)&address, &length);
    set = epoll_create1(0);
    ask(control(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET));
    for (int i = 0; i < 3; i++)
    {
        sendto(fd, "datagram", 8, 0, (struct sockaddr *)&address, sizeof address);
        soon("a datagram");
    }
    drain(fd);
    see("all read");
    sendto(fd, "datagram", 8, 0, (struct sockaddr *)&address, sizeof address);
    soon("one more");
    close(fd), close(set);
}

static void nested(void)
{
    uint64_t one = 1, value;
    int inner = epoll_create1(0);
    set = epoll_create1(0);
    int fd = eventfd(0, EFD_NONBLOCK);
    ask(control(inner, EPOLL_CTL_ADD, fd, EPOLLIN));
    ask(control(set, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLET));
    see("sets, nothing");
    write(fd, &one, 8);
    see("sets, written");
    see("sets, seen");
    write(fd, &one, 8);
    see("sets, written again");
    see_in(inner, "the inner one", 0);
    struct pollfd wish = { .fd = set, .events = POLLIN };
    ask(poll(&wish, 1, 0));
    read(fd, &value, 8);
    see_in(inner, "the inner one, read", 0);
    ask(control(inner, EPOLL_CTL_ADD, set, EPOLLIN));
    ask(control(set, EPOLL_CTL_ADD, set, EPOLLIN));
    int chain[8];
    for (int i = 0; i < 8; i++)
    {
        chain[i] = epoll_create1(0);
        if (i > 0)
            ask(control(chain[i], EPOLL_CTL_ADD, chain[i - 1], EPOLLIN));
    }
    for (int i = 0; i < 8; i++)
        close(chain[i]);
    close(inner), close(fd), close(set);
}

static void refusals(void)
{
    set = epoll_create1(0);
    int fd = eventfd(0, 0), plain = open("/proc/self/exe", O_RDONLY), folder = open("/", O_RDONLY), nowhere = open("/dev/null", O_RDWR);
    ask(control(set, EPOLL_CTL_ADD, plain, EPOLLIN));
    ask(control(set, EPOLL_CTL_ADD, folder, EPOLLIN));
    ask(control(set, EPOLL_CTL_ADD, nowhere, EPOLLIN));
    ask(control(set, EPOLL_CTL_ADD, 99, EPOLLIN));
    ask(control(set, EPOLL_CTL_MOD, fd, EPOLLIN));
    ask(control(set, EPOLL_CTL_DEL, fd, 0));
    ask(control(fd, EPOLL_CTL_ADD, set, EPOLLIN));
    ask(control(set, 7, fd, EPOLLIN));
    ask(epoll_ctl(set, EPOLL_CTL_ADD, fd, NULL));
    ask(control(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE));
    ask(control(set, EPOLL_CTL_MOD, fd, EPOLLIN));
    ask(control(set, EPOLL_CTL_DEL, fd, 0));
    ask(control(set, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE));
    struct epoll_event one;
    ask(epoll_wait(set, &one, 0, 0));
    ask(epoll_wait(fd, &one, 1, 0));
    ask(control(set, EPOLL_CTL_ADD, fd, EPOLLOUT));
    ask(epoll_wait(set, (struct epoll_event *)8, 1, 0));
    ask(epoll_wait(set, &one, 1, 0));
    struct timespec soon = { 0, 1000000 };
    ask(control(set, EPOLL_CTL_MOD, fd, EPOLLIN));
    ask(epoll_pwait2(set, &one, 1, &soon, NULL));
    close(set), close(fd), close(plain), close(folder), close(nowhere);
}

/* A sleeper of each kind is woken by what it waits for. */
static void sleepers(void)
{
    char buffer[16];
    for (int kind = 0; kind < 4; kind++)
    {
        int p[2], back[2];
        pipe(p), pipe(back);
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
        {
            close(p[1]);
            int result = 0;
            struct pollfd wish[2] = { { .fd = p[0], .events = POLLIN }, { .fd = back[0], .events = POLLIN } };
            fd_set readable;
            FD_ZERO(&readable);
            FD_SET(p[0], &readable);
            struct epoll_event event;
            int epoll = epoll_create1(0);
            control(epoll, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET);
            if (kind == 0)
                result = poll(wish, 2, 5000);
            else if (kind == 1)
                result = select(p[0] + 1, &readable, NULL, NULL, &(struct timeval){ 5, 0 });
            else if (kind == 2)
                result = epoll_wait(epoll, &event, 1, 5000);
            else
                result = read(p[0], buffer, sizeof buffer);
            write(back[1], &result, sizeof result);
            _exit(0);
        }
        close(p[0]);
        usleep(20000);
        write(p[1], "x", 1);
        int result = -1;
        read(back[0], &result, sizeof result);
        printf("sleeper %d: %d\n", kind, result);
        close(p[1]), close(back[0]), close(back[1]);
        waitpid(child, NULL, 0);
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    event_counters();
    pipes();
    sockets();
    datagrams();
    nested();
    refusals();
    sleepers();
    printf("all answers given\n");
    return 0;
}
