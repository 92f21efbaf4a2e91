/* mover HOST PORT: a migration as any program may make it (docs/architecture.md, "/dev/checkpoint"): two connections of its own, of which one takes
   the stream as it is read from the device and the other the rest of the conversation. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { set_options = 0x4501, commit = 0x4503, name_socket = 0x4504, scratch = 0x4505, leave = 0x4506, stay = 0x4507,
    record = 16, page = 4096, places = 4 };

/* Written to all the time; the copy finds the first as it was at the fork, and zeros in the second (DeviceTests). */
static unsigned char kept[page] __attribute__((aligned(page))), thrown[page] __attribute__((aligned(page)));

static void touch(void)
{
    for (int i = 0; i < 64; i++) {
        kept[i] = i * 7 + 1;
        thrown[i] = i * 11 + 5;
    }
}

/* 0 when the kernel takes the page, and nothing that is none. */
static int name_scratch(int device)
{
    struct { uint64_t address, length; } range = { (uintptr_t)thrown, page };
    if (ioctl(device, scratch, &range))
        return 1;
    uint64_t wrong[][2] = { { (uintptr_t)thrown + 8, page }, { (uintptr_t)thrown, 8 }, { (uintptr_t)thrown, 0 }, { -(uint64_t)page, page },
        { page, -(uint64_t)page }, { (uintptr_t)kept, (uint64_t)1 << 63 } };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!ioctl(device, scratch, wrong[i]))
            return 2;
    for (int i = 1; i < places; i++)
        if (ioctl(device, scratch, &range))
            return 3;
    return !ioctl(device, scratch, &range) || !ioctl(device, scratch, 8) ? 4 : 0;
}

static int dial(char **words)
{
    struct sockaddr_in to = { AF_INET, htons(atoi(words[2])) };
    int one = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, words[1], &to.sin_addr);
    if (connect(one, (struct sockaddr *)&to, sizeof to))
        exit(2);
    return one;
}

static void all(int to, const char *from, ssize_t count)
{
    while (count > 0) {
        ssize_t sent = write(to, from, count);
        if (sent <= 0)
            exit(3);
        from += sent;
        count -= sent;
    }
}

int main(int count, char **words)
{
    static char buffer[65536];
    int stream = dial(words), control = dial(words), stranger = dial(words), device = open("/dev/checkpoint", O_RDONLY);
    if (device < 0 || ioctl(device, set_options, 1) || ioctl(device, name_socket, stream) || ioctl(device, name_socket, control))
        return 4;
    if (name_scratch(device))
        return 9;
    ssize_t length;
    while (touch(), (length = read(device, buffer, sizeof buffer)) > 0)
        all(stream, buffer, length);
    if (length < 0 || read(control, buffer, record) != record)
        return 5;
    /* "EVHO", version 2, COMMIT */
    char words_of_end[record] = { 'E', 'V', 'H', 'O', 2, 0, 3 };
    struct { int socket; uint32_t length; uint64_t bytes; } request = { control, record, (uint64_t)(uintptr_t)words_of_end };
    /* A connection that was not named, no bytes, and too many are refused, and nothing has happened. */
    request.socket = stranger;
    if (ioctl(device, commit, &request) == 0)
        return 6;
    request.socket = control;
    request.length = 257;
    if (ioctl(device, commit, &request) == 0)
        return 7;
    request.length = record;
    /* Nothing is to be decided before the commit, and nothing is sent twice after it. What has come late goes before it. */
    if (ioctl(device, leave, 0) == 0 || ioctl(device, stay, 0) == 0)
        return 8;
    while (ioctl(device, commit, &request)) {
        if (errno != EAGAIN || (length = read(device, buffer, sizeof buffer)) <= 0)
            return 8;
        all(stream, buffer, length);
    }
    if (ioctl(device, commit, &request) == 0)
        return 8;
    if (read(control, buffer, record) != record || buffer[6] != 4)
        return 9;
    ioctl(device, leave, 0);
    return 10;
}
