/* Asks the kernel many small questions about files and prints the answers. Run on the host and in the guest: both must print the same.
   Works below the directory given as argument, which must be empty; it takes away what it made. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answer.h"

#define ask(call) answer(#call, (long)(call))
#define ask_close(call) do { int fd_ = (call); answer(#call, fd_ < 0 ? fd_ : 0); if (fd_ >= 0) close(fd_); } while (0)

static void put(const char *path, const char *text)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        printf("put %s failed\n", path);
    close(fd);
}

static void show(const char *path)
{
    char buffer[256];
    int fd = open(path, O_RDONLY);
    ssize_t count = fd < 0 ? -1 : read(fd, buffer, sizeof buffer - 1);
    buffer[count < 0 ? 0 : count] = 0;
    printf("%s holds %zd \"%s\"\n", path, count, buffer);
    close(fd);
}

static void describe(const char *path)
{
    struct stat s;
    if (lstat(path, &s) < 0)
        answer(path, -1);
    else
        printf("%s: mode %o links %ld size %ld\n", path, s.st_mode, S_ISDIR(s.st_mode) ? -1L : (long)s.st_nlink, S_ISDIR(s.st_mode) ? -1L : (long)s.st_size);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    char *names[64];
    int count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL)
    {
        answer(path, -1);
        return;
    }
    for (struct dirent *entry; count < 64 && (entry = readdir(directory)) != NULL;)
    {
        char text[300];
        snprintf(text, sizeof text, "%s(%d)", entry->d_name, entry->d_type);
        names[count++] = strdup(text);
    }
    closedir(directory);
    qsort(names, count, sizeof *names, by_name);
    printf("%s:", path);
    for (int i = 0; i < count; i++)
    {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

static void opening(void)
{
    put("f", "content");
    mkdir("d", 0755);
    symlink("f", "l");
    symlink("nowhere", "dangling");
    symlink("loop", "loop");
    ask_close(open("f", O_RDONLY));
    ask_close(open("f", O_RDONLY | O_DIRECTORY));
    ask_close(open("d", O_RDONLY));
    ask_close(open("d", O_WRONLY));
    ask_close(open("d", O_RDONLY | O_CREAT, 0644));
    ask_close(open("none", O_RDONLY));
    ask_close(open("none/x", O_RDONLY | O_CREAT, 0644));
    ask_close(open("f/x", O_RDONLY));
    ask_close(open("f", O_RDONLY | O_CREAT | O_EXCL, 0644));
    ask_close(open("l", O_RDONLY | O_CREAT | O_EXCL, 0644));
    ask_close(open("dangling", O_RDONLY));
    ask_close(open("dangling", O_RDONLY | O_CREAT | O_EXCL, 0644));
    ask_close(open("l", O_RDONLY | O_NOFOLLOW));
    ask_close(open("l", O_PATH | O_NOFOLLOW));
    ask_close(open("loop", O_RDONLY));
    ask_close(open("", O_RDONLY));
    ask_close(open("f/", O_RDONLY));
    ask_close(open("new/", O_RDONLY | O_CREAT, 0644));
    ask_close(open(".", O_TMPFILE | O_RDWR, 0644));
    ask_close(open((char *)1, O_RDONLY));
    ask_close(openat(-1, "f", O_RDONLY));
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    ask_close(open(name, O_RDONLY | O_CREAT, 0644));
    name[255] = 0;
    ask_close(open(name, O_RDONLY | O_CREAT, 0644));
    ask(unlink(name));
    char *path = malloc(5000);
    memset(path, '/', 5000);
    path[0] = '.';
    path[4095] = 0;
    ask_close(open(path, O_RDONLY));
    path[4095] = '/';
    path[4096] = 0;
    ask_close(open(path, O_RDONLY));
    free(path);
    ask_close(open("dangling", O_WRONLY | O_CREAT, 0640));
    describe("nowhere");
    int fd = open("f", O_RDONLY);
    ask(write(fd, "x", 1));
    ask(read(fd, (char *)1, 4));
    ask(ftruncate(fd, 1));
    ask(fcntl(fd, F_GETFL) & O_ACCMODE);
    close(fd);
    ask(read(fd, name, 1));
    ask(read(1000000, name, 1));
    fd = open("d", O_RDONLY);
    ask(read(fd, name, 1));
    ask(fchmod(fd, 0700));
    describe("d");
    int through = openat(fd, "../f", O_RDONLY);
    ask(read(through, name, 100));
    close(through);
    close(fd);
    fd = open("f", O_PATH);
    ask(read(fd, name, 1));
    ask(lseek(fd, 0, SEEK_SET));
    close(fd);
    unlink("f"), unlink("l"), unlink("dangling"), unlink("nowhere"), unlink("loop"), rmdir("d");
}

static void positions(void)
{
    char buffer[64] = "";
    int fd = open("p", O_RDWR | O_CREAT | O_TRUNC, 0644);
    ask(write(fd, "0123456789", 10));
    ask(lseek(fd, 4, SEEK_SET));
    ask(read(fd, buffer, 3));
    ask(lseek(fd, 0, SEEK_CUR));
    ask(lseek(fd, -1, SEEK_SET));
    ask(lseek(fd, -20, SEEK_END));
    ask(lseek(fd, 0, 99));
    ask(lseek(fd, 100, SEEK_END));
    ask(read(fd, buffer, 10));
    ask(pread(fd, buffer, 4, 8));
    ask(pread(fd, buffer, 4, -1));
    ask(pwrite(fd, "AB", 2, 20));
    ask(lseek(fd, 0, SEEK_END));
    ask(pread(fd, buffer, 30, 0));
    for (int i = 0; i < 22; i++)
        putchar(buffer[i] ? buffer[i] : '.');
    putchar('\n');
    ask(ftruncate(fd, 5));
    ask(ftruncate(fd, 8));
    ask(pread(fd, buffer, 30, 0));
    printf("%d %d\n", buffer[4], buffer[6]);
    ask(ftruncate(fd, -1));
    ask(truncate("p", 3));
    ask(truncate("none", 3));
    ask(truncate(".", 3));
    struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "two", 3 } };
    ask(pwritev(fd, out, 3, 0));
    char a[2], b[10] = "";
    struct iovec in[2] = { { a, 2 }, { b, 9 } };
    ask(preadv(fd, in, 2, 0));
    printf("%.2s|%s\n", a, b);
    ask(readv(fd, in, 0));
    ask(readv(fd, in, -1));
    ask(readv(fd, in, 1025));
    ask(lseek(fd, 0, SEEK_SET));
    int second = dup(fd);
    ask(lseek(second, 2, SEEK_SET));
    ask(read(fd, buffer, 1));
    printf("%c\n", buffer[0]);
    close(second);
    ask(fallocate(fd, 0, 0, 10000));
    describe("p");
    ask(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000));
    describe("p");
    ask(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2));
    ask(pread(fd, buffer, 3, 0));
    printf("%d %d %c\n", buffer[0], buffer[1], buffer[2]);
    ask(fallocate(fd, 0, -1, 10));
    ask(fallocate(fd, 0, 0, 0));
    int appending = open("p", O_WRONLY | O_APPEND);
    ask(ftruncate(fd, 3));
    ask(write(appending, "end", 3));
    ask(lseek(appending, 0, SEEK_CUR));
    describe("p");
    close(appending);
    ask(fsync(fd));
    ask(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    close(fd);
    int to = open("q", O_RDWR | O_CREAT, 0644);
    fd = open("p", O_RDWR);
    off_t offset = 2;
    ask(sendfile(to, fd, &offset, 100));
    printf("offset %ld position %ld\n", (long)offset, (long)lseek(fd, 0, SEEK_CUR));
    loff_t from = 0, into = 10;
    ask(copy_file_range(fd, &from, to, &into, 4, 0));
    ask(copy_file_range(fd, &from, to, &into, 4, 1));
    describe("q");
    close(fd), close(to);
    unlink("p"), unlink("q");
}

static void names(void)
{
    char buffer[300];
    put("f", "f"), put("g", "g"), mkdir("d", 0755), mkdir("d/sub", 0755), mkdir("e", 0755);
    ask(mkdir("d", 0755));
    ask(mkdir("d/", 0755));
    ask(mkdir("f/x", 0755));
    ask(mkdir("new/", 0750));
    describe("new");
    ask(rmdir("new/"));
    ask(rmdir("d"));
    ask(rmdir("f"));
    ask(rmdir("d/."));
    ask(rmdir("d/sub/.."));
    ask(unlink("d"));
    ask(unlink("f/"));
    ask(unlink("none"));
    ask(unlinkat(AT_FDCWD, "e", 0x10));
    ask(link("f", "f2"));
    describe("f");
    ask(link("f", "g"));
    ask(link("none", "x"));
    ask(link("f", "x/"));
    ask(symlink("f", "l"));
    ask(symlink("f", "l"));
    ask(symlink("", "x"));
    ask(readlink("l", buffer, sizeof buffer));
    ask(readlink("l", buffer, 0));
    ask(readlink("f", buffer, 10));
    ask(readlink("none", buffer, 10));
    ask(link("l", "l2"));
    describe("l2");
    ask(linkat(AT_FDCWD, "l", AT_FDCWD, "l3", AT_SYMLINK_FOLLOW));
    describe("l3");
    ask(rename("f", "g"));
    show("g");
    ask(rename("g", "d"));
    ask(rename("d", "g"));
    ask(rename("d", "e"));
    ask(rename("e", "e/sub/x"));
    ask(rename("e", "e/sub"));
    ask(rename("e/sub", "e"));
    ask(rename("g", "f2"));
    ask(rename("none", "x"));
    ask(rename("g", "x/"));
    ask(rename("e", "x/"));
    ask(rename("x", "e"));
    ask(rename("e/.", "x"));
    ask(rename("..", "x"));
    ask(renameat2(AT_FDCWD, "g", AT_FDCWD, "f2", RENAME_NOREPLACE));
    ask(renameat2(AT_FDCWD, "g", AT_FDCWD, "e", RENAME_EXCHANGE));
    describe("g"), describe("e");
    ask(renameat2(AT_FDCWD, "g", AT_FDCWD, "none", RENAME_EXCHANGE));
    ask(renameat2(AT_FDCWD, "g", AT_FDCWD, "none", 3));
    list(".");
    list("g");
    ask(access("g", X_OK));
    ask(access("e", X_OK));
    ask(access("e", R_OK | W_OK));
    ask(access("none", F_OK));
    ask(access("g", 99));
    ask(faccessat(AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
    char here[PATH_MAX];
    getcwd(here, sizeof here);
    ask(chdir("g/sub"));
    getcwd(buffer, sizeof buffer);
    printf("%s\n", buffer + strlen(here));
    ask(syscall(SYS_getcwd, buffer, 2));
    ask(chdir("../../e"));
    ask(chdir("none"));
    ask(rmdir("../sub"));
    ask(syscall(SYS_getcwd, buffer, sizeof buffer));
    ask(open("x", O_CREAT | O_WRONLY, 0644));
    ask(chdir(here));
    umask(027);
    ask(close(open("u", O_CREAT | O_WRONLY, 0666)));
    ask(mkdir("ud", 0777));
    describe("u"), describe("ud");
    printf("%o\n", umask(022));
    ask(chmod("u", 04755));
    describe("u");
    ask(chmod("none", 0644));
    ask(chown("u", -1, -1));
    struct timespec times[2] = { { 1000, 5 }, { 0, UTIME_OMIT } };
    ask(utimensat(AT_FDCWD, "u", times, 0));
    times[1].tv_nsec = 1000000000;
    ask(utimensat(AT_FDCWD, "u", times, 0));
    struct stat s;
    ask(stat("u", &s));
    printf("%ld.%09ld\n", (long)s.st_atim.tv_sec, s.st_atim.tv_nsec);
    ask(stat("u", (struct stat *)1));
    ask(fstatat(AT_FDCWD, "", &s, AT_EMPTY_PATH));
    struct statx x;
    ask(statx(AT_FDCWD, "u", 0, STATX_BASIC_STATS, &x));
    printf("%o %u %llu %lld\n", x.stx_mode, x.stx_nlink, (unsigned long long)x.stx_size, (long long)x.stx_atime.tv_sec);
    ask(mkfifo("fifo", 0600));
    describe("fifo");
    ask(open("fifo", O_WRONLY | O_NONBLOCK));
    /* Neither for reading nor for writing. */
    ask(open("fifo", O_ACCMODE | O_NONBLOCK));
    ask(open("fifo", O_ACCMODE));
    system("rm -rf f f2 g d e l l2 l3 u ud fifo x");
    list(".");
}

static void pipes(void)
{
    int p[2];
    char buffer[70000];
    memset(buffer, 'x', sizeof buffer);
    ask(pipe(p));
    ask(fcntl(p[0], F_GETPIPE_SZ));
    ask(lseek(p[0], 0, SEEK_SET));
    ask(pread(p[0], buffer, 1, 0));
    ask(write(p[0], "x", 1));
    ask(read(p[1], buffer, 1));
    ask(fcntl(p[0], F_SETFL, O_NONBLOCK));
    ask(fcntl(p[1], F_SETFL, O_NONBLOCK));
    ask(read(p[0], buffer, 1));
    ask(write(p[1], buffer, sizeof buffer));
    ask(write(p[1], buffer, 1));
    int waiting = 0;
    ask(ioctl(p[0], FIONREAD, &waiting));
    printf("%d\n", waiting);
    ask(read(p[0], buffer, 4095));
    ask(write(p[1], buffer, 4096));
    ask(read(p[0], buffer, sizeof buffer));
    struct pollfd f[3] = { { p[0], POLLIN | POLLOUT, 0 }, { p[1], POLLIN | POLLOUT, 0 }, { 999, POLLIN, 0 } };
    ask(poll(f, 3, 0));
    printf("%x %x %x\n", f[0].revents, f[1].revents, f[2].revents);
    ask(write(p[1], "ab", 2));
    ask(poll(f, 2, 0));
    printf("%x %x\n", f[0].revents, f[1].revents);
    close(p[1]);
    ask(poll(f, 1, 0));
    printf("%x\n", f[0].revents);
    ask(read(p[0], buffer, 10));
    ask(read(p[0], buffer, 10));
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    ask(pipe2(p, O_CLOEXEC));
    ask(fcntl(p[0], F_GETFD));
    ask(pipe2(p + 0, 12345));
    close(p[0]);
    f[1].fd = p[1];
    ask(poll(f + 1, 1, 0));
    printf("%x\n", f[1].revents);
    ask(write(p[1], "x", 1));
    close(p[1]);
    ask(pipe((int *)1));

    ask(dup2(1, 100));
    ask(dup2(99, 100));
    ask(dup3(1, 1, 0));
    ask(dup2(1, 1));
    ask(dup2(1, -1));
    ask(fcntl(1, F_DUPFD, 110));
    ask(fcntl(1, F_DUPFD, -1));
    ask(fcntl(1, F_DUPFD_CLOEXEC, 120));
    ask(fcntl(120, F_GETFD));
    ask(fcntl(120, F_SETFD, 0));
    ask(fcntl(120, F_GETFD));
    ask(fcntl(120, 9999));
    ask(close(110));
    ask(close(110));
    ask(close_range(100, 130, 0));
    ask(fcntl(120, F_GETFD));

    pipe(p);
    int e = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { EPOLLIN | EPOLLET, { .u64 = 42 } }, got[4];
    ask(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event));
    ask(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event));
    ask(epoll_ctl(e, EPOLL_CTL_MOD, p[1], &event));
    ask(epoll_ctl(e, EPOLL_CTL_DEL, p[1], &event));
    ask(epoll_ctl(e, EPOLL_CTL_ADD, e, &event));
    ask(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &event));
    ask(epoll_ctl(e, 77, p[1], &event));
    int file = open("f", O_CREAT | O_RDWR, 0644);
    ask(epoll_ctl(e, EPOLL_CTL_ADD, file, &event));
    ask(epoll_wait(e, got, 4, 0));
    ask(epoll_wait(e, got, 0, 0));
    write(p[1], "x", 1);
    ask(epoll_wait(e, got, 4, 0));
    printf("%x %llu\n", got[0].events, (unsigned long long)got[0].data.u64);
    ask(epoll_wait(e, got, 4, 0));
    event.events = EPOLLIN | EPOLLONESHOT;
    ask(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &event));
    ask(epoll_wait(e, got, 4, 0));
    ask(epoll_wait(e, got, 4, 0));
    event.events = EPOLLIN;
    ask(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &event));
    ask(epoll_wait(e, got, 4, 0));
    ask(epoll_wait(e, got, 4, 0));
    close(p[1]);
    ask(epoll_wait(e, got, 4, 0));
    printf("%x\n", got[0].events);
    close(p[0]);
    ask(epoll_wait(e, got, 4, 10));
    close(e), close(file), unlink("f");

    int counter = eventfd(5, EFD_NONBLOCK);
    uint64_t value = 7;
    ask(write(counter, &value, 8));
    ask(read(counter, &value, 7));
    ask(read(counter, &value, 8));
    printf("%llu\n", (unsigned long long)value);
    ask(read(counter, &value, 8));
    value = UINT64_MAX;
    ask(write(counter, &value, 8));
    close(counter);
    ask(eventfd(1, 0x7000));

    fd_set set;
    FD_ZERO(&set);
    FD_SET(1000, &set);
    struct timeval none = { 0, 0 };
    ask(select(1001, &set, NULL, NULL, &none));
    none.tv_usec = -1;
    ask(select(0, NULL, NULL, NULL, &none));
    ask(poll(NULL, 0, 1));
    ask(poll((struct pollfd *)1, 1, 0));
}

static void special(void)
{
    char buffer[100];
    int fd = open("/dev/null", O_RDWR);
    ask(read(fd, buffer, 10));
    ask(write(fd, buffer, 10));
    ask(lseek(fd, 10, SEEK_SET));
    ask(ioctl(fd, TCGETS, buffer));
    close(fd);
    fd = open("/dev/zero", O_RDWR);
    memset(buffer, 1, sizeof buffer);
    ask(read(fd, buffer, 10));
    printf("%d %d\n", buffer[9], buffer[10]);
    close(fd);
    fd = open("/dev/full", O_RDWR);
    ask(write(fd, buffer, 10));
    ask(read(fd, buffer, 10));
    close(fd);
    fd = memfd_create("name", 0);
    ask(write(fd, "memory", 6));
    ask(lseek(fd, 0, SEEK_END));
    close(fd);
    fd = open("f", O_CREAT | O_RDWR, 0644);
    int other = open("f", O_RDWR);
    ask(flock(fd, LOCK_EX));
    ask(flock(other, LOCK_SH | LOCK_NB));
    ask(flock(fd, LOCK_SH));
    ask(flock(other, LOCK_SH | LOCK_NB));
    ask(flock(other, LOCK_UN));
    ask(flock(fd, 16));
    close(other);
    ask(ioctl(fd, TIOCGWINSZ, buffer));
    struct flock lock = { F_WRLCK, SEEK_SET, 0, 0, 0 };
    ask(fcntl(fd, F_SETLK, &lock));
    ask(fcntl(fd, F_GETLK, &lock));
    printf("%d\n", lock.l_type);
    write(fd, "mapped", 6);
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    printf("%.6s %d\n", map, map[6]);
    map[0] = 'M';
    ask(pread(fd, buffer, 6, 0));
    printf("%.6s\n", buffer);
    munmap(map, 4096);
    close(fd);
    unlink("f");
    mkfifo("fifo", 0600);
    pid_t child = fork();
    if (child == 0)
    {
        fd = open("fifo", O_WRONLY);
        write(fd, "through the fifo", 16);
        _exit(0);
    }
    fd = open("fifo", O_RDONLY);
    ask(read(fd, buffer, 100));
    ask(read(fd, buffer, 100));
    waitpid(child, NULL, 0);
    close(fd);
    unlink("fifo");
    int p[2];
    pipe(p);
    put("f", "spliced");
    fd = open("f", O_RDONLY);
    ask(splice(fd, NULL, p[1], NULL, 100, 0));
    ask(read(p[0], buffer, 100));
    ask(splice(fd, NULL, fd, NULL, 100, 0));
    close(fd), close(p[0]), close(p[1]);
    fd = open("f", O_RDONLY);
    unlink("f");
    ask(read(fd, buffer, 100));
    struct stat s;
    fstat(fd, &s);
    printf("%ld links\n", (long)s.st_nlink);
    close(fd);
    ask(syscall(SYS_getdents64, 0, buffer, 100));
    ask(chdir("/"));
    list("/proc/self/fd/none");
}

static void anonymous_kind(const char *what, int fd)
{
    char path[32];
    struct stat s;
    sprintf(path, "/proc/self/fd/%d", fd);
    int opened = open(path, O_RDWR | O_NONBLOCK);
    answer(what, opened < 0 ? opened : 0);
    if (stat(path, &s) == 0)
        printf("%s: type %o\n", what, s.st_mode & S_IFMT);
    if (opened >= 0)
        close(opened);
}

/* Opening what is open already, by way of /proc/self/fd. */
static void reopening(void)
{
    char path[32], buffer[64];
    int p[2];
    pipe(p);
    write(p[1], "left in the pipe", 16);
    close(p[1]);
    sprintf(path, "/dev/fd/%d", p[0]);
    int again = open(path, O_RDONLY);
    ask(read(again, buffer, sizeof buffer));
    ask(read(again, buffer, sizeof buffer));
    struct pollfd wish = { .fd = again, .events = POLLIN };
    ask(poll(&wish, 1, 0));
    printf("%x\n", wish.revents);
    int writer = open(path, O_WRONLY);
    ask(write(writer, "by a new writer", 15));
    ask(read(p[0], buffer, sizeof buffer));
    close(again), close(p[0]);
    sprintf(path, "/proc/self/fd/%d", writer);
    ask(again = open(path, O_WRONLY | O_NONBLOCK) < 0);
    signal(SIGPIPE, SIG_IGN);
    ask(write(writer, "x", 1));
    close(writer);
    dup2(p[0] = open("/dev/null", O_RDONLY), 0);
    ask_close(open("/dev/stdin", O_RDONLY));
    mkfifo("fifo", 0600);
    wish.fd = open("fifo", O_RDONLY | O_NONBLOCK);
    ask(poll(&wish, 1, 0));
    close(open("fifo", O_WRONLY));
    ask(poll(&wish, 1, 0));
    printf("%x\n", wish.revents);
    ask_close(open("fifo", O_WRONLY | O_NONBLOCK));
    close(wish.fd);
    ask_close(open("fifo", O_WRONLY | O_NONBLOCK));
    unlink("fifo");
    anonymous_kind("socket", socket(AF_INET, SOCK_STREAM, 0));
    anonymous_kind("eventfd", eventfd(0, 0));
    anonymous_kind("epoll", epoll_create1(0));
    put("gone", "still there");
    int gone = open("gone", O_RDWR);
    unlink("gone");
    sprintf(path, "/proc/self/fd/%d", gone);
    again = open(path, O_RDONLY);
    ask(read(again, buffer, sizeof buffer));
    ask_close(open(path, O_WRONLY | O_TRUNC));
    ask(pread(gone, buffer, sizeof buffer, 0));
    ask(open("/proc/self/fd/999", O_RDONLY));
    closefrom(3);
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    if (count != 2 || chdir(arguments[1]) < 0)
        return 2;
    opening();
    positions();
    names();
    pipes();
    special();
    reopening();
    printf("all answers given\n");
    return 0;
}
