/* Files in memory: what is written through a shared mapping is in the file and in all other mappings, what is written to a private one in
   none. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>
#include "answer.h"

#define PAGE 4096

static void map_answer(const char *what, void *result)
{
    if (result == MAP_FAILED)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: mapped\n", what);
    errno = 0;
}

#define ASK_MAP(call) map_answer(#call, call)

static sigjmp_buf away;
static volatile int code;
static void on_fault(int signal, siginfo_t *information, void *unused)
{
    code = information->si_code;
    siglongjmp(away, signal);
}

/* The signal of an access, or the byte. */
static int look(volatile char *at)
{
    int signal = sigsetjmp(away, 1);
    return signal ? -signal : *at;
}

static int touch(volatile char *at, char value)
{
    int signal = sigsetjmp(away, 1);
    if (signal)
        return -signal;
    *at = value;
    return value;
}

#define LOOK(at) printf("%s: %d\n", #at, look(at))
#define TOUCH(at, value) printf("%s = %d: %d\n", #at, value, touch(at, value))

static int made(const char *name, long length)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    char *text = malloc(length);
    for (long i = 0; i < length; i++)
        text[i] = i / PAGE * 16 + i % 7;
    write(fd, text, length);
    free(text);
    return fd;
}

static void refusing(void)
{
    int fd = made("a", 3 * PAGE), reading = open("a", O_RDONLY), writing = open("a", O_WRONLY), path = open("a", O_PATH), folder = open("/", O_RDONLY);
    int ends[2];
    pipe(ends);
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED, writing, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, writing, 0));
    ASK_MAP(mmap(0, PAGE, PROT_WRITE, MAP_SHARED, writing, 0));
    ASK_MAP(mmap(0, PAGE, PROT_WRITE, MAP_SHARED, reading, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reading, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED, path, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED, folder, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED, ends[0], 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED, 77, 0));
    ASK_MAP(mmap(0, 0, PROT_READ, MAP_SHARED, fd, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 1));
    ASK_MAP(mmap(0, PAGE, PROT_READ, 0, fd, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x200, fd, 0));
    ASK_MAP(mmap((void *)0x10000000, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, fd, 0));
    ASK_MAP(mmap(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_POPULATE, fd, 0));
    char *seen = mmap(0, 3 * PAGE, PROT_READ, MAP_SHARED, reading, 0);
    LOOK(seen + PAGE);
    TOUCH(seen, 1);
    ASK(mprotect(seen, PAGE, PROT_READ | PROT_WRITE));
    ASK(mprotect(seen + PAGE, PAGE, PROT_NONE));
    LOOK(seen + PAGE);
    ASK(mprotect(seen + PAGE, PAGE, PROT_WRITE));
    ASK(mprotect(seen + PAGE, PAGE, PROT_READ));
    LOOK(seen + PAGE);
    char *own = mmap(0, 3 * PAGE, PROT_READ, MAP_PRIVATE, reading, 0);
    ASK(mprotect(own, PAGE, PROT_READ | PROT_WRITE));
    TOUCH(own, 99);
    LOOK(seen);
    munmap(seen, 3 * PAGE), munmap(own, 3 * PAGE);
    close(fd), close(reading), close(writing), close(path), close(folder), close(ends[0]), close(ends[1]);
    unlink("a");
}

static void sharing(void)
{
    char byte;
    int fd = made("a", 3 * PAGE);
    char *one = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *two = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    char *own = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    char *view = mmap(0, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    TOUCH(one + PAGE + 5, 77);
    LOOK(two + 5);
    LOOK(view + PAGE + 5);
    TOUCH(own + 2 * PAGE, 55);
    LOOK(one + 2 * PAGE);
    TOUCH(two + PAGE, 66);
    LOOK(one + 2 * PAGE);
    LOOK(own + 2 * PAGE);
    ASK(pread(fd, &byte, 1, PAGE + 5));
    ASK(byte);
    ASK(pwrite(fd, "w", 1, 9));
    LOOK(one + 9);
    LOOK(view + 9);
    ASK(pread(fd, one + 20, 10, 0));
    LOOK(two - 0);
    ASK(memcmp(one, one + 20, 9));
    fflush(stdout);
    if (fork() == 0) {
        one[100] = 42;
        two[PAGE + 100] = 43;
        own[100] = 44;
        char *late = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        late[101] = 45;
        _exit(0);
    }
    wait(NULL);
    LOOK(one + 100);
    LOOK(one + 2 * PAGE + 100);
    LOOK(own + 100);
    LOOK(one + 101);
    ASK(msync(one, 3 * PAGE, MS_SYNC));
    ASK(msync(one, 3 * PAGE, MS_ASYNC | MS_INVALIDATE));
    ASK(msync(one, 3 * PAGE, MS_ASYNC | MS_SYNC));
    ASK(msync(one + 1, PAGE, MS_SYNC));
    ASK(msync(one, PAGE, 8));
    ASK(madvise(one, PAGE, MADV_DONTNEED));
    LOOK(one + 100);
    ASK(madvise(own, 3 * PAGE, MADV_DONTNEED));
    LOOK(own + 2 * PAGE);
    /* The file goes when its last mapping does. */
    close(fd);
    unlink("a");
    TOUCH(one, 12);
    LOOK(view);
    munmap(view, 3 * PAGE), munmap(two, 2 * PAGE);
    LOOK(one);
    /* In parts. */
    ASK(munmap(one + PAGE, PAGE));
    LOOK(one + PAGE);
    TOUCH(one + 2 * PAGE, 13);
    ASK(mprotect(one, PAGE, PROT_READ));
    TOUCH(one, 14);
    ASK(mprotect(one, PAGE, PROT_READ | PROT_WRITE));
    TOUCH(one, 15);
    munmap(one, 3 * PAGE), munmap(own, 3 * PAGE);
}

static void cutting(void)
{
    int fd = made("a", 3 * PAGE + 100);
    char *one = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *own = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    LOOK(one + 3 * PAGE + 99);
    LOOK(one + 3 * PAGE + 100);
    TOUCH(one + 4 * PAGE - 1, 9);
    LOOK(one + 4 * PAGE);
    ASK(code);
    TOUCH(one + 4 * PAGE, 1);
    LOOK(own + 4 * PAGE);
    TOUCH(own + 2 * PAGE, 88);
    struct stat status;
    fstat(fd, &status);
    ASK(status.st_size);
    ASK(ftruncate(fd, PAGE + 10));
    LOOK(one + PAGE + 9);
    LOOK(one + PAGE + 10);
    LOOK(one + 2 * PAGE);
    LOOK(own + 2 * PAGE);
    ASK(ftruncate(fd, 5 * PAGE));
    LOOK(one + PAGE + 9);
    LOOK(one + 2 * PAGE);
    TOUCH(one + 4 * PAGE, 31);
    LOOK(own + 4 * PAGE);
    LOOK(one + 5 * PAGE);
    ASK(pwrite(fd, "end", 3, 6 * PAGE));
    LOOK(one + 6 * PAGE);
    ASK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4 * PAGE, PAGE));
    LOOK(one + 4 * PAGE);
    /* System calls meet the end, too. */
    int ends[2];
    pipe(ends);
    ASK(write(ends[1], one + 7 * PAGE, 1));
    ASK(pwrite(fd, one, 10, PAGE));
    LOOK(one + PAGE + 1);
    fflush(stdout);
    if (fork() == 0) {
        ftruncate(fd, 0);
        _exit(0);
    }
    wait(NULL);
    LOOK(one);
    LOOK(own);
    close(ends[0]), close(ends[1]);
    munmap(one, 8 * PAGE), munmap(own, 8 * PAGE);
    close(fd);
    unlink("a");
}

static void moving(void)
{
    int fd = made("a", 8 * PAGE);
    char *one = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    one[0] = 5;
    char *grown = mremap(one, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    printf("grown: %d\n", grown != MAP_FAILED);
    LOOK(grown);
    LOOK(grown + 5 * PAGE);
    TOUCH(grown + 5 * PAGE, 51);
    char byte;
    pread(fd, &byte, 1, 5 * PAGE);
    ASK(byte);
    char *place = mmap(0, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *moved = mremap(grown + PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    printf("moved: %d\n", moved == place);
    LOOK(moved);
    TOUCH(moved + PAGE, 52);
    pread(fd, &byte, 1, 2 * PAGE);
    ASK(byte);
    LOOK(grown + PAGE);
    munmap(grown, 6 * PAGE), munmap(place, 8 * PAGE);
    /* Over what is mapped already; ahead of the file's end, which comes later; by memfd. */
    int memory = memfd_create("m", 0);
    ftruncate(memory, 2 * PAGE);
    char *ahead = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory, 0);
    ASK(mmap(ahead + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) == ahead + PAGE);
    TOUCH(ahead, 61);
    LOOK(ahead + PAGE);
    LOOK(ahead + 3 * PAGE);
    ftruncate(memory, 4 * PAGE);
    LOOK(ahead + 3 * PAGE);
    ASK(mlock(ahead, 4 * PAGE));
    ASK(munlock(ahead, 4 * PAGE));
    munmap(ahead, 4 * PAGE);
    /* A file with holes, far larger than what is written. */
    ftruncate(memory, 512l << 20);
    char *wide = mmap(0, 512l << 20, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    printf("wide: %d\n", wide != MAP_FAILED);
    TOUCH(wide + (511l << 20), 71);
    LOOK(wide + (300l << 20));
    pread(memory, &byte, 1, 511l << 20);
    ASK(byte);
    munmap(wide, 512l << 20);
    close(memory), close(fd);
    unlink("a");
}

struct meeting { sem_t semaphore; pthread_mutex_t mutex; pthread_cond_t condition; int word, count, turn; };

static void meeting(void)
{
    ASK(shm_open("/guest-meeting", O_RDWR, 0600));
    int fd = shm_open("/guest-meeting", O_RDWR | O_CREAT | O_EXCL, 0600);
    ASK(fd >= 0);
    ASK(shm_open("/guest-meeting", O_RDWR | O_CREAT | O_EXCL, 0600));
    ASK(ftruncate(fd, sizeof(struct meeting)));
    struct meeting *here = mmap(0, sizeof *here, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&here->mutex, &shared);
    pthread_condattr_t too;
    pthread_condattr_init(&too);
    pthread_condattr_setpshared(&too, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&here->condition, &too);
    sem_init(&here->semaphore, 1, 0);
    fflush(stdout);
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            /* At another address. */
            int again = shm_open("/guest-meeting", O_RDWR, 0);
            struct meeting *there = mmap(0, sizeof *there, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
            for (int j = 0; j < 500; j++) {
                pthread_mutex_lock(&there->mutex);
                there->count++;
                pthread_mutex_unlock(&there->mutex);
            }
            pthread_mutex_lock(&there->mutex);
            while (there->turn != i)
                pthread_cond_wait(&there->condition, &there->mutex);
            there->turn++;
            pthread_cond_broadcast(&there->condition);
            pthread_mutex_unlock(&there->mutex);
            sem_post(&there->semaphore);
            while (syscall(SYS_futex, &there->word, FUTEX_WAIT, 0, NULL) == -1 && errno == EINTR);
            _exit(there != here);
        }
    for (int i = 0; i < 4; i++)
        sem_wait(&here->semaphore);
    ASK(here->count);
    ASK(here->turn);
    int woken = 0;
    while (woken < 4) {
        woken += syscall(SYS_futex, &here->word, FUTEX_WAKE, 100);
        struct timespec little = { 0, 1000000 };
        nanosleep(&little, NULL);
    }
    here->word = 1;
    int status, elsewhere = 0;
    for (int i = 0; i < 4; i++)
        if (wait(&status) > 0)
            elsewhere += WEXITSTATUS(status);
    ASK(elsewhere);
    ASK(shm_unlink("/guest-meeting"));
    ASK(shm_unlink("/guest-meeting"));
    here->count = 3;
    munmap(here, sizeof *here);
    close(fd);
    sem_t *named = sem_open("/guest-named", O_CREAT | O_EXCL, 0600, 1);
    ASK(named != SEM_FAILED);
    fflush(stdout);
    if (fork() == 0) {
        sem_t *again = sem_open("/guest-named", 0);
        sem_wait(again);
        sem_wait(again);
        _exit(6);
    }
    sem_post(named);
    wait(&status);
    ASK(WEXITSTATUS(status));
    int value = -1;
    sem_getvalue(named, &value);
    ASK(value);
    ASK(sem_close(named));
    ASK(sem_unlink("/guest-named"));
    ASK(sem_open("/guest-named", 0) == SEM_FAILED);
}

/* What a child of a page holds: its first byte; -1: it is not there. */
static int in_child(const char *page)
{
    fflush(stdout);
    int status;
    if (fork() == 0) {
        unsigned char resident;
        _exit(mincore((void *)page, PAGE, &resident) == 0 ? page[0] : 255);
    }
    wait(&status);
    return WEXITSTATUS(status);
}

static void forking(void)
{
    char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 5, 4 * PAGE);
    ASK(madvise(pages + PAGE, PAGE, MADV_WIPEONFORK));
    ASK(madvise(pages + 2 * PAGE, PAGE, MADV_DONTFORK));
    for (int i = 0; i < 4; i++)
        printf("page %d: %d, in a child %d\n", i, pages[i * PAGE], in_child(pages + i * PAGE));
    ASK(madvise(pages, 4 * PAGE, MADV_KEEPONFORK));
    ASK(madvise(pages, 4 * PAGE, MADV_DOFORK));
    for (int i = 0; i < 4; i++)
        printf("page %d: in a child %d\n", i, in_child(pages + i * PAGE));
    munmap(pages, 4 * PAGE);
    pages = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASK(madvise(pages, PAGE, MADV_WIPEONFORK));
    munmap(pages, PAGE);

    /* What was read and never written is zero for everybody, whoever writes to it first. */
    char *read = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int sum = 0;
    for (int i = 0; i < 64; i++)
        sum += read[i * PAGE];
    fflush(stdout);
    if (fork() == 0) {
        memset(read, 1, 64 * PAGE);
        _exit(0);
    }
    wait(NULL);
    read[7 * PAGE] = 2;
    for (int i = 0; i < 64; i++)
        sum += read[i * PAGE];
    printf("read pages: %d\n", sum);
    munmap(read, 64 * PAGE);
}

/* A mapping that grows downwards, where there is room; the signal is taken on another stack. */
static void growing(void)
{
    char *room = mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(room, 1024 * PAGE);
    char *top = room + 1024 * PAGE;
    map_answer("grows down", mmap(top - 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
    map_answer("shared", mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
    for (char *at = top - PAGE; at > top - 100 * PAGE; at -= PAGE)
        *(volatile char *)at = 1;
    printf("grown: %d\n", top[-90 * PAGE]);
    munmap(top - 100 * PAGE, 100 * PAGE);
}

/* Addresses up to 2^47 (but for the last page) are a program's, and large reserves that it does not touch cost nothing: sanitizers put their
   shadow there. */
static void far_away(void)
{
    char *wanted = (char *)0x7a0000000000, *none = (char *)0x7ffffffff000, local;
    printf("the stack: %d\n", (uintptr_t)&local >> 46 == 1);
    char *got = mmap(wanted, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("a hint: %d\n", got == wanted);
    if (got == wanted) {
        strcpy(wanted + PAGE - 3, "far away");
        puts(wanted + PAGE - 3);
        int child = fork();
        if (child == 0)
            _exit(strcmp(wanted + PAGE - 3, "far away") != 0);
        int status;
        waitpid(child, &status, 0);
        printf("%x\n", status);
        ASK(mremap(wanted, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, wanted + 0x40000000000) == wanted + 0x40000000000);
        puts(strncmp(wanted + 0x40000000000 + PAGE - 3, "far", 3) ? "other" : "moved");
    }
    ASK_MAP(mmap(none, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    ASK_MAP(mmap(none + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    ASK(munmap(none, PAGE));
    ASK(munmap(none - PAGE, 2 * PAGE));
    ASK(mprotect(none, PAGE, PROT_READ));
    ASK(write(1, none, 1));
    char *reserve = mmap(NULL, 1ul << 44, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    map_answer("a reserve", reserve);
    if (reserve != MAP_FAILED) {
        reserve[1ul << 43] = reserve[(1ul << 44) - 1] = 7;
        printf("%d %d\n", reserve[1ul << 43], reserve[1ul << 42]);
        ASK(munmap(reserve, 1ul << 44));
    }
    ASK_MAP(mmap(NULL, 1ul << 44, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASK_MAP(mmap(NULL, 1ul << 46, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASK_MAP(mmap(NULL, 1ul << 47, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* mremap that leaves the old place mapped, or makes a second view; remap_file_pages. */
static void leaving(void)
{
    int fd = made("a", 6 * PAGE);
    char *file = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *own = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *all = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int page = 0; page < 4; page++)
        own[page * PAGE] = 10 + page, all[page * PAGE] = 20 + page;
    /* Refused. */
    ASK_MAP(mremap(own, PAGE, PAGE, MREMAP_DONTUNMAP));
    ASK_MAP(mremap(own, PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE));
    ASK_MAP(mremap(own, 5 * PAGE, 5 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE | MREMAP_FIXED, own + 2 * PAGE));
    ASK_MAP(mremap(own, 0, PAGE, MREMAP_MAYMOVE));
    ASK_MAP(mremap(all, 0, PAGE, 0));
    ASK_MAP(mremap(all, 0, 0, MREMAP_MAYMOVE));
    ASK_MAP(mremap(file, 0, PAGE, MREMAP_MAYMOVE | 8));
    ASK(syscall(SYS_remap_file_pages, file, PAGE, PROT_READ, 0, 0));
    ASK(syscall(SYS_remap_file_pages, own, PAGE, 0, 0, 0));
    ASK(syscall(SYS_remap_file_pages, file, 5 * PAGE, 0, 0, 0));
    ASK(syscall(SYS_remap_file_pages, file, 0, 0, 0, 0));
    ASK(syscall(SYS_remap_file_pages, file, PAGE, 0, -1l, 0));
    /* Left behind: private memory as zeros, shared as it is. */
    char *moved = mremap(own + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE);
    printf("moved: %d\n", moved != MAP_FAILED && moved != own + PAGE);
    LOOK(moved), LOOK(moved + PAGE);
    LOOK(own), LOOK(own + PAGE), LOOK(own + 2 * PAGE), LOOK(own + 3 * PAGE);
    TOUCH(own + PAGE, 5);
    LOOK(moved);
    char *place = mmap(0, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASK(mremap(file, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE) == place + PAGE);
    ASK(mremap(all, 4 * PAGE, 4 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE | MREMAP_FIXED, place + 4 * PAGE) == place + 4 * PAGE);
    TOUCH(place + PAGE, 31);
    LOOK(file);
    TOUCH(place + 4 * PAGE, 41);
    LOOK(all);
    LOOK(all + 3 * PAGE), LOOK(place + 7 * PAGE);
    LOOK(place), LOOK(place + 3 * PAGE);
    /* A second view, longer than the first where the file is. */
    char *view = mremap(file + PAGE, 0, 5 * PAGE, MREMAP_MAYMOVE), *second = mremap(all + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
    TOUCH(view, 51);
    LOOK(file + PAGE);
    LOOK(view + 4 * PAGE);
    TOUCH(second + PAGE, 52);
    LOOK(all + 2 * PAGE);
    if (fork() == 0) {
        all[PAGE] = 53, place[5 * PAGE + 1] = 54;
        _exit(0);
    }
    wait(NULL);
    LOOK(second), LOOK(second + 1);
    ASK(syscall(SYS_remap_file_pages, file, 2 * PAGE, 0, 4, 0));
    LOOK(file), LOOK(file + PAGE), LOOK(file + 2 * PAGE);
    TOUCH(file + PAGE, 61);
    LOOK(view + 4 * PAGE);
    ASK(syscall(SYS_remap_file_pages, file, 4 * PAGE, 0, 0, 0));
    LOOK(file);
    close(fd);
    unlink("a");
    ASK(syscall(SYS_remap_file_pages, file, 2 * PAGE, 0, 1, 0));
    LOOK(file);
    unsigned char present[6];
    char *cold = mmap(0, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cold[0] = cold[5 * PAGE] = 1;
    ASK(mincore(cold, 6 * PAGE, present));
    for (int page = 0; page < 6; page++)
        printf("%d", present[page] & 1);
    ASK(mincore(file, 4 * PAGE, present));
    for (int page = 0; page < 4; page++)
        printf("%d", present[page] & 1);
    ASK(mincore(cold + 1, PAGE, present));
    ASK(mincore(cold, PAGE, NULL));
    munmap(file, 4 * PAGE), munmap(own, 4 * PAGE), munmap(all, 4 * PAGE), munmap(view, 5 * PAGE), munmap(second, 2 * PAGE);
    munmap(moved, 2 * PAGE), munmap(place, 8 * PAGE), munmap(cold, 6 * PAGE);
}

/* What smaps says of the area at an address: the words whose figures follow from what the program has done. */
static void tell_smaps(const char *what, void *at)
{
    static const char *words[] = { "Size:", "Rss:", "Pss:", "Shared_Dirty:", "Private_Dirty:", "Referenced:", "Anonymous:", "Locked:", "Swap:" };
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[500], name[100];
    unsigned long from, to, figure;
    int is_it = 0, lines = 0;
    printf("%s:", what);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            is_it = from <= (uintptr_t)at && (uintptr_t)at < to;
        else if (is_it && sscanf(line, "%99s %lu kB", name, &figure) == 2) {
            lines++;
            for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
                if (strcmp(name, words[i]) == 0)
                    printf(" %s%lu", name, figure);
        } else if (is_it && strncmp(line, "VmFlags: ", 9) == 0) {
            static const char *flags[] = { "rd ", "wr ", "ex ", "sh ", "mr ", "mw ", "me ", "ms ", "gd ", "lo ", "dc ", "ac ", "nr ", "wf " };
            for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
                if (strstr(line + 8, flags[i]))
                    printf(" %.2s", flags[i]);
        }
    }
    fclose(file);
    printf("%s\n", lines > 15 ? "" : " too few lines");
}

static void tell_pagemap(void *at, int pages)
{
    uint64_t entries[16];
    int file = open("/proc/self/pagemap", O_RDONLY);
    ASK(pread(file, entries, pages * 8, (uintptr_t)at / PAGE * 8));
    for (int page = 0; page < pages; page++)
        printf("%d%d%d%s ", (int)(entries[page] >> 63), (int)(entries[page] >> 61 & 1), (int)(entries[page] >> 56 & 1),
            entries[page] >> 63 && geteuid() == 0 && (entries[page] & (1ul << 55) - 1) == 0 ? " no frame" : "");
    puts("");
    ASK(pread(file, entries, 7, 0));
    ASK(pread(file, entries, 8, 4));
    ASK(pread(file, entries, 0, 0));
    ASK(pread(file, entries, 16, 0x7ffffffff000 / PAGE * 8 + PAGE));
    ASK(lseek(file, 0x7ffff0000000 / PAGE * 8, SEEK_SET));
    ASK(read(file, entries, 8));
    close(file);
}

static long rolled_up(const char *name)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[500];
    long figure = -1;
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            figure = atol(line + strlen(name));
    if (file)
        fclose(file);
    return figure;
}

static void counting(void)
{
    char *place = mmap(0, 24 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *own = mmap(place + PAGE, 10 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    char *reserve = mmap(place + 12 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    int memory = memfd_create("m", 0);
    ftruncate(memory, 4 * PAGE);
    char *file = mmap(place + 17 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0);
    char *again = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, PAGE);
    long before = rolled_up("Private_Dirty:");
    for (int page = 0; page < 6; page++)
        own[page * PAGE] = 1;
    LOOK(own + 7 * PAGE);
    file[0] = file[PAGE] = again[0] = 1;
    tell_smaps("own", own), tell_smaps("reserve", reserve), tell_smaps("file", file), tell_smaps("none", place);
    tell_pagemap(own, 10), tell_pagemap(file, 4), tell_pagemap(place, 1);
    long after = rolled_up("Private_Dirty:");
    printf("rollup: %d\n", after - before >= 28 && after - before < 60);
    mlock(own, PAGE * 10);
    madvise(reserve, 4 * PAGE, MADV_DONTFORK);
    tell_smaps("locked", own), tell_smaps("not forked", reserve);
    munlock(own, PAGE * 10);
    fflush(stdout);
    int ends[2];
    pipe(ends);
    int child = fork();
    if (child == 0) {
        own[0] = 2;
        tell_smaps("child", own);
        fflush(stdout);
        write(ends[1], "x", 1);
        pause();
    }
    char said;
    read(ends[0], &said, 1);
    tell_smaps("parent", own);
    tell_pagemap(own, 3);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    tell_smaps("alone", own);
    /* More text than 64 KiB. */
    enum { Many = 400 };
    char *many = mmap(0, Many * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), line[500];
    int areas = 0;
    unsigned long from;
    for (int page = 0; page < Many; page += 2)
        mprotect(many + page * PAGE, PAGE, PROT_READ);
    FILE *smaps = fopen("/proc/self/smaps", "r");
    while (fgets(line, sizeof line, smaps))
        if (sscanf(line, "%lx-%*x %*4s", &from) == 1 && strchr(line, '-') && from >= (uintptr_t)many && from < (uintptr_t)many + Many * PAGE)
            areas++;
    fclose(smaps);
    ASK(areas);
    munmap(many, Many * PAGE);
    close(ends[0]), close(ends[1]), close(memory);
    munmap(place, 24 * PAGE), munmap(again, PAGE);
}

int main(void)
{
    mkdir("/dev/shm/mappings", 0777);
    chdir("/dev/shm/mappings");
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    alarm(20);
    refusing();
    sharing();
    cutting();
    moving();
    meeting();
    forking();
    growing();
    far_away();
    leaving();
    counting();
    chdir("/");
    rmdir("/dev/shm/mappings");
    puts("all answers given");
    return 0;
}
