/* Threads of a process: how they begin, wait for each other, are signalled, stop and end. Run on the host and in the guest: both must print
   the same. Each case runs in a process of its own. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

#define ask(call) answer(#call, (long)(call))

static void show(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else
        printf("%s: status %x\n", what, status);
}

static int apart(void (*action)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        action();
        fflush(stdout);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static pid_t thread_id(void) { return syscall(SYS_gettid); }
static void sleep_ms(long ms) { struct timespec t = { ms / 1000, ms % 1000 * 1000000 }; while (nanosleep(&t, &t) && errno == EINTR); }
static void *sleep_forever(void *unused) { for (;;) sleep_ms(1000); }
static void *spin(void *unused) { for (volatile long i = 0;; i++); }
static void *block_on_pipe(void *unused) { int ends[2]; char c; pipe(ends); read(ends[0], &c, 1); return 0; }
static void *block_on_futex(void *unused) { static int word; syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0); return 0; }

static pthread_t begin(void *(*body)(void *), void *argument)
{
    pthread_t made;
    int error = pthread_create(&made, 0, body, argument);
    if (error) {
        printf("pthread_create: %s\n", strerrorname_np(error));
        fflush(stdout);
        _exit(77);
    }
    return made;
}

static void begin_idlers(void)
{
    void *(*bodies[])(void *) = { sleep_forever, spin, block_on_pipe, block_on_futex };
    for (int i = 0; i < 4; i++)
        begin(bodies[i], 0);
    sleep_ms(30);
}

/* ---- beginning and ending ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long sum;
static __thread long own;

static void *add(void *argument)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        sum++;
        pthread_mutex_unlock(&mutex);
        own += (long)argument;
    }
    return (void *)own;
}

static void joining(void)
{
    pthread_t made[16];
    long returned = 0;
    for (long i = 0; i < 16; i++)
        made[i] = begin(add, (void *)i);
    for (int i = 0; i < 16; i++) {
        void *result;
        pthread_join(made[i], &result);
        returned += (long)result;
    }
    ask(sum);
    ask(returned);
    ask(own);
}

static void *identity(void *argument)
{
    long *told = argument;
    told[0] = getpid();
    told[1] = thread_id();
    told[2] = getppid();
    return 0;
}

static void ids(void)
{
    long told[3];
    pthread_join(begin(identity, told), 0);
    ask(told[0] == getpid());
    ask(told[1] == told[0]);
    ask(told[2] == getppid());
    ask(thread_id() == getpid());
    ask(syscall(SYS_tgkill, getpid(), told[1], 0));
    ask(syscall(SYS_tkill, told[1], 0));
    ask(syscall(SYS_tgkill, 1, thread_id(), 0));
    ask(syscall(SYS_tgkill, getpid(), thread_id(), 65));
}

static void *nothing(void *argument) { return argument; }

static void many(void)
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    static pthread_t made[300];
    sem_t gate;
    sem_init(&gate, 0, 0);
    void *wait(void *argument) { sem_wait(&gate); return argument; }
    int failed = 0;
    for (long i = 0; i < 300; i++)
        failed += pthread_create(&made[i], &small, wait, (void *)i) != 0;
    ask(failed);
    for (int i = 0; i < 300; i++)
        sem_post(&gate);
    long total = 0;
    for (int i = 0; i < 300; i++) {
        void *result;
        pthread_join(made[i], &result);
        total += (long)result;
    }
    ask(total);
    for (int i = 0; i < 1000; i++)
        pthread_join(begin(nothing, 0), 0);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 300; i++) {
        pthread_t one;
        while (pthread_create(&one, &small, nothing, 0))
            sched_yield();
    }
    ask(1);
}

static void *exit_later(void *argument) { sleep_ms(20); pthread_exit(argument); }
static void *end_process(void *argument) { sleep_ms(20); exit((long)argument); }
static void *fault(void *argument) { sleep_ms(20); *(volatile int *)8 = 1; return 0; }
static void *kill_process(void *argument) { sleep_ms(20); kill(getpid(), (long)argument); return sleep_forever(0); }

static void main_leaves(void) { begin(exit_later, 0); pthread_exit(0); }
static void main_leaves_raw(void) { begin(exit_later, 0); syscall(SYS_exit, 5); }
static void worker_exits(void) { begin_idlers(); begin(end_process, (void *)9); sleep_forever(0); }
static void main_exits(void) { begin_idlers(); _exit(8); }
static void worker_faults(void) { begin_idlers(); begin(fault, 0); sleep_forever(0); }
static void worker_kills(void) { begin_idlers(); begin(kill_process, (void *)SIGTERM); sleep_forever(0); }
static void worker_kills_hard(void) { begin_idlers(); begin(kill_process, (void *)SIGKILL); spin(0); }
static void main_left_then_killed(void) { begin(kill_process, (void *)SIGUSR1); pthread_exit(0); }

static char program[256]; /* /proc/self/exe leads nowhere once the first thread has ended */

static void *run_program(void *argument)
{
    char id[20];
    sprintf(id, "%d", getpid());
    execl(program, "threads", "identity", id, (char *)0);
    return 0;
}

static void worker_executes(void) { begin_idlers(); begin(run_program, 0); sleep_forever(0); }
static void main_executes(void) { begin_idlers(); run_program(0); }
static void worker_executes_alone(void) { begin(run_program, 0); pthread_exit(0); }

static void *fail_to_execute(void *argument) { execl("/nowhere", "nowhere", (char *)0); return (void *)(long)errno; }

static void execution_fails(void)
{
    void *result;
    pthread_t idle = begin(sleep_forever, 0);
    pthread_join(begin(fail_to_execute, 0), &result);
    ask((long)result);
    ask(pthread_kill(idle, 0));
}

static int count_tasks(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static void *fork_in_thread(void *argument)
{
    own = 5;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        ask(count_tasks());
        ask(thread_id() == getpid());
        ask(own);
        pthread_join(begin(nothing, 0), 0);
        fflush(stdout);
        _exit(6);
    }
    int status;
    waitpid(child, &status, 0);
    show("forked by a thread", status);
    return 0;
}

static void forks(void)
{
    begin(sleep_forever, 0);
    pthread_join(begin(fork_in_thread, 0), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(3);
    void *wait_for(void *argument) { int status = 0; waitpid(child, &status, 0); return (void *)(long)status; }
    void *result;
    pthread_join(begin(wait_for, 0), &result);
    show("waited for by a thread", (long)result);
}

/* ---- waiting for each other ---- */

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn;

static void *alternate(void *argument)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 2 != (long)argument)
            pthread_cond_wait(&condition, &mutex);
        turn++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return 0;
}

static void conditions(void)
{
    pthread_t a = begin(alternate, (void *)0), b = begin(alternate, (void *)1);
    pthread_join(a, 0);
    pthread_join(b, 0);
    ask(turn);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 30000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&mutex);
    ask(pthread_cond_timedwait(&condition, &mutex, &until));
    ask(pthread_mutex_timedlock(&mutex, &until));
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, 0, 5);
    atomic_int serial = 0;
    void *meet(void *argument)
    {
        for (int i = 0; i < 50; i++)
            serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
        return 0;
    }
    pthread_t made[5];
    for (int i = 0; i < 5; i++)
        made[i] = begin(meet, 0);
    for (int i = 0; i < 5; i++)
        pthread_join(made[i], 0);
    ask(serial);
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    long guarded = 0, torn = 0;
    void *read_or_write(void *argument)
    {
        for (int i = 0; i < 500; i++)
            if ((long)argument) {
                pthread_rwlock_wrlock(&lock);
                guarded++;
                sched_yield();
                guarded++;
                pthread_rwlock_unlock(&lock);
            } else {
                pthread_rwlock_rdlock(&lock);
                torn += guarded & 1;
                pthread_rwlock_unlock(&lock);
            }
        return 0;
    }
    for (long i = 0; i < 4; i++)
        made[i] = begin(read_or_write, (void *)(i % 2));
    for (int i = 0; i < 4; i++)
        pthread_join(made[i], 0);
    ask(guarded);
    ask(torn);
}

static void *hold_and_end(void *argument) { pthread_mutex_lock(argument); return 0; }

static void robust(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_t held;
    pthread_mutex_init(&held, &attributes);
    pthread_join(begin(hold_and_end, &held), 0);
    ask(pthread_mutex_lock(&held) == EOWNERDEAD);
    ask(pthread_mutex_consistent(&held));
    ask(pthread_mutex_unlock(&held));
}

static int words[2];
static atomic_int woken;

static void *wait_word(void *argument)
{
    long result = syscall(SYS_futex, &words[0], FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
    woken++;
    return (void *)result;
}

static void futexes(void)
{
    for (int i = 0; i < 6; i++)
        begin(wait_word, 0);
    sleep_ms(50);
    ask(syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)3, &words[1], 1));
    ask(syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)3, &words[1], 0));
    ask(syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0));
    /* Two wait on the first word yet. Adds 5 to the second, and compares its old value with 0. */
    ask(syscall(SYS_futex, &words[0], FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &words[1], FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0)));
    ask(words[1]);
    ask(syscall(SYS_futex, &words[1], FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &words[0], FUTEX_OP(FUTEX_OP_OR, 6, FUTEX_OP_CMP_GT, -1)));
    ask(words[0]);
    ask(syscall(SYS_futex, &words[1], FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &words[0], FUTEX_OP(FUTEX_OP_ANDN | FUTEX_OP_OPARG_SHIFT, 2, FUTEX_OP_CMP_LT, 3)));
    ask(words[0]);
    ask(syscall(SYS_futex, &words[1], FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &words[0], 9u << 24));
    sleep_ms(50);
    ask(woken);
}

static void closing(void)
{
    int ends[2];
    pipe(ends);
    void *read_it(void *argument) { char c; return (void *)read(ends[0], &c, 1); }
    pthread_t reader = begin(read_it, 0);
    sleep_ms(30);
    ask(close(ends[0]));
    ask(write(ends[1], "x", 1));
    void *result;
    pthread_join(reader, &result);
    ask((long)result);
    char c;
    ask(read(ends[0], &c, 1));
}

static void *wait_to_be_cancelled(void *argument) { if (argument) spin(0); return sleep_forever(0); }
static void *cancel_at_once(void *argument) { pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0); return spin(0); }

static void cancelling(void)
{
    void *result;
    pthread_t made = begin(wait_to_be_cancelled, 0);
    sleep_ms(10);
    pthread_cancel(made);
    pthread_join(made, &result);
    ask(result == PTHREAD_CANCELED);
    made = begin(cancel_at_once, 0);
    sleep_ms(10);
    pthread_cancel(made);
    pthread_join(made, &result);
    ask(result == PTHREAD_CANCELED);
}

/* ---- signals ---- */

static atomic_int handled_by, handled;

static void handle(int number) { handled_by = thread_id(); handled++; }

static void block(int how, int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(how, &set, 0);
}

static void *listen_for(void *argument)
{
    *(int *)argument = thread_id();
    block(SIG_UNBLOCK, SIGUSR1);
    for (int i = 0; i < 100 && !handled; i++)
        sleep_ms(10);
    return 0;
}

static void *wait_for_signal(void *argument)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    int number = 0;
    sigwait(&set, &number);
    return (void *)(long)number;
}

static void signals(void)
{
    struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
    sigaction(SIGUSR1, &action, 0);
    block(SIG_BLOCK, SIGUSR1);
    block(SIG_BLOCK, SIGUSR2);
    int listener = 0;
    pthread_t made = begin(listen_for, &listener);
    sleep_ms(30);
    kill(getpid(), SIGUSR1);
    pthread_join(made, 0);
    ask(handled);
    ask(handled_by == listener);
    /* To a thread that blocks it: pending there only. */
    made = begin(sleep_forever, 0);
    pthread_kill(made, SIGUSR1);
    sigset_t pending;
    sigpending(&pending);
    ask(sigismember(&pending, SIGUSR1));
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    ask(sigismember(&pending, SIGUSR1));
    handled_by = 0;
    block(SIG_UNBLOCK, SIGUSR1);
    ask(handled);
    ask(handled_by == getpid());
    made = begin(wait_for_signal, 0);
    sleep_ms(30);
    kill(getpid(), SIGUSR2);
    void *result;
    pthread_join(made, &result);
    ask((long)result);
    /* A system call of a thread that has not taken the signal goes on. */
    made = begin(listen_for, &listener);
    pthread_join(made, 0);
}

static void *send_later(void *argument) { sleep_ms(30); pthread_kill(*(pthread_t *)argument, SIGUSR1); return 0; }

static void interrupted_calls(void)
{
    struct sigaction action = { .sa_handler = handle };
    sigaction(SIGUSR1, &action, 0);
    pthread_t self = pthread_self();
    int ends[2];
    char c;
    pipe(ends);
    begin(send_later, &self);
    ask(read(ends[0], &c, 1));
    begin(send_later, &self);
    ask(pause());
    begin(send_later, &self);
    struct timespec second = { 1, 0 };
    ask(nanosleep(&second, 0));
    ask(handled);
}

static void *alternate_stack(void *argument)
{
    stack_t now, wanted = { .ss_sp = malloc(65536), .ss_size = 65536 };
    sigaltstack(0, &now);
    int disabled = now.ss_flags & SS_DISABLE;
    sigaltstack(&wanted, 0);
    return (void *)(long)disabled;
}

static void alternate_stacks(void)
{
    stack_t now;
    void *result;
    alternate_stack(0);
    pthread_join(begin(alternate_stack, 0), &result);
    ask((long)result != 0);
    sigaltstack(0, &now);
    ask(now.ss_flags & SS_DISABLE);
}

static atomic_long counter;
static void *count_up(void *unused) { for (;;) { counter++; sleep_ms(1); } }

static void stopping(void)
{
    fflush(stdout);
    atomic_long *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        void *spin_up(void *argument) { for (;;) shared[(long)argument]++; }
        for (long i = 1; i < 4; i++)
            begin(spin_up, (void *)i);
        spin_up(0);
    }
    sleep_ms(100);
    int status;
    kill(child, SIGSTOP);
    ask(waitpid(child, &status, WUNTRACED) == child);
    ask(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    sleep_ms(50);
    long before[4];
    for (int i = 0; i < 4; i++)
        before[i] = shared[i];
    sleep_ms(200);
    for (int i = 0; i < 4; i++)
        ask(shared[i] == before[i]);
    kill(child, SIGCONT);
    ask(waitpid(child, &status, WCONTINUED) == child);
    for (int i = 0; i < 4; i++) {
        for (int waited = 0; waited < 500 && shared[i] == before[i]; waited++)
            sleep_ms(20);
        ask(shared[i] != before[i]);
    }
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    show("killed while stopped", status);
}

/* ---- what is seen of them ---- */

static void *named(void *argument)
{
    prctl(PR_SET_NAME, "worker");
    *(int *)argument = thread_id();
    sleep_forever(0);
    return 0;
}

static void names(void)
{
    int id = 0;
    begin(named, &id);
    sleep_ms(30);
    char path[64], text[64] = "";
    sprintf(path, "/proc/self/task/%d/comm", id);
    int file = open(path, O_RDONLY);
    ask(read(file, text, sizeof text));
    printf("%s", text);
    ask(count_tasks());
    sprintf(path, "/proc/%d/task/%d/status", getpid(), id);
    FILE *status = fopen(path, "r");
    long tgid = 0, pid = 0, threads = 0;
    for (char line[256]; fgets(line, sizeof line, status);)
        sscanf(line, "Tgid: %ld", &tgid) || sscanf(line, "Pid: %ld", &pid) || sscanf(line, "Threads: %ld", &threads);
    ask(tgid == getpid());
    ask(pid == id);
    ask(threads);
    ask(open("/proc/self/task/999999/comm", O_RDONLY));
    char name[16];
    prctl(PR_GET_NAME, name);
    ask(strcmp(name, "worker") != 0);
    cpu_set_t set;
    ask(sched_getaffinity(id, sizeof set, &set) > 0);
    ask(syscall(SYS_sched_getscheduler, id));
}

static void *burn(void *argument)
{
    struct timespec now;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while (now.tv_sec == 0 && now.tv_nsec < 100000000);
    return 0;
}

static void times(void)
{
    pthread_t a = begin(burn, 0), b = begin(burn, 0);
    pthread_join(a, 0);
    pthread_join(b, 0);
    struct timespec own_time, all;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own_time);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
    ask(own_time.tv_sec == 0 && own_time.tv_nsec < 50000000);
    ask(all.tv_sec > 0 || all.tv_nsec >= 200000000);
    struct rusage usage;
    ask(getrusage(RUSAGE_THREAD, &usage));
    ask(usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec < 50000);
}

static void *user_of(void *argument) { sleep_ms(50); return (void *)(long)getuid(); }

static void identities(void)
{
    void *result;
    pthread_t made = begin(user_of, 0);
    ask(setgid(777));
    ask(setuid(777));
    pthread_join(made, &result);
    ask((long)result);
}

static void refusals(void)
{
    static char stack[65536];
    int body(void *argument) { syscall(SYS_exit, 0); return 0; }
    ask(clone(body, stack + sizeof stack, CLONE_THREAD, 0));
    ask(clone(body, stack + sizeof stack, CLONE_THREAD | CLONE_VM, 0));
    ask(clone(body, stack + sizeof stack, CLONE_SIGHAND, 0));
    ask(syscall(SYS_set_robust_list, stack, 5));
    void *robust_head = NULL;
    size_t robust_size = 0;
    ask(syscall(SYS_get_robust_list, 0, &robust_head, &robust_size));
    ask(robust_size);
    ask(syscall(SYS_set_robust_list, robust_head, robust_size));
    ask(syscall(SYS_get_robust_list, getpid(), &robust_head, &robust_size));
    ask(syscall(SYS_get_robust_list, 0x7fffffff, &robust_head, &robust_size));
    ask(syscall(SYS_get_robust_list, 0, 8, &robust_size));
    ask(syscall(SYS_set_tid_address, stack) == thread_id());
    ask(clone(body, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0) > 0);
    sleep_ms(20);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (argc > 2 && strcmp(argv[1], "identity") == 0) {
        ask(getpid() == atoi(argv[2]));
        ask(thread_id() == getpid());
        ask(count_tasks());
        pthread_join(begin(nothing, 0), 0);
        return 12;
    }
    readlink("/proc/self/exe", program, sizeof program - 1);
#define try(action) printf("-- %s\n", #action), show(#action, apart(action))
    try(joining);
    try(ids);
    try(many);
    try(main_leaves);
    try(main_leaves_raw);
    try(worker_exits);
    try(main_exits);
    try(worker_faults);
    try(worker_kills);
    try(worker_kills_hard);
    try(main_left_then_killed);
    try(worker_executes);
    try(main_executes);
    try(worker_executes_alone);
    try(execution_fails);
    try(forks);
    try(conditions);
    try(robust);
    try(futexes);
    try(closing);
    try(cancelling);
    try(signals);
    try(interrupted_calls);
    try(alternate_stacks);
    try(stopping);
    try(names);
    try(times);
    try(identities);
    try(refusals);
    printf("all answers given\n");
    return 0;
}
