/* Asks the kernel about sockets on loopback and prints the answers. Run on the host and in the guest: both must print the same.
   Ports, sizes of buffers and times differ between two correct kernels and are not printed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

static struct sockaddr_in at(uint32_t address, int port)
{
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(port) };
    where.sin_addr.s_addr = htonl(address);
    return where;
}

static int bind_to(int s, uint32_t address, int port)
{
    struct sockaddr_in where = at(address, port);
    return bind(s, (struct sockaddr *)&where, sizeof where);
}

static int connect_to(int s, uint32_t address, int port)
{
    struct sockaddr_in where = at(address, port);
    return connect(s, (struct sockaddr *)&where, sizeof where);
}

static int port_of(int s)
{
    struct sockaddr_in where = { 0 };
    socklen_t length = sizeof where;
    return getsockname(s, (struct sockaddr *)&where, &length) == 0 ? ntohs(where.sin_port) : -1;
}

static int stream(void) { return socket(AF_INET, SOCK_STREAM, 0); }

static int datagram(void) { return socket(AF_INET, SOCK_DGRAM, 0); }

static int set(int s, int level, int name, int value) { return setsockopt(s, level, name, &value, sizeof value); }

static int get(int s, int level, int name)
{
    int value = -99;
    socklen_t length = sizeof value;
    return getsockopt(s, level, name, &value, &length) == 0 ? value : -1;
}

static int listener(int backlog)
{
    int s = stream();
    bind_to(s, INADDR_LOOPBACK, 0);
    listen(s, backlog);
    return s;
}

/* A connected pair: one end is returned, the other goes to *far. */
static int pair(int *far)
{
    int l = listener(4), s = stream();
    connect_to(s, INADDR_LOOPBACK, port_of(l));
    *far = accept(l, NULL, NULL);
    close(l);
    return s;
}

static void wait_ms(int milliseconds) { usleep(milliseconds * 1000); }

static void binding(void)
{
    int a = stream(), b = stream(), c = stream(), d;
    ASK(bind_to(a, INADDR_ANY, 0));
    int port = port_of(a);
    answer("bind chose a port", port > 1023);
    ASK(bind_to(a, INADDR_ANY, 0));
    ASK(listen(a, 1));
    answer("listen kept it", port_of(a) == port);
    ASK(listen(a, 5));
    ASK(bind_to(b, INADDR_ANY, port));
    ASK(bind_to(b, INADDR_LOOPBACK, port));
    ASK(set(b, SOL_SOCKET, SO_REUSEADDR, 1));
    ASK(bind_to(b, INADDR_LOOPBACK, port));
    close(a);
    ASK(bind_to(b, INADDR_LOOPBACK, port));
    ASK(bind_to(c, INADDR_ANY, port));
    ASK(set(c, SOL_SOCKET, SO_REUSEADDR, 1));
    ASK(bind_to(c, INADDR_ANY, port));
    ASK(listen(b, 1));
    ASK(listen(c, 1));
    close(b);
    close(c);

    /* Without a bind, listen takes any port. */
    a = stream();
    ASK(listen(a, 1));
    answer("listen chose a port", port_of(a) > 1023);
    port = port_of(a);
    b = stream();
    ASK(connect_to(b, INADDR_LOOPBACK, port));
    c = accept(a, NULL, NULL);
    close(a);
    d = stream();
    ASK(bind_to(d, INADDR_ANY, port));
    ASK(set(d, SOL_SOCKET, SO_REUSEADDR, 1));
    ASK(bind_to(d, INADDR_ANY, port));
    close(c);
    close(b);
    wait_ms(50);
    /* TIME-WAIT at c's side, and neither said that it may be reused. */
    ASK(bind_to(d, INADDR_ANY, port));
    close(d);

    /* Said on both sides. */
    a = stream();
    set(a, SOL_SOCKET, SO_REUSEADDR, 1);
    bind_to(a, INADDR_LOOPBACK, 0);
    listen(a, 1);
    port = port_of(a);
    b = stream();
    connect_to(b, INADDR_LOOPBACK, port);
    c = accept(a, NULL, NULL);
    ASK(get(c, SOL_SOCKET, SO_REUSEADDR));
    close(a);
    d = stream();
    ASK(set(d, SOL_SOCKET, SO_REUSEADDR, 1));
    ASK(bind_to(d, INADDR_LOOPBACK, port));
    ASK(listen(d, 1));
    close(c);
    close(b);
    close(d);

    a = datagram();
    b = datagram();
    ASK(bind_to(a, INADDR_LOOPBACK, 0));
    port = port_of(a);
    answer("a datagram socket has a port", port > 1023);
    ASK(bind_to(b, INADDR_ANY, port));
    ASK(bind_to(b, 0x08080808, 0));
    close(a);
    ASK(bind_to(b, INADDR_ANY, port));
    close(b);
}

static void listening(void)
{
    int l = listener(1), s = stream(), status;
    int port = port_of(l);
    ASK(get(l, SOL_SOCKET, SO_ACCEPTCONN));
    pid_t child = fork();
    if (child == 0)
    {
        int got = accept(l, NULL, NULL);
        _exit(got < 0 ? errno : 0);
    }
    wait_ms(50);
    ASK(shutdown(l, SHUT_WR));
    ASK(shutdown(l, SHUT_RD));
    waitpid(child, &status, 0);
    answer("accept was told", WEXITSTATUS(status) == EINVAL);
    ASK(accept(l, NULL, NULL));
    ASK(get(l, SOL_SOCKET, SO_ACCEPTCONN));
    ASK(connect_to(s, INADDR_LOOPBACK, port));
    ASK(shutdown(l, SHUT_RDWR));
    ASK(listen(l, 1));
    answer("the same port", port_of(l) == port);
    close(s);
    s = stream();
    ASK(connect_to(s, INADDR_LOOPBACK, port));
    ASK(shutdown(l, SHUT_RDWR));
    close(s);
    close(l);

    l = stream();
    ASK(accept(l, NULL, NULL));
    ASK(shutdown(l, SHUT_RD));
    struct sockaddr_in where;
    socklen_t length = sizeof where;
    ASK(getpeername(l, (struct sockaddr *)&where, &length));
    close(l);
    l = datagram();
    ASK(listen(l, 1));
    ASK(accept(l, NULL, NULL));
    ASK(shutdown(l, SHUT_RD));
    close(l);

    /* A backlog of 0 lets one wait; the handshake of those behind it is not completed. */
    l = listener(0);
    s = stream();
    ASK(connect_to(s, INADDR_LOOPBACK, port_of(l)));
    int other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect_to(other, INADDR_LOOPBACK, port_of(l));
    int first = accept(l, NULL, NULL);
    answer("accepted", first >= 0);
    close(other);
    close(first);
    close(s);
    close(l);
}

static void lingering(void)
{
    int far, near = pair(&far);
    char byte;
    struct linger linger = { 1, 0 };
    ASK(setsockopt(near, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    memset(&linger, 0x55, sizeof linger);
    socklen_t length = sizeof linger;
    ASK(getsockopt(near, SOL_SOCKET, SO_LINGER, &linger, &length));
    printf("linger: %d %d, %d bytes\n", linger.l_onoff, linger.l_linger, (int)length);
    close(near);
    wait_ms(20);
    ASK(recv(far, &byte, 1, 0));
    ASK(recv(far, &byte, 1, 0));
    close(far);

    near = pair(&far);
    close(near);
    wait_ms(20);
    ASK(recv(far, &byte, 1, 0));
    ASK(send(far, "x", 1, MSG_NOSIGNAL));
    wait_ms(20);
    ASK(send(far, "x", 1, MSG_NOSIGNAL));
    close(far);
}

/* What is there before a connection, and after one that failed. */
static void unconnected(void)
{
    int s = stream(), u = datagram(), v = datagram();
    struct sockaddr_in where = at(INADDR_LOOPBACK, 9);
    socklen_t length = sizeof where;
    ASK(send(s, "x", 1, MSG_NOSIGNAL));
    ASK(sendto(s, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&where, sizeof where));
    ASK(connect_to(s, INADDR_LOOPBACK, 0));
    listen(s, 1);
    ASK(send(s, "x", 1, MSG_NOSIGNAL));
    ASK(recv(s, &where, 1, 0));
    close(s);
    s = stream();
    bind_to(s, INADDR_LOOPBACK, 0);
    int port = port_of(s), tried = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    close(s);
    int result = connect_to(tried, INADDR_LOOPBACK, port);
    struct pollfd p = { tried, POLLOUT, 0 };
    poll(&p, 1, 1000);
    answer("refused", result == 0 ? 0 : get(tried, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    ASK(connect_to(tried, INADDR_LOOPBACK, port));
    close(tried);

    bind_to(u, INADDR_LOOPBACK, 0);
    ASK(connect_to(v, INADDR_LOOPBACK, 0));
    ASK(getpeername(v, (struct sockaddr *)&where, &length));
    ASK(connect_to(v, INADDR_LOOPBACK, port_of(u)));
    ASK(getpeername(v, (struct sockaddr *)&where, &length));
    struct iovec piece = { &where, 1 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
    ASK(recvmsg(v, &message, MSG_ERRQUEUE));
    ASK(shutdown(v, SHUT_WR));
    ASK(send(v, "x", 1, 0));
    ASK(connect_to(v, INADDR_LOOPBACK, port_of(u)));
    ASK(send(v, "x", 1, 0));
    close(u);
    close(v);
}

static void options(void)
{
    int s = stream(), u = datagram();
    ASK(get(s, SOL_SOCKET, 9999));
    ASK(set(s, SOL_SOCKET, 9999, 1));
    ASK(get(s, IPPROTO_TCP, 9999));
    ASK(set(s, IPPROTO_TCP, 9999, 1));
    ASK(get(u, IPPROTO_TCP, TCP_NODELAY));
    ASK(set(u, IPPROTO_TCP, TCP_NODELAY, 1));
    ASK(get(s, 4242, 1));
    ASK(set(s, 4242, 1, 1));
    ASK(get(s, SOL_SOCKET, SO_TYPE));
    ASK(get(u, SOL_SOCKET, SO_TYPE));
    ASK(get(s, SOL_SOCKET, SO_DOMAIN));
    ASK(get(s, SOL_SOCKET, SO_PROTOCOL));
    ASK(get(u, SOL_SOCKET, SO_PROTOCOL));
    ASK(get(s, SOL_SOCKET, SO_ERROR));
    ASK(get(s, SOL_SOCKET, SO_REUSEADDR));
    ASK(set(s, SOL_SOCKET, SO_REUSEADDR, 7));
    ASK(get(s, SOL_SOCKET, SO_REUSEADDR));
    ASK(set(s, SOL_SOCKET, SO_KEEPALIVE, 1));
    ASK(get(s, SOL_SOCKET, SO_KEEPALIVE));
    ASK(set(s, IPPROTO_TCP, TCP_KEEPIDLE, 17));
    ASK(get(s, IPPROTO_TCP, TCP_KEEPIDLE));
    ASK(set(s, IPPROTO_TCP, TCP_KEEPIDLE, 0));
    ASK(set(s, IPPROTO_TCP, TCP_KEEPINTVL, 40000));
    ASK(get(s, IPPROTO_TCP, TCP_KEEPINTVL));
    ASK(set(s, IPPROTO_TCP, TCP_KEEPCNT, 128));
    ASK(get(s, IPPROTO_TCP, TCP_KEEPCNT));
    ASK(set(s, IPPROTO_TCP, TCP_NODELAY, 1));
    ASK(get(s, IPPROTO_TCP, TCP_NODELAY));
    ASK(set(s, IPPROTO_TCP, TCP_CORK, 1));
    ASK(get(s, IPPROTO_TCP, TCP_CORK));
    ASK(set(s, IPPROTO_TCP, TCP_USER_TIMEOUT, 1234));
    ASK(get(s, IPPROTO_TCP, TCP_USER_TIMEOUT));
    ASK(set(s, SOL_SOCKET, SO_RCVBUF, 8192));
    ASK(get(s, SOL_SOCKET, SO_RCVBUF));
    ASK(set(s, SOL_SOCKET, SO_SNDBUF, 1));
    ASK(get(s, SOL_SOCKET, SO_SNDBUF));
    ASK(get(u, SOL_SOCKET, SO_BROADCAST));
    ASK(set(u, SOL_SOCKET, SO_BROADCAST, 1));
    ASK(get(u, SOL_SOCKET, SO_BROADCAST));
    ASK(get(s, IPPROTO_IP, IP_TTL));
    ASK(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, "", 1));
    ASK(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, NULL, 4));
    struct timeval time = { 1, 500000 };
    ASK(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    memset(&time, 0, sizeof time);
    socklen_t length = sizeof time;
    ASK(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
    printf("timeout: %ld.%06ld, %d bytes\n", (long)time.tv_sec, (long)time.tv_usec, (int)length);
    time.tv_usec = 1000000;
    ASK(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    int value = 0x55555555;
    length = 1;
    ASK(getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &length));
    printf("one byte: %x, %d\n", value, (int)length);
    length = -1;
    ASK(getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &length));
    close(s);
    close(u);
}

static void receiving(void)
{
    int far, near = pair(&far);
    char buffer[64] = "", other[64];
    send(near, "abcdef", 6, 0);
    wait_ms(10);
    ASK(recv(far, buffer, 3, MSG_PEEK));
    ASK(recv(far, buffer, 64, MSG_PEEK));
    ASK(recv(far, buffer, 64, MSG_PEEK | MSG_TRUNC));
    ASK(recv(far, NULL, 2, MSG_TRUNC));
    ASK(recv(far, buffer, 64, 0));
    printf("%.4s\n", buffer);
    ASK(recv(far, buffer, 64, MSG_DONTWAIT));
    ASK(recv(far, buffer, 64, MSG_OOB));
    ASK(recv(far, buffer, 64, MSG_ERRQUEUE));

    struct iovec pieces[3] = { { buffer, 2 }, { other, 0 }, { other, 64 } };
    struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 3 };
    send(near, "ghijkl", 6, 0);
    wait_ms(10);
    memset(other, 0, sizeof other);
    ASK(recvmsg(far, &message, MSG_PEEK));
    printf("%.2s %s, flags %x\n", buffer, other, message.msg_flags);
    ASK(readv(far, pieces, 3));
    ASK(recvmsg(far, &message, MSG_DONTWAIT));

    /* All of it, though it comes in two parts. */
    if (fork() == 0)
    {
        send(near, "12345", 5, 0);
        wait_ms(50);
        send(near, "67890", 5, 0);
        wait_ms(50);
        send(near, "xyz", 3, 0);
        _exit(0);
    }
    ASK(recv(far, buffer, 8, MSG_WAITALL | MSG_PEEK));
    ASK(recv(far, buffer, 10, MSG_WAITALL));
    printf("%.10s\n", buffer);
    close(near);
    wait(NULL);
    ASK(recv(far, buffer, 64, MSG_WAITALL));
    ASK(recv(far, buffer, 64, MSG_WAITALL));
    close(far);

    /* Of a buffer only what is filled is touched. */
    near = pair(&far);
    size_t size = 56 << 20;
    char *large = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    send(near, "0123456789", 10, 0);
    wait_ms(10);
    ASK(read(far, large, size));
    unsigned char there[2];
    mincore(large, 8192, there);
    printf("touched: %d %d\n", there[0] & 1, there[1] & 1);
    int u = datagram(), v = datagram();
    bind_to(u, INADDR_LOOPBACK, 0);
    connect_to(v, INADDR_LOOPBACK, port_of(u));
    munmap(large, size);
    large = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    send(v, "0123456789", 10, 0);
    ASK(recv(u, large, size, 0));
    mincore(large, 8192, there);
    printf("touched: %d %d\n", there[0] & 1, there[1] & 1);
    /* A part of it that cannot be touched is no matter, if nothing goes there. */
    mprotect(large + 4096, 4096, PROT_NONE);
    send(near, "0123456789", 10, 0);
    send(v, "0123456789", 10, 0);
    wait_ms(10);
    ASK(recv(far, large, size, 0));
    ASK(recv(u, large, size, 0));
    munmap(large, size);
    close(u);
    close(v);
    close(near);
    close(far);
}

static void datagrams(void)
{
    int u = datagram(), v = datagram();
    char buffer[64] = "", other[64] = "";
    struct sockaddr_in where;
    socklen_t length = sizeof where;
    ASK(send(v, "x", 1, 0));
    ASK(bind_to(u, INADDR_LOOPBACK, 0));
    ASK(connect_to(v, INADDR_LOOPBACK, port_of(u)));
    ASK(send(v, "abcdef", 6, 0));
    ASK(send(v, "", 0, 0));
    ASK(send(v, "xyz", 3, 0));
    wait_ms(10);
    ASK(recv(u, buffer, 3, MSG_PEEK));
    ASK(recv(u, buffer, 3, MSG_PEEK | MSG_TRUNC));
    ASK(recvfrom(u, buffer, 64, MSG_PEEK, (struct sockaddr *)&where, &length));
    answer("from whom", ntohs(where.sin_port) == port_of(v));
    ASK(recv(u, buffer, 2, MSG_TRUNC));
    ASK(recv(u, buffer, 64, 0));
    ASK(recv(u, buffer, 2, 0));
    ASK(recv(u, buffer, 64, MSG_DONTWAIT));

    struct iovec pieces[2] = { { buffer, 2 }, { other, 3 } };
    struct msghdr message = { .msg_name = &where, .msg_namelen = sizeof where, .msg_iov = pieces, .msg_iovlen = 2 };
    send(v, "abcdefgh", 8, 0);
    wait_ms(10);
    ASK(recvmsg(u, &message, MSG_PEEK));
    printf("%.2s %.3s, flags %x, name %d\n", buffer, other, message.msg_flags, (int)message.msg_namelen);
    ASK(recvmsg(u, &message, MSG_TRUNC));
    message.msg_iovlen = 1;
    message.msg_name = NULL;
    message.msg_namelen = 0;
    send(v, "ab", 2, 0);
    wait_ms(10);
    ASK(recvmsg(u, &message, 0));
    printf("flags %x\n", message.msg_flags);

    /* Vectors are one datagram. */
    struct iovec two[2] = { { "head", 4 }, { "body", 4 } };
    ASK(writev(v, two, 2));
    wait_ms(10);
    ASK(readv(u, pieces, 2));
    printf("%.2s %.3s\n", buffer, other);
    ASK(recv(u, buffer, 64, MSG_DONTWAIT));

    /* Larger than a frame, and larger than a packet. */
    static char large[70000], back[70000];
    memset(large, 7, sizeof large);
    ASK(send(v, large, 8000, 0));
    ASK(recv(u, back, sizeof back, 0));
    ASK(memcmp(large, back, 8000));
    ASK(send(v, large, 60000, 0));
    ASK(recv(u, back, sizeof back, 0));
    ASK(memcmp(large, back, 60000));
    ASK(send(v, large, 65508, 0));
    ASK(sendto(v, "x", 1, 0, (struct sockaddr *)&where, 3));

    /* Nobody there. */
    int port = port_of(u);
    close(u);
    ASK(send(v, "x", 1, 0));
    wait_ms(10);
    ASK(send(v, "x", 1, 0));
    ASK(recv(v, buffer, 64, MSG_DONTWAIT));
    ASK(get(v, SOL_SOCKET, SO_ERROR));
    ASK(shutdown(v, SHUT_RD));
    ASK(recv(v, buffer, 64, 0));
    close(v);
    (void)port;
    v = datagram();
    where = at(INADDR_BROADCAST, 9);
    ASK(sendto(v, "x", 1, 0, (struct sockaddr *)&where, sizeof where));
    close(v);
}

/* Segments that came, by how much is readable when something is: what was sent in one call comes at once. */
static void gathering(void)
{
    int far, near = pair(&far);
    char buffer[64];
    struct iovec pieces[3] = { { "head", 4 }, { "", 0 }, { "body", 4 } };
    struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 3 };
    struct pollfd polled = { far, POLLIN, 0 };
    ASK(writev(near, pieces, 3));
    ASK(poll(&polled, 1, 1000));
    ASK(recv(far, buffer, 64, 0));
    ASK(sendmsg(near, &message, 0));
    ASK(poll(&polled, 1, 1000));
    ASK(recv(far, buffer, 64, 0));
    ASK(send(near, "head", 4, MSG_MORE));
    ASK(poll(&polled, 1, 20));
    ASK(send(near, "body", 4, 0));
    ASK(poll(&polled, 1, 1000));
    ASK(recv(far, buffer, 64, 0));
    /* What never comes is not waited for. */
    ASK(send(near, "alone", 5, MSG_MORE));
    ASK(poll(&polled, 1, 2000));
    ASK(recv(far, buffer, 64, 0));
    ASK(set(near, IPPROTO_TCP, TCP_CORK, 1));
    ASK(send(near, "one", 3, 0));
    ASK(send(near, "two", 3, 0));
    ASK(poll(&polled, 1, 20));
    ASK(set(near, IPPROTO_TCP, TCP_CORK, 0));
    ASK(poll(&polled, 1, 1000));
    ASK(recv(far, buffer, 64, 0));
    ASK(sendmsg(near, &message, MSG_MORE));
    ASK(shutdown(near, SHUT_WR));
    ASK(recv(far, buffer, 64, MSG_WAITALL));
    ASK(recv(far, buffer, 64, 0));
    close(near);
    close(far);
}

/* SO_REUSEPORT: several that share a port, of one user, and what comes goes to all of them. */
static void sharing(void)
{
    enum { all = 64 };
    int s[3], t[3], seen[2] = { 0 }, port, other;
    for (int i = 0; i < 3; i++) {
        s[i] = stream();
        t[i] = datagram();
    }
    ASK(get(s[0], SOL_SOCKET, SO_REUSEPORT));
    ASK(set(s[0], SOL_SOCKET, SO_REUSEPORT, 5));
    ASK(get(s[0], SOL_SOCKET, SO_REUSEPORT));
    ASK(bind_to(s[0], INADDR_LOOPBACK, 0));
    port = port_of(s[0]);
    ASK(bind_to(s[1], INADDR_LOOPBACK, port));
    ASK(listen(s[0], all));
    ASK(bind_to(s[1], INADDR_LOOPBACK, port));
    ASK(set(s[1], SOL_SOCKET, SO_REUSEPORT, 1));
    ASK(bind_to(s[1], INADDR_LOOPBACK, port));
    ASK(listen(s[1], all));
    ASK(set(s[2], SOL_SOCKET, SO_REUSEADDR, 1));
    ASK(bind_to(s[2], INADDR_LOOPBACK, port));
    ASK(bind_to(s[2], INADDR_ANY, port));
    for (int i = 0; i < all; i++) {
        int c = stream();
        connect_to(c, INADDR_LOOPBACK, port);
        struct pollfd both[2] = { { s[0], POLLIN }, { s[1], POLLIN } };
        poll(both, 2, 2000);
        int which = both[1].revents ? 1 : 0;
        seen[which]++;
        int accepted = accept(s[which], 0, 0);
        if (i == 0)
            ASK(get(accepted, SOL_SOCKET, SO_REUSEPORT));
        close(accepted);
        close(c);
    }
    printf("connections %d, some for each %d\n", seen[0] + seen[1], seen[0] > 0 && seen[1] > 0);
    close(s[0]);
    for (int i = 0; i < 4; i++) {
        int c = stream();
        ASK(connect_to(c, INADDR_LOOPBACK, port));
        close(accept(s[1], 0, 0));
        close(c);
    }
    for (int i = 0; i < 2; i++)
        set(t[i], SOL_SOCKET, SO_REUSEPORT, 1);
    ASK(bind_to(t[0], INADDR_LOOPBACK, 0));
    port = port_of(t[0]);
    ASK(bind_to(t[2], INADDR_LOOPBACK, port));
    ASK(bind_to(t[1], INADDR_LOOPBACK, port));
    for (int i = 0; i < all; i++) {
        int c = datagram();
        connect_to(c, INADDR_LOOPBACK, port);
        send(c, "x", 1, 0);
        close(c);
    }
    char byte;
    for (int i = 0; i < 2; i++)
        for (seen[i] = 0; recv(t[i], &byte, 1, MSG_DONTWAIT) == 1;)
            seen[i]++;
    printf("datagrams %d, some for each %d\n", seen[0] + seen[1], seen[0] > 0 && seen[1] > 0);
    if (getuid() == 0 && fork() == 0) {
        setuid(1);
        other = datagram();
        set(other, SOL_SOCKET, SO_REUSEPORT, 1);
        ASK(bind_to(other, INADDR_LOOPBACK, port));
        other = stream();
        set(other, SOL_SOCKET, SO_REUSEPORT, 1);
        ASK(bind_to(other, INADDR_LOOPBACK, port_of(s[1])));
        _exit(0);
    }
    wait(0);
    for (int i = 0; i < 3; i++) {
        close(s[i]);
        close(t[i]);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    binding();
    listening();
    lingering();
    unconnected();
    options();
    receiving();
    datagrams();
    gathering();
    sharing();
    puts("all answers given");
    return 0;
}
