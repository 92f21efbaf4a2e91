/* YMM registers (AVX, AVX2, FMA, F16C), which the program uses without having asked CPUID: over system calls, other threads and
   processes, signals, fork, exec and a debugger, and what compilers make of loops. Prints the same on Linux. */
#define _GNU_SOURCE
#include <errno.h>
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define VECTOR __attribute__((target("avx2,fma,f16c"), noinline))
#define ALL(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define LOAD(n) "vmovdqu " #n "*32(%[before]), %%ymm" #n "\n"
#define STORE(n) "vmovdqu %%ymm" #n ", " #n "*32(%[after])\n"

struct state { uint8_t ymm[16][32]; };

static void fill(struct state *state, int seed)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 32; j++)
            state->ymm[i][j] = seed * 31 + i * 7 + j * 3;
}

/* The call between loading and storing all registers. */
static long call_with(const struct state *before, struct state *after, long number, long a, long b, long c)
{
    long result;
    __asm__ volatile (ALL(LOAD) "syscall\n" ALL(STORE) "vzeroupper\n"
        : "=a" (result)
        : "0" (number), "D" (a), "S" (b), "d" (c), [before] "r" (before), [after] "r" (after)
        : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
          "xmm12", "xmm13", "xmm14", "xmm15");
    return result;
}

static int same(const struct state *one, const struct state *other) { return memcmp(one, other, sizeof *one) == 0; }

#include "registers.h"

/* Spins with values in all registers until the other one has had the processor many times, or has come to its end (-1): no system
   call gives it away. */
static volatile int turns_of_other, turns_of_mine;

static int spin(const struct state *before, volatile int *mine, volatile int *other)
{
    int kept = 1;
    for (int i = 0; i < 40; i++) {
        struct state after;
        int seen = *other;
        while (*other == seen && seen != -1) {
            ++*mine;
            __asm__ volatile (ALL(LOAD) "mov $2000, %%ecx\n1: dec %%ecx\n jnz 1b\n" ALL(STORE) "vzeroupper\n"
                : : [before] "r" (before), [after] "r" (&after)
                : "rcx", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                  "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
            kept &= same(before, &after);
        }
    }
    *mine = -1;
    return kept;
}

static void *other_thread(void *unused)
{
    (void)unused;
    struct state before;
    fill(&before, 2);
    return (void *)(long)spin(&before, &turns_of_other, &turns_of_mine);
}

static void with_others(void)
{
    pthread_t thread;
    void *kept;
    struct state before;
    fill(&before, 1);
    pthread_create(&thread, NULL, other_thread, NULL);
    int mine = spin(&before, &turns_of_mine, &turns_of_other);
    pthread_join(thread, &kept);
    printf("threads: %d %ld\n", mine, (long)kept);
    open_pipes();
    with_processes();
}

/* struct _fpx_sw_bytes and the area behind it (arch/x86/include/uapi/asm/sigcontext.h). */
static volatile struct { int is_clear, has_flag, has_words, upper, aligned; } seen;
static int changes;

static void handler(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)information;
    static const struct state ones = { .ymm = { { [0 ... 31] = 0xff } } };
    struct state now, clobbered;
    __asm__ volatile (ALL(STORE) : : [after] "r" (&now) : "memory");
    ucontext_t *user = context;
    uint8_t *area = (uint8_t *)user->uc_mcontext.fpregs;
    int clear = 1;
    for (int i = 0; i < 16; i++)
        for (int j = 16; j < 32; j++)
            clear &= now.ymm[i][j] == 0;
    seen.is_clear = clear;
    seen.has_flag = (user->uc_flags & 1) != 0;
    uint32_t extended = *(uint32_t *)(area + 468), size = *(uint32_t *)(area + 480);
    seen.has_words = *(uint32_t *)(area + 464) == 0x46505853 && *(uint32_t *)(area + extended - 4) == 0x46505845 && size + 4 == extended
        && (*(uint64_t *)(area + 472) & 7) == 7 && (*(uint64_t *)(area + 512) & 4) == 4;
    seen.upper = area[576 + 3 * 16 + 5];
    seen.aligned = (uintptr_t)area % 64 == 0;
    if (changes == 1)
        area[576 + 3 * 16 + 5] = 99;
    if (changes == 2)
        *(uint64_t *)(area + 512) &= ~4UL;
    call_with(&ones, &clobbered, SYS_getpid, 0, 0, 0);
}

static void with_signals(void)
{
    struct state before, after;
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, NULL);
    fill(&before, 5);
    for (changes = 0; changes < 3; changes++) {
        memset((void *)&seen, 0, sizeof seen);
        call_with(&before, &after, SYS_tkill, gettid(), SIGUSR1, 0);
        printf("signal: clear %d, flag %d, words %d, upper %d, aligned %d; behind it %d, upper %d, lower %d\n", seen.is_clear, seen.has_flag,
            seen.has_words, seen.upper, seen.aligned, same(&before, &after), after.ymm[3][21], after.ymm[3][5]);
    }
}

static void with_programs(void)
{
    struct state before, after;
    fill(&before, 6);
    fflush(stdout);
    long child = call_with(&before, &after, SYS_fork, 0, 0, 0);
    if (child == 0)
        _exit(same(&before, &after));
    int status;
    waitpid(child, &status, 0);
    printf("fork: %d %d\n", same(&before, &after), WEXITSTATUS(status));
    if (fork() == 0) {
        char *arguments[] = { "vectors", "fresh", NULL };
        call_with(&before, &after, SYS_execve, (long)"/proc/self/exe", (long)arguments, 0);
        _exit(1);
    }
    wait(&status);
    printf("exec: %d\n", WEXITSTATUS(status));
}

/* What a debugger sees of a program that has values in all registers, and what it changes: NT_X86_XSTATE (the area of a processor that
   has more is longer). */
static void traced(void)
{
    enum { set = 0x202, enabled = 464, saved = 512, upper = 576 };
    static uint8_t area[16384] __attribute__((aligned(64)));
    struct state before, after;
    int status;
    fill(&before, 7);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        call_with(&before, &after, SYS_kill, getpid(), SIGSTOP, 0);
        before.ymm[3][21] = 99;
        before.ymm[4][2] = 98;
        int changed = same(&before, &after);
        call_with(&before, &after, SYS_kill, getpid(), SIGSTOP, 0);
        for (int i = 0; i < 16; i++)
            memset(before.ymm[i] + 16, 0, 16);
        _exit(changed * 2 + same(&before, &after));
    }
    waitpid(child, &status, 0);
    struct iovec vector = { area, sizeof area };
    long given = ptrace(PTRACE_GETREGSET, child, set, &vector);
    int whole = vector.iov_len, right = 1;
    for (int i = 0; i < 16; i++)
        right &= memcmp(area + 160 + 16 * i, before.ymm[i], 16) == 0 && memcmp(area + upper + 16 * i, before.ymm[i] + 16, 16) == 0;
    printf("traced: %ld, long %d, components %d %d, right %d\n", given, whole >= upper + 256, (int)(*(uint64_t *)(area + enabled) & 7),
        (int)(*(uint64_t *)(area + saved) & 6), right);
    area[upper + 3 * 16 + 5] = 99;
    area[160 + 4 * 16 + 2] = 98;
    vector.iov_len = 512;
    printf("short: %ld", ptrace(PTRACE_SETREGSET, child, set, &vector) ? (long)errno : 0);
    vector.iov_len = whole - 1;
    printf(", odd: %ld", ptrace(PTRACE_SETREGSET, child, set, &vector) ? (long)errno : 0);
    static const struct { int at, bit; } wrong[] = { { saved + 7, 0x40 }, { saved + 15, 0x80 }, { saved + 8, 1 }, { saved + 16, 1 },
        { saved + 63, 1 }, { 24 + 3, 1 } };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        area[wrong[i].at] ^= wrong[i].bit;
        vector.iov_len = whole;
        printf(", wrong: %ld", ptrace(PTRACE_SETREGSET, child, set, &vector) ? (long)errno : 0);
        area[wrong[i].at] ^= wrong[i].bit;
    }
    vector.iov_len = whole;
    printf(", right: %ld\n", ptrace(PTRACE_SETREGSET, child, set, &vector) ? (long)errno : 0);
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    /* Without the component: initial. */
    vector.iov_len = sizeof area;
    ptrace(PTRACE_GETREGSET, child, set, &vector);
    *(uint64_t *)(area + saved) &= 3;
    printf("initial: %ld", ptrace(PTRACE_SETREGSET, child, set, &vector));
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    printf(", changed and initial %d\n", WEXITSTATUS(status));
}

#define COUNT 1000

VECTOR static void computed(void)
{
    static float left[COUNT], right[COUNT], sums[COUNT];
    static int32_t numbers[COUNT], chosen[COUNT];
    static double large[COUNT];
    for (int i = 0; i < COUNT; i++) {
        left[i] = i * 0.37f;
        right[i] = 1.0f / (i + 1);
        numbers[i] = (i * 7919) % COUNT;
        large[i] = i * 1e-3;
    }
    __m256 total = _mm256_setzero_ps();
    for (int i = 0; i + 8 <= COUNT; i += 8)
        total = _mm256_fmadd_ps(_mm256_loadu_ps(left + i), _mm256_loadu_ps(right + i), total);
    _mm256_storeu_ps(sums, total);
    for (int i = 0; i < 8; i++)
        printf("%a ", sums[i]);
    __m256i found = _mm256_setzero_si256();
    for (int i = 0; i + 8 <= COUNT; i += 8) {
        __m256i index = _mm256_loadu_si256((__m256i *)(numbers + i));
        __m256i gathered = _mm256_i32gather_epi32(numbers, index, 4);
        found = _mm256_add_epi32(_mm256_mullo_epi32(found, _mm256_set1_epi32(31)), gathered);
        _mm256_maskstore_epi32(chosen + i, _mm256_cmpgt_epi32(gathered, _mm256_set1_epi32(500)), index);
    }
    _mm256_storeu_si256((__m256i *)sums, _mm256_permutevar8x32_epi32(found, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0)));
    for (int i = 0; i < 8; i++)
        printf("%d ", ((int32_t *)sums)[i]);
    long sum = 0;
    for (int i = 0; i < COUNT; i++)
        sum += chosen[i];
    __m256d product = _mm256_set1_pd(1);
    for (int i = 0; i + 4 <= COUNT; i += 4)
        product = _mm256_fnmadd_pd(product, _mm256_loadu_pd(large + i), _mm256_set1_pd(1));
    double four[4];
    _mm256_storeu_pd(four, product);
    __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(left), 0);
    _mm256_storeu_ps(sums, _mm256_cvtph_ps(halves));
    printf("%ld %a %a %a\n", sum, four[0], four[3], sums[7]);
}

int main(int count, char **arguments)
{
    struct state before, after;
    if (count == 2) {
        __asm__ volatile (ALL(STORE) : : [after] "r" (&after) : "memory");
        for (int i = 0; i < 16; i++)
            for (int j = 16; j < 32; j++)
                if (after.ymm[i][j] != 0)
                    return 0;
        return 1;
    }
    fill(&before, 9);
    call_with(&before, &after, SYS_getpid, 0, 0, 0);
    printf("getpid: %d\n", same(&before, &after));
    with_others();
    with_signals();
    with_programs();
    traced();
    computed();
    /* What is invalid in VEX encoding stays that. */
    fflush(stdout);
    int status;
    if (fork() == 0)
        __asm__ volatile (".byte 0xc4, 0xe3, 0x79, 0x06, 0xcb, 0x01");
    wait(&status);
    printf("invalid: signal %d\n", WTERMSIG(status));
    puts("all answers given");
    return 0;
}
