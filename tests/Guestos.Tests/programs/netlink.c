/* Interfaces and addresses by netlink: what is there on every machine, and what is refused. Run on the host and in the guest: both must
   print the same. Of interfaces only lo is printed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "answer.h"

static int sock;
static unsigned sequence = 100;

static long ask(int type, int flags, int family, int index)
{
    struct { struct nlmsghdr head; union { struct rtgenmsg any; struct ifinfomsg link; }; } question = { 0 };
    sequence++;
    question.head = (struct nlmsghdr){ sizeof question, type, NLM_F_REQUEST | flags, sequence, 0 };
    question.any.rtgen_family = family;
    if (type == RTM_GETLINK)
        question.link.ifi_index = index;
    struct sockaddr_nl kernel = { AF_NETLINK };
    return sendto(sock, &question, sizeof question, 0, (struct sockaddr *)&kernel, sizeof kernel);
}

static void attributes(struct rtattr *at, int left, int strings, int numbers)
{
    for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        if (at->rta_type < 32 && strings >> at->rta_type & 1)
            printf(" %d=%s", at->rta_type, (char *)RTA_DATA(at));
        if (at->rta_type < 32 && numbers >> at->rta_type & 1)
            printf(" %d=%x", at->rta_type, *(int *)RTA_DATA(at));
    }
}

/* Everything up to the end of the answer, of lo. */
static void show(int multiple)
{
    static char text[65536];
    for (int ended = 0; !ended;) {
        struct sockaddr_nl from;
        struct iovec piece = { text, sizeof text };
        struct msghdr message = { &from, sizeof from, &piece, 1 };
        long count = recvmsg(sock, &message, 0);
        if (count <= 0) {
            ASK(count);
            return;
        }
        if (from.nl_family != AF_NETLINK || from.nl_pid != 0 || message.msg_namelen != sizeof from)
            puts("from somebody else");
        for (struct nlmsghdr *head = (void *)text; NLMSG_OK(head, count); head = NLMSG_NEXT(head, count)) {
            if (head->nlmsg_seq != sequence)
                puts("another question's answer");
            struct ifinfomsg *link = NLMSG_DATA(head);
            struct ifaddrmsg *address = NLMSG_DATA(head);
            struct nlmsgerr *error = NLMSG_DATA(head);
            switch (head->nlmsg_type) {
            case NLMSG_DONE:
                ended = 1;
                puts("done");
                break;
            case NLMSG_ERROR:
                ended = 1;
                printf("error %s of type %d\n", error->error ? strerrorname_np(-error->error) : "0", error->msg.nlmsg_type);
                break;
            case RTM_NEWLINK:
                if (link->ifi_index == 1) {
                    printf("link %d type %d flags %x multi %x:", link->ifi_index, link->ifi_type, link->ifi_flags, head->nlmsg_flags);
                    attributes(IFLA_RTA(link), IFLA_PAYLOAD(head), 1 << IFLA_IFNAME, 1 << IFLA_MTU);
                    puts("");
                }
                ended = !multiple;
                break;
            case RTM_NEWADDR:
                if (address->ifa_index == 1 && address->ifa_family == AF_INET6) {
                    printf("address of %d /%d scope %d flags %x:", address->ifa_index, address->ifa_prefixlen, address->ifa_scope, address->ifa_flags);
                    struct rtattr *at = IFA_RTA(address);
                    for (int left = IFA_PAYLOAD(head); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
                        char text[INET6_ADDRSTRLEN] = "";
                        if (at->rta_type == IFA_ADDRESS)
                            printf(" %s", inet_ntop(AF_INET6, RTA_DATA(at), text, sizeof text));
                        if (at->rta_type == IFA_LOCAL)
                            printf(" and the peer");
                        if (at->rta_type == IFA_CACHEINFO)
                            printf(" for %x %x", ((unsigned *)RTA_DATA(at))[0], ((unsigned *)RTA_DATA(at))[1]);
                    }
                    puts("");
                }
                if (address->ifa_index == 1 && address->ifa_family == AF_INET) {
                    printf("address of %d /%d scope %d flags %x:", address->ifa_index, address->ifa_prefixlen, address->ifa_scope, address->ifa_flags);
                    attributes(IFA_RTA(address), IFA_PAYLOAD(head), 1 << IFA_LABEL, 1 << IFA_ADDRESS | 1 << IFA_LOCAL);
                    puts("");
                }
                break;
            }
        }
    }
}

/* An interface by its name. */
static void link_called(const char *called)
{
    struct { struct nlmsghdr head; struct ifinfomsg link; struct rtattr name; char text[IFNAMSIZ]; } question = { 0 };
    sequence++;
    int length = strlen(called) + 1;
    question.head = (struct nlmsghdr){ NLMSG_LENGTH(sizeof question.link) + RTA_SPACE(length), RTM_GETLINK, NLM_F_REQUEST, sequence, 0 };
    question.name = (struct rtattr){ RTA_LENGTH(length), IFLA_IFNAME };
    strcpy(question.text, called);
    struct sockaddr_nl kernel = { AF_NETLINK };
    ASK(sendto(sock, &question, question.head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) == question.head.nlmsg_len);
    show(0);
}

/* SIOCGIFNAME. */
static void name_of(int number)
{
    struct ifreq request = { 0 };
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    request.ifr_ifindex = number;
    ASK(ioctl(s, SIOCGIFNAME, &request));
    printf("\"%s\"\n", request.ifr_name);
    close(s);
}

/* One route: without its table, which is another one where the host has rules of its own, and without what a cache remembers. */
static void route(int family, const void *to, int length, int extra)
{
    struct { struct nlmsghdr head; struct rtmsg route; char attributes[64]; } question = { { 0 } };
    sequence++;
    question.head = (struct nlmsghdr){ NLMSG_LENGTH(sizeof question.route), RTM_GETROUTE, NLM_F_REQUEST, sequence, 0 };
    question.route.rtm_family = family;
    question.route.rtm_dst_len = 8 * length;
    struct rtattr *at = (void *)question.attributes;
    if (length != 0) {
        *at = (struct rtattr){ RTA_LENGTH(length), RTA_DST };
        memcpy(RTA_DATA(at), to, length);
        question.head.nlmsg_len += RTA_SPACE(length);
        at = (void *)((char *)at + RTA_SPACE(length));
    }
    if (extra != 0) {
        *at = (struct rtattr){ extra, RTA_PREFSRC };
        question.head.nlmsg_len += RTA_SPACE(4);
    }
    struct sockaddr_nl kernel = { AF_NETLINK };
    sendto(sock, &question, question.head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    char text[1024];
    long count = recv(sock, text, sizeof text, 0);
    struct nlmsghdr *head = (void *)text;
    struct nlmsgerr *error = NLMSG_DATA(head);
    struct rtmsg *told = NLMSG_DATA(head);
    if (head->nlmsg_type == NLMSG_ERROR) {
        printf("route: %s of type %d\n", strerrorname_np(-error->error), error->msg.nlmsg_type);
        return;
    }
    printf("route: type %d flags %x number %d length %d, family %d /%d /%d protocol %d scope %d kind %d flags %x:", head->nlmsg_type, head->nlmsg_flags,
        head->nlmsg_seq == sequence, head->nlmsg_len == count, told->rtm_family, told->rtm_dst_len, told->rtm_src_len, told->rtm_protocol,
        told->rtm_scope, told->rtm_type, told->rtm_flags);
    int left = RTM_PAYLOAD(head);
    for (at = RTM_RTA(told); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        printf(" %d", at->rta_type);
        for (int i = 0; i < RTA_PAYLOAD(at) && at->rta_type != RTA_TABLE && at->rta_type != RTA_CACHEINFO; i++)
            printf("%s%02x", i ? "" : "=", ((unsigned char *)RTA_DATA(at))[i]);
    }
    puts("");
}

int main(void)
{
    ASK(socket(AF_NETLINK, SOCK_STREAM, 0));
    ASK(socket(AF_NETLINK, SOCK_RAW, 77));
    sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ASK(sock >= 0);
    ASK(fcntl(sock, F_GETFD));
    struct sockaddr_nl own = { AF_NETLINK };
    socklen_t length = sizeof own;
    ASK(bind(sock, (struct sockaddr *)&own, sizeof own));
    ASK(bind(sock, (struct sockaddr *)&own, 4));
    ASK(getsockname(sock, (struct sockaddr *)&own, &length));
    printf("family %d length %d port %d\n", own.nl_family, (int)length, own.nl_pid != 0);
    struct pollfd p = { sock, POLLIN | POLLOUT, 0 };
    poll(&p, 1, 0);
    ASK(p.revents);
    char byte;
    ASK(recv(sock, &byte, 1, MSG_DONTWAIT));
    ASK(listen(sock, 1));
    ASK(ask(RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, 0));
    poll(&p, 1, 1000);
    ASK(p.revents);
    show(1);
    ASK(ask(RTM_GETADDR, NLM_F_DUMP, AF_INET, 0));
    show(1);
    ASK(ask(RTM_GETADDR, NLM_F_DUMP, AF_INET6, 0));
    show(1);
    ASK(ask(RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC, 0));
    show(1);
    ASK(ask(RTM_GETROUTE, NLM_F_DUMP, AF_INET, 0));
    show(1);
    ASK(ask(RTM_GETLINK, 0, AF_UNSPEC, 1));
    show(0);
    ASK(ask(RTM_GETLINK, 0, AF_UNSPEC, 12345));
    show(0);
    link_called("lo");
    link_called("nothing9");
    name_of(1);
    name_of(12345);
    route(AF_INET, "\x7f\0\0\1", 4, 0);
    route(AF_INET, "\x7f\5\6\7", 4, 8);
    route(AF_INET, "\x7f\5\6\7", 4, 3);
    route(AF_INET, 0, 0, 0);
    route(AF_INET, "\0\0\0\0", 4, 0);
    route(AF_INET, "\x7f\0", 2, 0);
    route(AF_UNSPEC, "\x7f\0\0\1", 4, 0);
    route(AF_INET6, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16, 0);
    route(AF_INET6, "\x7f\0\0\1", 4, 0);
    close(sock);
    struct ifaddrs *all, *one;
    ASK(getifaddrs(&all));
    for (one = all; one; one = one->ifa_next)
        if (!strcmp(one->ifa_name, "lo") && one->ifa_addr && one->ifa_addr->sa_family == AF_INET)
            printf("lo %s %s flags %x\n", inet_ntoa(((struct sockaddr_in *)one->ifa_addr)->sin_addr), one->ifa_netmask ? "with mask" : "", one->ifa_flags);
    freeifaddrs(all);
    ASK(if_nametoindex("lo"));
    struct if_nameindex *names = if_nameindex();
    printf("%d %s\n", names[0].if_index, names[0].if_name);
    puts("all answers given");
    return 0;
}
