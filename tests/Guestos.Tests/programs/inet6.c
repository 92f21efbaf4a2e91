/* Asks the kernel about AF_INET6 sockets: ::1, and IPv4 by addresses of IPv6. Run on the host and in the guest: both must print the same.
   Where the host has no ::1, a network namespace of its own is given one. Ports differ and are not printed. */
#define _GNU_SOURCE
#include "answer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

union name { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; };

static union name at(const char *text, int port)
{
    union name where;
    memset(&where, 0, sizeof where);
    if (strchr(text, ':')) {
        where.six.sin6_family = AF_INET6;
        where.six.sin6_port = htons(port);
        inet_pton(AF_INET6, text, &where.six.sin6_addr);
    } else {
        where.four.sin_family = AF_INET;
        where.four.sin_port = htons(port);
        inet_pton(AF_INET, text, &where.four.sin_addr);
    }
    return where;
}

static socklen_t size_of(const union name *where) { return where->any.sa_family == AF_INET6 ? sizeof where->six : sizeof where->four; }

static int bind_to(int s, const char *text, int port)
{
    union name where = at(text, port);
    return bind(s, &where.any, size_of(&where));
}

static int connect_to(int s, const char *text, int port)
{
    union name where = at(text, port);
    return connect(s, &where.any, size_of(&where));
}

static int send_to(int s, const char *text, int port)
{
    union name where = at(text, port);
    return sendto(s, "abc", 3, 0, &where.any, size_of(&where));
}

static int port_of(int s)
{
    union name where;
    socklen_t length = sizeof where;
    return getsockname(s, &where.any, &length) == 0 ? ntohs(where.six.sin6_port) : -1;
}

static void show(const char *what, const union name *where, socklen_t length)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *address = where->any.sa_family == AF_INET6 ? (void *)&where->six.sin6_addr : (void *)&where->four.sin_addr;
    inet_ntop(where->any.sa_family, address, text, sizeof text);
    printf("%s: family %d, %s, port %s, %d bytes", what, where->any.sa_family, text, where->six.sin6_port ? "yes" : "no", (int)length);
    if (where->any.sa_family == AF_INET6)
        printf(", flow %d scope %d", where->six.sin6_flowinfo, where->six.sin6_scope_id);
    puts("");
}

static void names(const char *what, int s)
{
    union name where;
    socklen_t length = sizeof where;
    memset(&where, 0x55, sizeof where);
    printf("%s ", what);
    if (getsockname(s, &where.any, &length) == 0)
        show("is", &where, length);
    length = sizeof where;
    memset(&where, 0x55, sizeof where);
    printf("%s ", what);
    if (getpeername(s, &where.any, &length) == 0)
        show("has the peer", &where, length);
    else
        answer("has no peer", -1);
}

static int stream(void) { return socket(AF_INET6, SOCK_STREAM, 0); }
static int stream4(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int datagram(void) { return socket(AF_INET6, SOCK_DGRAM, 0); }
static int datagram4(void) { return socket(AF_INET, SOCK_DGRAM, 0); }

static int set(int s, int level, int name, int value) { return setsockopt(s, level, name, &value, sizeof value); }

static int get(int s, int level, int name)
{
    int value = -99;
    socklen_t length = sizeof value;
    return getsockopt(s, level, name, &value, &length) == 0 ? value : -1;
}

static void kinds(void)
{
    ASK(socket(AF_INET6, SOCK_STREAM, IPPROTO_UDP));
    ASK(socket(AF_INET6, SOCK_DGRAM, IPPROTO_TCP));
    ASK(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMP));
    ASK(socket(AF_INET6, 77, 0));
    int both[2];
    ASK(socketpair(AF_INET6, SOCK_STREAM, 0, both));
    int s = stream(), u = datagram();
    ASK(get(s, SOL_SOCKET, SO_DOMAIN));
    ASK(get(s, SOL_SOCKET, SO_TYPE));
    ASK(get(s, SOL_SOCKET, SO_PROTOCOL));
    ASK(get(u, SOL_SOCKET, SO_DOMAIN));
    ASK(get(u, SOL_SOCKET, SO_PROTOCOL));
    names("a fresh stream", s);
    names("a fresh datagram socket", u);
    close(s);
    close(u);
}

/* Lengths and families. */
static void lies(void)
{
    union name six = at("::1", 0), four = at("127.0.0.1", 0);
    struct sockaddr_storage large = { 0 };
    memcpy(&large, &six, sizeof six.six);
    int s = stream(), u = datagram(), f = stream4(), g = datagram4();
    void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int length = 0; length <= 28; length += length < 2 ? 1 : 2)
        if (length < 24) {
            printf("%d: ", length);
            ASK(bind(s, &six.any, length));
            printf("%d: ", length);
            ASK(connect(s, &six.any, length));
            printf("%d: ", length);
            ASK(sendto(u, "abc", 3, 0, &six.any, length));
        }
    ASK(bind(s, &six.any, -1));
    ASK(bind(s, (void *)&large, sizeof large + 1));
    ASK(bind(s, nowhere, sizeof six.six));
    ASK(connect(s, nowhere, sizeof six.six));
    ASK(sendto(u, "abc", 3, 0, nowhere, sizeof six.six));
    ASK(bind(s, &four.any, sizeof four.four));
    ASK(bind(s, &four.any, sizeof four.six));
    ASK(connect(s, &four.any, sizeof four.six));
    ASK(bind(f, &six.any, sizeof six.six));
    ASK(connect(f, &six.any, sizeof six.six));
    ASK(bind(g, &six.any, sizeof six.six));
    ASK(connect(g, &six.any, sizeof six.six));
    six.six.sin6_port = htons(9);
    ASK(sendto(g, "abc", 3, 0, &six.any, sizeof six.six));
    six.any.sa_family = 77;
    ASK(bind(s, &six.any, sizeof six.six));
    ASK(connect(s, &six.any, sizeof six.six));
    ASK(connect(u, &six.any, sizeof six.six));
    ASK(sendto(u, "abc", 3, 0, &six.any, sizeof six.six));
    six.any.sa_family = AF_UNSPEC;
    ASK(bind(s, &six.any, sizeof six.six));
    ASK(sendto(u, "abc", 3, 0, &six.any, sizeof six.six));
    six = at("::1", 0);
    ASK(bind(s, (void *)&large, sizeof large));
    ASK(bind(s, &six.any, sizeof six.six));
    names("bound in a large structure", s);
    union name where;
    memset(&where, 0x55, sizeof where);
    socklen_t length = 6;
    ASK(getsockname(s, &where.any, &length));
    printf("six bytes of %d: %x %x\n", (int)length, where.any.sa_family, (unsigned)where.six.sin6_flowinfo >> 16);
    length = -1;
    ASK(getsockname(s, &where.any, &length));
    length = sizeof where;
    ASK(getsockname(s, nowhere, &length));
    close(s);
    close(u);
    close(f);
    close(g);
    munmap(nowhere, 4096);
}

/* Two sockets and one port: who is in whose way. */
static void conflict(int kind, const char *one, int only_one, const char *other, int only_other, int reuse)
{
    int s = socket(strchr(one, ':') ? AF_INET6 : AF_INET, kind, 0);
    int t = socket(strchr(other, ':') ? AF_INET6 : AF_INET, kind, 0);
    if (only_one)
        set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (only_other)
        set(t, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (reuse) {
        set(s, SOL_SOCKET, SO_REUSEADDR, 1);
        set(t, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    printf("%s %s%s then %s%s%s: ", kind == SOCK_STREAM ? "stream" : "datagram", one, only_one ? " only" : "", other, only_other ? " only" : "",
        reuse ? " with SO_REUSEADDR" : "");
    if (bind_to(s, one, 0) != 0 || (kind == SOCK_STREAM && !reuse && listen(s, 1) != 0))
        printf("first %s, ", strerrorname_np(errno));
    int result = bind_to(t, other, port_of(s));
    if (result == 0 && kind == SOCK_STREAM)
        result = listen(t, 1);
    answer("second", result);
    close(s);
    close(t);
}

static void conflicts(void)
{
    static const char *const all[] = { "::", "::1", "0.0.0.0", "127.0.0.1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "127.0.0.2" };
    const int count = sizeof all / sizeof *all;
    for (int kind = 0; kind < 2; kind++)
        for (int i = 0; i < count; i++)
            for (int j = 0; j < count; j++) {
                conflict(kind ? SOCK_DGRAM : SOCK_STREAM, all[i], 0, all[j], 0, 0);
                if (i < 2)
                    conflict(kind ? SOCK_DGRAM : SOCK_STREAM, all[i], 1, all[j], 0, 0);
                if (j < 2)
                    conflict(kind ? SOCK_DGRAM : SOCK_STREAM, all[i], 0, all[j], 1, 0);
                if (i < 2 && j < 2)
                    conflict(kind ? SOCK_DGRAM : SOCK_STREAM, all[i], 1, all[j], 1, 0);
                if (!kind)
                    conflict(SOCK_STREAM, all[i], 0, all[j], 0, 1);
            }
}

static void only(void)
{
    int s = stream();
    ASK(get(s, IPPROTO_IPV6, IPV6_V6ONLY));
    ASK(set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    ASK(get(s, IPPROTO_IPV6, IPV6_V6ONLY));
    ASK(bind_to(s, "::ffff:127.0.0.1", 0));
    ASK(connect_to(s, "::ffff:127.0.0.1", 9));
    ASK(bind_to(s, "::", 0));
    ASK(set(s, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    ASK(listen(s, 4));
    int f = stream4(), t = stream();
    ASK(connect_to(f, "127.0.0.1", port_of(s)));
    ASK(connect_to(t, "::ffff:127.0.0.1", port_of(s)));
    close(t);
    t = stream();
    ASK(connect_to(t, "::1", port_of(s)));
    int far = accept(s, NULL, NULL);
    ASK(get(far, IPPROTO_IPV6, IPV6_V6ONLY));
    ASK(get(far, SOL_SOCKET, SO_DOMAIN));
    close(far);
    close(f);
    close(t);
    close(s);
    s = datagram();
    set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    ASK(connect_to(s, "::ffff:127.0.0.1", 9));
    ASK(connect_to(s, "127.0.0.1", 9));
    ASK(send_to(s, "::ffff:127.0.0.1", 9));
    ASK(send_to(s, "127.0.0.1", 9));
    close(s);
}

/* A listener, and who reaches it from where. */
static void reach(const char *listening, const char *from, const char *to)
{
    int l = socket(strchr(listening, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0), s = socket(strchr(to, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    printf("listening at %s, connected from %s to %s\n", listening, from ? from : "anywhere", to);
    bind_to(l, listening, 0);
    listen(l, 4);
    if (from)
        ASK(bind_to(s, from, 0));
    int result = connect_to(s, to, port_of(l));
    answer("connect", result);
    if (result == 0) {
        union name where;
        socklen_t length = sizeof where;
        int far = accept(l, &where.any, &length);
        show("accepted from", &where, length);
        names("the near end", s);
        names("the far end", far);
        char text[8] = "";
        ASK(send(s, "there", 5, 0));
        ASK(recv(far, text, 5, MSG_WAITALL));
        ASK(send(far, text, 5, 0));
        memset(text, 0, sizeof text);
        ASK(recv(s, text, 5, MSG_WAITALL));
        puts(text);
        shutdown(far, SHUT_WR);
        ASK(recv(s, text, 5, 0));
        close(far);
    }
    close(s);
    close(l);
}

static void streams(void)
{
    reach("::", NULL, "::1");
    reach("::", NULL, "::");
    reach("::", NULL, "127.0.0.1");
    reach("::", NULL, "::ffff:127.0.0.1");
    reach("::", NULL, "::ffff:0.0.0.0");
    reach("::", "::1", "::1");
    reach("::", "::1", "::");
    reach("::", "::ffff:127.0.0.2", "::");
    reach("::", "::ffff:127.0.0.2", "::ffff:127.0.0.1");
    reach("::", "::", "::1");
    reach("::", "::", "::ffff:127.0.0.1");
    reach("::1", NULL, "::1");
    reach("::1", NULL, "127.0.0.1");
    reach("::1", NULL, "::ffff:127.0.0.1");
    reach("127.0.0.1", NULL, "::1");
    reach("127.0.0.1", NULL, "::ffff:127.0.0.1");
    reach("0.0.0.0", NULL, "::1");
    reach("0.0.0.0", NULL, "::ffff:127.0.0.1");
    reach("::ffff:0.0.0.0", NULL, "::1");
    reach("::ffff:0.0.0.0", NULL, "127.0.0.1");
    reach("::ffff:127.0.0.1", NULL, "127.0.0.1");

    int s = stream();
    ASK(bind_to(s, "2001:db8::1", 0));
    ASK(bind_to(s, "::2", 0));
    ASK(bind_to(s, "::ffff:8.8.8.8", 0));
    ASK(bind_to(s, "::ffff:0.0.0.1", 0));
    ASK(listen(s, 1));
    names("a listener", s);
    ASK(connect_to(s, "::1", 9));
    close(s);
    s = stream4();
    ASK(bind_to(s, "0.0.0.1", 0));
    ASK(bind_to(s, "0.0.0.3", 0));
    close(s);
    s = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ASK(bind_to(s, "::1", 0));
    ASK(bind_to(s, "::1", 0));
    names("bound", s);
    int l = stream();
    bind_to(l, "::1", 0);
    int port = port_of(l);
    close(l);
    int result = connect_to(s, "::1", port);
    if (result == 0 || errno != EINPROGRESS)
        answer("refused at once", errno == ECONNREFUSED);
    else {
        struct pollfd p = { s, POLLOUT, 0 };
        poll(&p, 1, 1000);
        answer("refused", get(s, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    }
    close(s);
    s = stream();
    ASK(connect_to(s, "::1", port));
    close(s);
}

static void exchange(const char *bound, const char *from, const char *to)
{
    int u = socket(strchr(bound, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), v = socket(strchr(to, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    printf("bound to %s, sent from %s to %s\n", bound, from ? from : "anywhere", to);
    bind_to(u, bound, 0);
    if (from)
        ASK(bind_to(v, from, 0));
    int result = send_to(v, to, port_of(u));
    answer("sendto", result);
    char text[16] = "";
    union name where;
    socklen_t length = sizeof where;
    usleep(2000);
    result = recvfrom(u, text, sizeof text, MSG_DONTWAIT, &where.any, &length);
    answer("recvfrom", result);
    if (result > 0) {
        show("from", &where, length);
        names("sent by", v);
        ASK(sendto(u, "back", 4, 0, &where.any, length));
        length = sizeof where;
        usleep(2000);
        ASK(recvfrom(v, text, sizeof text, MSG_DONTWAIT, &where.any, &length));
        show("back from", &where, length);
    }
    close(u);
    close(v);
}

static void datagrams(void)
{
    exchange("::", NULL, "::1");
    exchange("::", NULL, "::");
    exchange("::", NULL, "127.0.0.1");
    exchange("::", NULL, "::ffff:127.0.0.1");
    exchange("::", "::1", "::1");
    exchange("::", "::ffff:127.0.0.2", "::ffff:127.0.0.1");
    exchange("::", "::ffff:127.0.0.2", "127.0.0.1");
    exchange("::1", NULL, "::1");
    exchange("127.0.0.1", NULL, "::ffff:127.0.0.1");
    exchange("0.0.0.0", NULL, "::ffff:127.0.0.1");
    exchange("::ffff:127.0.0.1", NULL, "127.0.0.1");

    int u = datagram(), v = datagram();
    char text[16] = "";
    bind_to(u, "::1", 0);
    int port = port_of(u);
    ASK(send(v, "x", 1, 0));
    ASK(send_to(v, "::1", 0));
    ASK(connect_to(v, "::1", port));
    names("connected", v);
    ASK(send(v, "abc", 3, 0));
    ASK(recv(u, text, 16, 0));
    ASK(connect_to(v, "::ffff:127.0.0.1", port));
    union name none;
    memset(&none, 0, sizeof none);
    ASK(connect(v, &none.any, 1));
    ASK(connect(v, &none.any, sizeof none.any.sa_family));
    names("disconnected", v);
    ASK(send(v, "x", 1, 0));
    close(v);

    /* A name of AF_INET, to a socket of AF_INET6. */
    v = datagram();
    ASK(connect_to(v, "127.0.0.1", port));
    names("connected by a name of IPv4", v);
    close(v);
    /* Nobody is there, and a socket with a peer is told. */
    v = datagram();
    close(u);
    ASK(connect_to(v, "::1", port));
    ASK(send(v, "abc", 3, 0));
    usleep(2000);
    ASK(send(v, "abc", 3, 0));
    ASK(recv(v, text, 16, MSG_DONTWAIT));
    close(v);
    /* More than one packet of the link. */
    static char large[60000], got[60000];
    memset(large, 'x', sizeof large);
    u = datagram();
    v = datagram();
    bind_to(u, "::1", 0);
    connect_to(v, "::1", port_of(u));
    set(v, SOL_SOCKET, SO_SNDBUF, 200000);
    ASK(send(v, large, sizeof large, 0));
    ASK(recv(u, got, sizeof got, 0));
    answer("the same", memcmp(large, got, sizeof got) == 0);
    ASK(send(v, large, 1 << 17, 0));
    close(u);
    close(v);
    /* Of two sockets the one that is bound to the address. */
    u = datagram();
    v = datagram4();
    set(u, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bind_to(u, "::", 0);
    ASK(bind_to(v, "0.0.0.0", port_of(u)));
    int w = datagram();
    ASK(send_to(w, "::1", port_of(u)));
    ASK(send_to(w, "::ffff:127.0.0.1", port_of(u)));
    ASK(send_to(w, "::ffff:127.0.0.1", port_of(u)));
    usleep(2000);
    for (int i = 0; i < 3; i++) {
        ASK(recv(u, text, 16, MSG_DONTWAIT));
        ASK(recv(v, text, 16, MSG_DONTWAIT));
    }
    close(u);
    close(v);
    close(w);
}

static long tell(int s, int flags, size_t room)
{
    char text[16], control[256];
    union name from;
    struct iovec piece = { text, sizeof text };
    struct msghdr message = { &from, sizeof from, &piece, 1, control, room, 0 };
    long count = recvmsg(s, &message, flags);
    if (count < 0)
        return count;
    show("recvmsg from", &from, message.msg_namelen);
    printf("flags %x, control %d:", message.msg_flags, (int)message.msg_controllen);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        char where[INET6_ADDRSTRLEN] = "", second[INET6_ADDRSTRLEN] = "";
        printf(" level %d type %d length %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
            struct in6_pktinfo *info = (void *)CMSG_DATA(c);
            printf(" %s of %d", inet_ntop(AF_INET6, &info->ipi6_addr, where, sizeof where), info->ipi6_ifindex);
        }
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *info = (void *)CMSG_DATA(c);
            printf(" %s %s of %d", inet_ntop(AF_INET, &info->ipi_spec_dst, where, sizeof where),
                inet_ntop(AF_INET, &info->ipi_addr, second, sizeof second), info->ipi_ifindex);
        }
    }
    puts("");
    return count;
}

/* From an address of ours that the message names. */
static long send_from(int s, const char *text, int port, int level, int type, const void *value, size_t length)
{
    char control[256];
    memset(control, 0, sizeof control);
    union name where = at(text, port);
    struct iovec piece = { "abc", 3 };
    struct msghdr message = { &where, size_of(&where), &piece, 1, control, CMSG_SPACE(length), 0 };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(c), value, length);
    return sendmsg(s, &message, 0);
}

static long from6(int s, const char *to, int port, const char *from, int index)
{
    struct in6_pktinfo info = { .ipi6_ifindex = index };
    inet_pton(AF_INET6, from, &info.ipi6_addr);
    return send_from(s, to, port, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static long from4(int s, const char *to, int port, const char *from, int index)
{
    struct in_pktinfo info = { .ipi_ifindex = index };
    inet_pton(AF_INET, from, &info.ipi_spec_dst);
    return send_from(s, to, port, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

static void messages(void)
{
    int u = datagram(), v = datagram(), f = datagram4(), g = datagram4(), hops = 64;
    bind_to(u, "::", 0);
    bind_to(f, "0.0.0.0", 0);
    int port = port_of(u), port4 = port_of(f);
    ASK(get(u, IPPROTO_IPV6, IPV6_RECVPKTINFO));
    ASK(send_to(v, "::1", port));
    ASK(tell(u, 0, 256));
    ASK(set(u, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
    ASK(get(u, IPPROTO_IPV6, IPV6_RECVPKTINFO));
    ASK(send_to(v, "::1", port));
    ASK(tell(u, MSG_PEEK, 256));
    ASK(tell(u, MSG_PEEK, 0));
    ASK(tell(u, MSG_PEEK, 15));
    ASK(tell(u, MSG_PEEK, 20));
    ASK(tell(u, 0, CMSG_LEN(sizeof(struct in6_pktinfo))));
    ASK(send_to(v, "::ffff:127.0.0.3", port));
    ASK(tell(u, 0, 256));
    ASK(from6(v, "::1", port, "::1", 0));
    ASK(tell(u, 0, 256));
    ASK(from6(v, "::1", port, "::", 0));
    ASK(tell(u, MSG_DONTWAIT, 256));
    ASK(from6(v, "::1", port, "2001:db8::1", 0));
    ASK(from6(v, "::1", port, "::1", 1));
    ASK(tell(u, MSG_DONTWAIT, 256));
    ASK(from6(v, "::1", port, "::1", 12345));
    ASK(send_from(v, "::1", port, IPPROTO_IPV6, IPV6_PKTINFO, &hops, sizeof hops));
    ASK(send_from(v, "::1", port, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops));
    ASK(tell(u, MSG_DONTWAIT, 256));
    ASK(send_from(v, "::1", port, IPPROTO_IPV6, 12345, &hops, sizeof hops));
    ASK(send_from(v, "::1", port, 12345, 1, &hops, sizeof hops));
    ASK(tell(u, MSG_DONTWAIT, 256));
    ASK(get(f, IPPROTO_IP, IP_PKTINFO));
    ASK(set(f, IPPROTO_IP, IP_PKTINFO, 1));
    ASK(get(f, IPPROTO_IP, IP_PKTINFO));
    ASK(send_to(g, "127.0.0.1", port4));
    ASK(tell(f, 0, 256));
    ASK(send_to(g, "127.0.0.4", port4));
    ASK(tell(f, 0, 256));
    ASK(from4(g, "127.0.0.1", port4, "127.0.0.5", 0));
    ASK(tell(f, 0, 256));
    ASK(from4(g, "127.0.0.1", port4, "8.8.8.8", 0));
    ASK(from4(g, "127.0.0.1", port4, "127.0.0.1", 12345));
    ASK(send_from(g, "127.0.0.1", port4, IPPROTO_IP, 12345, &hops, sizeof hops));
    close(u);
    close(v);
    close(f);
    close(g);
}

static void options(void)
{
    int s = stream(), u = datagram(), f = stream4();
    static const int kept[] = { IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER, IPV6_TCLASS, IPV6_DONTFRAG, IPV6_MULTICAST_LOOP };
    static const int values[] = { -2, -1, 0, 1, 3, 5, 6, 64, 255, 256 };
    for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) {
        printf("option %d: ", kept[i]);
        ASK(get(u, IPPROTO_IPV6, kept[i]));
        for (unsigned j = 0; j < sizeof values / sizeof *values; j++) {
            if (kept[i] == IPV6_MULTICAST_LOOP && (unsigned)values[j] > 1)
                continue;
            printf("option %d: %d ", kept[i], values[j]);
            ASK(set(u, IPPROTO_IPV6, kept[i], values[j]));
            printf("option %d: ", kept[i]);
            ASK(get(u, IPPROTO_IPV6, kept[i]));
        }
    }
    ASK(get(u, IPPROTO_IPV6, IPV6_MULTICAST_HOPS));
    ASK(set(u, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 7));
    ASK(get(u, IPPROTO_IPV6, IPV6_MULTICAST_HOPS));
    ASK(set(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 7));
    ASK(get(s, IPPROTO_IPV6, IPV6_MTU));
    ASK(get(f, IPPROTO_IPV6, IPV6_V6ONLY));
    ASK(set(f, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    ASK(get(s, IPPROTO_IPV6, 9999));
    ASK(set(s, IPPROTO_IPV6, 9999, 1));
    ASK(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, "", 1));
    ASK(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, NULL, 4));
    ASK(get(s, IPPROTO_IP, IP_TTL));
    ASK(set(s, IPPROTO_IP, IP_TTL, 64));
    ASK(set(s, IPPROTO_TCP, TCP_NODELAY, 1));
    ASK(get(s, IPPROTO_TCP, TCP_NODELAY));
    int l = stream();
    bind_to(l, "::1", 0);
    listen(l, 1);
    ASK(connect_to(s, "::1", port_of(l)));
    ASK(get(s, IPPROTO_IPV6, IPV6_MTU));
    ASK(set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    /* A stream's peer may be given up, and the socket connected anew. */
    int far = accept(l, NULL, NULL);
    union name none;
    memset(&none, 0, sizeof none);
    ASK(connect(s, &none.any, sizeof none.any));
    char byte;
    ASK(recv(far, &byte, 1, 0));
    close(far);
    ASK(connect_to(s, "::1", port_of(l)));
    close(s);
    close(l);
    close(f);
    close(u);
}

static void interfaces(void)
{
    struct ifaddrs *all, *one;
    ASK(getifaddrs(&all));
    for (one = all; one; one = one->ifa_next)
        if (!strcmp(one->ifa_name, "lo") && one->ifa_addr && one->ifa_addr->sa_family == AF_INET6) {
            show("lo", (void *)one->ifa_addr, sizeof(struct sockaddr_in6));
            show("mask", (void *)one->ifa_netmask, sizeof(struct sockaddr_in6));
        }
    freeifaddrs(all);
    FILE *file = fopen("/proc/net/if_inet6", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file))
        if (strstr(line, " lo\n"))
            fputs(line, stdout);
    if (file)
        fclose(file);
    static const char *const settings[] = { "all/disable_ipv6", "lo/disable_ipv6" };
    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "/proc/sys/net/ipv6/conf/%s", settings[i]);
        file = fopen(line, "r");
        printf("%s: %s", settings[i], file && fgets(line, sizeof line, file) ? line : "none\n");
        if (file)
            fclose(file);
    }
    file = fopen("/proc/sys/net/ipv6/bindv6only", "r");
    printf("bindv6only: %s", file && fgets(line, sizeof line, file) ? line : "none\n");
    if (file)
        fclose(file);
}

/* The line of a socket in a table of /proc/net, without its place, its owner and its number. */
static void listed(const char *table, int port, const char *what)
{
    char line[512], wanted[16], local[64], remote[64], state[8];
    snprintf(wanted, sizeof wanted, ":%04X", port);
    snprintf(line, sizeof line, "/proc/net/%s", table);
    FILE *file = fopen(line, "r");
    int found = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, " %*d: %63s %63s %7s", local, remote, state) == 3 && strstr(local, wanted)) {
            *strchr(local, ':') = 0;
            *strchr(remote, ':') = 0;
            printf("%s in %s: %s %s %s\n", what, table, local, remote, state);
            found++;
        }
    if (found == 0)
        printf("%s is not in %s\n", what, table);
    if (file)
        fclose(file);
}

static void tables(void)
{
    int l = stream(), s = stream(), m = stream(), u = datagram(), v = datagram4(), l4 = stream4();
    bind_to(l, "::", 0);
    listen(l, 4);
    bind_to(l4, "127.0.0.1", 0);
    listen(l4, 4);
    connect_to(s, "::1", port_of(l));
    connect_to(m, "::ffff:127.0.0.1", port_of(l4));
    bind_to(u, "::1", 0);
    bind_to(v, "127.0.0.1", 0);
    static const char *const all[] = { "tcp", "tcp6", "udp", "udp6" };
    for (int i = 0; i < 4; i++) {
        listed(all[i], port_of(s), "a connection by ::1");
        listed(all[i], port_of(m), "a connection by IPv4");
        listed(all[i], port_of(u), "a datagram socket of IPv6");
        listed(all[i], port_of(v), "a datagram socket of IPv4");
    }
    close(s);
    close(m);
    usleep(20000);
    listed("tcp6", port_of(l), "a listener");
    listed("tcp", port_of(l4), "a listener");
    connect_to(v, "127.0.0.1", 9);
    connect_to(u, "::1", 9);
    listed("udp", port_of(v), "with a peer");
    listed("udp6", port_of(u), "with a peer");
    close(l);
    close(l4);
    close(u);
    close(v);
}

/* A namespace with ::1, where there is none. */
static void prepare(void)
{
    int s = stream();
    int there = s >= 0 && bind_to(s, "::1", 0) == 0;
    close(s);
    if (there || unshare(CLONE_NEWNET) != 0)
        return;
    static const char *const settings[] = { "all", "default", "lo" };
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", settings[i]);
        int file = open(path, O_WRONLY);
        if (write(file, "0", 1) != 1)
            fprintf(stderr, "%s cannot be set\n", path);
        close(file);
    }
    struct ifreq request = { .ifr_name = "lo" };
    s = stream4();
    ioctl(s, SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP;
    ioctl(s, SIOCSIFFLAGS, &request);
    close(s);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    prepare();
    kinds();
    lies();
    conflicts();
    only();
    streams();
    datagrams();
    messages();
    options();
    interfaces();
    tables();
    puts("all answers given");
    return 0;
}
