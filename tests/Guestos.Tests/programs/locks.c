/* Locks on files, and writes that end in odd places: the answers, printed. Run on the host and in the guest: both must print the same.
   Works below the directory given as argument, which must be empty; it takes away what it made. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

#define ask(call) answer(#call, (long)(call))

static int lock(int fd, int command, int type, long start, long length)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    return fcntl(fd, command, &lock);
}

/* What stands in the way of a lock; "own" is the parent, "other" the child. */
static void who(int fd, int command, int type, long start, long length, pid_t own)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    if (fcntl(fd, command, &lock) < 0)
        answer("who", -1);
    else if (lock.l_type == F_UNLCK)
        printf("free: %ld %ld\n", start, length);
    else
        printf("%ld %ld: %s from %ld, %ld bytes, of %s\n", start, length, lock.l_type == F_WRLCK ? "write" : "read", (long)lock.l_start, (long)lock.l_len,
               lock.l_pid == -1 ? "nobody" : lock.l_pid == own ? "own" : "other");
    errno = 0;
}

/* Runs one question in a child of its own and waits for it. */
#define in_child(...) do { fflush(stdout); pid_t c_ = fork(); if (c_ == 0) { __VA_ARGS__; fflush(stdout); _exit(0); } waitpid(c_, NULL, 0); } while (0)

static void records(void)
{
    pid_t own = getpid();
    int fd = open("f", O_CREAT | O_RDWR, 0644);
    write(fd, "0123456789", 10);
    ask(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    in_child(ask(lock(fd, F_SETLK, F_WRLCK, 0, 0)); ask(lock(fd, F_SETLK, F_RDLCK, 5, 1)); who(fd, F_GETLK, F_RDLCK, 0, 0, own));
    who(fd, F_GETLK, F_WRLCK, 0, 0, own);
    ask(lock(fd, F_SETLK, F_UNLCK, 10, 10));
    in_child(who(fd, F_GETLK, F_RDLCK, 0, 0, own); who(fd, F_GETLK, F_RDLCK, 10, 10, own); who(fd, F_GETLK, F_RDLCK, 10, 11, own);
             ask(lock(fd, F_SETLK, F_RDLCK, 12, 3)));
    ask(lock(fd, F_SETLK, F_RDLCK, 4, 2));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own); who(fd, F_GETLK, F_WRLCK, 4, 0, own); who(fd, F_GETLK, F_RDLCK, 5, 0, own);
             ask(lock(fd, F_SETLK, F_RDLCK, 4, 2)); ask(lock(fd, F_SETLK, F_WRLCK, 4, 2)));
    ask(lock(fd, F_SETLK, F_WRLCK, 4, 2));
    ask(lock(fd, F_SETLK, F_WRLCK, 10, 10));
    in_child(who(fd, F_GETLK, F_WRLCK, 7, 0, own));
    ask(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own));

    /* Neighbours become one, both ways round. */
    ask(lock(fd, F_SETLK, F_RDLCK, 10, 5));
    ask(lock(fd, F_SETLK, F_RDLCK, 20, 5));
    ask(lock(fd, F_SETLK, F_RDLCK, 15, 5));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own));
    ask(lock(fd, F_SETLK, F_RDLCK, 0, 10));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own); who(fd, F_GETLK, F_WRLCK, 25, 0, own));

    /* Any close of the file lets go, a duplicate's and another open file's too. */
    close(dup(fd));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own));
    ask(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    close(open("f", O_RDONLY));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own));
    ask(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    in_child(close(fd); fd = open("f", O_RDWR); who(fd, F_GETLK, F_WRLCK, 0, 0, own));

    /* What may not be. */
    int reader = open("f", O_RDONLY), writer = open("f", O_WRONLY), path = open("f", O_PATH);
    ask(lock(reader, F_SETLK, F_WRLCK, 0, 1));
    ask(lock(writer, F_SETLK, F_RDLCK, 0, 1));
    ask(lock(path, F_SETLK, F_WRLCK, 0, 1));
    ask(lock(fd, F_SETLK, 7, 0, 1));
    ask(lock(fd, F_GETLK, F_UNLCK, 0, 1));
    ask(lock(fd, F_SETLK, F_WRLCK, -1, 1));
    ask(lock(fd, F_SETLK, F_WRLCK, 5, -6));
    ask(lock(fd, F_SETLK, F_WRLCK, 5, -5));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own));
    ask(lock(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffff, 1));
    ask(lock(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffff, 2));
    ask(fcntl(fd, F_SETLK, NULL));
    struct flock wish = { .l_type = F_WRLCK, .l_whence = 9 };
    ask(fcntl(fd, F_SETLK, &wish));
    lseek(fd, 3, SEEK_SET);
    wish = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = 2 };
    ask(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    ask(fcntl(fd, F_SETLK, &wish));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own));
    wish = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -1, .l_len = 0 };
    ask(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    ask(fcntl(fd, F_SETLK, &wish));
    in_child(who(fd, F_GETLK, F_WRLCK, 0, 0, own));
    close(reader), close(writer), close(path), close(fd);
}

/* Waits until a process sleeps in the kernel. */
static void asleep(pid_t process)
{
    char path[32], text[256];
    sprintf(path, "/proc/%d/stat", process);
    for (int i = 0; i < 5000; i++)
    {
        int fd = open(path, O_RDONLY);
        ssize_t count = read(fd, text, sizeof text - 1);
        close(fd);
        text[count < 0 ? 0 : count] = 0;
        char *name = strrchr(text, ')');
        if (name != NULL && name[2] == 'S')
            return;
        usleep(1000);
    }
}

static void nothing(int signal)
{
}

static void waiting(void)
{
    pid_t own = getpid();
    int fd = open("f", O_RDWR), ready[2], go[2];
    pipe(ready), pipe(go);
    ask(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        lock(fd, F_SETLK, F_WRLCK, 1, 1);
        write(ready[1], "x", 1);
        int result = lock(fd, F_SETLKW, F_WRLCK, 0, 1);     /* until the parent has met the deadlock and gone on */
        write(ready[1], "x", 1);
        read(go[0], (char[1]){ 0 }, 1);
        answer("waited for", result);
        fflush(stdout);
        _exit(0);
    }
    char c;
    read(ready[0], &c, 1);
    asleep(child);
    ask(lock(fd, F_SETLKW, F_WRLCK, 1, 1));
    ask(lock(fd, F_SETLK, F_UNLCK, 0, 1));
    read(ready[0], &c, 1);
    who(fd, F_GETLK, F_WRLCK, 0, 1, own);
    fflush(stdout);
    write(go[1], "x", 1);
    ask(lock(fd, F_SETLKW, F_WRLCK, 0, 2));         /* until the child has ended */
    waitpid(child, NULL, 0);

    /* A signal ends the wait. */
    fflush(stdout);
    child = fork();
    if (child == 0)
    {
        struct sigaction action = { .sa_handler = nothing };
        sigaction(SIGALRM, &action, NULL);
        alarm(1);
        ask(lock(fd, F_SETLKW, F_RDLCK, 0, 1));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    close(ready[0]), close(ready[1]), close(go[0]), close(go[1]), close(fd);
}

static void descriptions(void)
{
    pid_t own = getpid();
    int first = open("f", O_RDWR), second = open("f", O_RDWR);
    ask(lock(first, F_OFD_SETLK, F_WRLCK, 0, 5));
    ask(lock(second, F_OFD_SETLK, F_WRLCK, 3, 5));
    ask(lock(second, F_OFD_SETLK, F_WRLCK, 5, 5));
    who(second, F_OFD_GETLK, F_RDLCK, 0, 0, own);
    who(first, F_OFD_GETLK, F_RDLCK, 0, 0, own);
    ask(lock(first, F_SETLK, F_RDLCK, 0, 1));
    close(dup(first));
    who(second, F_OFD_GETLK, F_RDLCK, 0, 1, own);
    in_child(who(second, F_GETLK, F_RDLCK, 0, 1, own); ask(lock(first, F_OFD_SETLK, F_UNLCK, 0, 0)));
    who(second, F_OFD_GETLK, F_RDLCK, 0, 1, own);
    close(second);
    who(first, F_OFD_GETLK, F_RDLCK, 0, 0, own);
    struct flock wish = { .l_type = F_WRLCK, .l_pid = 1 };
    ask(fcntl(first, F_OFD_SETLK, &wish));
    close(first);
}

static void whole(void)
{
    int first = open("f", O_RDWR), second = open("f", O_RDONLY), path = open("f", O_PATH), go[2];
    pipe(go);
    ask(flock(first, LOCK_SH));
    ask(flock(second, LOCK_SH));
    ask(flock(first, LOCK_EX | LOCK_NB));
    ask(flock(second, LOCK_EX | LOCK_NB));          /* the first one's shared lock is gone with its wish */
    ask(flock(second, LOCK_EX | LOCK_NB));
    ask(lock(first, F_SETLK, F_WRLCK, 0, 0));
    ask(flock(first, LOCK_SH | LOCK_NB));
    in_child(ask(flock(second, LOCK_UN)));
    ask(flock(first, LOCK_SH | LOCK_NB));
    ask(flock(first, 9));
    ask(flock(path, LOCK_SH));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        int result = flock(second, LOCK_EX);
        read(go[0], (char[1]){ 0 }, 1);
        answer("waited for", result);
        fflush(stdout);
        _exit(0);
    }
    asleep(child);
    ask(flock(first, LOCK_UN));
    fflush(stdout);
    write(go[1], "x", 1);
    waitpid(child, NULL, 0);
    close(first), close(second), close(path), close(go[0]), close(go[1]);
}

static void show(const char *path)
{
    char buffer[64];
    int fd = open(path, O_RDONLY);
    ssize_t count = read(fd, buffer, sizeof buffer - 1);
    buffer[count < 0 ? 0 : count] = 0;
    printf("%s holds %zd \"%s\"\n", path, count, buffer);
    close(fd);
}

static void appending(void)
{
    int fd = open("a", O_CREAT | O_RDWR | O_APPEND, 0644), other = open("f", O_RDONLY);
    ask(write(fd, "first", 5));
    ask(pwrite(fd, "second", 6, 0));
    ask(lseek(fd, 0, SEEK_CUR));
    struct iovec parts[2] = { { "th", 2 }, { "ird", 3 } };
    ask(pwritev(fd, parts, 2, 1));
    show("a");
    loff_t at = 0;
    ask(sendfile(fd, other, NULL, 4));
    ask(copy_file_range(other, NULL, fd, NULL, 4, 0));
    int p[2];
    pipe(p);
    write(p[1], "pipe", 4);
    ask(splice(p[0], NULL, fd, NULL, 4, 0));
    ask(pread(fd, (char[8]){ 0 }, 5, 0));
    close(p[0]), close(p[1]), close(fd), close(other);
    unlink("a");
}

/* A buffer whose end nobody has mapped. */
static void ends(void)
{
    char *page = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
    munmap(page, 4096);
    memset(page - 100, 'x', 100);
    int fd = open("e", O_CREAT | O_RDWR, 0644), p[2];
    ask(write(fd, page - 10, 100));
    ask(write(fd, page, 100));
    ask(pwrite(fd, page - 3, 5000, 8));
    struct iovec parts[3] = { { page - 5, 5 }, { page - 4, 8 }, { page - 5, 5 } };
    ask(writev(fd, parts, 3));
    struct iovec bad[2] = { { page, 5 }, { page - 4, 4 } };
    ask(writev(fd, bad, 2));
    ask(lseek(fd, 0, SEEK_END));
    ask(pread(fd, page - 7, 100, 0));
    ask(pread(fd, page, 100, 0));
    pipe2(p, O_NONBLOCK);
    ask(write(p[1], page - 10, 20));
    ask(read(p[0], (char[100]){ 0 }, 100));
    write(p[1], "0123456789", 10);
    ask(read(p[0], page - 4, 10));
    ask(read(p[0], (char[100]){ 0 }, 100));
    close(p[0]), close(p[1]), close(fd);
    unlink("e");
}

/* A buffer as large as the guest's memory for a few bytes: it is not made to be there for nothing. */
static void large(void)
{
    long size = 52L << 20;
    char *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int p[2], fd = open("f", O_RDONLY), text = open("/proc/self/stat", O_RDONLY), folder = open(".", O_RDONLY);
    pipe(p);
    write(p[1], "ten bytes!", 10);
    ask(read(p[0], buffer, size));
    ask(read(fd, buffer, size));
    printf("%d\n", read(text, buffer, size) > 20);
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    ask(write(p[1], buffer, size));
    close(p[0]), close(p[1]), close(fd), close(text), close(folder);
    munmap(buffer, size);
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    if (count != 2 || chdir(arguments[1]) < 0)
        return 2;
    records();
    waiting();
    descriptions();
    whole();
    appending();
    ends();
    large();
    unlink("f");
    printf("all answers given\n");
    return 0;
}
