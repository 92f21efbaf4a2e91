/* Requests of asynchronous I/O (io_submit) and what becomes of them, and message queues of POSIX. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

static long setup(unsigned count, aio_context_t *context) { return syscall(SYS_io_setup, count, context); }
static long destroy(aio_context_t context) { return syscall(SYS_io_destroy, context); }
static long submit(aio_context_t context, long count, struct iocb **requests) { return syscall(SYS_io_submit, context, count, requests); }

static long events_of(aio_context_t context, long least, long most, struct io_event *events, long milliseconds)
{
    struct timespec limit = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    return syscall(SYS_io_getevents, context, least, most, events, milliseconds < 0 ? NULL : &limit);
}

static struct iocb request(int operation, int file, void *buffer, unsigned long bytes, long offset)
{
    return (struct iocb) { .aio_lio_opcode = operation, .aio_fildes = file, .aio_buf = (uintptr_t)buffer, .aio_nbytes = bytes, .aio_offset = offset, .aio_data = 7 };
}

/* One request: what the call says, and what its event does. */
static void one(const char *what, aio_context_t context, struct iocb request)
{
    struct iocb *list[1] = { &request };
    struct io_event event;
    long result = submit(context, 1, list);
    answer(what, result);
    if (result == 1 && events_of(context, 1, 1, &event, -1) == 1)
        printf("  data %llu, its own %d, result %lld %lld\n", event.data, event.obj == (uintptr_t)&request, event.res, event.res2);
}

static void contexts(void)
{
    aio_context_t none = 0, first = 0, second = 0, wrong = 12345;
    struct io_event event;
    ASK(setup(0, &none));
    ASK(setup(4, &wrong));
    ASK(setup(4, (void *)1));
    ASK(setup(0x7fffffff, &none));
    ASK(setup(0x100000, &none));
    ASK(setup(8, &first));
    ASK(setup(8, &second));
    ASK(first != 0 && first != second);
    ASK(*(volatile char *)first >= 0);
    ASK(destroy(0));
    ASK(destroy(wrong));
    ASK(submit(wrong, 0, NULL));
    ASK(submit(first, 0, NULL));
    ASK(submit(first, -1, NULL));
    ASK(submit(first, 1, NULL));
    ASK(events_of(wrong, 0, 1, &event, 0));
    ASK(events_of(first, 0, 1, &event, 0));
    ASK(events_of(first, 1, 1, &event, 20));
    ASK(events_of(first, 2, 1, &event, 0));
    ASK(events_of(first, -1, 1, &event, 0));
    ASK(destroy(first));
    ASK(destroy(first));
    ASK(events_of(first, 0, 1, &event, 0));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        ASK(submit(second, 0, NULL));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    ASK(destroy(second));
}

static void files(void)
{
    aio_context_t context = 0;
    char text[64], name[] = "/tmp/requests-XXXXXX";
    int file = mkstemp(name), only = open(name, O_RDONLY), appending = open(name, O_WRONLY | O_APPEND), folder = open("/tmp", O_RDONLY), path = open(name, O_PATH);
    struct iovec pieces[2] = { { text, 3 }, { text + 10, 4 } }, bad = { (void *)-4096, 8 };
    setup(16, &context);
    one("write", context, request(IOCB_CMD_PWRITE, file, "0123456789", 10, 0));
    one("write behind a hole", context, request(IOCB_CMD_PWRITE, file, "abcde", 5, 20));
    one("append", context, request(IOCB_CMD_PWRITE, appending, "xyz", 3, 0));
    memset(text, '-', sizeof text);
    one("read", context, request(IOCB_CMD_PREAD, file, text, 4, 2));
    printf("%.6s\n", text);
    one("read at the end", context, request(IOCB_CMD_PREAD, file, text, 40, 24));
    one("read behind the end", context, request(IOCB_CMD_PREAD, file, text, 4, 100));
    one("read in pieces", context, request(IOCB_CMD_PREADV, file, pieces, 2, 18));
    printf("%d %d %.4s\n", text[0], text[2], text + 10);
    one("write in pieces", context, request(IOCB_CMD_PWRITEV, file, pieces, 2, 30));
    ASK(lseek(file, 0, SEEK_CUR));
    ASK(lseek(file, 0, SEEK_END));
    one("read nowhere", context, request(IOCB_CMD_PREAD, file, (void *)8, 4, 0));
    one("read in pieces nowhere", context, request(IOCB_CMD_PREADV, file, (void *)8, 1, 0));
    one("read into a bad piece", context, request(IOCB_CMD_PREADV, file, &bad, 1, 0));
    one("too many pieces", context, request(IOCB_CMD_PREADV, file, pieces, 1025, 0));
    one("negative", context, request(IOCB_CMD_PREAD, file, text, 4, -1));
    one("too long", context, request(IOCB_CMD_PREAD, file, text, -1ul, 0));
    one("write to what is read", context, request(IOCB_CMD_PWRITE, only, text, 4, 0));
    one("read what is written", context, request(IOCB_CMD_PREAD, appending, text, 4, 0));
    one("no file", context, request(IOCB_CMD_PREAD, 99, text, 4, 0));
    one("a place", context, request(IOCB_CMD_PREAD, path, text, 4, 0));
    one("a folder", context, request(IOCB_CMD_PREAD, folder, text, 4, 0));
    one("fsync", context, request(IOCB_CMD_FSYNC, file, NULL, 0, 0));
    one("fdsync", context, request(IOCB_CMD_FDSYNC, file, NULL, 0, 0));
    one("fsync with more", context, request(IOCB_CMD_FSYNC, file, NULL, 1, 0));
    one("no operation", context, request(IOCB_CMD_NOOP, file, NULL, 0, 0));
    one("unknown operation", context, request(99, file, NULL, 0, 0));
    struct iocb odd = request(IOCB_CMD_PREAD, file, text, 4, 0);
    odd.aio_reserved2 = 1;
    one("reserved", context, odd);
    odd.aio_reserved2 = 0, odd.aio_rw_flags = 0x40000000;
    one("unknown flag", context, odd);
    odd.aio_rw_flags = 0, odd.aio_key = 5;
    one("a key", context, odd);
    struct iocb *list[1] = { &odd };
    struct io_event event;
    ASK(syscall(SYS_io_cancel, context, &odd, &event));
    ASK(syscall(SYS_io_cancel, context, 8, &event));
    destroy(context);
    unlink(name);
}

static void several(void)
{
    aio_context_t context = 0;
    char text[8][4], name[] = "/tmp/requests-XXXXXX";
    int file = mkstemp(name), event = eventfd(0, EFD_NONBLOCK);
    struct iocb requests[4];
    struct iocb *list[5] = { &requests[0], &requests[1], &requests[2], &requests[3], NULL };
    struct io_event events[8];
    uint64_t told = 0;
    setup(16, &context);
    for (int i = 0; i < 4; i++) {
        requests[i] = request(IOCB_CMD_PWRITE, file, "abcdefgh" + i, 2, i * 2);
        requests[i].aio_data = i;
        requests[i].aio_flags = IOCB_FLAG_RESFD;
        requests[i].aio_resfd = event;
    }
    ASK(submit(context, 4, list));
    ASK(read(event, &told, 8));
    printf("told %lu\n", told);
    ASK(events_of(context, 2, 2, events, -1));
    ASK(events[0].data + 10 * events[1].data);
    ASK(events_of(context, 0, 8, events, -1));
    ASK(events[0].data + 10 * events[1].data);
    ASK(events_of(context, 0, 8, events, 0));
    requests[2].aio_fildes = 99;
    ASK(submit(context, 4, list));
    ASK(events_of(context, 0, 8, events, 0));
    requests[2].aio_fildes = file;
    requests[0].aio_resfd = file;
    ASK(submit(context, 4, list));
    requests[0].aio_resfd = 99;
    ASK(submit(context, 4, list));
    requests[0].aio_resfd = event;
    ASK(submit(context, 5, list));
    ASK(events_of(context, 4, 8, (void *)8, 0));
    ASK(events_of(context, 4, 8, events, 0));
    sigset_t mask;
    sigemptyset(&mask);
    struct { const sigset_t *mask; size_t size; } with = { &mask, 8 };
    ASK(syscall(SYS_io_pgetevents, context, 0, 8, events, NULL, &with));
    with.size = 7;
    ASK(syscall(SYS_io_pgetevents, context, 0, 8, events, NULL, &with));
    ASK(syscall(SYS_io_pgetevents, context, 0, 8, events, NULL, NULL));
    destroy(context);
    unlink(name);
    close(event);
}

static aio_context_t shared;
static volatile int taken;

static void *later(void *file)
{
    struct iocb write = request(IOCB_CMD_PWRITE, (int)(long)file, "later", 5, 0), *list[1] = { &write };
    usleep(30000);
    submit(shared, 1, list);
    while (!taken)
        usleep(1000);
    usleep(30000);
    destroy(shared);
    return NULL;
}

static void ring(int number) { }

static void waiting(void)
{
    char text[8], name[] = "/tmp/requests-XXXXXX";
    int file = mkstemp(name), ends[2], pair[2];
    struct io_event event;
    pthread_t thread;
    setup(4, &shared);
    pipe(ends);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    one("write to a pipe", shared, request(IOCB_CMD_PWRITE, ends[1], "pipe", 4, 0));
    one("read of a pipe", shared, request(IOCB_CMD_PREAD, ends[0], text, 8, 0));
    one("write to a socket", shared, request(IOCB_CMD_PWRITE, pair[0], "socket", 6, 0));
    one("read of a socket", shared, request(IOCB_CMD_PREAD, pair[1], text, 8, 0));
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    one("read of an empty pipe", shared, request(IOCB_CMD_PREAD, ends[0], text, 8, 0));
    struct sigaction action = { .sa_handler = ring, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
    setitimer(ITIMER_REAL, &often, NULL);
    ASK(events_of(shared, 1, 1, &event, -1));
    setitimer(ITIMER_REAL, &never, NULL);
    pthread_create(&thread, NULL, later, (void *)(long)file);
    ASK(events_of(shared, 1, 1, &event, -1));
    ASK(event.res);
    taken = 1;
    ASK(events_of(shared, 1, 1, &event, -1));
    pthread_join(thread, NULL);
    unlink(name);
}

/* ---- message queues ---- */

static char queue_name[64];

static void show_attributes(mqd_t queue)
{
    struct mq_attr attributes;
    if (mq_getattr(queue, &attributes) == 0)
        printf("  flags %lx, at most %ld of %ld, now %ld\n", attributes.mq_flags, attributes.mq_maxmsg, attributes.mq_msgsize, attributes.mq_curmsgs);
}

static mqd_t open_queue(int flags, long count, long size)
{
    struct mq_attr limits = { .mq_maxmsg = count, .mq_msgsize = size };
    return mq_open(queue_name, flags, 0600, count != 0 ? &limits : NULL);
}

static long open_raw(const char *name, int flags) { return syscall(SYS_mq_open, name, flags, 0600, NULL); }

static volatile int told, told_value, told_code;

static void notice(int number, siginfo_t *information, void *unused)
{
    told_code = information->si_code;
    told_value = information->si_value.sival_int;
    told = number;
}

static void *receive_later(void *queue)
{
    char text[16] = "";
    unsigned priority = 0;
    long length = mq_receive((mqd_t)(long)queue, text, 16, &priority);
    printf("later: %ld %.*s %u\n", length, (int)length, text, priority);
    return NULL;
}

static void queues(void)
{
    char text[32];
    unsigned priority;
    struct timespec past = { 1, 0 }, wrong = { 1, -1 }, soon;
    struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77 }, odd = { .sigev_notify = 9 };
    sprintf(queue_name, "/requests-%d", getpid());
    ASK(open_queue(O_RDWR, 0, 0));
    ASK(open_raw("", O_RDWR));
    ASK(open_raw("a/b", O_RDWR | O_CREAT));
    ASK(open_raw("..", O_RDWR | O_CREAT));
    ASK(open_raw((char *)8, O_RDWR));
    ASK(open_queue(O_CREAT | O_RDWR, -1, 10));
    ASK(open_queue(O_CREAT | O_RDWR, 3, -1));
    mqd_t queue = open_queue(O_CREAT | O_RDWR | O_NONBLOCK, 3, 16), only = open_queue(O_RDONLY, 0, 0), writing = open_queue(O_WRONLY, 0, 0);
    ASK(queue >= 0 && only >= 0 && writing >= 0);
    ASK(fcntl(queue, F_GETFD));
    ASK(open_queue(O_CREAT | O_EXCL | O_RDWR, 3, 16));
    ASK(open_queue(O_CREAT | O_WRONLY | O_RDWR, 3, 16));
    show_attributes(queue);
    struct pollfd polled = { .fd = queue, .events = POLLIN | POLLOUT };
    ASK(poll(&polled, 1, 0) * 100 + polled.revents);
    ASK(mq_receive(queue, text, 16, &priority));
    ASK(mq_receive(queue, text, 15, &priority));
    ASK(mq_send(queue, "low", 3, 1));
    ASK(mq_send(writing, "high", 4, 9));
    ASK(mq_send(only, "no", 2, 0));
    ASK(mq_send(queue, "again", 5, 9));
    ASK(poll(&polled, 1, 0) * 100 + polled.revents);
    ASK(mq_send(queue, "more", 4, 0));
    ASK(mq_timedsend(writing, "more", 4, 0, &past));
    ASK(mq_timedsend(writing, "more", 4, 0, &wrong));
    ASK(mq_send(queue, "much too long for it", 20, 0));
    ASK(mq_send(queue, "x", 1, 32768));
    ASK(mq_send(99, "x", 1, 0));
    ASK(mq_send(0, "x", 1, 0));
    show_attributes(queue);
    for (int i = 0; i < 3; i++) {
        long length = mq_receive(only, text, sizeof text, &priority);
        printf("%ld %.*s %u\n", length, (int)length, text, priority);
    }
    ASK(mq_receive(writing, text, sizeof text, NULL));
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 10000000, soon.tv_sec += soon.tv_nsec / 1000000000, soon.tv_nsec %= 1000000000;
    ASK(mq_timedreceive(only, text, sizeof text, NULL, &soon));
    ASK(mq_send(queue, "", 0, 3));
    ASK(mq_receive(only, text, sizeof text, &priority));
    struct mq_attr attributes = { .mq_flags = 0, .mq_maxmsg = 100 }, bad = { .mq_flags = O_APPEND };
    ASK(mq_setattr(queue, &attributes, NULL));
    show_attributes(queue);
    ASK(mq_setattr(queue, &bad, NULL));
    ASK(mq_getattr(0, &attributes));
    sigaction(SIGUSR1, &(struct sigaction) { .sa_sigaction = notice, .sa_flags = SA_SIGINFO }, NULL);
    ASK(mq_notify(queue, &odd));
    ASK(mq_notify(0, NULL));
    ASK(mq_notify(queue, NULL));
    ASK(mq_notify(queue, &by_signal));
    ASK(mq_notify(only, &by_signal));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        mq_send(queue, "of the child", 12, 5), _exit(0);
    waitpid(child, NULL, 0);
    printf("told %d %d %d\n", told == SIGUSR1, told_value, told_code);
    told = 0;
    ASK(mq_send(queue, "second", 6, 5));
    ASK(told);
    ASK(mq_notify(queue, &by_signal));
    ASK(mq_send(queue, "third", 5, 5));
    ASK(told);
    ASK(mq_notify(queue, NULL));
    while (mq_receive(queue, text, sizeof text, NULL) > 0 && mq_getattr(queue, &attributes) == 0 && attributes.mq_curmsgs > 0);
    pthread_t thread;
    pthread_create(&thread, NULL, receive_later, (void *)(long)only);
    ASK(mq_send(queue, "sent later", 10, 2));
    pthread_join(thread, NULL);
    fflush(stdout);
    if (getuid() == 0 && (child = fork()) == 0) {
        setuid(12345);
        ASK(open_queue(O_RDWR, 0, 0));
        ASK(syscall(SYS_mq_unlink, queue_name + 1));
        strcat(queue_name, "-other");
        ASK(open_queue(O_CREAT | O_RDWR, 11, 16));
        ASK(open_queue(O_CREAT | O_RDWR, 10, 8193));
        ASK(open_queue(O_CREAT | O_RDWR, 10, 8192) >= 0);
        ASK(mq_unlink(queue_name));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    struct stat status;
    ASK(fstat(queue, &status));
    printf("%o\n", status.st_mode);
    ASK(mq_unlink(queue_name));
    ASK(mq_unlink(queue_name));
    ASK(mq_send(queue, "nameless", 8, 0));
    ASK(mq_receive(only, text, sizeof text, NULL));
    ASK(open_queue(O_RDWR, 0, 0));
    ASK(mq_close(queue));
    ASK(mq_close(queue));
}

int main(void)
{
    umask(022);
    mkdir("/tmp", 01777);
    contexts();
    files();
    several();
    waiting();
    queues();
    puts("all answers given");
    return 0;
}
