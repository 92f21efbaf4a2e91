/* System V message queues, semaphores and shared memory, and timers of timer_create and setitimer: what works, and what is refused. Run on the
   host and in the guest: both must print the same. Ids are not printed, and keys are of this program. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

#define WORKS(call) answer(#call, (long)(call) < 0 ? -1 : 0)

enum { KEY = 0x65766d21 };
static struct { long type; char text[9000]; } message;
static volatile sig_atomic_t caught;
static volatile int overrun;
static void catch(int signal, siginfo_t *about, void *frame)
{
    caught++;
    overrun = about->si_code == SI_TIMER ? about->si_overrun : -1;
}

/* Until a process sleeps and has left no message in the queue. */
static void await_sleep(int id, int queue)
{
    char name[60], text[400];
    sprintf(name, "/proc/%d/stat", id);
    for (int waited = 0; waited < 1000; waited++) {
        struct msqid_ds status;
        FILE *file = fopen(name, "r");
        char *end = file && fgets(text, sizeof text, file) ? strrchr(text, ')') : 0;
        if (file)
            fclose(file);
        if (end && end[2] == 'S' && msgctl(queue, IPC_STAT, &status) == 0 && status.msg_qnum == 0)
            return;
        usleep(10000);
    }
}

static void as_nobody(void (*work)(void))
{
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        if (setgid(65534) || setuid(65534))
            _exit(1);
        work();
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    answer("ended", status);
}

static long send(int queue, long type, const char *text, int flags)
{
    message.type = type;
    strcpy(message.text, text);
    return msgsnd(queue, &message, strlen(text) + 1, flags);
}

static void receive(const char *what, int queue, size_t room, long type, int flags)
{
    memset(&message, 0, sizeof message);
    long result = msgrcv(queue, &message, room, type, flags);
    answer(what, result);
    if (result >= 0)
        printf("  %ld %.*s\n", message.type, (int)result, message.text);
}

static int queue, set, segment;

static void queue_of_others(void)
{
    struct msqid_ds status;
    ASK(msgget(KEY, 0600) < 0 ? -1 : 0);
    WORKS(msgget(KEY, 0));
    ASK(msgctl(queue, IPC_STAT, &status));
    ASK(msgctl(queue, IPC_RMID, 0));
    ASK(send(queue, 1, "no", IPC_NOWAIT));
    receive("of others", queue, 100, 0, IPC_NOWAIT);
    struct shmid_ds memory;
    ASK(shmctl(segment, IPC_STAT, &memory));
    ASK(shmat(segment, 0, 0) == (void *)-1 ? -1 : 0);
    ASK(shmctl(segment, IPC_RMID, 0));
    struct sembuf up = { 0, 1, 0 };
    ASK(semop(set, &up, 1));
    ASK(semctl(set, 0, GETVAL));
    ASK(semctl(set, 0, IPC_RMID));
}

static void messages(void)
{
    struct msqid_ds status;
    WORKS(msgget(KEY, 0));
    WORKS(queue = msgget(KEY, IPC_CREAT | 0600));
    WORKS(msgget(KEY, IPC_CREAT | IPC_EXCL));
    printf("%d\n", msgget(KEY, 0) == queue);
    ASK(send(queue, 0, "type", 0));
    ASK(send(queue, -1, "type", 0));
    ASK(msgsnd(queue, &message, 8193, 0));
    ASK(msgsnd(queue, &message, -1, 0));
    ASK(msgsnd(queue, (void *)8, 10, 0));
    ASK(msgsnd(-1, &message, 10, 0));
    ASK(msgsnd(queue + 32768, &message, 10, 0));
    for (int i = 1; i < 6; i++)
        ASK(send(queue, 6 - i, (const char *[]){ "", "one", "two", "three", "four", "five" }[i], 0));
    receive("too long", queue, 2, 0, 0);
    receive("third", queue, 100, 3, 0);
    receive("lowest", queue, 100, -4, 0);
    receive("not 2", queue, 100, 2, MSG_EXCEPT);
    receive("cut", queue, 2, 0, MSG_NOERROR);
    receive("none of 9", queue, 100, 9, IPC_NOWAIT);
    receive("any", queue, 100, 0, 0);
    receive("empty", queue, 100, 0, IPC_NOWAIT);
    receive("no room", queue, -1, 0, IPC_NOWAIT);
    ASK(msgctl(queue, IPC_STAT, &status));
    printf("%o %ld %ld %d %d %d\n", status.msg_perm.mode, (long)status.msg_qnum, (long)status.msg_qbytes, status.msg_lspid == getpid(),
           status.msg_lrpid == getpid(), status.msg_stime >= status.msg_ctime);
    message.type = 1;
    memset(message.text, 'x', 8192);
    ASK(msgsnd(queue, &message, 8192, IPC_NOWAIT));
    ASK(msgsnd(queue, &message, 8192, IPC_NOWAIT));
    ASK(msgsnd(queue, &message, 1, IPC_NOWAIT));
    memset(message.text, 0, 8192);
    ASK(msgrcv(queue, &message, 9000, 0, 0));
    printf("%c %c\n", message.text[0], message.text[8191]);
    status.msg_qbytes = 100;
    status.msg_perm.mode = 0640;
    ASK(msgctl(queue, IPC_SET, &status));
    ASK(msgctl(queue, IPC_SET, (void *)8));
    ASK(msgctl(queue, 77, &status));
    ASK(msgctl(-1, IPC_STAT, &status));
    ASK(msgsnd(queue, &message, 1, IPC_NOWAIT));
    ASK(msgrcv(queue, &message, 9000, 0, 0));
    ASK(msgctl(queue, IPC_STAT, &status));
    printf("%o %ld\n", status.msg_perm.mode, (long)status.msg_qbytes);
    /* Who waits for a message is told when the queue goes, and when a signal comes. */
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        usleep(30000);
        send(queue, 5, "from the child", 0);
        await_sleep(getppid(), queue);
        msgctl(queue, IPC_RMID, 0);
        _exit(0);
    }
    receive("awaited", queue, 100, 5, 0);
    receive("removed", queue, 100, 5, 0);
    wait(0);
    receive("gone", queue, 100, 5, 0);
    WORKS(queue = msgget(KEY, IPC_CREAT | 0600));
}

static long change(int number, int by, int flags)
{
    struct sembuf one = { number, by, flags };
    return semop(set, &one, 1);
}

static void semaphores(void)
{
    WORKS(semget(KEY, 0, IPC_CREAT | 0600));
    WORKS(semget(KEY, 32001, IPC_CREAT | 0600));
    WORKS(semget(KEY, -1, IPC_CREAT | 0600));
    WORKS(set = semget(KEY, 3, IPC_CREAT | 0600));
    WORKS(semget(KEY, 4, 0));
    WORKS(semget(KEY, 2, 0));
    WORKS(semget(KEY, 0, IPC_CREAT | IPC_EXCL));
    ASK(change(0, 5, 0));
    ASK(change(3, 5, 0));
    ASK(change(0, -6, IPC_NOWAIT));
    ASK(change(0, 0, IPC_NOWAIT));
    ASK(change(1, 0, 0));
    ASK(change(0, 32767, 0));
    struct sembuf both[2] = { { 0, -2, 0 }, { 1, -1, IPC_NOWAIT } };
    ASK(semop(set, both, 2));
    ASK(semctl(set, 0, GETVAL));
    ASK(semop(set, both, 0));
    ASK(semop(set, both, 501));
    ASK(semop(set, (void *)8, 1));
    ASK(semop(-1, both, 1));
    struct timespec shortly = { 0, 20000000 }, wrong = { 0, -1 };
    ASK(semtimedop(set, &(struct sembuf){ 1, -1, 0 }, 1, &shortly));
    ASK(semtimedop(set, &(struct sembuf){ 1, -1, 0 }, 1, &wrong));
    ASK(semctl(set, 1, SETVAL, 7));
    ASK(semctl(set, 1, SETVAL, 32768));
    ASK(semctl(set, 9, SETVAL, 1));
    ASK(semctl(set, 9, GETVAL));
    ASK(semctl(set, 0, 99));
    unsigned short values[3] = { 1, 2, 3 };
    ASK(semctl(set, 0, SETALL, values));
    values[2] = 40000;
    ASK(semctl(set, 0, SETALL, values));
    memset(values, 0, sizeof values);
    ASK(semctl(set, 0, GETALL, values));
    printf("%d %d %d\n", values[0], values[1], values[2]);
    struct semid_ds status;
    ASK(semctl(set, 0, IPC_STAT, &status));
    /* An id is as good as its index, the later of an index too. */
    shmctl(shmget(IPC_PRIVATE, 1, 0600), IPC_RMID, NULL);
    int later = shmget(IPC_PRIVATE, 1, 0600);
    struct shmid_ds of_segment;
    ASK(shmctl(later, SHM_STAT, &of_segment) == later);
    ASK(shmctl(later, 15, &of_segment) == later);
    shmctl(later, IPC_RMID, NULL);
    semctl(semget(IPC_PRIVATE, 1, 0600), 0, IPC_RMID);
    later = semget(IPC_PRIVATE, 1, 0600);
    struct semid_ds of_set;
    ASK(semctl(later, 0, SEM_STAT, &of_set) == later);
    semctl(later, 0, IPC_RMID);
    msgctl(msgget(IPC_PRIVATE, 0600), IPC_RMID, NULL);
    later = msgget(IPC_PRIVATE, 0600);
    struct msqid_ds of_queue;
    ASK(msgctl(later, MSG_STAT, &of_queue) == later);
    msgctl(later, IPC_RMID, NULL);
    printf("%o %ld\n", status.sem_perm.mode, (long)status.sem_nsems);
    printf("%d\n", semctl(set, 0, GETPID) == getpid());
    /* What a process has undone at its end. */
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        change(0, 10, SEM_UNDO);
        change(1, -2, SEM_UNDO);
        printf("%d %d\n", semctl(set, 0, GETVAL), semctl(set, 1, GETVAL));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    printf("%d %d %d\n", semctl(set, 0, GETVAL), semctl(set, 1, GETVAL), semctl(set, 0, GETPID) == child);
    /* One waits for more, one for zero. */
    int first = fork();
    if (first == 0)
        _exit(change(2, -5, 0) == 0 ? 3 : 4);
    int second = fork();
    if (second == 0)
        _exit(change(2, 0, 0) == 0 ? 5 : 6);
    while (semctl(set, 2, GETNCNT) != 1 || semctl(set, 2, GETZCNT) != 1)
        usleep(1000);
    ASK(change(2, 2, 0));
    int status1, status2;
    waitpid(first, &status1, 0);
    waitpid(second, &status2, 0);
    printf("%x %x %d\n", status1, status2, semctl(set, 2, GETVAL));
    /* Removed under who waits. */
    first = fork();
    if (first == 0)
        _exit(change(2, -5, 0) < 0 && errno == EIDRM ? 7 : 8);
    while (semctl(set, 2, GETNCNT) != 1)
        usleep(1000);
    ASK(semctl(set, 0, IPC_RMID));
    waitpid(first, &status1, 0);
    printf("%x\n", status1);
    ASK(semctl(set, 0, GETVAL));
    WORKS(set = semget(KEY, 3, IPC_CREAT | 0600));
}

static unsigned short many[32000];

/* All values of a large set at once, and what is undone of it. */
static void large_set(void)
{
    enum { Count = sizeof many / sizeof *many };
    WORKS(set = semget(IPC_PRIVATE, Count, 0600));
    for (int i = 0; i < Count; i++)
        many[i] = i;
    ASK(semctl(set, 0, SETALL, many));
    many[Count - 1] = 32768;
    ASK(semctl(set, 0, SETALL, many));
    ASK(semctl(set, 0, SETALL, (void *)8));
    ASK(semctl(set, 0, GETALL, (void *)8));
    memset(many, 0, sizeof many);
    ASK(semctl(set, 0, GETALL, many));
    int wrong = 0;
    for (int i = 0; i < Count; i++)
        wrong += many[i] != i;
    printf("%d wrong\n", wrong);
    struct sembuf changes[3] = { { 0, 3, SEM_UNDO }, { Count - 1, -5, SEM_UNDO }, { 7, -8, SEM_UNDO | IPC_NOWAIT } };
    fflush(stdout);
    for (int round = 0; round < 4; round++) {
        if (fork() == 0) {
            ASK(semop(set, changes, 3));
            ASK(semop(set, changes, 2));
            if (round == 1)
                ASK(semctl(set, Count - 1, SETVAL, 9));
            if (round == 2)
                ASK(semctl(set, 0, SETALL, many));
            if (round == 3)
                ASK(semctl(set, 0, IPC_RMID));
            fflush(stdout);
            _exit(0);
        }
        wait(0);
        ASK(semctl(set, 0, GETVAL));
        ASK(semctl(set, Count - 1, GETVAL));
        fflush(stdout);
    }
    /* What would be undone beyond what a number of 16 bits holds. */
    WORKS(set = semget(IPC_PRIVATE, 1, 0600));
    ASK(change(0, 32767, SEM_UNDO));
    ASK(change(0, -32767, 0));
    ASK(change(0, 1, SEM_UNDO));
    ASK(change(0, 1, SEM_UNDO));
    ASK(semctl(set, 0, IPC_RMID));
    WORKS(set = semget(KEY, 0, 0));
}

static void memory(void)
{
    WORKS(shmget(KEY, 0, IPC_CREAT | 0600));
    WORKS(segment = shmget(KEY, 10000, IPC_CREAT | 0600));
    WORKS(shmget(KEY, 10001, 0));
    WORKS(shmget(KEY, 5000, 0));
    char *first = shmat(segment, 0, 0), *second = shmat(segment, 0, SHM_RDONLY);
    printf("%d\n", first != (char *)-1 && second != (char *)-1);
    strcpy(first + 9000, "shared");
    puts(second + 9000);
    ASK(mprotect(second, 4096, PROT_READ | PROT_WRITE));
    ASK(shmat(segment, first, 0) == (void *)-1 ? -1 : 0);
    ASK(shmat(segment, (void *)123, 0) == (void *)-1 ? -1 : 0);
    ASK(shmat(-1, 0, 0) == (void *)-1 ? -1 : 0);
    printf("%d\n", shmat(segment, second, SHM_REMAP) == second);
    struct shmid_ds status;
    ASK(shmctl(segment, IPC_STAT, &status));
    printf("%o %ld %ld %d %d\n", status.shm_perm.mode, (long)status.shm_segsz, (long)status.shm_nattch, status.shm_cpid == getpid(), status.shm_lpid == getpid());
    fflush(stdout);
    if (fork() == 0) {
        shmctl(segment, IPC_STAT, &status);
        printf("%ld\n", (long)status.shm_nattch);
        strcpy(first, "of the child");
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    puts(first);
    ASK(shmctl(segment, SHM_LOCK, 0));
    ASK(shmctl(segment, IPC_STAT, &status));
    printf("%o %ld\n", status.shm_perm.mode, (long)status.shm_nattch);
    ASK(shmctl(segment, SHM_UNLOCK, 0));
    ASK(shmdt(second));
    ASK(shmdt(second));
    ASK(shmdt(first + 4096));
    int twin = shmget(IPC_PRIVATE, 4096, 0600);
    char *of_twin = shmat(twin, 0, 0);
    ASK(shmctl(twin, IPC_RMID, 0));
    ASK(shmctl(twin, IPC_STAT, &status));
    printf("%o %ld\n", status.shm_perm.mode, (long)status.shm_nattch);
    ASK(shmat(twin, 0, 0) == (void *)-1 ? -1 : 0);
    ASK(shmctl(twin, IPC_RMID, 0));
    strcpy(of_twin, "still there");
    puts(of_twin);
    ASK(munmap(of_twin, 4096));
    ASK(shmctl(twin, IPC_STAT, &status));
    ASK(shmctl(segment, 99, &status));
}

static void timers(void)
{
    struct sigaction act = { .sa_sigaction = catch, .sa_flags = SA_SIGINFO };
    sigaction(SIGRTMIN, &act, 0);
    sigaction(SIGVTALRM, &act, 0);
    sigaction(SIGPROF, &act, 0);
    timer_t timer;
    struct sigevent how = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77 };
    struct itimerspec once = { { 0, 0 }, { 0, 5000000 } }, often = { { 0, 1000000 }, { 0, 1000000 } }, none = { 0 }, left;
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    ASK(timer_create(CLOCK_MONOTONIC, &how, &timer));
    sigprocmask(SIG_BLOCK, &set, &old);
    ASK(timer_settime(timer, 0, &once, 0));
    siginfo_t about;
    ASK(sigwaitinfo(&set, &about) == SIGRTMIN);
    printf("%d %d %d\n", about.si_code == SI_TIMER, about.si_value.sival_int, about.si_overrun);
    ASK(timer_gettime(timer, &left));
    printf("%ld %ld\n", (long)left.it_value.tv_sec, left.it_value.tv_nsec);
    ASK(timer_settime(timer, 0, &often, &left));
    usleep(30000);
    ASK(sigwaitinfo(&set, &about) == SIGRTMIN);
    printf("%d %d\n", about.si_overrun > 5, timer_getoverrun(timer) == about.si_overrun);
    ASK(timer_settime(timer, 0, &none, &left));
    printf("%d\n", left.it_interval.tv_nsec == 1000000 && left.it_value.tv_nsec > 0);
    struct signalfd_siginfo record;
    int file = signalfd(-1, &set, 0);
    struct timespec drain = { 0, 0 };
    while (sigtimedwait(&set, 0, &drain) > 0)
        ;
    ASK(timer_settime(timer, 0, &once, 0));
    ASK(read(file, &record, sizeof record));
    printf("%d %d %d\n", record.ssi_code == SI_TIMER, record.ssi_int, record.ssi_overrun);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct itimerspec past = { { 0, 0 }, now };
    ASK(timer_settime(timer, TIMER_ABSTIME, &past, 0));
    ASK(sigwaitinfo(&set, &about) == SIGRTMIN);
    once.it_value.tv_nsec = 1000000000;
    ASK(timer_settime(timer, 0, &once, 0));
    once.it_value.tv_nsec = 5000000;
    ASK(timer_settime(timer, 0, (void *)8, 0));
    ASK(timer_delete(timer));
    ASK(syscall(SYS_timer_delete, 999));
    ASK(syscall(SYS_timer_gettime, 999, &left));
    ASK(syscall(SYS_timer_getoverrun, 999));
    ASK(syscall(SYS_timer_settime, 999, 0, &once, 0));
    int id;
    ASK(syscall(SYS_timer_create, 12345, 0, &id));
    ASK(syscall(SYS_timer_create, CLOCK_MONOTONIC_COARSE, 0, &id));
    ASK(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id));
    ASK(syscall(SYS_timer_create, CLOCK_MONOTONIC, 0, 8));
    how.sigev_signo = 65;
    ASK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &how, &id));
    how.sigev_signo = SIGRTMIN;
    how.sigev_notify = SIGEV_THREAD_ID;
    how._sigev_un._tid = 1;
    ASK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &how, &id));
    how._sigev_un._tid = gettid();
    ASK(timer_create(CLOCK_REALTIME, &how, &timer));
    ASK(timer_settime(timer, 0, &once, 0));
    ASK(sigwaitinfo(&set, &about) == SIGRTMIN);
    ASK(timer_delete(timer));
    sigprocmask(SIG_SETMASK, &old, 0);
    /* Processor time, by either door. */
    how.sigev_notify = SIGEV_SIGNAL;
    for (int i = 0; i < 2; i++) {
        caught = 0;
        ASK(timer_create(i == 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &how, &timer));
        ASK(timer_settime(timer, 0, &once, 0));
        while (!caught)
            ;
        ASK(timer_delete(timer));
    }
    for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
        struct itimerval value = { { 0, 0 }, { 0, 5000 } }, before;
        caught = 0;
        ASK(setitimer(which, &value, 0));
        while (!caught)
            ;
        ASK(getitimer(which, &before));
        printf("%ld\n", (long)before.it_value.tv_usec);
    }
    ASK(setitimer(3, 0, 0));
    ASK(getitimer(3, 0));
}

int main(void)
{
    messages();
    semaphores();
    large_set();
    memory();
    as_nobody(queue_of_others);
    ASK(msgctl(queue, IPC_RMID, 0));
    ASK(semctl(set, 0, IPC_RMID));
    ASK(shmctl(segment, IPC_RMID, 0));
    timers();
    puts("all answers given");
    return 0;
}
