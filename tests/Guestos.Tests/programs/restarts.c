/* Which system calls begin anew behind a signal's handler with SA_RESTART, and which end with EINTR (signal(7)). A child sleeps in the call,
   is sent a signal when it does, and has either ended or sleeps again when the handler has run. Prints the same on Linux. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int *handled, word;
static char folder[] = "/tmp/restarts-XXXXXX", fifo[64], locked[64], buffer[65536];
static int empty[2], full[2], other_empty[2], pair[2], crowded[2], hasty[2], crowded_hasty[2], listener, hasty_listener, internet[2], internet_listener,
    datagram, lock, queue, full_queue, semaphore;
static struct sockaddr_un name;
static const struct timespec long_time = { .tv_sec = 1000 };
static struct iovec piece = { buffer, sizeof buffer };
static struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
static struct mmsghdr messages[1] = { { .msg_hdr = { .msg_iov = &piece, .msg_iovlen = 1 } } };
static struct { long type; char text[4096]; } letter = { .type = 1 };

static void handler(int number) { (void)number; ++*handled; }

/* R, S, Z …, as /proc/PID/stat has it. */
static char state_of(pid_t child)
{
    char path[32], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    int file = open(path, O_RDONLY);
    if (read(file, line, sizeof line - 1) < 0)
        exit(1);
    close(file);
    return strrchr(line, ')')[2];
}

static char settled(pid_t child)
{
    char state;
    while ((state = state_of(child)) != 'S' && state != 'Z')
        usleep(1000);
    return state;
}

static void judge(const char *call, pid_t child)
{
    *handled = 0;
    if (settled(child) == 'S') {
        kill(child, SIGUSR1);
        while (*handled == 0)
            usleep(1000);
    } else
        printf("has not slept: ");
    int status;
    int again = settled(child) == 'S';
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    if (again)
        printf("%s: begins anew\n", call);
    else
        printf("%s: %s\n", call, WEXITSTATUS(status) == 0 ? "done" : strerrorname_np(WEXITSTATUS(status)));
}

#define SLEEP(call) do { \
        fflush(stdout); \
        pid_t child = fork(); \
        if (child == 0) \
            _exit((long)(call) < 0 ? errno : 0); \
        judge(#call, child); \
    } while (0)

/* Of the child that waits: one that ends when its parent does. */
static long with_child(int by_id)
{
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent)
            usleep(100000);
        _exit(0);
    }
    return by_id ? waitid(P_PID, child, NULL, WEXITED) : syscall(SYS_wait4, child, NULL, 0, NULL);
}

static long locking(int command)
{
    struct flock all = { .l_type = F_WRLCK };
    return fcntl(open(locked, O_RDWR), command, &all);
}

static long letters_awaited(int from_full)
{
    char path[32], letter[16] = "";
    sprintf(path, "/restarts-%d", getpid());
    mqd_t letters = mq_open(path, O_CREAT | O_RDWR, 0600, &(struct mq_attr) { .mq_maxmsg = 1, .mq_msgsize = 16 });
    mq_unlink(path);
    if (from_full)
        mq_send(letters, letter, 1, 0);
    return from_full ? mq_send(letters, letter, 1, 0) : mq_receive(letters, letter, 16, NULL);
}

static long requests_awaited(void)
{
    unsigned long context = 0;
    char event[32];
    syscall(SYS_io_setup, 1, &context);
    return syscall(SYS_io_getevents, context, 1L, 1L, event, NULL);
}

static long calling(void)
{
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name);
}

static long watching(void)
{
    int epoll = epoll_create1(0);
    return epoll_wait(epoll, &(struct epoll_event) { 0 }, 1, -1);
}

static long signals_awaited(int by_descriptor)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    if (!by_descriptor)
        return sigtimedwait(&set, NULL, &long_time);
    return read(signalfd(-1, &set, 0), buffer, 128);
}

static long time_read(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec when = { .it_value = long_time };
    timerfd_settime(timer, 0, &when, NULL);
    return read(timer, buffer, 8);
}

static void fill(int descriptor, int is_socket)
{
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    for (size_t size = is_socket ? 4096 : sizeof buffer; size > 0; size /= 2)
        while (write(descriptor, buffer, size) > 0)
            ;
    fcntl(descriptor, F_SETFL, 0);
}

static void prepare(void)
{
    handled = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!mkdtemp(folder) || pipe(empty) || pipe(other_empty) || pipe(full) || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)
        || socketpair(AF_UNIX, SOCK_STREAM, 0, crowded) || socketpair(AF_UNIX, SOCK_STREAM, 0, hasty)
        || socketpair(AF_UNIX, SOCK_STREAM, 0, crowded_hasty))
        exit(1);
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    snprintf(locked, sizeof locked, "%s/locked", folder);
    if (mknod(fifo, S_IFIFO | 0600, 0))
        exit(1);
    lock = open(locked, O_RDWR | O_CREAT, 0600);
    if (write(lock, buffer, sizeof buffer) < 0)
        exit(1);
    flock(lock, LOCK_EX);
    struct flock all = { .l_type = F_WRLCK };
    fcntl(lock, F_SETLK, &all);
    fill(full[1], 0);
    fill(crowded[1], 1);
    struct timeval limit = { .tv_sec = 1000 };
    fill(crowded_hasty[1], 1);
    setsockopt(hasty[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(crowded_hasty[1], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    name.sun_family = AF_UNIX;
    snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", folder);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    hasty_listener = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(hasty_listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    struct sockaddr_un any = { .sun_family = AF_UNIX };
    bind(listener, (struct sockaddr *)&any, sizeof(sa_family_t));
    listen(listener, 1);
    bind(hasty_listener, (struct sockaddr *)&name, sizeof name);
    listen(hasty_listener, 0);
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof loopback;
    internet_listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(internet_listener, (struct sockaddr *)&loopback, sizeof loopback);
    listen(internet_listener, 4);
    getsockname(internet_listener, (struct sockaddr *)&loopback, &length);
    for (int i = 0; i < 2; i++) {
        internet[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(internet[i], (struct sockaddr *)&loopback, sizeof loopback) || accept(internet_listener, NULL, NULL) < 0)
            exit(1);
    }
    datagram = socket(AF_INET, SOCK_DGRAM, 0);
    loopback.sin_port = 0;
    bind(datagram, (struct sockaddr *)&loopback, sizeof loopback);
    setsockopt(internet[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(datagram, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    queue = msgget(IPC_PRIVATE, 0600);
    full_queue = msgget(IPC_PRIVATE, 0600);
    while (msgsnd(full_queue, &letter, sizeof letter.text, IPC_NOWAIT) == 0)
        ;
    semaphore = semget(IPC_PRIVATE, 1, 0600);
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    sigaction(SIGUSR1, &action, NULL);
}

static void descriptors(void)
{
    SLEEP(read(empty[0], buffer, 1));
    SLEEP(readv(empty[0], &piece, 1));
    SLEEP(syscall(SYS_preadv2, empty[0], &piece, 1, -1L, -1L, 0));
    SLEEP(write(full[1], buffer, 1));
    SLEEP(writev(full[1], &piece, 1));
    SLEEP(syscall(SYS_pwritev2, full[1], &piece, 1, -1L, -1L, 0));
    SLEEP(tee(empty[0], full[1], 1, 0));
    SLEEP(splice(empty[0], NULL, other_empty[1], NULL, 1, 0));
    SLEEP(vmsplice(full[1], &piece, 1, 0));
    SLEEP(vmsplice(empty[0], &piece, 1, 0));
    SLEEP(sendfile(full[1], lock, &(off_t) { 0 }, 1));
    SLEEP(read(eventfd(0, 0), buffer, 8));
    SLEEP(read(inotify_init(), buffer, sizeof buffer));
    SLEEP(signals_awaited(1));
    SLEEP(time_read());
    SLEEP(syscall(SYS_open, fifo, O_RDONLY));
    SLEEP(openat(AT_FDCWD, fifo, O_WRONLY));
    SLEEP(creat(fifo, 0600));
    SLEEP(syscall(SYS_openat2, AT_FDCWD, fifo, &(struct open_how) { .flags = O_WRONLY }, sizeof(struct open_how)));
    SLEEP(requests_awaited());
    SLEEP(letters_awaited(0));
    SLEEP(letters_awaited(1));
    SLEEP(flock(open(locked, O_RDWR), LOCK_EX));
    SLEEP(locking(F_SETLKW));
    SLEEP(locking(F_OFD_SETLKW));
}

static void sockets(void)
{
    SLEEP(accept(listener, NULL, NULL));
    SLEEP(accept4(listener, NULL, NULL, 0));
    SLEEP(accept(hasty_listener, NULL, NULL));
    SLEEP(recv(pair[0], buffer, 1, 0));
    SLEEP(recvmsg(pair[0], &message, 0));
    SLEEP(recvmmsg(pair[0], messages, 1, 0, NULL));
    SLEEP(recv(hasty[0], buffer, 1, 0));
    SLEEP(read(hasty[0], buffer, 1));
    SLEEP(send(crowded[1], buffer, 1, 0));
    SLEEP(sendmsg(crowded[1], &message, 0));
    SLEEP(send(crowded_hasty[1], buffer, 1, 0));
    SLEEP(sendmmsg(crowded[1], messages, 1, 0));
    SLEEP(accept(internet_listener, NULL, NULL));
    SLEEP(recv(internet[0], buffer, 1, 0));
    SLEEP(recv(internet[1], buffer, 1, 0));
    SLEEP(recv(datagram, buffer, 1, 0));
    int first = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(first, (struct sockaddr *)&name, sizeof name);
    SLEEP(calling());
}

static void others(void)
{
    SLEEP(with_child(0));
    SLEEP(with_child(1));
    SLEEP(syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL));
    SLEEP(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &long_time));
    SLEEP(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &(struct timespec) { .tv_sec = 1L << 40 }, NULL, 1));
    SLEEP(poll(NULL, 0, -1));
    SLEEP(ppoll(NULL, 0, NULL, NULL));
    SLEEP(select(0, NULL, NULL, NULL, NULL));
    SLEEP(pselect(0, NULL, NULL, NULL, NULL, NULL));
    SLEEP(watching());
    SLEEP(pause());
    SLEEP(sigsuspend(&(sigset_t) { 0 }));
    SLEEP(signals_awaited(0));
    SLEEP(nanosleep(&long_time, NULL));
    SLEEP(-(errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL)));
    SLEEP(msgrcv(queue, &letter, sizeof letter.text, 0, 0));
    SLEEP(msgsnd(full_queue, &letter, sizeof letter.text, 0));
    SLEEP(semop(semaphore, &(struct sembuf) { .sem_op = -1 }, 1));
    SLEEP(semtimedop(semaphore, &(struct sembuf) { .sem_op = -1 }, 1, &long_time));
}

int main(void)
{
    prepare();
    descriptors();
    sockets();
    others();
    msgctl(queue, IPC_RMID, NULL);
    msgctl(full_queue, IPC_RMID, NULL);
    semctl(semaphore, 0, IPC_RMID);
    unlink(fifo);
    unlink(locked);
    unlink(name.sun_path);
    rmdir(folder);
    puts("all answers given");
    return 0;
}
