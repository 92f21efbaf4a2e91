/* mover HOST PORT: a migration as any program may make it (docs/architecture.md, "/dev/checkpoint"): two connections of its own, of which one takes
   the stream as it is read from the device and the other the rest of the conversation. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { set_options = 0x4501, commit = 0x4503, name_socket = 0x4504, record = 16 };

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
    ssize_t length;
    while ((length = read(device, buffer, sizeof buffer)) > 0)
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
    ioctl(device, commit, &request);
    return 8;
}
