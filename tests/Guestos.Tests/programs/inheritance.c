/* Locks that the kernel hands over (FUTEX_LOCK_PI), bare and as mutexes of the C library. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

#define SAY(call) do { int error = (call); printf("%s: %s\n", #call, error ? strerrorname_np(error) : "0"); } while (0)

static uint32_t word;

static long futex(void *address, int operation, const struct timespec *until) { return syscall(SYS_futex, address, operation, 0, until, 0, 0); }

static struct timespec in(int clock, long milliseconds)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += milliseconds * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void *another(void *unused)
{
    struct timespec wall = in(CLOCK_REALTIME, 60), monotonic = in(CLOCK_MONOTONIC, 60), past = { 1, 0 }, bad = { 0, -1 };
    ASK(futex(&word, FUTEX_TRYLOCK_PI, 0));
    ASK(futex(&word, FUTEX_UNLOCK_PI, 0));
    ASK(futex(&word, FUTEX_LOCK_PI, &bad));
    ASK(futex(&word, FUTEX_LOCK_PI, (void *)8));
    ASK(futex(&word, FUTEX_LOCK_PI, &past));
    ASK(futex(&word, FUTEX_LOCK_PI, &wall));
    ASK(futex(&word, 13 | FUTEX_PRIVATE_FLAG, &monotonic));
    ASK((word & FUTEX_WAITERS) != 0);
    return 0;
}

static void *taker(void *unused)
{
    ASK(futex(&word, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0));
    ASK((word & FUTEX_TID_MASK) == gettid());
    ASK(futex(&word, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0));
    return 0;
}

static void bare(void)
{
    pthread_t thread;
    ASK(futex(&word, FUTEX_UNLOCK_PI, 0));
    ASK(futex(&word, FUTEX_TRYLOCK_PI, 0));
    ASK(word == gettid());
    ASK(futex(&word, FUTEX_LOCK_PI, 0));
    ASK(futex(&word, FUTEX_TRYLOCK_PI, 0));
    pthread_create(&thread, 0, another, 0);
    pthread_join(thread, 0);
    ASK(futex(&word, FUTEX_UNLOCK_PI, 0));
    ASK(word);
    ASK(futex(&word, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0));
    fflush(stdout);
    pthread_create(&thread, 0, taker, 0);
    while ((*(volatile uint32_t *)&word & FUTEX_WAITERS) == 0)
        usleep(1000);
    usleep(20000);
    int mine = gettid();
    long result = futex(&word, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0);
    pthread_join(thread, 0);
    ASK(result);
    ASK(word);
    word = 0x3ffffff;
    ASK(futex(&word, FUTEX_LOCK_PI, 0));
    ASK(futex(&word, FUTEX_UNLOCK_PI, 0));
    ASK(futex((char *)&word + 1, FUTEX_LOCK_PI, 0));
    ASK(futex((void *)8, FUTEX_LOCK_PI, 0));
    ASK(futex((void *)8, FUTEX_UNLOCK_PI, 0));
    word = 0;
}

static pthread_mutex_t *mutex;
static volatile long *count;

static void make(int robust, int shared)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    SAY(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    if (robust)
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    if (shared)
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    SAY(pthread_mutex_init(mutex, &attributes));
}

static void *worker(void *unused)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(mutex);
        long seen = *count;
        if (i % 50 == 0)
            sched_yield();
        *count = seen + 1;
        pthread_mutex_unlock(mutex);
    }
    return 0;
}

static void *impatient(void *unused)
{
    struct timespec until = in(CLOCK_REALTIME, 30);
    SAY(pthread_mutex_trylock(mutex));
    SAY(pthread_mutex_timedlock(mutex, &until));
    return 0;
}

static void *mortal(void *unused)
{
    pthread_mutex_lock(mutex);
    return 0;
}

static void *slow_mortal(void *unused)
{
    pthread_mutex_lock(mutex);
    *count = 1;
    while ((*(volatile uint32_t *)mutex & FUTEX_WAITERS) == 0)
        usleep(1000);
    usleep(20000);
    return 0;
}

static void mutexes(void)
{
    pthread_t threads[4];
    make(0, 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], 0, worker, 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], 0);
    ASK(*count);
    pthread_mutex_lock(mutex);
    SAY(pthread_mutex_lock(mutex));
    pthread_create(&threads[0], 0, impatient, 0);
    pthread_join(threads[0], 0);
    SAY(pthread_mutex_unlock(mutex));
    SAY(pthread_mutex_unlock(mutex));
    SAY(pthread_mutex_destroy(mutex));

    make(1, 0);
    pthread_create(&threads[0], 0, mortal, 0);
    pthread_join(threads[0], 0);
    SAY(pthread_mutex_lock(mutex));
    SAY(pthread_mutex_consistent(mutex));
    SAY(pthread_mutex_unlock(mutex));
    *count = 0;
    pthread_create(&threads[0], 0, slow_mortal, 0);
    while (*count == 0)
        usleep(1000);
    SAY(pthread_mutex_lock(mutex));
    SAY(pthread_mutex_consistent(mutex));
    SAY(pthread_mutex_unlock(mutex));
    pthread_join(threads[0], 0);
    SAY(pthread_mutex_lock(mutex));
    SAY(pthread_mutex_unlock(mutex));
}

static void processes(void)
{
    make(0, 1);
    *count = 0;
    fflush(stdout);
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            worker(0);
            _exit(0);
        }
    while (wait(0) > 0) {}
    errno = 0;
    ASK(*count);
    fflush(stdout);
    make(1, 1);
    int child = fork();
    if (child == 0) {
        pthread_mutex_lock(mutex);
        pause();
    }
    while (*(volatile uint32_t *)mutex == 0)
        usleep(1000);
    kill(child, SIGKILL);
    SAY(pthread_mutex_lock(mutex));
    SAY(pthread_mutex_consistent(mutex));
    SAY(pthread_mutex_unlock(mutex));
    wait(0);
}

int main(void)
{
    mutex = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    count = (long *)((char *)mutex + 2048);
    alarm(50);
    bare();
    mutexes();
    processes();
    puts("all answers given");
    return 0;
}
