/* Lists of sockets, by netlink (sock_diag(7)) and in /proc/net: of the own ones. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "answer.h"

enum { LISTENER, CLIENT, SERVER, DATAGRAMS, CONNECTED, LISTENER6, CLIENT6, SERVER6, DATAGRAMS6, ALL };
static const char *names[] = { "listener", "client", "server", "datagrams", "connected datagrams", "listener6", "client6", "server6", "datagrams6" };
static int sockets[ALL];
static unsigned short ports[ALL];

static int which(unsigned long number)
{
    struct stat status;
    for (int i = 0; i < ALL; i++)
        if (fstat(sockets[i], &status) == 0 && status.st_ino == number)
            return i;
    return ALL;
}

/* Ports are others each time: whose it is. */
static const char *port(unsigned number)
{
    if (number == 0)
        return "0";
    for (int i = 0; i < ALL; i++)
        if (ports[i] == number)
            return names[i];
    return "another";
}

static char said[ALL][512];

static long ask(int diag, int size, int type, int flags, int family, int protocol, unsigned states)
{
    struct { struct nlmsghdr head; struct inet_diag_req_v2 which; } question = { 0 };
    question.head = (struct nlmsghdr){ size, type, NLM_F_REQUEST | flags, 77, 0 };
    question.which.sdiag_family = family;
    question.which.sdiag_protocol = protocol;
    question.which.idiag_states = states;
    return send(diag, &question, size, 0);
}

static void show(int diag, const char *what)
{
    static char text[65536];
    memset(said, 0, sizeof said);
    printf("%s:\n", what);
    for (int ended = 0; !ended;) {
        long count = recv(diag, text, sizeof text, 0);
        if (count <= 0) {
            ASK(count);
            return;
        }
        for (struct nlmsghdr *head = (void *)text; NLMSG_OK(head, count); head = NLMSG_NEXT(head, count)) {
            struct nlmsgerr *error = NLMSG_DATA(head);
            struct inet_diag_msg *one = NLMSG_DATA(head);
            if (head->nlmsg_seq != 77)
                puts("another question's answer");
            if (head->nlmsg_type == NLMSG_DONE) {
                ended = 1;
                printf("done %d\n", *(int *)NLMSG_DATA(head));
            } else if (head->nlmsg_type == NLMSG_ERROR) {
                ended = 1;
                printf("error %s\n", error->error ? strerrorname_np(-error->error) : "0");
            } else {
                char local[64], remote[64];
                int place = which(one->idiag_inode), extra = 0;
                if (place == ALL)
                    continue;
                inet_ntop(one->idiag_family, one->id.idiag_src, local, sizeof local);
                inet_ntop(one->idiag_family, one->id.idiag_dst, remote, sizeof remote);
                int at = sprintf(said[place], "  %s: flags %x family %d state %d %s port of %s, %s port of %s, read %u write %u user %u if %u", names[place], head->nlmsg_flags, one->idiag_family, one->idiag_state,
                    local, port(ntohs(one->id.idiag_sport)), remote, port(ntohs(one->id.idiag_dport)), one->idiag_rqueue, one->idiag_wqueue, one->idiag_uid, one->id.idiag_if);
                struct nlattr *attribute = (void *)(one + 1);
                for (int left = head->nlmsg_len - NLMSG_LENGTH(sizeof *one); left >= (int)sizeof *attribute; left -= NLA_ALIGN(attribute->nla_len), attribute = (void *)attribute + NLA_ALIGN(attribute->nla_len))
                    if (attribute->nla_type == INET_DIAG_SHUTDOWN || attribute->nla_type == INET_DIAG_SKV6ONLY)
                        at += sprintf(said[place] + at, ", %d=%d", attribute->nla_type, *(char *)(attribute + 1));
            }
        }
    }
    for (int i = 0; i < ALL; i++)
        if (said[i][0])
            puts(said[i]);
}

/* Of a row: state, queues, user. */
static void table(const char *path)
{
    char line[512];
    memset(said, 0, sizeof said);
    FILE *file = fopen(path, "r");
    while (fgets(line, sizeof line, file)) {
        unsigned slot, local, remote, state, write, read, user, inode;
        if (sscanf(line, " %u: %*[0-9A-F]:%x %*[0-9A-F]:%x %x %x:%x %*x:%*x %*x %u %*u %u", &slot, &local, &remote, &state, &write, &read, &user, &inode) == 8 && which(inode) < ALL)
            sprintf(said[which(inode)], "  %s: port of %s, of %s, state %x user %u", names[which(inode)], port(local), port(remote), state, user);
    }
    fclose(file);
    printf("%s:\n", path);
    for (int i = 0; i < ALL; i++)
        if (said[i][0])
            puts(said[i]);
}

static unsigned short port_of(int one)
{
    union { struct sockaddr_in in; struct sockaddr_in6 in6; } address;
    socklen_t length = sizeof address;
    getsockname(one, (void *)&address, &length);
    return ntohs(address.in.sin_port);
}

static void make(int family, int listener, int client, int server, int datagrams)
{
    struct sockaddr_in in = { AF_INET, 0, { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in6 in6 = { AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT };
    void *address = family == AF_INET ? (void *)&in : &in6;
    socklen_t length = family == AF_INET ? sizeof in : sizeof in6;
    sockets[listener] = socket(family, SOCK_STREAM, 0);
    bind(sockets[listener], address, length);
    listen(sockets[listener], 7);
    getsockname(sockets[listener], address, &length);
    sockets[client] = socket(family, SOCK_STREAM, 0);
    connect(sockets[client], address, length);
    sockets[server] = accept(sockets[listener], NULL, NULL);
    sockets[datagrams] = socket(family, SOCK_DGRAM, 0);
    in.sin_addr.s_addr = 0;
    in6.sin6_addr = in6addr_any;
    in.sin_port = in6.sin6_port = 0;
    bind(sockets[datagrams], address, length);
    for (int i = listener; i <= datagrams; i++)
        ports[i] = port_of(sockets[i]);
}

static void connect_datagrams(void)
{
    struct sockaddr_in in = { AF_INET, htons(ports[DATAGRAMS]), { htonl(INADDR_LOOPBACK) } };
    sockets[CONNECTED] = socket(AF_INET, SOCK_DGRAM, 0);
    connect(sockets[CONNECTED], (void *)&in, sizeof in);
    ports[CONNECTED] = port_of(sockets[CONNECTED]);
}

/* A number of /proc/net/sockstat ("TCP: inuse 5 orphan 0") or of /proc/net/snmp (a line of names, and one of numbers). */
static long number_of(const char *path, const char *line, const char *name)
{
    static char lines[2][1024];
    FILE *file = fopen(path, "r");
    long result = -1;
    for (int i = 0; file != NULL && fgets(lines[i], sizeof lines[i], file) != NULL;) {
        if (strncmp(lines[i], line, strlen(line)) != 0)
            continue;
        char *at = strstr(lines[0], name), *words = lines[0], *numbers = lines[1];
        if (i == 0 && at != NULL && strchr("0123456789", at[strlen(name) + 1]) != NULL)
            result = atol(at + strlen(name));
        i++;
        if (i < 2)
            continue;
        char *word, *number, *one, *other;
        for (word = strtok_r(words, " \n", &one), number = strtok_r(numbers, " \n", &other); word != NULL && number != NULL;
             word = strtok_r(NULL, " \n", &one), number = strtok_r(NULL, " \n", &other))
            if (strcmp(word, name) == 0)
                result = atol(number);
        break;
    }
    if (file != NULL)
        fclose(file);
    return result;
}

static const struct { const char *path, *line, *name; } counted[] = {
    { "/proc/net/sockstat", "sockets:", "used" }, { "/proc/net/sockstat", "TCP:", "inuse" }, { "/proc/net/sockstat", "UDP:", "inuse" },
    { "/proc/net/sockstat6", "TCP6:", "inuse" }, { "/proc/net/sockstat6", "UDP6:", "inuse" }, { "/proc/net/snmp", "Tcp:", "ActiveOpens" }, { "/proc/net/snmp", "Tcp:", "PassiveOpens" },
    { "/proc/net/snmp", "Tcp:", "CurrEstab" }, { "/proc/net/snmp", "Udp:", "InDatagrams" }, { "/proc/net/snmp", "Udp:", "OutDatagrams" }, { "/proc/net/snmp", "Udp:", "NoPorts" },
    { "/proc/net/snmp", "Ip:", "DefaultTTL" },
};

static void statistics(void)
{
    enum { all = sizeof counted / sizeof *counted };
    long before[all];
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof name;
    char byte = 0;
    for (int i = 0; i < all; i++)
        before[i] = number_of(counted[i].path, counted[i].line, counted[i].name);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0), receiver = socket(AF_INET, SOCK_DGRAM, 0);
    bind(receiver, (void *)&name, sizeof name);
    getsockname(receiver, (void *)&name, &length);
    for (int i = 0; i < 3; i++)
        sendto(sender, &byte, 1, 0, (void *)&name, sizeof name);
    recv(receiver, &byte, 1, 0);
    recv(receiver, &byte, 1, MSG_PEEK);
    recv(receiver, &byte, 1, 0);
    name.sin_port = 0;
    bind(listener, (void *)&name, sizeof name);
    listen(listener, 5);
    getsockname(listener, (void *)&name, &length);
    connect(client, (void *)&name, sizeof name);
    sendto(sender, &byte, 1, 0, (void *)&name, sizeof name);
    int server = accept(listener, NULL, NULL);
    for (int i = 0; i < all; i++)
        printf("%s %s %s: %s%ld\n", counted[i].path, counted[i].line, counted[i].name, before[i] < 0 ? "none " : "+", number_of(counted[i].path, counted[i].line, counted[i].name) - before[i]);
    printf("%ld\n", number_of("/proc/net/snmp", "Ip:", "DefaultTTL"));
}

int main(void)
{
    int all = sizeof(struct nlmsghdr) + sizeof(struct inet_diag_req_v2);
    make(AF_INET, LISTENER, CLIENT, SERVER, DATAGRAMS);
    connect_datagrams();
    make(AF_INET6, LISTENER6, CLIENT6, SERVER6, DATAGRAMS6);
    shutdown(sockets[SERVER], SHUT_RD);
    int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    printf("a socket: %d\n", diag >= 0);
    ASK(ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_INET, IPPROTO_TCP, -1) == all);
    show(diag, "streams");
    ASK(ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_INET, IPPROTO_TCP, 1 << 10) == all);
    show(diag, "that listen");
    ASK(ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_INET6, IPPROTO_TCP, 1 << 1 | 1 << 10) == all);
    show(diag, "streams of IPv6");
    ASK(ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_INET, IPPROTO_UDP, -1) == all);
    show(diag, "datagrams");
    ASK(ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_INET6, IPPROTO_UDP, 1 << 7) == all);
    show(diag, "datagrams of IPv6");
    ASK(ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_INET6, IPPROTO_UDP, 1 << 1) == all);
    show(diag, "connected ones");
    ASK(ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_APPLETALK, IPPROTO_TCP, -1) == all);
    show(diag, "another family");
    /* So many that no answer holds them all. */
    int many[150], count = 0;
    for (int i = 0; i < 150; i++)
        many[i] = socket(AF_INET, SOCK_STREAM, 0), listen(many[i], 1);
    ask(diag, all, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, AF_INET, IPPROTO_TCP, 1 << 10);
    static char text[65536];
    for (int ended = 0; !ended;) {
        long length = recv(diag, text, sizeof text, MSG_PEEK | MSG_TRUNC), again = recv(diag, text, sizeof text, 0);
        if (length != again)
            puts("another length");
        for (struct nlmsghdr *head = (void *)text; NLMSG_OK(head, length); head = NLMSG_NEXT(head, length)) {
            struct stat status;
            ended |= head->nlmsg_type == NLMSG_DONE;
            for (int i = 0; i < 150 && !ended; i++)
                count += fstat(many[i], &status) == 0 && status.st_ino == ((struct inet_diag_msg *)NLMSG_DATA(head))->idiag_inode;
        }
    }
    printf("of many: %d\n", count);
    table("/proc/net/tcp");
    table("/proc/net/tcp6");
    table("/proc/net/udp");
    table("/proc/net/udp6");
    for (int i = 0; i < 150; i++)
        close(many[i]);
    statistics();
    puts("all answers given");
    return 0;
}
