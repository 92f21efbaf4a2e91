/* Real-time priorities (sched(7)): who may have which, what a child inherits, and who runs before whom. Run on the host and in the guest: both must
   print the same. With an argument: a process of the highest priority that never sleeps, beside others that are to go on. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

struct attributes { unsigned size, policy; unsigned long flags; int nice; unsigned priority; unsigned long rest[3]; };

static long set(int policy, int priority)
{
    struct sched_param parameters = { priority };
    return sched_setscheduler(0, policy, &parameters);
}

static long change(int priority)
{
    struct sched_param parameters = { priority };
    return sched_setparam(0, &parameters);
}

static long set_all(int policy, unsigned long flags, int nice, unsigned priority)
{
    struct attributes wanted = { 48, policy, flags, nice, priority };
    return syscall(SYS_sched_setattr, 0, &wanted, 0);
}

static void show(const char *what)
{
    struct attributes is = { 0 };
    struct sched_param parameters = { -1 };
    char text[1024] = { 0 }, *at;
    syscall(SYS_sched_getattr, 0, &is, 48, 0);
    sched_getparam(0, &parameters);
    FILE *stat = fopen("/proc/self/stat", "r");
    fgets(text, sizeof text, stat);
    fclose(stat);
    printf("%s: %x %d, policy %u flags %lx nice %d priority %u, stat", what, sched_getscheduler(0), parameters.sched_priority, is.policy, is.flags, is.nice, is.priority);
    at = strrchr(text, ')');
    for (int field = 3; (at = strchr(at, ' ')) != NULL; field++, at++)
        if (field == 18 || field == 19 || field == 40 || field == 41)
            printf(" %ld", strtol(at, NULL, 10));
    printf("\n");
}

static void answers(void)
{
    struct timespec turn;
    ASK(set(SCHED_FIFO, 0));
    ASK(set(SCHED_FIFO, 100));
    ASK(set(SCHED_RR, -1));
    ASK(set(-1, 0));
    ASK(set(4, 0));
    ASK(set(SCHED_IDLE, 1));
    ASK(set(SCHED_FIFO, 7));
    show("first in, first out");
    ASK(sched_rr_get_interval(0, &turn));
    printf("%ld %ld\n", (long)turn.tv_sec, turn.tv_nsec);
    ASK(change(99));
    ASK(change(0));
    show("changed");
    ASK(set(SCHED_RR | SCHED_RESET_ON_FORK, 3));
    show("by turns");
    ASK(sched_rr_get_interval(0, &turn));
    printf("%ld %ld\n", (long)turn.tv_sec, turn.tv_nsec);
    ASK(change(4));
    show("keeps what it does at fork");
    ASK(setpriority(PRIO_PROCESS, 0, -4));
    ASK(getpriority(PRIO_PROCESS, 0) == -4);
    fflush(stdout);
    if (fork() == 0) {
        show("child that begins anew");
        exit(0);
    }
    wait(NULL);
    ASK(set(SCHED_OTHER, 0));
    show("fair");
    ASK(set_all(SCHED_FIFO, 0, 5, 9));
    show("of attributes");
    fflush(stdout);
    if (fork() == 0) {
        show("child that inherits");
        exit(0);
    }
    wait(NULL);
    ASK(set_all(SCHED_FIFO, 0, 0, 0));
    ASK(set_all(SCHED_OTHER, 0, 0, 3));
    ASK(set_all(SCHED_OTHER, 8, 0, 12));
    show("policy kept");
    ASK(set_all(SCHED_RR, 16, 0, 50));
    show("parameters kept");
    ASK(set_all(SCHED_OTHER, 1UL << 40, 0, 0));
    ASK(set_all(-5, 0, 0, 0));
    ASK(set_all(SCHED_OTHER, 1, -3, 0));
    show("nice");
    fflush(stdout);
    if (fork() == 0) {
        show("child that is no nicer");
        exit(0);
    }
    wait(NULL);
    ASK(set_all(SCHED_OTHER, 0, 0, 0));
}

static int granted;

/* Not every host lets its root raise limits: what those say is not looked at there. */
static void said(const char *what, long result, long wanted)
{
    long is = result < 0 ? -errno : result;
    if (granted && is != wanted)
        printf("%s: %ld instead of %ld\n", what, is, wanted);
    else
        printf("%s: as it should\n", what);
}

static void limits(void)
{
    fflush(stdout);
    if (fork() == 0) {
        struct rlimit most = { 5, 5 }, nicest = { 23, 23 };
        granted = setrlimit(RLIMIT_RTPRIO, &most) == 0 && setrlimit(RLIMIT_NICE, &nicest) == 0;
        setresuid(1234, 1234, 1234);
        said("5", set(SCHED_FIFO, 5), 0);
        said("6", set(SCHED_FIFO, 6), -EPERM);
        said("other policy", set(SCHED_RR, 4), 0);
        said("more", change(5), 0);
        said("too much", change(6), -EPERM);
        said("fair", set(SCHED_OTHER, 0), 0);
        said("nicer", setpriority(PRIO_PROCESS, 0, -3), 0);
        said("too nice", setpriority(PRIO_PROCESS, 0, -4), -EACCES);
        said("too nice by attributes", set_all(SCHED_OTHER, 0, -4, 0), -EPERM);
        said("idle", set(SCHED_IDLE, 0), 0);
        said("idle no more", set(SCHED_OTHER, 0), 0);
        said("at fork", set(SCHED_OTHER | SCHED_RESET_ON_FORK, 0), 0);
        said("at fork no more", set(SCHED_OTHER, 0), -EPERM);
        exit(0);
    }
    wait(NULL);
    if (fork() == 0) {
        setresuid(1234, 1234, 1234);
        ASK(set(SCHED_FIFO, 1));
        ASK(set(SCHED_FIFO, 100));
        ASK(set(SCHED_BATCH, 0));
        ASK(set(SCHED_IDLE, 0));
        ASK(set(SCHED_OTHER, 0));
        ASK(set_all(SCHED_IDLE, 0, 0, 0));
        struct sched_param none = { 0 };
        ASK(sched_setscheduler(getppid(), SCHED_BATCH, &none));
        exit(0);
    }
    wait(NULL);
}

/* ---- who runs before whom: all on one processor, while the first thread, whose priority is 50, waits ---- */

static char order[64];
static sem_t held, told;
static pthread_mutex_t lock;
static atomic_int ran, word;

static void note(const char *letter) { strcat(order, letter); }

static pthread_t start(int policy, int priority, void *(*work)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct sched_param parameters = { priority };
    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, policy);
    pthread_attr_setschedparam(&attributes, &parameters);
    int error = pthread_create(&thread, &attributes, work, argument);
    if (error != 0) {
        printf("a thread with priority %d: %s\n", priority, strerrorname_np(error));
        exit(1);
    }
    return thread;
}

static void join(int count, pthread_t *threads, const char *what)
{
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    printf("%s: %s\n", what, order);
    order[0] = 0;
    ran = 0;
}

static void *notes(void *letter)
{
    note(letter);
    return NULL;
}

static void *notes_twice(void *letter)
{
    note(letter);
    sched_yield();
    note(letter);
    return NULL;
}

static long spent(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* It has the processor for itself. */
static void *alone(void *letter)
{
    int before = ++ran;
    while (spent() < 30)
        ;
    note(ran == before ? letter : "!");
    return NULL;
}

/* Until others of its priority had their turn. */
static void *by_turns(void *letter)
{
    int turns = 0;
    for (int last = ++ran; turns < 1 && spent() < 5000;)
        if (ran != last)
            turns++;
    note(turns > 0 ? letter : "!");
    ran++;
    return NULL;
}

static void *owner(void *letter)
{
    pthread_mutex_lock(&lock);
    sem_post(&told);
    sem_wait(&held);
    note(letter);
    pthread_mutex_unlock(&lock);
    note(letter);
    return NULL;
}

static void *wants(void *letter)
{
    pthread_mutex_lock(&lock);
    note(letter);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *waits(void *letter)
{
    sem_post(&told);
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
    note(letter);
    sem_post(&told);
    return NULL;
}

static void *raises(void *letter)
{
    note(letter);
    set(SCHED_FIFO, 5);
    note(letter);
    return NULL;
}

static void orders(void)
{
    cpu_set_t some, one;
    pthread_t threads[4];
    sched_getaffinity(0, sizeof some, &some);
    CPU_ZERO(&one);
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &some))
            CPU_SET(i, &one);
    ASK(sched_setaffinity(0, sizeof one, &one));
    ASK(set(SCHED_FIFO, 50));
    threads[0] = start(SCHED_OTHER, 0, notes, "o");
    threads[1] = start(SCHED_FIFO, 10, notes, "1");
    threads[2] = start(SCHED_RR, 30, notes, "3");
    threads[3] = start(SCHED_FIFO, 20, notes, "2");
    join(4, threads, "the highest first");
    threads[0] = start(SCHED_FIFO, 10, notes, "a");
    threads[1] = start(SCHED_FIFO, 10, notes, "b");
    threads[2] = start(SCHED_FIFO, 10, notes, "c");
    join(3, threads, "in the order in which they came");
    threads[0] = start(SCHED_FIFO, 10, notes_twice, "a");
    threads[1] = start(SCHED_FIFO, 10, notes_twice, "b");
    threads[2] = start(SCHED_FIFO, 9, notes, "c");
    join(3, threads, "they give way to each other");
    threads[0] = start(SCHED_FIFO, 10, alone, "a");
    threads[1] = start(SCHED_FIFO, 10, alone, "b");
    threads[2] = start(SCHED_RR, 9, alone, "c");
    join(3, threads, "each until it ends");
    threads[0] = start(SCHED_RR, 10, by_turns, "x");
    threads[1] = start(SCHED_RR, 10, by_turns, "x");
    join(2, threads, "by turns");
    threads[0] = start(SCHED_FIFO, 10, raises, "a");
    threads[1] = start(SCHED_FIFO, 8, notes, "b");
    join(2, threads, "one gives up what it had");

    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&lock, &kind);
    sem_init(&held, 0, 0);
    sem_init(&told, 0, 0);
    threads[0] = start(SCHED_FIFO, 10, owner, "l");
    sem_wait(&told);
    threads[1] = start(SCHED_FIFO, 20, notes, "m");
    threads[2] = start(SCHED_FIFO, 30, wants, "h");
    threads[3] = start(SCHED_FIFO, 25, wants, "g");
    sem_post(&held);
    join(4, threads, "an owner has the priority of who waits");

    threads[0] = start(SCHED_FIFO, 10, waits, "1");
    threads[1] = start(SCHED_FIFO, 30, waits, "3");
    threads[2] = start(SCHED_OTHER, 0, waits, "o");
    threads[3] = start(SCHED_RR, 20, waits, "2");
    for (int i = 0; i < 4; i++)
        sem_wait(&told);
    for (int i = 0; i < 4; i++) {
        for (long woken = 0; woken == 0;) {
            woken = syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
            if (woken == 0)
                usleep(1000);
        }
        sem_wait(&told);
    }
    join(4, threads, "who waits for a word");
    ASK(set(SCHED_OTHER, 0));
}

/* Others go on beside a process that has the highest priority and never sleeps. */
static void beside(void)
{
    int endless = fork();
    if (endless == 0) {
        ASK(set(SCHED_FIFO, 99));
        fflush(stdout);
        for (;;)
            ;
    }
    for (int i = 1; i <= 3; i++) {
        sleep(1);
        printf("second %d\n", i);
        fflush(stdout);
    }
    kill(endless, SIGKILL);
    wait(NULL);
}

int main(int count, char **arguments)
{
    if (count > 1) {
        beside();
        return 0;
    }
    /* Whoever runs this may have another. */
    set(SCHED_OTHER, 0);
    setpriority(PRIO_PROCESS, 0, 0);
    answers();
    limits();
    orders();
    printf("all answers given\n");
    return 0;
}
