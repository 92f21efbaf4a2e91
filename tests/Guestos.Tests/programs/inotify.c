/* inotify: who is told what, in which order, by which number. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "answer.h"

static int fd;
static uint32_t first_cookie;
static int has_cookie;

/* All that waits, a line each; cookies as the number of the move. */
static void events(const char *of)
{
    static char buffer[65536] __attribute__((aligned(8)));
    printf("%s:\n", of);
    long length;
    while ((length = read(fd, buffer, sizeof buffer)) > 0) {
        for (char *at = buffer; at < buffer + length;) {
            struct inotify_event *event = (struct inotify_event *)at;
            if (event->cookie != 0 && !has_cookie) {
                first_cookie = event->cookie - 1;
                has_cookie = 1;
            }
            printf("    %d %x %u %u '%s'\n", event->wd, event->mask, event->cookie != 0 ? event->cookie - first_cookie : 0, event->len, event->len ? event->name : "");
            at += sizeof *event + event->len;
        }
    }
    errno = 0;
}

static void put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT, 0644);
    write(file, text, strlen(text));
    close(file);
}

static void names(void)
{
    mkdir("in", 0755);
    ASK(inotify_add_watch(fd, "in", IN_ALL_EVENTS));
    put("in/a", "hello");
    events("made and written");
    int file = open("in/a", O_RDONLY);
    char byte;
    read(file, &byte, 1);
    read(file, &byte, 1);
    pread(file, &byte, 1, 0);
    close(file);
    events("read");
    chmod("in/a", 0600);
    chown("in/a", 0, -1);
    events("mode and owner");
    struct timeval times[2] = { { 1, 0 }, { 2, 0 } };
    utimes("in/a", times);
    struct timespec one[2] = { { 0, UTIME_OMIT }, { 3, 0 } };
    utimensat(AT_FDCWD, "in/a", one, 0);
    events("times");
    truncate("in/a", 2);
    close(open("in/a", O_WRONLY | O_TRUNC));
    events("truncated");
    mkdir("in/d", 0755);
    symlink("a", "in/l");
    mkfifo("in/f", 0644);
    link("in/a", "in/b");
    events("kinds");
    rename("in/b", "in/c");
    rename("in/d", "in/e");
    events("renamed");
    rename("in/c", "out");
    rename("out", "in/c");
    events("out and in");
    unlink("in/c");
    unlink("in/l");
    rmdir("in/e");
    events("removed");
    opendir("in");
    int directory = open("in", O_RDONLY);
    char entries[512];
    getdents64(directory, entries, sizeof entries);
    close(directory);
    events("the directory itself");
}

static void selves(void)
{
    put("in/s", "x");
    put("in/t", "y");
    events("before");
    ASK(inotify_add_watch(fd, "in/s", IN_ALL_EVENTS));
    ASK(inotify_add_watch(fd, "in/t", IN_ALL_EVENTS));
    put("in/s", "z");
    events("written");
    rename("in/s", "in/u");
    events("renamed");
    rename("in/u", "in/t");
    events("renamed over another");
    link("in/t", "in/v");
    unlink("in/v");
    events("a link more, a link less");
    ASK(inotify_add_watch(fd, "in", IN_ALL_EVENTS | IN_EXCL_UNLINK));
    int kept = open("in/t", O_RDONLY);
    unlink("in/t");
    events("removed while it is open");
    close(kept);
    events("closed");
    mkdir("in/d", 0755);
    ASK(inotify_add_watch(fd, "in/d", IN_ALL_EVENTS));
    events("a directory");
    rename("in/d", "in/e");
    rmdir("in/e");
    events("renamed and removed");
    unlink("in/a");
    unlink("in/f");
    rmdir("in");
    events("the end of all");
}

static void masks(void)
{
    mkdir("in", 0755);
    int watch = inotify_add_watch(fd, "in", IN_CREATE);
    ASK(watch);
    ASK(inotify_add_watch(fd, "in", IN_DELETE | IN_MASK_ADD) - watch);
    put("in/a", "1");
    unlink("in/a");
    events("created and deleted");
    ASK(inotify_add_watch(fd, "in", IN_DELETE) - watch);
    put("in/a", "1");
    unlink("in/a");
    events("deleted");
    ASK(inotify_add_watch(fd, "in", IN_MASK_CREATE | IN_DELETE));
    ASK(inotify_add_watch(fd, "in", IN_MASK_CREATE | IN_MASK_ADD | IN_DELETE));
    put("in/b", "1");
    ASK(inotify_add_watch(fd, "in/b", IN_ONLYDIR | IN_OPEN));
    ASK(inotify_add_watch(fd, "in/b", IN_ONESHOT | IN_OPEN));
    put("in/b", "1");
    put("in/b", "1");
    events("once");
    symlink("b", "in/l");
    ASK(inotify_add_watch(fd, "in/l", IN_DONT_FOLLOW | IN_ATTRIB));
    ASK(inotify_add_watch(fd, "in/l", IN_ATTRIB));
    unlink("in/l");
    chmod("in/b", 0611);
    events("a link and what it means");
    int gone = inotify_add_watch(fd, "in/b", IN_OPEN);
    ASK(inotify_rm_watch(fd, gone));
    ASK(inotify_rm_watch(fd, gone));
    put("in/b", "2");
    events("no longer watched");
}

static void refusals(void)
{
    ASK(inotify_init1(1));
    ASK(inotify_add_watch(fd, "in", 0));
    ASK(inotify_add_watch(fd, "in", 0x10000));
    ASK(inotify_add_watch(fd, "nowhere", IN_OPEN));
    ASK(inotify_add_watch(fd, (char *)8, IN_OPEN));
    ASK(inotify_add_watch(0x7fff, "in", IN_OPEN));
    ASK(inotify_add_watch(0, "in", IN_OPEN));
    ASK(inotify_rm_watch(0, 1));
    ASK(inotify_rm_watch(fd, 0x7fff));
    ASK(write(fd, "x", 1));
    ASK(lseek(fd, 0, SEEK_SET));
    char small[16];
    put("in/long-name", "3");
    unlink("in/long-name");
    int waiting;
    ASK(ioctl(fd, FIONREAD, &waiting));
    ASK(waiting);
    ASK(read(fd, small, sizeof small));
    ASK(read(fd, (char *)8, 4096));
    events("after all");
    ASK(read(fd, small, sizeof small));
    if (getuid() == 0) {
        mkdir("in/secret", 0700);
        fflush(stdout);
        if (fork() == 0) {
            setuid(1000);
            ASK(inotify_add_watch(fd, "in/secret", IN_OPEN));
            fflush(stdout);
            _exit(0);
        }
        wait(0);
        rmdir("in/secret");
    }
}

static void waiting(void)
{
    events("before");
    struct pollfd asked = { .fd = fd, .events = POLLIN };
    ASK(poll(&asked, 1, 0));
    int set = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };
    ASK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    ASK(inotify_add_watch(fd, "in", IN_CREATE) > 0);
    fflush(stdout);
    if (fork() == 0) {
        usleep(50000);
        put("in/late", "4");
        _exit(0);
    }
    ASK(epoll_wait(set, &event, 1, 10000));
    wait(0);
    ASK(poll(&asked, 1, 0));
    events("what a child made");
    ASK(poll(&asked, 1, 0));
    fcntl(fd, F_SETFL, 0);
    fflush(stdout);
    if (fork() == 0) {
        usleep(50000);
        put("in/later", "5");
        _exit(0);
    }
    char buffer[256];
    ASK(read(fd, buffer, sizeof buffer));
    wait(0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    char link[64] = "", path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, link, sizeof link - 1);
    puts(link);
}

/* More than a queue takes: what is lost is told once, and again when the queue has been read and filled anew. */
static void too_many(void)
{
    static char buffer[65536] __attribute__((aligned(8)));
    put("one", "1");
    put("two", "2");
    int watch = inotify_add_watch(fd, ".", IN_ATTRIB);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 17000; i++)
            chmod(i % 2 ? "one" : "two", 0600 + i % 3);
        int told = 0, lost = 0, at_the_end = 0;
        long length;
        while ((length = read(fd, buffer, sizeof buffer)) > 0)
            for (char *at = buffer; at < buffer + length;) {
                struct inotify_event *event = (struct inotify_event *)at;
                at_the_end = event->mask == IN_Q_OVERFLOW && event->wd == -1;
                lost += at_the_end;
                told += !at_the_end;
                at += sizeof *event + event->len;
            }
        printf("told %d, lost %d, at the end %d\n", told, lost, at_the_end);
    }
    errno = 0;
    ASK(inotify_rm_watch(fd, watch));
    events("after too many");
}

int main(void)
{
    mkdir("/tmp", 01777);
    char folder[] = "/tmp/inotify-XXXXXX";
    chdir(mkdtemp(folder));
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    names();
    selves();
    masks();
    refusals();
    too_many();
    waiting();
    chdir("/");
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    system(command);
    puts("all answers given");
    return 0;
}
