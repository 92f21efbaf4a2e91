/* load PORT KIND AMOUNT: keeps a guest's memory in use and can say at any time whether it still holds what it should. Goes into the
   background when it is set up, and answers every connection to PORT by "right", the passes made so far, or by what is wrong.

   scatter PERCENT fills memory up to PERCENT of all there is and frees every other page, in no order: no two free frames are neighbours
   fill PERCENT    fills memory up to PERCENT of all there is
   write PAGES     writes a word of each of so many pages, over and over, as fast as it can
   rewrite PAGES   the same to a file of so many pages, by write(2) of all of it
   files COUNT     writes COUNT small files in /tmp and removes half of them at random
   brim USER       as USER writes one file until nobody's memory is left for it; the file stays
   clock 0         answers with the nanoseconds of its wall clock and of its monotonic one
   wait 0          sleeps for a millisecond over and over; answers with the longest time in microseconds from one waking to the next since
                   the last answer, and with how often it woke
   touch PAGES     dirties so many pages once, then sleeps: a server's share of writing
   sparse PAGES    has so many pages at random in 100 TiB, the even ones written to and the others only read; half of them are unmapped, and come
                   anew, after each answer
   extend 1        executes LZCNT, of which it has not asked CPUID, each time that it answers
   vectors 1       two processes have values in all YMM registers, loaded once: one spins, the other waits in a system call; both are asked
                   for what is there each time that it answers */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

/* The stride is a prime: steps of it visit everything once, and neighbours far apart in time. */
enum { page = 4096, stride = 10007 };

static uint64_t pattern(uint64_t number, uint64_t pass)
{
    uint64_t x = (number + 1) * 0x9e3779b97f4a7c15ull ^ pass * 0xbf58476d1ce4e5b9ull;
    return x ^ x >> 29;
}

static char *memory;
static size_t pages;
static uint64_t pass;
static int step = 1; /* of the pages that are kept */
static int last_written = -1;

/* What the base of GS leads to: of each load another one. */
static unsigned long base;

static void fill(size_t number)
{
    uint64_t *words = (uint64_t *)(memory + number * page), value = pattern(number, 0);
    for (int i = 0; i < page / 8; i++)
        words[i] = value + i;
}

static char *map(size_t count)
{
    char *at = mmap(0, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        puts("no memory");
        exit(1);
    }
    pages = count;
    return at;
}

static void file_name(char *to, size_t number) { sprintf(to, "/tmp/f%zu/%zu", number / 256, number); }

static char *kept;
static int is_clock, is_waiting, is_extending;
static long long longest_wait, woken;

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void make_files(size_t count)
{
    char name[64], folder[64], text[256];
    kept = calloc(count, 1);
    pages = count;
    for (size_t i = 0; i < count; i++) {
        if (i % 256 == 0) {
            sprintf(folder, "/tmp/f%zu", i / 256);
            mkdir(folder, 0777);
        }
        file_name(name, i);
        int length = sprintf(text, "%016llx\n", (unsigned long long)pattern(i, 0)), file = open(name, O_CREAT | O_WRONLY, 0666);
        if (file < 0 || write(file, text, length) != length) {
            printf("file %zu: %s\n", i, strerror(errno));
            exit(1);
        }
        close(file);
    }
    for (size_t i = 0; i < count; i++) {
        size_t other = i * stride % count;
        kept[other] = pattern(other, 1) & 1;
        file_name(name, other);
        if (!kept[other])
            unlink(name);
    }
}

static const uint64_t wide = 100ull << 40;
static int is_sparse;

static char *map_sparse(void *at, uint64_t length)
{
    char *mapped = mmap(at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0), -1, 0);
    if (mapped == MAP_FAILED) {
        puts("no room");
        exit(1);
    }
    return mapped;
}

static volatile uint64_t *sparse_word(size_t number) { return (uint64_t *)(memory + pattern(number, 7) % (wide / page) * page); }

static int is_low(size_t number) { return (char *)sparse_word(number) < memory + wide / 2; }

static void touch_sparse(size_t number)
{
    if (number % 2)
        pass += *sparse_word(number) != 0;
    else
        *sparse_word(number) = pattern(number, 0);
}

/* The number of a page that is not as it was written, or none. */
static long check_sparse(void)
{
    for (size_t i = 0; i < pages; i++)
        if (*sparse_word(i) != (i % 2 ? 0 : pattern(i, 0)))
            return i;
    munmap(memory, wide / 2);
    map_sparse(memory, wide / 2);
    for (size_t i = 0; i < pages; i++)
        if (is_low(i))
            touch_sparse(i);
    return -1;
}

static int brim = -1;

static void fill_file_system(int user)
{
    uint64_t words[page / 8];
    brim = open("/tmp/brim", O_CREAT | O_RDWR | O_TRUNC, 0666);
    setuid(user);
    for (;; pages++) {
        for (int i = 0; i < page / 8; i++)
            words[i] = pattern(pages, 0) + i;
        if (write(brim, words, page) != page)
            break;
    }
    if (errno != ENOSPC)
        printf("the file ends: %s\n", strerror(errno));
}

/* What a process keeps in its registers, what it has found there, and how it is asked: by a word in memory, or by a byte through pipes. */
struct vectors {
    uint8_t kept[16][32], found[16][32];
    volatile long asked, answered;
    int there[2], back[2];
    char byte;
};

static struct vectors *spinning, *waiting;
static unsigned long questions;

#define ALL(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define LOAD(n) "vmovdqu " #n "*32(%[kept]), %%ymm" #n "\n"
#define STORE(n) "vmovdqu %%ymm" #n ", " #n "*32(%[found])\n"
#define ALL_VECTORS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
    "xmm14", "xmm15"

/* The registers are never loaded again. */
static void spin(struct vectors *with)
{
    __asm__ volatile(ALL(LOAD) "1: mov (%[asked]), %%rax\n cmp (%[answered]), %%rax\n je 1b\n" ALL(STORE)
        "mov %%rax, (%[answered])\n jmp 1b\n"
        : : [kept] "r"(with->kept), [found] "r"(with->found), [asked] "r"(&with->asked), [answered] "r"(&with->answered)
        : "rax", "memory", "cc", ALL_VECTORS);
}

static void wait_in_calls(struct vectors *with)
{
    __asm__ volatile(ALL(LOAD) "1: xor %%eax, %%eax\n mov %[from], %%edi\n syscall\n" ALL(STORE)
        "mov $1, %%eax\n mov %[to], %%edi\n syscall\n jmp 1b\n"
        : : [kept] "r"(with->kept), [found] "r"(with->found), [from] "r"(with->there[0]), [to] "r"(with->back[1]), "S"(&with->byte), "d"(1)
        : "rax", "rdi", "rcx", "r11", "memory", "cc", ALL_VECTORS);
}

static struct vectors *keep_vectors(int seed, void (*keep)(struct vectors *))
{
    struct vectors *with = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (with == MAP_FAILED || pipe(with->there) || pipe(with->back)) {
        puts("no memory");
        exit(1);
    }
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 32; j++)
            with->kept[i][j] = seed * 31 + i * 7 + j * 3;
    if (!fork()) {
        /* Who reads what this program says waits for all that could say something. */
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        nice(19); /* who spins takes what nobody else wants */
        keep(with);
    }
    return with;
}

/* What differs between kept and found, or 0. All of this process's own registers are others. */
static int check_vectors(char *answer)
{
    static const uint8_t ones[16][32] = { [0 ... 15] = { [0 ... 31] = 0xff } };
    struct vectors *all[] = { spinning, waiting };
    questions++;
    for (int who = 0; who < 2; who++) {
        struct vectors *with = all[who];
        const char *name = who ? "waits" : "spins";
        memset(with->found, 0, sizeof with->found);
        __asm__ volatile(ALL(LOAD) : : [kept] "r"(ones) : "memory", ALL_VECTORS);
        if (who) {
            if (write(with->there[1], "", 1) != 1 || read(with->back[0], &with->byte, 1) != 1)
                return sprintf(answer, "wrong: who %s has ended\n", name);
        } else {
            struct timespec millisecond = { 0, 1000000 };
            with->asked++;
            for (int patience = 30000; with->answered != with->asked; patience--) {
                if (!patience)
                    return sprintf(answer, "wrong: who %s has not answered\n", name);
                nanosleep(&millisecond, 0);
            }
        }
        for (int i = 0; i < 16; i++)
            for (int j = 0; j < 32; j++)
                if (with->found[i][j] != with->kept[i][j])
                    return sprintf(answer, "wrong: who %s has %02x, not %02x in byte %d of YMM%d\n", name, with->found[i][j],
                        with->kept[i][j], j, i);
    }
    return 0;
}

/* Everything is as it was written, or one line about what is not. */
static void check(char *answer)
{
    if (is_clock) {
        struct timespec wall, monotonic;
        clock_gettime(CLOCK_REALTIME, &wall);
        clock_gettime(CLOCK_MONOTONIC, &monotonic);
        sprintf(answer, "right %lld %lld\n", wall.tv_sec * 1000000000ll + wall.tv_nsec, monotonic.tv_sec * 1000000000ll + monotonic.tv_nsec);
        return;
    }
    if (is_waiting) {
        sprintf(answer, "right %lld %lld\n", longest_wait / 1000, woken);
        return;
    }
    if (spinning) {
        if (!check_vectors(answer))
            sprintf(answer, "right %lu\n", questions);
        return;
    }
    if (is_sparse) {
        long wrong = check_sparse();
        sprintf(answer, wrong < 0 && pass == 0 ? "right 0\n" : "wrong: page %ld\n", wrong);
        return;
    }
    if (is_extending) {
        uint64_t zeros;
        __asm__ volatile("lzcnt %1, %0" : "=r"(zeros) : "r"(1ull << 40) : "cc");
        sprintf(answer, zeros == 23 ? "right 23\n" : "wrong: %llu zeros\n", (unsigned long long)zeros);
        return;
    }
    if (brim >= 0) {
        uint64_t words[page / 8];
        for (size_t i = 0; i < pages; i++) {
            int whole = pread(brim, words, page, i * page) == page;
            for (int k = 0; k < page / 8; k++)
                if (!whole || words[k] != pattern(i, 0) + k) {
                    sprintf(answer, "wrong: page %zu of the file\n", i);
                    return;
                }
        }
        sprintf(answer, "right %zu\n", pages);
        return;
    }
    if (kept) {
        for (size_t i = 0; i < pages; i++) {
            char name[64], text[64] = "", right[64];
            if (!kept[i])
                continue;
            file_name(name, i);
            int file = open(name, O_RDONLY);
            if (file >= 0)
                read(file, text, sizeof text - 1);
            close(file);
            sprintf(right, "%016llx\n", (unsigned long long)pattern(i, 0));
            if (strcmp(text, right)) {
                sprintf(answer, "wrong: %s\n", name);
                return;
            }
        }
    }
    for (size_t i = 0; !kept && i < pages; i += step) {
        uint64_t *words = (uint64_t *)(memory + i * page);
        if (last_written >= 0 ? words[0] != pattern(i, pass) && words[0] != pattern(i, pass - 1) : 0) {
            sprintf(answer, "wrong: page %zu in pass %llu\n", i, (unsigned long long)pass);
            return;
        }
        for (int k = 0; last_written < 0 && k < page / 8; k++)
            if (words[k] != pattern(i, 0) + k) {
                sprintf(answer, "wrong: page %zu word %d\n", i, k);
                return;
            }
    }
    sprintf(answer, "right %llu\n", (unsigned long long)pass);
}

static int serve(int listener, int wait)
{
    struct pollfd entry = { listener, POLLIN };
    if (poll(&entry, 1, wait) <= 0)
        return 0;
    int client = accept(listener, 0, 0);
    if (client < 0)
        return 0;
    char answer[128];
    unsigned long word;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(word));
    if (word == base)
        check(answer);
    else
        strcpy(answer, "the base of GS is another one");
    write(client, answer, strlen(answer));
    close(client);
    return 1;
}

int main(int count, char **words)
{
    int port = atoi(words[1]), one = 1;
    const char *kind = words[2];
    base = port;
    syscall(SYS_arch_prctl, 0x1001, &base); /* ARCH_SET_GS */
    size_t amount = atol(words[3]);
    struct sockaddr_in address = { AF_INET, htons(port) };
    int listener = socket(AF_INET, SOCK_STREAM, 0), file = -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4)) {
        puts("the port is taken");
        return 1;
    }
    if (!strcmp(kind, "scatter") || !strcmp(kind, "fill")) {
        struct sysinfo info;
        sysinfo(&info);
        memory = map(info.totalram / page * amount / 100 - (info.totalram - info.freeram) / page & ~1ul);
        for (size_t i = 0; i < pages; i++)
            fill(i);
        if (*kind == 's') {
            step = 2;
            for (size_t i = 0; i < pages / 2; i++)
                madvise(memory + (2 * (i * stride % (pages / 2)) + 1) * page, page, MADV_DONTNEED);
        }
    } else if (!strcmp(kind, "files"))
        make_files(amount);
    else if (!strcmp(kind, "brim")) {
        /* In a child from the beginning: a fork after it may be too much. */
        int done[2];
        char end;
        pipe(done);
        if (fork()) {
            close(done[1]);
            read(done[0], &end, 1);
            puts("ready");
            return 0;
        }
        fill_file_system(amount);
        write(done[1], "", 1);
        close(done[1]);
    } else if (!strcmp(kind, "clock"))
        is_clock = 1;
    else if (!strcmp(kind, "wait"))
        is_waiting = 1;
    else if (!strcmp(kind, "sparse")) {
        is_sparse = 1;
        memory = map_sparse(NULL, wide);
        pages = amount;
        for (size_t i = 0; i < pages; i++)
            touch_sparse(i);
    } else if (!strcmp(kind, "extend"))
        is_extending = 1;
    else if (!strcmp(kind, "vectors")) {
        spinning = keep_vectors(1, spin);
        waiting = keep_vectors(2, wait_in_calls);
    }
    else {
        memory = map(amount);
        last_written = 0;
        for (size_t i = 0; i < pages; i++)
            *(uint64_t *)(memory + i * page) = pattern(i, 0);
        if (!strcmp(kind, "rewrite"))
            file = open("/tmp/rewritten", O_CREAT | O_RDWR | O_TRUNC, 0666);
    }
    if (brim < 0) {
        puts("ready");
        fflush(stdout);
        if (fork())
            return 0;
    }
    setsid();
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(kind, "scatter") || !strcmp(kind, "fill") || !strcmp(kind, "files") || !strcmp(kind, "touch") || brim >= 0 || is_clock || is_sparse || is_extending || spinning)
        while (1)
            serve(listener, -1);
    if (is_waiting)
        for (long long last = now();;) {
            struct timespec millisecond = { 0, 1000000 };
            nanosleep(&millisecond, 0);
            long long time = now();
            if (time - last > longest_wait)
                longest_wait = time - last;
            last = time;
            woken++;
            if (serve(listener, 0)) {
                longest_wait = woken = 0;
                last = now();
            }
        }
    while (1) {
        pass++;
        for (size_t i = 0; i < pages; i++)
            *(uint64_t *)(memory + i * page) = pattern(i, pass);
        if (file >= 0)
            pwrite(file, memory, pages * page, 0);
        serve(listener, 0);
    }
}
