/* How processes share the processor, and how long one that sleeps waits for others: for a machine whose clock counts instructions, so that the
   figures are the kernel's alone. Prints one line for each, "well" or what was measured. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define LARGE (40ul << 20)

static long microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void pause_for(long microseconds)
{
    struct timespec time = { microseconds / 1000000, microseconds % 1000000 * 1000 };
    nanosleep(&time, NULL);
}

static void judge(const char *what, int good, const char *unit, long measured)
{
    if (good)
        printf("%s: well\n", what);
    else
        printf("%s: %ld %s\n", what, measured, unit);
    fflush(stdout);
}

static long time_of(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 + usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

static pid_t begin_busy(void)
{
    pid_t child = fork();
    if (child == 0)
        for (;;)
            ;
    return child;
}

static long end_busy(pid_t child)
{
    struct rusage usage;
    kill(child, SIGKILL);
    wait4(child, NULL, 0, &usage);
    return time_of(&usage);
}

/* Of busy processes each has its share, and one that sleeps is served at once. */
static void busy_neighbours(void)
{
    enum { Count = 12, Wakes = 50 };
    pid_t children[Count];
    for (int i = 0; i < Count; i++)
        children[i] = begin_busy();
    long wakes = 0, all = 0, least = LONG_MAX, most = 0;
    for (long start = microseconds(); wakes < Wakes && microseconds() - start < 5000000; wakes++)
        pause_for(10000);
    for (int i = 0; i < Count; i++) {
        long time = end_busy(children[i]);
        all += time;
        least = time < least ? time : least;
        most = time > most ? time : most;
    }
    judge("everybody has a share", least > most / 10, "us at least", least);
    judge("a sleeper wakes in time", all / (wakes + 1) < 40000, "us for others each time", all / (wakes + 1));
}

/* Who had the processor to himself goes on with a share of it when another begins: he does not give back what nobody else wanted. */
static void lonely_neighbour(void)
{
    pid_t child = begin_busy();
    pause_for(1000000);
    struct rusage own;
    do
        getrusage(RUSAGE_SELF, &own);
    while (time_of(&own) < 400000);
    long done = end_busy(child) - 1000000;
    judge("who ran alone goes on", done > 40000, "us", done);
}

/* Runs so long, sleeping after every 8 ms of work that a child did for it: each child is a new process, and its parent has slept. */
static void start_one_after_the_other(long duration)
{
    for (long start = microseconds(); microseconds() - start < duration;) {
        pid_t child = fork();
        if (child == 0) {
            struct rusage own;
            do
                getrusage(RUSAGE_SELF, &own);
            while (time_of(&own) < 8000);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
}

/* Who starts one process after the other has no more of the processor than one that always runs. */
static void starting_neighbour(void)
{
    enum { Duration = 1000000 };
    pid_t child = begin_busy();
    start_one_after_the_other(Duration);
    long done = end_busy(child);
    judge("who starts processes shares", done > Duration / 3, "us", done);
}

/* ---- a sleeper, and what others do meanwhile ---- */

static volatile long *worst;

/* Sleeps for a millisecond again and again, and notes by how much more it was away. */
static void sleep_and_note(void)
{
    for (long before = microseconds();;) {
        pause_for(1000);
        long now = microseconds(), late = now - before - 1000;
        if (late > *worst)
            *worst = late;
        before = microseconds();
    }
}

static void during(const char *what, void (*action)(void))
{
    pause_for(5000);
    /* Whoever has slept more has the better claim to the processor. */
    long start = microseconds();
    while (microseconds() - start < 20000)
        ;
    *worst = 0;
    start = microseconds();
    action();
    long took = microseconds() - start;
    pause_for(3000);
    /* A millisecond until others are looked after, and as much for the piece of work that is not divided. */
    judge(what, *worst < 2000, "us late", *worst);
    if (took < 4000)
        printf("  took only %ld us\n", took);
}

static char *memory;
static int file;

static void fill(char *at)
{
    for (unsigned long i = 0; i < LARGE; i += PAGE)
        at[i] = 1;
}

static void map_shared(void) { munmap(mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), LARGE); }
static void populate(void) { memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0); fill(memory); }
static void protect(void) { mprotect(memory, LARGE, PROT_READ); mprotect(memory, LARGE, PROT_READ | PROT_WRITE); }
static void lock(void) { mlock(memory, LARGE); munlock(memory, LARGE); }
static void fork_and_exit(void) { pid_t child = fork(); if (child == 0) _exit(0); waitpid(child, NULL, 0); }
static void fork_fill_and_exit(void) { pid_t child = fork(); if (child == 0) { fill(memory); _exit(0); } waitpid(child, NULL, 0); }
static void fork_and_execute(void) { pid_t child = fork(); if (child == 0) { execl("/bin/true", "true", NULL); _exit(1); } waitpid(child, NULL, 0); }
static void move(void) { memory = mremap(memory, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, 0x200000000); }
static void forget(void) { madvise(memory, LARGE, MADV_DONTNEED); }
static void unmap(void) { munmap(memory, LARGE); }

static int share_and_sleep(void *seconds)
{
    pause_for((long)seconds);
    _exit(0);
}

/* The same while another process shares the memory. */
static void unmap_shared(void)
{
    static char stack[16384];
    memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill(memory);
    pid_t child = clone(share_and_sleep, stack + sizeof stack, CLONE_VM | SIGCHLD, (void *)3000000);
    munmap(memory, LARGE);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void write_all(void) { pwrite(file, memory, LARGE, 0); }
static void read_all(void) { pread(file, memory, LARGE, 0); }
static void read_in_pieces(void) { struct { void *at; unsigned long length; } v[2] = { { memory, LARGE / 2 }, { memory + LARGE / 2, LARGE / 2 } }; syscall(SYS_preadv, file, v, 2, 0, 0); }
static void truncate_all(void) { ftruncate(file, 0); }
static void allocate(void) { posix_fallocate(file, 0, LARGE); }
static void punch(void) { fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LARGE); }
static void truncate_mapped(void)
{
    char *mapped = mmap(NULL, LARGE, PROT_READ, MAP_PRIVATE, file, 0);
    volatile char sum = 0;
    for (unsigned long i = 0; i < LARGE; i += PAGE)
        sum += mapped[i];
    ftruncate(file, 0);
    munmap(mapped, LARGE);
}
static void close_unlinked(void) { unlink("/tmp/large"); close(file); }
static void remove_named(void) { unlink("/tmp/large"); }

/* ---- memory of very many areas ---- */

enum { Areas = 60000 };
static char *patches;

static void cut_up(void)
{
    patches = mmap(NULL, Areas * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (long page = 1; page < Areas; page += 2)
        mprotect(patches + page * PAGE, PAGE, PROT_READ);
}

static void read_maps(void)
{
    static char text[65536];
    int maps = open("/proc/self/maps", O_RDONLY);
    while (read(maps, text, sizeof text) > 0)
        ;
    close(maps);
}

static void forget_patches(void) { madvise(patches, Areas * PAGE, MADV_DONTNEED); }
static void unlock_patches(void) { munlockall(); }
static void lock_patches(void) { mlock2(patches, Areas * PAGE, MLOCK_ONFAULT); }
static void lock_and_unlock_one(void)
{
    for (int i = 0; i < 200; i++) {
        mlock(patches, PAGE);
        munlock(patches, PAGE);
    }
}
static void protect_patches(void) { mprotect(patches, Areas * PAGE, PROT_NONE); }
static void unmap_patches(void) { munmap(patches, Areas * PAGE); }

static void patchwork(void)
{
    during("many areas", cut_up);
    during("/proc/self/maps of many areas", read_maps);
    during("fork and exit with many areas", fork_and_exit);
    during("madvise of many areas", forget_patches);
    during("mlock of many areas", lock_patches);
    during("mlock beside many locked areas", lock_and_unlock_one);
    during("munlockall of many areas", unlock_patches);
    during("mprotect of many areas", protect_patches);
    cut_up();
    during("munmap of many areas", unmap_patches);
}

/* ---- very many locks on one file ---- */

enum { Locks = 60000 };

static long lock_byte(int command, short type, long start, long length)
{
    struct flock range = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    return fcntl(file, command, &range) < 0 ? -1 : range.l_type;
}

/* One lock of the whole file, out of which every other byte is cut, from the last on: each time the first lock becomes two. */
static void take_locks(void)
{
    lock_byte(F_SETLK, F_WRLCK, 0, 0);
    for (long i = Locks; i > 0; i--)
        lock_byte(F_SETLK, F_UNLCK, 2 * i, 1);
}

static void look_for_lock(void) { lock_byte(F_GETLK, F_WRLCK, 4l * Locks, 1); }
static void take_last_lock(void) { lock_byte(F_SETLK, F_WRLCK, 2l * Locks, 1); }
static void join_locks(void) { lock_byte(F_SETLK, F_WRLCK, 0, 3l * Locks); }
static void close_locked(void) { close(dup(file)); }

static void locked_file(void)
{
    file = open("/tmp/locked", O_RDWR | O_CREAT, 0600);
    take_locks();
    during("a look at very many locks", look_for_lock);
    during("one more of very many locks", take_last_lock);
    during("one lock in place of very many", join_locks);
    take_locks();
    during("close of a file with very many locks", close_locked);
    close(file);
    unlink("/tmp/locked");
}

/* ---- very many watches of one file ---- */

enum { Sets = 15, Watches = 1000, FirstWatch = 2000 };
static int sets[Sets], watched;

/* So many of them are refused: what is told in one go is bounded. */
static void watch_all(void)
{
    struct epoll_event event = { .events = EPOLLIN };
    for (int set = 0; set < Sets; set++)
        for (int i = 0; i < Watches; i++)
            epoll_ctl(sets[set], EPOLL_CTL_ADD, FirstWatch + i, &event);
}

static void tell_watches(void)
{
    uint64_t value = 1;
    for (int i = 0; i < 4; i++) {
        write(watched, &value, sizeof value);
        read(watched, &value, sizeof value);
    }
}

static void collect_watches(void)
{
    static struct epoll_event events[Watches];
    for (int set = 0; set < Sets; set++)
        epoll_wait(sets[set], events, Watches, 0);
}

static void close_watched(void) { close(watched); }
static void close_sets(void)
{
    for (int set = 0; set < 3; set++)
        close(sets[set]);
}

static void watched_file(void)
{
    struct rlimit files = { 4096, 4096 };
    setrlimit(RLIMIT_NOFILE, &files);
    watched = eventfd(0, EFD_NONBLOCK);
    for (int set = 0; set < Sets; set++)
        sets[set] = epoll_create1(0);
    for (int i = 0; i < Watches; i++)
        dup2(watched, FirstWatch + i);
    during("very many watches of one file", watch_all);
    during("a change of a file that very many watch", tell_watches);
    during("a look at very many watches", collect_watches);
    during("close of sets among others", close_sets);
    watch_all();
    for (int i = 0; i < Watches; i++)
        close(FirstWatch + i);
    during("close of a file that very many watch", close_watched);
}

/* ---- very many connections that nobody has accepted, while a descriptor is on its way ---- */

enum { Connections = 1000 };

static int listener, carriers[2];

static void connect_all(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0many" };
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 5;
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&name, length);
    listen(listener, Connections);
    for (int i = 0; i < Connections; i++) {
        int client = socket(AF_UNIX, SOCK_STREAM, 0);
        connect(client, (struct sockaddr *)&name, length);
        for (int message = 0; message < 4; message++)
            write(client, "x", 1);
        close(client);
    }
}

static void send_descriptor(int through, int descriptor)
{
    char byte = 0;
    struct iovec data = { &byte, 1 };
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = { { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    sendmsg(through, &message, 0);
}

static void close_listener(void) { close(listener); }

static void waiting_connections(void)
{
    socketpair(AF_UNIX, SOCK_STREAM, 0, carriers);
    send_descriptor(carriers[0], carriers[1]);
    during("very many connections", connect_all);
    during("close of a socket with very many connections", close_listener);
}

/* ---- large sets of semaphores ---- */

enum { Semaphores = 32000, SemaphoreSets = 50 };

static unsigned short values[Semaphores];
static int semaphores[SemaphoreSets];

static void set_and_get_all(void)
{
    for (int i = 0; i < SemaphoreSets; i++) {
        semctl(semaphores[i], 0, SETALL, values);
        semctl(semaphores[i], 0, GETALL, values);
    }
}

static void undo_and_exit(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < SemaphoreSets; i++)
            semop(semaphores[i], &(struct sembuf){ Semaphores - 1, 1, SEM_UNDO }, 1);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void large_sets(void)
{
    for (int i = 0; i < SemaphoreSets; i++)
        semaphores[i] = semget(IPC_PRIVATE, Semaphores, 0600);
    during("all values of large sets of semaphores", set_and_get_all);
    during("exit that undoes semaphores of large sets", undo_and_exit);
    for (int i = 0; i < SemaphoreSets; i++)
        semctl(semaphores[i], 0, IPC_RMID);
}

int main(void)
{
    busy_neighbours();
    lonely_neighbour();
    starting_neighbour();
    worst = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t sleeper = fork();
    if (sleeper == 0)
        sleep_and_note();
    during("mapping of shared memory", map_shared);
    during("populated mapping", populate);
    during("mprotect", protect);
    during("mlock", lock);
    during("fork and exit", fork_and_exit);
    during("fork, copy and exit", fork_fill_and_exit);
    during("fork and execve", fork_and_execute);
    during("mremap", move);
    during("madvise", forget);
    fill(memory);
    during("munmap", unmap);
    during("munmap of memory that is shared", unmap_shared);
    memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill(memory);
    file = open("/tmp/large", O_RDWR | O_CREAT, 0600);
    during("write", write_all);
    during("read", read_all);
    during("readv", read_in_pieces);
    during("ftruncate", truncate_all);
    during("fallocate", allocate);
    during("punching of holes", punch);
    during("truncation of what is mapped", truncate_mapped);
    write_all();
    during("close of a file without a name", close_unlinked);
    file = open("/tmp/large", O_RDWR | O_CREAT, 0600);
    write_all();
    close(file);
    during("unlink", remove_named);
    locked_file();
    watched_file();
    waiting_connections();
    large_sets();
    patchwork();
    kill(sleeper, SIGKILL);
    printf("all was measured\n");
    return 0;
}
