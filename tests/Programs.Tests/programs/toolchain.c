/* For each C library, linked statically and dynamically: allocation, stdio, threads with conditions and local storage, rounding, signals, time, qsort, locale, jumps. */
#include <errno.h>
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { workers = 6, places = 16 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static char *queue[places];
static int queued, ended, rounding;
static __thread unsigned long own;
static unsigned long all;
static volatile sig_atomic_t caught;
static jmp_buf back;

static void *work(void *nothing)
{
    fesetround(FE_DOWNWARD);
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!queued && !ended)
            pthread_cond_wait(&change, &lock);
        if (!queued)
            break;
        char *line = queue[--queued];
        pthread_cond_broadcast(&change);
        pthread_mutex_unlock(&lock);
        unsigned long hash = 5381;
        for (int round = 0; round < 20; round++)
            for (char *at = line; *at; at++)
                hash = hash * 33 + *at;
        own += hash;
        free(line);
    }
    all += own;
    rounding += fegetround() == FE_DOWNWARD;
    pthread_mutex_unlock(&lock);
    return nothing;
}

/* The library's clocks, which need no system call, and the kernel's: asked by turns, time never goes back. */
static int backwards;

static void ask_clocks(void)
{
    static struct timespec last[2];
    for (int clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++)
        for (int i = 0; i < 3; i++) {
            struct timespec now;
            if (i == 1)
                syscall(SYS_clock_gettime, clock, &now);
            else
                clock_gettime(clock, &now);
            backwards += now.tv_sec < last[clock].tv_sec || (now.tv_sec == last[clock].tv_sec && now.tv_nsec < last[clock].tv_nsec);
            last[clock] = now;
        }
    struct timeval micro;
    gettimeofday(&micro, NULL);
    time_t seconds = time(NULL);
    /* Linux's time(2) has the second of the last tick: in the first milliseconds of a second the one before. */
    backwards += micro.tv_sec < last[0].tv_sec || seconds < micro.tv_sec - 1 || seconds > micro.tv_sec + 5;
}

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void note(int signal) { caught = signal; }

static void leave(int signal) { longjmp(back, signal); }

int main(void)
{
    pthread_t threads[workers];
    static char line[512], *words[4096];
    int count = 0, number;
    double sum = 0;
    for (int i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, work, NULL))
            return 1;
    fesetround(FE_UPWARD);
    while (fgets(line, sizeof line, stdin)) {
        char word[64];
        if (sscanf(line, "%d %63s", &number, word) == 2 && count < 4096)
            words[count++] = strdup(word);
        ask_clocks();
        sum += sin(number) * sqrt(number);
        pthread_mutex_lock(&lock);
        while (queued == places)
            pthread_cond_wait(&change, &lock);
        queue[queued++] = strdup(line);
        pthread_cond_broadcast(&change);
        pthread_mutex_unlock(&lock);
        if (number % 100 == 0) {
            printf("%d %.9f\n", number, sum);
            fflush(stdout);
        }
    }
    pthread_mutex_lock(&lock);
    ended = 1;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
    printf("back in time %d\n", backwards);
    printf("rounding up %d, down %d\n", fegetround() == FE_UPWARD, rounding);
    fesetround(FE_TONEAREST);
    qsort(words, count, sizeof *words, compare);
    printf("%lx %d %s %s\n", all, count, words[0], words[count - 1]);

    signal(SIGUSR1, note);
    raise(SIGUSR1);
    signal(SIGSEGV, leave);
    int fault = setjmp(back);
    if (!fault)
        *(volatile int *)8 = 1;
    printf("caught %d, fault %d\n", caught == SIGUSR1, fault == SIGSEGV);
    int pid = fork(), status;
    if (!pid)
        _exit(9);
    waitpid(pid, &status, 0);
    printf("child %d, %s, %s\n", WEXITSTATUS(status), strerror(ENOENT), fopen("/no/such/file", "r") ? "there" : "not there");
    struct tm date;
    time_t moment = 1000000000;
    gmtime_r(&moment, &date);
    strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S", &date);
    void *large = malloc(20 << 20);
    memset(large, 1, 20 << 20);
    large = realloc(large, 30 << 20);
    printf("%s %d\n", line, ((char *)large)[(20 << 20) - 1]);
    return 0;
}
