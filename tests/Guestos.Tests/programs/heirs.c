/* Locks with priority inheritance (futex(2)), and what is left of those whose owner has died. Run on the host and in the guest: both must print
   the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

#define LOCK_PI 6
#define UNLOCK_PI 7
#define TRYLOCK_PI 8
#define WAIT_REQUEUE_PI 11
#define CMP_REQUEUE_PI 12
#define LOCK_PI2 13
#define REALTIME 256
#define PRIVATE 128
#define WAITERS 0x80000000u
#define DIED 0x40000000u

static volatile unsigned *word, *other, *done;

static long futex(volatile unsigned *at, int operation, unsigned value, const void *time, volatile unsigned *second, unsigned third)
{
    return syscall(SYS_futex, at, operation, value, time, second, third);
}

static int self(void) { return syscall(SYS_gettid); }

static void show(const char *what, volatile unsigned *at, int owner)
{
    unsigned held = *at;
    printf("%s: %s%s%s\n", what, (held & 0x3fffffff) == 0 ? "free" : (int)(held & 0x3fffffff) == owner ? "own" : "another's",
        held & WAITERS ? " waiters" : "", held & DIED ? " died" : "");
}

static struct timespec *in(int clock, long milliseconds)
{
    static __thread struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += milliseconds % 1000 * 1000000;
    time.tv_sec += milliseconds / 1000 + time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return &time;
}

/* The thread sleeps. */
static void asleep(int thread)
{
    char path[64], state = 0;
    sprintf(path, "/proc/self/task/%d/stat", thread);
    while (state != 'S') {
        usleep(2000);
        FILE *file = fopen(path, "r");
        if (file == 0)
            return;
        fscanf(file, "%*d %*s %c", &state);
        fclose(file);
    }
}

static void errors(void)
{
    *word = 0;
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    show("locked", word, self());
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    ASK(futex(word, TRYLOCK_PI, 0, 0, 0, 0));
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    show("unlocked", word, self());
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    ASK(futex(word, TRYLOCK_PI, 0, 0, 0, 0));
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    *word = DIED;
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    show("after a death", word, self());
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    show("and its unlock", word, self());
    *word = 3999999;
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    show("nobody's", word, 3999999);
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    *word = 0;
    ASK(futex((void *)8, LOCK_PI, 0, 0, 0, 0));
    ASK(futex((void *)9, LOCK_PI, 0, 0, 0, 0));
    ASK(futex(word, LOCK_PI | REALTIME, 0, 0, 0, 0));
    ASK(futex(word, UNLOCK_PI | REALTIME, 0, 0, 0, 0));
    ASK(futex(word, LOCK_PI2 | REALTIME, 0, 0, 0, 0));
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    ASK(futex(word, LOCK_PI, 0, &(struct timespec){ 0, 2000000000 }, 0, 0));
    ASK(futex(word, LOCK_PI, 0, (void *)8, 0, 0));
    ASK(futex(word, WAIT_REQUEUE_PI, 1, 0, other, 0));
    ASK(futex(word, WAIT_REQUEUE_PI, 0, 0, word, 0));
    ASK(futex(word, CMP_REQUEUE_PI, 1, (void *)5, word, 0));
    ASK(futex(word, CMP_REQUEUE_PI, 2, (void *)5, other, 0));
    ASK(futex(word, CMP_REQUEUE_PI, 1, (void *)5, other, 1));
    ASK(futex(word, CMP_REQUEUE_PI, 1, (void *)5, other, 0));
    ASK(futex(word, WAIT_REQUEUE_PI | REALTIME, 0, in(CLOCK_REALTIME, 20), other, 0));
    ASK(futex(word, WAIT_REQUEUE_PI, 0, in(CLOCK_MONOTONIC, 20), other, 0));
}

static volatile int ids[8], results[8], errors_[8], order[8], count;

static void *locker(void *number)
{
    long i = (long)number;
    ids[i] = self();
    results[i] = futex(word, LOCK_PI, 0, 0, 0, 0);
    errors_[i] = errno;
    order[count++] = i;
    futex(word, UNLOCK_PI, 0, 0, 0, 0);
    return 0;
}

static void *timed(void *number)
{
    long i = (long)number;
    ids[i] = self();
    results[i] = i == 0 ? futex(word, LOCK_PI, 0, in(CLOCK_REALTIME, 30), 0, 0) : futex(word, LOCK_PI2, 0, in(CLOCK_MONOTONIC, 30), 0, 0);
    errors_[i] = errno;
    return 0;
}

static void start(pthread_t *thread, void *(*what)(void *), long number)
{
    ids[number] = 0;
    pthread_create(thread, 0, what, (void *)number);
    while (ids[number] == 0)
        usleep(1000);
    asleep(ids[number]);
}

static void contention(void)
{
    pthread_t threads[4];
    *word = 0;
    count = 0;
    futex(word, LOCK_PI, 0, 0, 0, 0);
    for (long i = 0; i < 4; i++)
        start(&threads[i], locker, i);
    show("waited for", word, self());
    ASK(futex(word, 1, 1, 0, 0, 0));
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], 0);
    printf("in the order %d %d %d %d, results %d %d %d %d\n", order[0], order[1], order[2], order[3], results[0], results[1], results[2], results[3]);
    show("at last", word, self());
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    for (long i = 0; i < 2; i++) {
        pthread_create(&threads[i], 0, timed, (void *)i);
        pthread_join(threads[i], 0);
        printf("in time: %d %s\n", results[i], strerrorname_np(errors_[i]));
    }
    show("still", word, self());
    start(&threads[0], locker, 0);
    unsigned held = *word;
    *word = 3999999;
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    *word = held;
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    pthread_join(threads[0], 0);
    printf("%d\n", results[0]);
}

/* Three that wait for each other in a circle: the last is told. */
static volatile unsigned circle[3];
static volatile int ready;

static void *in_circle(void *number)
{
    long i = (long)number;
    futex(&circle[i], LOCK_PI, 0, 0, 0, 0);
    __sync_fetch_and_add(&ready, 1);
    while (ready < 3)
        usleep(1000);
    ids[i] = self();
    if (i != 2) {
        results[i] = futex(&circle[i + 1], LOCK_PI, 0, 0, 0, 0);
        futex(&circle[i + 1], UNLOCK_PI, 0, 0, 0, 0);
    } else {
        while (ids[0] == 0 || ids[1] == 0)
            usleep(1000);
        asleep(ids[0]);
        asleep(ids[1]);
        results[i] = futex(&circle[0], LOCK_PI, 0, 0, 0, 0);
        errors_[i] = errno;
    }
    futex(&circle[i], UNLOCK_PI, 0, 0, 0, 0);
    return 0;
}

static void deadlock(void)
{
    pthread_t threads[3];
    ids[0] = ids[1] = 0;
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], 0, in_circle, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], 0);
    printf("a circle: %d %d %d %s\n", results[0], results[1], results[2], strerrorname_np(errors_[2]));
}

static volatile int heard;

static void hear(int signal) { heard++; }

/* A handler without SA_RESTART: the call goes on all the same. */
static void interrupted(void)
{
    pthread_t thread;
    *word = 0;
    struct sigaction action = { .sa_handler = hear };
    sigaction(SIGUSR1, &action, 0);
    futex(word, LOCK_PI, 0, 0, 0, 0);
    start(&thread, locker, 0);
    for (int i = 1; i <= 3; i++) {
        syscall(SYS_tgkill, getpid(), ids[0], SIGUSR1);
        while (heard < i)
            usleep(1000);
        asleep(ids[0]);
    }
    futex(word, UNLOCK_PI, 0, 0, 0, 0);
    pthread_join(thread, 0);
    printf("interrupted %d times: %d\n", heard, results[0]);
}

static void *requeued(void *number)
{
    long i = (long)number;
    ids[i] = self();
    results[i] = futex(other, WAIT_REQUEUE_PI, 7, 0, word, 0);
    errors_[i] = errno;
    order[count++] = i;
    if (results[i] == 0)
        futex(word, UNLOCK_PI, 0, 0, 0, 0);
    return 0;
}

static void requeue(void)
{
    pthread_t threads[4];
    *other = 7;
    *word = 0;
    count = 0;
    for (long i = 0; i < 3; i++)
        start(&threads[i], requeued, i);
    ASK(futex(other, 1, 1, 0, 0, 0));
    ASK(futex(other, 3, 1, (void *)1, word, 0));
    ASK(futex(other, CMP_REQUEUE_PI, 1, (void *)1, done, 7));
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    ASK(futex(other, CMP_REQUEUE_PI, 1, (void *)100, word, 7));
    show("all wait for it", word, self());
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], 0);
    printf("in the order %d %d %d: %d %d %d\n", order[0], order[1], order[2], results[0], results[1], results[2]);
    count = 0;
    for (long i = 0; i < 2; i++)
        start(&threads[i], requeued, i);
    *word = 0;
    ASK(futex(other, CMP_REQUEUE_PI, 1, (void *)0, word, 7));
    pthread_join(threads[0], 0);
    printf("free: %d\n", results[0]);
    ASK(futex(other, CMP_REQUEUE_PI, 1, (void *)4, word, 7));
    pthread_join(threads[1], 0);
    printf("and again: %d\n", results[1]);
}

static pthread_mutex_t *mutex;

static void make(int type, int protocol)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&attributes, protocol);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutex_init(mutex, &attributes);
}

static void *lock_and_end(void *unused)
{
    pthread_mutex_lock(mutex);
    ids[5] = 1;
    usleep(30000);
    return 0;
}

static void robust(int protocol)
{
    pthread_t thread;
    make(PTHREAD_MUTEX_NORMAL, protocol);
    ids[5] = 0;
    pthread_create(&thread, 0, lock_and_end, 0);
    while (ids[5] == 0)
        usleep(1000);
    ASK(pthread_mutex_lock(mutex) == EOWNERDEAD);
    ASK(pthread_mutex_consistent(mutex));
    ASK(pthread_mutex_unlock(mutex));
    ASK(pthread_mutex_lock(mutex));
    ASK(pthread_mutex_unlock(mutex));
    pthread_join(thread, 0);

    fflush(stdout);
    int child = fork();
    if (child == 0) {
        pthread_mutex_lock(mutex);
        *done = 1;
        pause();
    }
    while (*done == 0)
        usleep(1000);
    *done = 0;
    ASK(pthread_mutex_trylock(mutex) == EBUSY);
    ASK(pthread_mutex_timedlock(mutex, in(CLOCK_REALTIME, 20)) == ETIMEDOUT);
    kill(child, SIGKILL);
    ASK(pthread_mutex_lock(mutex) == EOWNERDEAD);
    ASK(pthread_mutex_unlock(mutex));
    ASK(pthread_mutex_lock(mutex) == ENOTRECOVERABLE);
    waitpid(child, 0, 0);
}

/* A lock that is on no list, of a process that ends or runs another program while others wait. */
static void unlisted(int how)
{
    *word = 0;
    *done = 0;
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        futex(word, LOCK_PI, 0, 0, 0, 0);
        *done = 1;
        while ((*word & WAITERS) == 0)
            usleep(1000);
        usleep(20000);
        if (how == 0)
            _exit(0);
        execl("/proc/self/exe", "inheritance", "end", (char *)0);
        _exit(1);
    }
    while (*done == 0)
        usleep(1000);
    ASK(futex(word, LOCK_PI, 0, 0, 0, 0));
    show("inherited", word, self());
    ASK(futex(word, UNLOCK_PI, 0, 0, 0, 0));
    int status;
    waitpid(child, &status, 0);
    printf("status %x\n", status);
}

int main(int count, char **arguments)
{
    if (count > 1)
        return 3;
    setvbuf(stdout, 0, _IONBF, 0);
    char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    word = (void *)page;
    other = word + 16;
    done = word + 32;
    mutex = (void *)(page + 1024);
    errors();
    contention();
    deadlock();
    interrupted();
    requeue();
    robust(PTHREAD_PRIO_NONE);
    robust(PTHREAD_PRIO_INHERIT);
    unlisted(0);
    unlisted(1);
    puts("all answers given");
    return 0;
}
