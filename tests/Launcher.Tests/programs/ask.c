// ask PAYLOAD: an Echo request with the file's bytes to the node 10.0.0.2, over lo, whose frames packetd takes; prints the reply's refusal
// (docs/protocols.md), after at most five seconds "silent".
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ETHERNET = 14, HEADERS = ETHERNET + 20 + 8, REFUSAL = 12 };

static unsigned short sum(const unsigned char *bytes, int length)
{
    unsigned total = 0;
    for (int i = 0; i < length; i += 2)
        total += bytes[i] << 8 | (i + 1 < length ? bytes[i + 1] : 0);
    while (total >> 16)
        total = (total & 0xFFFF) + (total >> 16);
    return htons(~total);
}

int main(int count, char **arguments)
{
    unsigned char frame[2048] = {
        2, 0x45, 10, 0, 0, 2, 2, 0x45, 10, 0, 0, 1, 8, 0,
        0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        8, 0, 0, 0, 0x12, 0x34, 0, 1,
    };
    int file = open(arguments[count - 1], O_RDONLY), length = read(file, frame + HEADERS, 1000);
    unsigned short total = htons(28 + length), check;
    memcpy(frame + ETHERNET + 2, &total, 2);
    check = sum(frame + ETHERNET, 20);
    memcpy(frame + ETHERNET + 10, &check, 2);
    check = sum(frame + ETHERNET + 20, 8 + length);
    memcpy(frame + ETHERNET + 22, &check, 2);
    struct sockaddr_ll link = { AF_PACKET, htons(3), if_nametoindex("lo") };
    struct timeval patience = { 5, 0 };
    int ether = socket(AF_PACKET, SOCK_RAW, htons(3));
    if (length <= 0 || ether < 0 || bind(ether, (struct sockaddr *)&link, sizeof link) != 0
        || setsockopt(ether, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0
        || write(ether, frame, HEADERS + length) < 0) {
        perror("ask");
        return 1;
    }
    unsigned char reply[2048];
    for (;;) {
        int got = read(ether, reply, sizeof reply);
        if (got < 0) {
            puts("silent");
            return 0;
        }
        if (got >= HEADERS + 16 && reply[23] == 1 && reply[34] == 0 && memcmp(reply + 26, frame + 30, 4) == 0) {
            printf("refusal %d\n", reply[HEADERS + REFUSAL] | reply[HEADERS + REFUSAL + 1] << 8);
            return 0;
        }
    }
}
