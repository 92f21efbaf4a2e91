/* More details of calls that the suites of others ask for. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answer.h"

/* What is left of the time, and how long a mask is. */
static void waits(void)
{
    sigset_t none;
    sigemptyset(&none);
    struct timespec time = { 0, 10000000 };
    ASK(syscall(SYS_ppoll, 0, 0, &time, 0, 0));
    ASK(time.tv_sec + time.tv_nsec);
    time.tv_nsec = 10000000;
    ASK(syscall(SYS_pselect6, 0, 0, 0, 0, &time, 0));
    ASK(time.tv_sec + time.tv_nsec);
    int ends[2];
    pipe(ends);
    struct pollfd one = { ends[1], POLLOUT };
    time = (struct timespec){ 1000, 0 };
    ASK(syscall(SYS_ppoll, &one, 1, &time, 0, 0));
    ASK(time.tv_sec == 999 || time.tv_sec == 1000 && time.tv_nsec == 0);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[1], &set);
    time = (struct timespec){ 1000, 0 };
    ASK(syscall(SYS_pselect6, ends[1] + 1, 0, &set, 0, &time, 0));
    ASK(time.tv_sec == 999);
    time = (struct timespec){ 0, 0 };
    ASK(syscall(SYS_ppoll, 0, 0, &time, &none, 128l));
    ASK(syscall(SYS_ppoll, 0, 0, &time, &none, 8l));
    ASK(syscall(SYS_ppoll, 0, 0, &time, 0, 3l));
    struct { void *mask; size_t size; } argument = { &none, 7 };
    ASK(syscall(SYS_pselect6, 0, 0, 0, 0, &time, &argument));
    argument.mask = 0;
    ASK(syscall(SYS_pselect6, 0, 0, 0, 0, &time, &argument));
    int epoll = epoll_create1(0);
    struct epoll_event event;
    ASK(syscall(SYS_epoll_pwait, epoll, &event, 1, 0, &none, 4l));
    ASK(syscall(SYS_epoll_pwait, epoll, &event, 1, 0, &none, 8l));
    ASK(syscall(SYS_epoll_pwait2, epoll, &event, 1, &time, &none, 4l));
    personality(STICKY_TIMEOUTS);
    time = (struct timespec){ 0, 1000000 };
    ASK(syscall(SYS_pselect6, 0, 0, 0, 0, &time, 0));
    ASK(time.tv_nsec);
    struct timeval small = { 0, 10 };
    ASK(syscall(SYS_select, 0, 0, 0, 0, &small));
    ASK(small.tv_usec);
    personality(0);
    close(epoll);
    close(ends[0]);
    close(ends[1]);
}

static void option(const char *what, int socket, int name, int value)
{
    int got = -1;
    socklen_t length = sizeof got;
    char text[64];
    snprintf(text, sizeof text, "%s at first", what);
    answer(text, getsockopt(socket, SOL_SOCKET, name, &got, &length) ? -1 : got);
    snprintf(text, sizeof text, "%s set", what);
    answer(text, setsockopt(socket, SOL_SOCKET, name, &value, sizeof value));
    snprintf(text, sizeof text, "%s then", what);
    answer(text, getsockopt(socket, SOL_SOCKET, name, &got, &length) ? -1 : got);
}

static long receive(int socket, void *bytes, size_t count, int flags, int *descriptors)
{
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec piece = { bytes, count };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    long result = recvmsg(socket, &message, flags);
    struct cmsghdr *first = result < 0 ? 0 : CMSG_FIRSTHDR(&message);
    *descriptors = first && first->cmsg_type == SCM_RIGHTS;
    if (*descriptors)
        close(*(int *)CMSG_DATA(first));
    return result;
}

static void pairs(void)
{
    int pair[2], descriptors;
    char bytes[64] = "twelve bytes";
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    option("SO_BROADCAST", pair[0], SO_BROADCAST, 1);
    option("SO_REUSEADDR", pair[0], SO_REUSEADDR, 3);
    option("SO_KEEPALIVE", pair[0], SO_KEEPALIVE, 1);
    option("SO_NO_CHECK", pair[0], SO_NO_CHECK, 1);
    option("SO_PRIORITY", pair[0], SO_PRIORITY, 3);
    option("SO_RCVLOWAT", pair[0], SO_RCVLOWAT, 8);
    option("SO_RCVLOWAT of less than none", pair[1], SO_RCVLOWAT, -1);
    option("SO_RCVLOWAT of none", pair[1], SO_RCVLOWAT, 0);
    struct linger linger = { 1, 5 };
    socklen_t length = sizeof linger;
    ASK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    ASK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, 4));
    memset(&linger, 0, sizeof linger);
    ASK(getsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, &length));
    ASK(linger.l_onoff * 100 + linger.l_linger);
    ASK(setsockopt(pair[0], SOL_SOCKET, SO_DETACH_FILTER, bytes, 4));
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    ASK(setsockopt(tcp, SOL_SOCKET, SO_DETACH_FILTER, bytes, 4));

    /* Eight bytes are waited for, unless fewer are asked for. */
    write(pair[1], bytes, 3);
    ASK(recv(pair[0], bytes, 2, 0));
    ASK(recv(pair[0], bytes, 64, MSG_DONTWAIT));
    if (fork() == 0) {
        for (int i = 0; i < 3; i++) {
            usleep(20000);
            write(pair[1], bytes, 3);
        }
        _exit(0);
    }
    ASK(recv(pair[0], bytes, 64, 0));
    wait(0);

    /* Nothing is asked for. */
    ASK(recv(pair[0], bytes, 0, MSG_DONTWAIT));
    ASK(recv(pair[0], bytes, 0, MSG_DONTWAIT | MSG_PEEK));
    ASK(read(pair[0], bytes, 0));
    struct iovec nothing = { bytes, 0 };
    ASK(readv(pair[0], &nothing, 1));
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec piece = { bytes, 5 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    *(int *)CMSG_DATA(header) = tcp;
    ASK(sendmsg(pair[1], &message, 0));
    ASK(receive(pair[0], bytes, 0, MSG_PEEK, &descriptors));
    ASK(descriptors);
    ASK(receive(pair[0], bytes, 0, 0, &descriptors));
    ASK(descriptors);
    ASK(receive(pair[0], bytes, 64, MSG_DONTWAIT, &descriptors));
    ASK(descriptors);
    shutdown(pair[1], SHUT_WR);
    ASK(recv(pair[0], bytes, 0, MSG_DONTWAIT));

    /* Who says that another has sent it names one that there is. */
    struct ucred of = { 4000000, getuid(), getgid() };
    char credentials[CMSG_SPACE(sizeof of)] = { 0 };
    message.msg_control = credentials;
    message.msg_controllen = sizeof credentials;
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof of);
    memcpy(CMSG_DATA(header), &of, sizeof of);
    int other[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, other);
    if (getuid() == 0)
        ASK(sendmsg(other[0], &message, 0));
    of.pid = getpid();
    memcpy(CMSG_DATA(header), &of, sizeof of);
    ASK(sendmsg(other[0], &message, 0));
    struct statfs status;
    ASK(fstatfs(other[0], &status));
    ASK(status.f_type);
    close(other[0]);
    close(other[1]);
    close(pair[0]);
    close(pair[1]);

    char name[32] = "";
    length = sizeof name;
    ASK(setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5));
    ASK(getsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, name, &length));
    ASK(length);
    puts(name);
    length = 3;
    ASK(getsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, name, &length));
    ASK(length);
    ASK(setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
    ASK(setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, (void *)1, 8));
    struct sockaddr_in address;
    length = sizeof address;
    ASK(getsockname(tcp, 0, &length));
    ASK(getsockname(tcp, (void *)&address, 0));
    length = 0;
    ASK(getsockname(tcp, 0, &length));
    ASK(length);
    length = -1;
    ASK(getsockname(tcp, (void *)&address, &length));
    ASK(setsockopt(tcp, SOL_SOCKET, SO_SNDBUFFORCE, "\0\0\0\0", 4));
    length = sizeof length;
    socklen_t size = 0;
    ASK(getsockopt(tcp, SOL_SOCKET, SO_SNDBUF, &size, &length));
    ASK(size);
    ASK(setsockopt(tcp, SOL_SOCKET, SO_RCVBUFFORCE, "\0\0\0\xff", 4));
    ASK(getsockopt(tcp, SOL_SOCKET, SO_RCVBUF, &size, &length));
    ASK(size);
    close(tcp);

    /* A length of the sender's address that there cannot be. */
    int one = socket(AF_INET, SOCK_DGRAM, 0);
    address = (struct sockaddr_in){ AF_INET, 0, { htonl(INADDR_LOOPBACK) } };
    bind(one, (void *)&address, sizeof address);
    struct msghdr wrong = { .msg_name = &address, .msg_namelen = -1, .msg_iov = &piece, .msg_iovlen = 1 };
    ASK(recvmsg(one, &wrong, MSG_DONTWAIT));
    wrong.msg_name = 0;
    ASK(recvmsg(one, &wrong, MSG_DONTWAIT));
    close(one);
}

static void files(void)
{
    char bytes[4096] = "";
    int ends[2];
    pipe(ends);
    ASK(fallocate(ends[1], 0, 0, 10));
    ASK(fallocate(ends[1], 0, -1, 10));
    ASK(fallocate(ends[0], 0, 0, 10));
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    ASK(fallocate(timer, 0, 0, 10));
    int file = open("file", O_RDWR | O_CREAT, 0644), there = open("there", O_RDWR | O_CREAT, 0644);
    write(file, bytes, sizeof bytes);
    ASK(pwrite(file, bytes, 1024, INT64_MAX));
    ASK(pread(file, bytes, 1024, INT64_MAX));
    off_t at = INT64_MAX;
    ASK(sendfile(there, file, &at, 10));
    lseek(file, 0, SEEK_SET);
    ASK(sendfile(there, file, 0, -1));
    ASK(splice(ends[0], 0, file, &at, 10, 0));
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 8192;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    ASK(fallocate(there, 0, 0, 8192));
    ASK(fallocate(there, 0, 0, 8193));
    ASK(fallocate(there, FALLOC_FL_KEEP_SIZE, 0, 8193));
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    int path = open("file", O_PATH), on = 1;
    ASK(ioctl(path, FIONBIO, &on));
    ASK(ioctl(path, FIOCLEX));
    ASK(ioctl(file, FIOASYNC, 0));
    ASK(ioctl(file, FIOASYNC, &on));
    on = 0;
    ASK(ioctl(file, FIOASYNC, &on));
    int folder = open("/proc", O_RDONLY);
    ASK(lseek(folder, 0, SEEK_END));
    int memory = memfd_create("sealed", MFD_ALLOW_SEALING);
    ASK(write(memory, bytes, 4096));
    char *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    ASK(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE));
    mprotect(shared + 0, 4096, PROT_READ);
    ASK(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(shared, 4096);
    char *private = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
    ASK(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE));
    private[0] = 7;
    ASK(write(memory, bytes, 1));
    ASK(write(memory, bytes, 0));
    ASK(read(memory, bytes, 1));
}

static int first_number(const char *path)
{
    int file = open(path, O_RDONLY), number = -1;
    char text[64] = "";
    if (read(file, text, sizeof text - 1) > 0 && strchr(text, '\n'))
        sscanf(text, "%d", &number);
    close(file);
    return number;
}

static long text_of(const char *folder, const char *name, char *text, size_t room)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    memset(text, 0, room);
    long length = readlink(path, text, room - 1);
    if (length >= 0)
        return length;
    int file = open(path, O_RDONLY);
    length = 0;
    for (long count; (count = read(file, text + length, room - 1 - length)) > 0;)
        length += count;
    close(file);
    return length;
}

static long field(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? atol(at + strlen(name)) : -1;
}

/* Numbers that programs look up. */
static void numbers(void)
{
    int random = open("/dev/urandom", O_RDONLY), count = -1;
    ASK(ioctl(random, RNDGETENTCNT, &count));
    ASK(count == first_number("/proc/sys/kernel/random/entropy_avail"));
    ASK(ioctl(random, RNDGETENTCNT, 0));
    ASK(ioctl(random, 0x5299, &count));
    ASK(first_number("/proc/sys/fs/inotify/max_queued_events") > 0);
    ASK(first_number("/proc/sys/fs/inotify/max_user_instances") > 0);
    ASK(first_number("/proc/sys/fs/inotify/max_user_watches") > 0);
    struct stat status;
    char answer_to[64] = "";
    stat("/tmp", &status);
    ASK(syscall(SYS_ustat, (long)status.st_dev, answer_to));
    ASK(syscall(SYS_ustat, 0xfffffl, answer_to));
    ASK(syscall(SYS_ustat, (long)status.st_dev, 0l));

    /* A process by its directory in /proc. */
    int self = open("/proc/self", O_RDONLY | O_DIRECTORY), other = open("/proc/sys", O_RDONLY | O_DIRECTORY);
    signal(SIGUSR1, SIG_IGN);
    ASK(syscall(SYS_pidfd_send_signal, self, SIGUSR1, 0l, 0l));
    ASK(syscall(SYS_pidfd_send_signal, other, SIGUSR1, 0l, 0l));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", child);
    int folder = open(path, O_RDONLY | O_DIRECTORY), number;
    ASK(syscall(SYS_pidfd_send_signal, folder, SIGTERM, 0l, 0l));
    wait(&number);
    ASK(WTERMSIG(number));
    ASK(syscall(SYS_pidfd_send_signal, folder, SIGTERM, 0l, 0l));
}

/* The domain's name: a user without rights may not change it, and nobody to one that is too long. */
static void names(void)
{
    char text[128] = "", long_name[66];
    memset(long_name, 'x', sizeof long_name);
    ASK(setdomainname(long_name, 65));
    ASK(setdomainname("", -1));
    ASK(setdomainname((char *)1, 5));
    fflush(stdout);
    if (fork() == 0) {
        /* It is not this host's name that is changed. */
        if (unshare(CLONE_NEWUTS) == 0 || access("/proc/evilman", F_OK) == 0) {
            struct utsname name;
            ASK(setdomainname("example.net", 7));
            uname(&name);
            puts(name.domainname);
            int file = open("/proc/sys/kernel/domainname", O_RDWR);
            ASK(read(file, text, sizeof text));
            lseek(file, 0, SEEK_SET);
            ASK(write(file, "other\n", 6));
            uname(&name);
            puts(name.domainname);
        }
        setuid(1000);
        ASK(setdomainname("other", 5));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
}

static siginfo_t told;

static void note(int number, siginfo_t *information, void *context) { told = *information; }

static void signals(void)
{
    struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, 0);
    siginfo_t sent = { .si_code = SI_QUEUE, .si_errno = 0x1234 };
    ASK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &sent));
    ASK(told.si_errno);
    ASK(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &sent));
    ASK(told.si_errno);
    kill(getpid(), SIGUSR1);
    ASK(told.si_errno);

    /* One that is ignored and not blocked is not kept for who waits for it. */
    signal(SIGUSR2, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    struct timespec time = { 0, 200000000 };
    if (fork() == 0) {
        usleep(50000);
        kill(getppid(), SIGUSR2);
        _exit(0);
    }
    ASK(sigtimedwait(&set, 0, &time));
    wait(0);
    sigprocmask(SIG_BLOCK, &set, 0);
    kill(getpid(), SIGUSR2);
    ASK(sigtimedwait(&set, 0, &time));
    sigprocmask(SIG_UNBLOCK, &set, 0);

    /* CLONE_CLEAR_SIGHAND */
    uint64_t arguments[8] = { 0x100000000, 0, 0, 0, SIGCHLD };
    fflush(stdout);
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0) {
        struct sigaction first, second;
        sigaction(SIGUSR1, 0, &first);
        sigaction(SIGUSR2, 0, &second);
        _exit((first.sa_handler == SIG_DFL) + 2 * (second.sa_handler == SIG_IGN) + 4 * (first.sa_flags == 0));
    }
    int status = 0;
    wait(&status);
    ASK(WEXITSTATUS(status));
    arguments[0] |= CLONE_SIGHAND | CLONE_VM;
    ASK(syscall(SYS_clone3, arguments, sizeof arguments));
    sigaction(SIGUSR1, 0, &action);
    ASK(action.sa_sigaction == note);

    uint64_t with_stack[8] = { 0, 0, 0, 0, SIGCHLD, (uint64_t)&status & ~15ul, 0 };
    ASK(syscall(SYS_clone3, with_stack, sizeof with_stack));
    with_stack[5] = 0;
    with_stack[6] = 4096;
    ASK(syscall(SYS_clone3, with_stack, sizeof with_stack));
    ASK(syscall(SYS_setgroups, 65537l, &status));
    ASK(syscall(SYS_setgroups, 65536l, 0l));
    static char lines[65536];
    text_of("/proc/self", "status", lines, sizeof lines);
    ASK(field(lines, "\nVmSwap:"));

    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t time[3]; uint32_t clamp[2]; char more[64]; } attributes = { 12 };
    ASK(syscall(SYS_sched_setattr, 0, &attributes, 0));
    ASK(attributes.size >= 48);
    attributes.size = sizeof attributes;
    attributes.more[5] = 1;
    ASK(syscall(SYS_sched_setattr, 0, &attributes, 0));
    attributes.size = sizeof attributes;
    attributes.more[5] = 0;
    ASK(syscall(SYS_sched_setattr, 0, &attributes, 0));
    attributes.size = 0;
    ASK(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

static void memory(void)
{
    char *three = mmap(0, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(three, 4096, PROT_NONE);
    ASK(mremap(three, 3 * 4096, 2 * 4096, 0) == three);
    ASK(msync(three + 2 * 4096, 4096, MS_ASYNC));
    char *locked = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    locked[4096] = 7;
    ASK(mlock(locked + 4096, 4096));
    ASK(madvise(locked + 4096, 4096, MADV_DONTNEED));
    ASK(locked[4096]);
    ASK(munlock(locked + 4096, 4096));
    ASK(madvise(locked + 4096, 4096, MADV_DONTNEED));
    ASK(locked[4096]);
}

static int ends[2], talks[2];
static pid_t second_id;

static void *second(void *unused)
{
    char byte, name[16];
    prctl(PR_SET_NAME, "second");
    second_id = gettid();
    write(talks[1], "x", 1);
    read(ends[0], &byte, 1);
    prctl(PR_GET_NAME, name);
    printf("its name is %s\n", name);
    write(talks[1], "x", 1);
    read(ends[0], &byte, 1);
    return 0;
}

/* What /proc has of a thread. */
static void tasks(void)
{
    static char own[65536], its[65536];
    char folder[64], byte;
    const char *shared[] = { "cmdline", "environ", "mounts", "limits", "auxv", "exe", "cwd", "root" };
    pthread_t thread;
    pipe(ends);
    pipe(talks);
    pthread_create(&thread, 0, second, 0);
    read(talks[0], &byte, 1);
    snprintf(folder, sizeof folder, "/proc/self/task/%d", second_id);
    for (int i = 0; i < 8; i++) {
        long length = text_of("/proc/self", shared[i], own, sizeof own);
        int same = length > 0 && text_of(folder, shared[i], its, sizeof its) == length && memcmp(own, its, length) == 0;
        answer(shared[i], same);
    }
    text_of(folder, "status", its, sizeof its);
    ASK(strncmp(its, "Name:\tsecond\n", 13) == 0);
    ASK(field(its, "\nTgid:") == getpid());
    ASK(field(its, "\nPid:") == second_id);
    ASK(field(its, "\nPPid:") == getppid());
    ASK(field(its, "\nThreads:"));
    text_of(folder, "stat", its, sizeof its);
    ASK(atol(its) == second_id);
    ASK(strstr(its, "(second) ") != 0);
    text_of(folder, "maps", its, sizeof its);
    ASK(strstr(its, "[stack]") != 0);
    text_of(folder, "statm", its, sizeof its);
    ASK(atol(its) > 0);
    text_of(folder, "comm", its, sizeof its);
    ASK(strcmp(its, "second\n"));
    char path[80];
    static int kept = 4711;
    int there = 0;
    snprintf(path, sizeof path, "%s/mem", folder);
    int memory = open(path, O_RDONLY);
    ASK(pread(memory, &there, sizeof there, (uintptr_t)&kept));
    ASK(there);
    snprintf(path, sizeof path, "%s/comm", folder);
    int name = open(path, O_WRONLY);
    ASK(write(name, "third", 5));
    close(name);
    write(ends[1], "x", 1);
    read(talks[0], &byte, 1);
    int count = 0;
    DIR *all = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(all)) != 0;)
        count += atoi(entry->d_name) > 0;
    closedir(all);
    ASK(count);
    snprintf(path, sizeof path, "/proc/self/task/%d", getppid());
    ASK(access(path, F_OK));
    int held = open(folder, O_RDONLY | O_DIRECTORY);
    write(ends[1], "x", 1);
    pthread_join(thread, 0);
    for (int i = 0; i < 1000 && access(folder, F_OK) == 0; i++)
        usleep(1000);
    ASK(access(folder, F_OK));
    ASK(openat(held, "stat", O_RDONLY));
    ASK(pread(memory, &there, sizeof there, (uintptr_t)&kept) >= 0);
}

static void processors(void)
{
    if (access("/sys/devices", F_OK) != 0) {
        mkdir("/sys", 0755);
        mount("sysfs", "/sys", "sysfs", 0, 0);
    }
    int count = 0, number;
    DIR *all = opendir("/sys/devices/system/cpu");
    for (struct dirent *entry; all && (entry = readdir(all)) != 0;)
        count += sscanf(entry->d_name, "cpu%d", &number) == 1;
    ASK(count > 0 && count == sysconf(_SC_NPROCESSORS_CONF));
    ASK(first_number("/sys/devices/system/cpu/online"));
    ASK(first_number("/sys/devices/system/cpu/possible"));
    ASK(first_number("/sys/devices/system/cpu/present"));
    ASK(first_number("/sys/devices/system/cpu/kernel_max") >= count - 1);
    ASK(first_number("/sys/devices/system/cpu/cpu0/topology/core_id"));
    ASK(first_number("/sys/devices/system/cpu/cpu0/topology/physical_package_id"));
    ASK(first_number("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list"));
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    mkdir("/tmp", 01777);
    char folder[] = "/tmp/particulars-XXXXXX", command[64];
    chdir(mkdtemp(folder));
    waits();
    pairs();
    files();
    numbers();
    names();
    signals();
    memory();
    tasks();
    processors();
    chdir("/");
    snprintf(command, sizeof command, "rm -r %s", folder);
    system(command);
    puts("all answers given");
    return 0;
}
