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
