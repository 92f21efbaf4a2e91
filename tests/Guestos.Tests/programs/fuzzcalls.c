/* Random system calls with hostile arguments, from several processes at once, in a jail of their own: fuzzcalls SECONDS SEED.
   An innocent bystander checks its memory and its file all the while and answers over a pipe. In between rounds nobody but these two is
   left, and the kernel's free frames and objects must be what they were. Prints HARM for whatever is not as it should be. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sysv.h"

#define WORKERS 4
#define PAGE 4096ul
#define ARENA_PAGES 16
#define ROUND_MILLISECONDS 2500
#define LIFE_MILLISECONDS 400

static uint64_t seed;
static char *arena;
static volatile uint64_t *calls;

static uint64_t random_word(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dul;
}

static uint64_t below(uint64_t limit) { return (random_word() >> 11) % limit; }

#define ONE_OF(table) table[below(sizeof table / sizeof *table)]

static uint64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ul + now.tv_nsec / 1000000;
}

/* ---- arguments ---- */

static const uint64_t hostile[] = {
    0, 1, 7, PAGE - 1, PAGE, 0x10000, 0x7fffffffefff, 0x7fffffffe000, 0x200000000000, 0x7fffffffffff, 0x7ffffffff000, 0x800000000000,
    0x7fffffffffffffff, 0x8000000000000000, 0xffff7fffffffffff, 0xffffc00000000000, 0xffffc00000400000, 0xffffc00000440000,
    0xffffc000fee00000, 0xffffc000feb00000, 0xfffffffffffff000, 0xfffffffffffffff8, 0xffffffffffffffff,
};

static const uint64_t numbers[] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 100, 127, 128, 255, 256, 257, 511, 512, 1000, 1023, 1024, 1025, 4095, 4096, 4097,
    65535, 65536, 0x100000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 1ul << 43, 0x7fffffffffffffff, 0x8000000000000000,
    0xfffffffffffff000, 0xffffffffffffff9c, 0xffffffffffffffff,
};

static const char *const paths[] = {
    "a", "b", "c", "d", "d/x", "d/y", "d/../a", ".", "..", "", "/", "/a", "link", "loop", "fifo", "none/x", "/dev/null", "/dev/zero", "/dev/ptmx", "/dev/pts/0", "/dev/tty", "/dev/random",
    "/proc/self/maps", "/proc/self/stat", "/proc/self/fd/3", "/proc/self/exe", "/proc/meminfo", "/proc/self/cmdline",
};

static uint64_t hostile_pointer(void) { return ONE_OF(hostile) + (below(4) ? 0 : below(64)); }

/* Into the arena: anywhere, at the borders of its pages, and over its end, behind which nothing is mapped. */
static uint64_t pointer(void)
{
    uint64_t page = (uint64_t)arena + below(ARENA_PAGES + 1) * PAGE;
    switch (below(8)) {
    case 0: return hostile_pointer();
    case 1: return page - 1 - below(64);
    case 2: return page;
    case 3: return (uint64_t)&seed & ~(PAGE - 1);
    default: return page + below(PAGE / 8) * 8;
    }
}

/* Writable memory with something in it: words that are themselves pointers, numbers, descriptors. */
static uint64_t number(void);

static uint64_t structure(void)
{
    if (below(6) == 0)
        return pointer();
    uint64_t *at = (uint64_t *)(arena + below(4) * PAGE + below(PAGE / 16) * 8);
    for (int i = 0; i < 16; i++)
        at[i] = below(3) == 0 ? pointer() : below(2) ? number() : below(8) | below(8) << 32;
    return (uint64_t)at;
}

static uint64_t path(void)
{
    if (below(8) == 0)
        return pointer();
    char *at = arena + 5 * PAGE + below(8) * 256;
    if (below(32) == 0)
        memset(at, 'x', 300), at[299] = 0;
    else
        strcpy(at, ONE_OF(paths));
    return (uint64_t)at;
}

/* Of extended attributes: all namespaces, and names that are none. */
static const char *const attributes[] = { "user.a", "user.b", "user.", "trusted.a", "security.capability", "system.posix_acl_access", "a", "" };

static uint64_t attribute(void)
{
    if (below(8) == 0)
        return pointer();
    char *at = arena + 7 * PAGE + below(8) * 256;
    strcpy(at, ONE_OF(attributes));
    return (uint64_t)at;
}

static uint64_t number(void) { return below(4) == 0 ? random_word() >> below(64) : ONE_OF(numbers); }

static uint64_t descriptor(void) { return below(8) == 0 ? number() : below(12) == 0 ? (uint64_t)AT_FDCWD : below(16); }

static uint64_t process_id(void)
{
    switch (below(4)) {
    case 0: return (uint64_t)INT_MIN;
    case 1: return 0x7fffffff - below(3);
    case 2: return getpid();
    default: return 0;
    }
}

static uint64_t small_time(void)
{
    struct timespec *at = (struct timespec *)(arena + PAGE + below(32) * 64);
    if (below(4) == 0)
        return structure();
    at[0] = at[1] = (struct timespec){ 0, below(3000000) };
    return (uint64_t)at;
}

/* What clone3 takes (struct clone_args): most of it such that a child comes about, which shares no memory without a stack of its own. */
static uint64_t clone_arguments(void)
{
    if (below(4) == 0)
        return structure();
    uint64_t *at = (uint64_t *)(arena + below(4) * PAGE + below(PAGE / 16) * 8);
    memset(at, 0, 11 * sizeof *at);
    at[0] = below(2) ? 0 : random_word() & random_word() & random_word() & 0x13fffb000;
    at[1] = pointer();
    at[2] = pointer();
    at[3] = pointer();
    at[4] = below(2) ? SIGCHLD : below(70);
    if (below(4) == 0) {
        at[0] |= below(2) ? CLONE_VM : CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
        at[4] = 0;
        at[5] = (uint64_t)arena + 9 * PAGE;
        at[6] = PAGE;
    }
    if (below(4) == 0)
        at[below(11)] = number();
    return (uint64_t)at;
}

static uint64_t aio_context(void)
{
    static uint64_t made;
    if (made == 0 || below(64) == 0) {
        made = 0;
        syscall(SYS_io_setup, 1 + below(64), &made);
    }
    return made;
}

/* p memory, u filled memory, s path, x attribute, f descriptor, n number, t time, k process, i signal, g flags, c what clone3 takes, a aio context. Each call
   has a row, but for those that SystemCallTests of tests/Audit.Tests name. */
static const struct { short number; const char *arguments; } table[] = {
    { SYS_read, "fpn" }, { SYS_write, "fpn" }, { SYS_open, "sgn" }, { SYS_close, "f" }, { SYS_stat, "sp" }, { SYS_fstat, "fp" },
    { SYS_lstat, "sp" }, { SYS_poll, "unn" }, { SYS_lseek, "fnn" }, { SYS_mmap, "pnggfn" }, { SYS_mmap, "pnggfn" }, { SYS_mprotect, "png" },
    { SYS_munmap, "pn" }, { SYS_brk, "p" }, { SYS_rt_sigaction, "iupn" }, { SYS_rt_sigprocmask, "gupn" }, { SYS_ioctl, "fnu" },
    { SYS_pread64, "fpnn" }, { SYS_pwrite64, "fpnn" }, { SYS_readv, "fun" }, { SYS_writev, "fun" }, { SYS_access, "sg" }, { SYS_pipe, "p" },
    { SYS_select, "nuuut" }, { SYS_sched_yield, "" }, { SYS_mremap, "pnngp" }, { SYS_mremap, "pnngp" }, { SYS_msync, "png" },
    { SYS_mincore, "pnp" }, { SYS_madvise, "pnn" }, { SYS_dup, "f" }, { SYS_dup2, "ff" }, { SYS_nanosleep, "tp" }, { SYS_getitimer, "np" },
    { SYS_alarm, "n" }, { SYS_setitimer, "nup" }, { SYS_sendfile, "ffun" }, { SYS_socket, "ngn" }, { SYS_connect, "fun" },
    { SYS_accept, "fpu" }, { SYS_sendto, "fpngun" }, { SYS_recvfrom, "fpngpu" }, { SYS_sendmsg, "fug" }, { SYS_recvmsg, "fug" },
    { SYS_shutdown, "fn" }, { SYS_bind, "fun" }, { SYS_listen, "fn" }, { SYS_getsockname, "fpu" }, { SYS_getpeername, "fpu" },
    { SYS_socketpair, "ngnp" }, { SYS_setsockopt, "fnnun" }, { SYS_getsockopt, "fnnpu" }, { SYS_wait4, "kpgp" }, { SYS_kill, "ki" },
    { SYS_uname, "p" }, { SYS_fcntl, "fnu" }, { SYS_fcntl, "fnn" }, { SYS_flock, "fg" }, { SYS_fsync, "f" }, { SYS_truncate, "sn" },
    { SYS_ftruncate, "fn" }, { SYS_getdents, "fpn" }, { SYS_getdents64, "fpn" }, { SYS_getcwd, "pn" }, { SYS_chdir, "s" }, { SYS_fchdir, "f" },
    { SYS_rename, "ss" }, { SYS_mkdir, "sn" }, { SYS_rmdir, "s" }, { SYS_creat, "sn" }, { SYS_link, "ss" }, { SYS_unlink, "s" },
    { SYS_symlink, "ss" }, { SYS_readlink, "spn" }, { SYS_chmod, "sn" }, { SYS_fchmod, "fn" }, { SYS_chown, "snn" }, { SYS_umask, "n" },
    { SYS_gettimeofday, "pp" }, { SYS_getrlimit, "np" }, { SYS_getrusage, "np" }, { SYS_sysinfo, "p" }, { SYS_times, "p" },
    { SYS_setuid, "n" }, { SYS_setgid, "n" }, { SYS_setpgid, "kk" }, { SYS_getpgid, "k" }, { SYS_setsid, "" }, { SYS_getsid, "k" },
    { SYS_setreuid, "nn" }, { SYS_setresuid, "nnn" }, { SYS_getresuid, "ppp" }, { SYS_getgroups, "np" }, { SYS_setgroups, "np" },
    { SYS_rt_sigpending, "pn" }, { SYS_rt_sigtimedwait, "uptn" }, { SYS_rt_sigqueueinfo, "kiu" }, { SYS_rt_sigsuspend, "un" },
    { SYS_sigaltstack, "up" }, { SYS_utime, "su" }, { SYS_mknod, "snn" }, { SYS_statfs, "sp" }, { SYS_fstatfs, "fp" },
    { SYS_sched_setparam, "kp" }, { SYS_sched_getparam, "kp" }, { SYS_sched_setscheduler, "knp" }, { SYS_mlock, "pn" }, { SYS_munlock, "pn" },
    { SYS_mlock2, "png" }, { SYS_mlockall, "g" }, { SYS_munlockall, "" }, { SYS_setxattr, "sxpng" }, { SYS_fremovexattr, "fx" },
    { SYS_prctl, "nunnn" }, { SYS_arch_prctl, "np" }, { SYS_sync, "" }, { SYS_chroot, "s" }, { SYS_mount, "ppppp" }, { SYS_umount2, "pn" },
    { SYS_tkill, "ki" }, { SYS_tgkill, "kki" }, { SYS_time, "p" }, { SYS_futex, "ugntun" }, { SYS_futex, "ugnnun" }, { SYS_sched_setaffinity, "knp" },
    { SYS_sched_getaffinity, "knp" }, { SYS_epoll_create, "n" }, { SYS_epoll_create1, "g" }, { SYS_epoll_wait, "fpnn" }, { SYS_epoll_ctl, "fnfu" },
    { SYS_epoll_pwait, "fpnnun" }, { SYS_set_tid_address, "p" }, { SYS_fadvise64, "fnnn" }, { SYS_clock_gettime, "np" },
    { SYS_clock_getres, "np" }, { SYS_clock_nanosleep, "nntp" }, { SYS_utimes, "su" }, { SYS_waitid, "nkpgp" }, { SYS_openat, "fsgn" },
    { SYS_openat, "fsgn" }, { SYS_mkdirat, "fsn" }, { SYS_mknodat, "fsnn" }, { SYS_fchownat, "fsnng" }, { SYS_newfstatat, "fspg" },
    { SYS_unlinkat, "fsg" }, { SYS_renameat, "fsfs" }, { SYS_linkat, "fsfsg" }, { SYS_symlinkat, "sfs" }, { SYS_readlinkat, "fspn" },
    { SYS_fchmodat, "fsn" }, { SYS_faccessat, "fsg" }, { SYS_pselect6, "nuuutu" }, { SYS_ppoll, "untun" }, { SYS_splice, "fpfpng" },
    { SYS_utimensat, "fsug" }, { SYS_eventfd, "n" }, { SYS_eventfd2, "ng" }, { SYS_fallocate, "fgnn" }, { SYS_accept4, "fpug" },
    { SYS_dup3, "ffg" }, { SYS_pipe2, "pg" }, { SYS_preadv, "funn" }, { SYS_pwritev, "funn" }, { SYS_prlimit64, "knup" },
    { SYS_syncfs, "f" }, { SYS_renameat2, "fsfsg" }, { SYS_getrandom, "png" }, { SYS_memfd_create, "sg" }, { SYS_copy_file_range, "fpfpng" },
    { SYS_statx, "fsgnp" }, { SYS_close_range, "nng" }, { SYS_faccessat2, "fsng" }, { SYS_membarrier, "nn" }, { SYS_getcpu, "pp" },
    { SYS_execve, "suu" }, { SYS_getpriority, "nk" }, { SYS_set_robust_list, "pn" }, { SYS_sendmmsg, "fung" }, { SYS_recvmmsg, "fungt" },
    { SYS_timerfd_create, "ng" }, { SYS_timerfd_settime, "fguu" }, { SYS_timerfd_gettime, "fp" }, { SYS_pidfd_open, "kg" }, { SYS_signalfd4, "fung" }, { SYS_inotify_init1, "g" }, { SYS_inotify_add_watch, "fsn" }, { SYS_inotify_add_watch, "fsg" }, { SYS_inotify_rm_watch, "fn" }, { SYS_timer_create, "nup" }, { SYS_timer_create, "npp" }, { SYS_timer_settime, "nguu" },
    { SYS_timer_gettime, "np" }, { SYS_timer_getoverrun, "n" }, { SYS_timer_delete, "n" }, { SYS_msgget, "ng" }, { SYS_msgsnd, "nung" }, { SYS_msgrcv, "npnng" },
    { SYS_msgctl, "nnu" }, { SYS_semget, "nng" }, { SYS_semtimedop, "nunt" }, { SYS_semctl, "nnnu" }, { SYS_shmget, "nng" }, { SYS_shmat, "npg" }, { SYS_shmdt, "p" },
    { SYS_shmctl, "nnu" }, { SYS_capget, "up" }, { SYS_capset, "uu" }, { SYS_personality, "n" }, { SYS_readahead, "fnn" }, { SYS_ioprio_set, "nkn" }, { SYS_ioprio_get, "nk" },
    { SYS_tee, "ffng" }, { SYS_tee, "ffng" }, { SYS_vmsplice, "fung" }, { SYS_sync_file_range, "fnng" }, { SYS_rt_tgsigqueueinfo, "kkiu" }, { SYS_process_vm_readv, "kununn" },
    { SYS_process_vm_writev, "kununn" }, { SYS_kcmp, "kknff" }, { SYS_sched_getattr, "kpng" }, { SYS_sched_setattr, "kug" }, { SYS_sched_rr_get_interval, "kp" }, { SYS_execveat, "fsuug" },
    { SYS_preadv2, "funnng" }, { SYS_pwritev2, "funnng" }, { 438, "ffg" }, { 452, "fsng" }, { SYS_setfsuid, "n" }, { SYS_unshare, "g" }, { SYS_sysfs, "nsp" }, { SYS_setfsgid, "n" }, { SYS_getxattr, "sxpn" },
    { SYS_lsetxattr, "sxpng" }, { SYS_fsetxattr, "fxpng" }, { SYS_lgetxattr, "sxpn" }, { SYS_fgetxattr, "fxpn" }, { SYS_listxattr, "spn" },
    { SYS_llistxattr, "spn" }, { SYS_flistxattr, "fpn" }, { SYS_removexattr, "sx" }, { SYS_lremovexattr, "sx" }, { SYS_pause, "" }, { SYS_semop, "nun" },
    { SYS_fdatasync, "f" }, { SYS_fchown, "fnn" }, { SYS_lchown, "snn" }, { SYS_setregid, "nn" }, { SYS_setresgid, "nnn" }, { SYS_getresgid, "ppp" },
    { SYS_ustat, "np" }, { SYS_setpriority, "nkn" }, { SYS_sched_getscheduler, "k" }, { SYS_sched_get_priority_max, "n" },
    { SYS_sched_get_priority_min, "n" }, { SYS_setrlimit, "nu" }, { SYS_settimeofday, "tu" }, { SYS_clock_settime, "nt" }, { SYS_sethostname, "pn" },
    { SYS_setdomainname, "pn" }, { SYS_inotify_init, "" }, { SYS_futimesat, "fsu" }, { SYS_get_robust_list, "kpp" }, { SYS_signalfd, "fun" },
    { SYS_io_setup, "nu" }, { SYS_io_destroy, "a" }, { SYS_io_submit, "anu" }, { SYS_io_submit, "anu" }, { SYS_io_getevents, "annpt" }, { SYS_io_cancel, "aup" },
    { SYS_io_pgetevents, "annptu" }, { SYS_openat2, "fsun" }, { SYS_remap_file_pages, "pnnng" }, { SYS_mq_open, "sgnu" }, { SYS_mq_unlink, "s" }, { SYS_mq_timedsend, "fpnnt" }, { SYS_mq_timedreceive, "fpnpt" }, { SYS_mq_notify, "fu" }, { SYS_mq_getsetattr, "fup" },
    { 424, "fiug" }, { 435, "cn" }, { 435, "cn" }, { 441, "fpntun" },
};

static uint64_t argument(char kind)
{
    if (kind != 'k' && below(24) == 0)
        return hostile_pointer();
    switch (kind) {
    case 'p': return pointer();
    case 'u': return structure();
    case 's': return path();
    case 'x': return attribute();
    case 'c': return clone_arguments();
    case 'a': return aio_context();
    case 'f': return descriptor();
    case 't': return below(8) == 0 ? 0 : small_time();
    case 'k': return process_id();
    case 'i': return below(6) == 0 ? number() : below(66);
    case 'g': return below(3) == 0 ? random_word() >> below(64) : below(3) ? 1ul << below(24) | 1ul << below(8) : below(8);
    default: return number();
    }
}

/* The numbers of processes and groups outside of this one's jail are not aimed at by any of them; exit and reboot are not called at all. */
static const char *left_out = "";

static int is_spared(uint64_t call)
{
    char text[24];
    snprintf(text, sizeof text, ",%lu,", (unsigned long)call);
    return strstr(left_out, text) != NULL || call == SYS_reboot || call == SYS_exit || call == SYS_exit_group || call == SYS_rt_sigreturn;
}

static long raw(uint64_t call, const uint64_t *a)
{
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile ("syscall" : "=a"(result) : "a"(call), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}

/* The child of a clone with whatever flags and stack does nothing but end. */
static long raw_clone(uint64_t call, const uint64_t *a)
{
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4];
    long result;
    __asm__ volatile ("syscall; test %%rax, %%rax; jnz 1f; mov $60, %%eax; xor %%edi, %%edi; syscall; 1:"
        : "=a"(result) : "a"(call), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return result;
}

static const char *const queue_names[] = { "queue-1", "queue-2", "queue-3" };

static void remove_queues(void)
{
    for (int i = 0; i < 3; i++)
        syscall(SYS_mq_unlink, queue_names[i]);
}

static void one_call(void)
{
    uint64_t a[6] = { 0 };
    uint64_t call;
    __atomic_fetch_add(calls, 1, __ATOMIC_RELAXED);
    if (below(16) == 0) {
        call = below(460);
        for (int i = 0; i < 6; i++)
            a[i] = argument("pusfnt"[below(6)]);
        if (call == SYS_kill || call == SYS_tkill || call == SYS_tgkill || call == SYS_rt_sigqueueinfo || call == SYS_setpriority
            || call == SYS_sched_setscheduler || call == SYS_prlimit64 || call == 424 || call == 434 || call == 297 || call == SYS_process_vm_writev
            || call == SYS_ptrace || call == SYS_umount2 || call == SYS_mount || call == SYS_chroot || call == SYS_vfork)
            return;
        if (call == SYS_clone || call == 435) {
            raw_clone(call, a);
            return;
        }
        if (call == SYS_fork || call == SYS_mq_open)
            return;
    } else {
        int at = below(sizeof table / sizeof *table);
        call = table[at].number;
        for (int i = 0; table[at].arguments[i]; i++)
            a[i] = argument(table[at].arguments[i]);
        /* Queues by these names alone, which are taken away behind each round. */
        if (call == SYS_mq_open && below(4))
            a[0] = (uint64_t)ONE_OF(queue_names), a[3] = 0;
        else if (call == SYS_mq_open)
            a[1] &= ~O_CREAT;
        if (call == SYS_mmap && below(2))
            a[3] = 0x22 | (below(4) ? 0 : 0x10);
        /* What would reach everybody: -1 and the group 0 of all. */
        if ((call == SYS_kill || call == SYS_tkill || call == SYS_tgkill) && (int)a[0] < 0 && (int)a[0] > -100000)
            return;
        if (call == SYS_prlimit64)
            a[0] = 0;
        /* All processes of a user are those outside of the jail, too. */
        if (call == SYS_setpriority && (int)a[0] == PRIO_USER)
            return;
        if (call == 435 && !is_spared(call)) {
            if (below(4))
                a[1] = 64 + 8 * below(4);
            raw_clone(call, a);
            return;
        }
        /* The jail stays mounted, and nobody leaves it by a chroot in a chroot. */
        if (call == SYS_mount || call == SYS_umount2 || call == SYS_chroot)
            for (int i = 0; i < 5; i++)
                a[i] = ONE_OF(hostile);
    }
    if (!is_spared(call))
        raw(call, a);
}

/* A child that asks to be traced, or is attached to, and requests of all kinds about it, with registers and memory that are nobody's. */
static void trace_child(void)
{
    static const short requests[] = { 1, 2, 3, 4, 5, 6, 7, 7, 9, 9, 12, 13, 14, 15, 17, 24, 24, 0x4200, 0x4201, 0x4202, 0x4203, 0x4204, 0x4205, 0x4207,
        0x4208, 0x420a, 0x420b, 0x420e, 31, 999 };
    int asks = below(2), child = fork();
    if (child == 0) {
        if (asks) {
            syscall(SYS_ptrace, 0, 0, 0, 0);
            raise(SIGSTOP);
        }
        for (int i = 0; i < 200; i++)
            one_call();
        _exit(0);
    }
    if (child < 0)
        return;
    if (!asks)
        syscall(SYS_ptrace, below(2) ? 16 : 0x4206, child, 0, below(256));
    else
        waitpid(child, NULL, WUNTRACED | __WALL);
    for (int i = 0; i < 60; i++) {
        if (below(2))
            waitpid(child, NULL, WNOHANG | __WALL);
        if (below(4) == 0)
            sched_yield();
        uint64_t request = ONE_OF(requests), address = argument("unp"[below(3)]), data = argument("ungp"[below(4)]);
        uint64_t *words = (uint64_t *)(arena + 2 * PAGE);
        if (request == 13 || request == 15 || request == 0x4205) {
            /* What there is, with a few words that are hostile. */
            syscall(SYS_ptrace, request == 15 ? 14 : 12, child, 0, words);
            static const uint8_t weighty[] = { 15, 16, 17, 18, 19, 20, 21, 22 };
            for (int j = below(4); j >= 0; j--)
                words[below(2) ? ONE_OF(weighty) : below(27)] = below(4) ? ONE_OF(hostile) : random_word();
            data = (uint64_t)words;
        }
        if (request == 0x4205 || request == 0x4204) {
            words[100] = (uint64_t)words;
            words[101] = below(600);
            address = below(3);
            data = (uint64_t)&words[100];
        }
        if (request == 6 && below(2))
            address = below(116) * 8;
        if (request == 7 || request == 24 || request == 9)
            data = below(3) ? 0 : below(66);
        syscall(SYS_ptrace, request, child, address, data);
        if (request == 13 && below(2))
            syscall(SYS_ptrace, below(2) ? 7 : 9, child, 0, 0);
    }
    kill(child, SIGKILL);
    if (below(2))
        waitpid(child, NULL, __WALL);
}

static int share(void *unused)
{
    seed += 77;
    for (int i = 0; i < 40; i++)
        one_call();
    _exit(0);
}

static void nothing(int signal) { (void)signal; }

static void leave(int signal) { _exit(signal); }

static void work(uint64_t start)
{
    seed = start;
    signal(SIGSEGV, leave);
    signal(SIGBUS, leave);
    struct rlimit limit = { 48 << 20, 48 << 20 };
    setrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = limit.rlim_max = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &limit);
    struct sigaction action = { .sa_handler = nothing };
    sigaction(SIGALRM, &action, NULL);
    arena = mmap(NULL, (ARENA_PAGES + 16) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(arena + ARENA_PAGES * PAGE, 16 * PAGE);
    mprotect(arena + 12 * PAGE, PAGE, PROT_READ);
    mprotect(arena + 14 * PAGE, PAGE, PROT_NONE);
    int ends[2];
    pipe(ends);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    open("a", O_RDWR | O_CREAT, 0644);
    open("d", O_RDONLY | O_DIRECTORY);
    socket(AF_INET, SOCK_STREAM, 0);
    socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends);
    socket(AF_UNIX, SOCK_SEQPACKET, 0);
    socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 0);
    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    sigset_t all;
    sigfillset(&all);
    signalfd(-1, &all, SFD_NONBLOCK);
    syscall(SYS_pidfd_open, getpid(), 0);
    unlockpt(open("/dev/ptmx", O_RDWR | O_NONBLOCK));
    for (int i = 0; ; i++) {
        if (below(64) == 0)
            switch (below(5)) {
            case 4:
                trace_child();
                break;
            case 0:
                if (fork() == 0)
                    seed += 13;
                break;
            case 1:
                if (vfork() == 0) {
                    for (int j = 0; j < 8; j++) {
                        uint64_t a[6] = { number(), number(), number(), number(), number(), number() };
                        raw(SYS_close + below(2) * (SYS_getpid - SYS_close), a);
                    }
                    _exit(0);
                }
                break;
            case 2: {
                char *stack = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (stack != MAP_FAILED)
                    clone(share, stack + 16 * PAGE, CLONE_VM | (below(2) ? CLONE_FILES : 0) | (below(2) ? CLONE_SIGHAND : 0) | SIGCHLD, NULL);
                break;
            }
            default: {
                uint64_t a[6] = { below(2) ? below(256) : random_word() & ~0xc0004f00ul, below(2) ? 0 : pointer(), pointer(), pointer(), hostile_pointer(), 0 };
                if (a[1] == 0)
                    a[0] &= ~(uint64_t)CLONE_VM;
                raw_clone(SYS_clone, a);
            }
            }
        one_call();
        if ((i & 7) == 0)
            while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
    }
}

/* ---- the bystander ---- */

static int harmed;

static void harm(const char *what, long seen, long expected)
{
    printf("HARM: %s: %ld, not %ld\n", what, seen, expected);
    fflush(stdout);
    harmed = 1;
}

static void stand_by(int asked, int answers)
{
    enum { Words = 65536 / 8 };
    uint64_t *memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static char content[8192], seen[8192];
    for (int i = 0; i < Words; i++)
        memory[i] = i * 0x9e3779b97f4a7c15ul;
    for (unsigned i = 0; i < sizeof content; i++)
        content[i] = i * 7;
    int file = open("/tmp/bystander", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(file, content, sizeof content);
    memset(seen, 1, sizeof seen);
    char byte;
    while (read(asked, &byte, 1) == 1) {
        byte = 'y';
        for (int i = 0; i < Words; i++)
            if (memory[i] != i * 0x9e3779b97f4a7c15ul)
                byte = 'm';
        if (pread(file, seen, sizeof seen, 0) != sizeof seen || memcmp(seen, content, sizeof seen) != 0)
            byte = 'f';
        write(answers, &byte, 1);
    }
    _exit(0);
}

/* ---- what must be the same afterwards ---- */

struct state { long free_pages, processes; char objects[2048], frames[128]; };

/* Free and held by objects: what an object needed once stays with its kind. */
static void look(struct state *state)
{
    struct sysinfo information;
    memset(state, 0, sizeof *state);
    sysinfo(&information);
    long held = 0;
    FILE *file = fopen("/proc/slabinfo", "r");
    char line[256], name[64];
    while (file && fgets(line, sizeof line, file)) {
        long active, total, size, each, pages;
        if (sscanf(line, "%63s %ld %ld %ld %ld %ld", name, &active, &total, &size, &each, &pages) != 6)
            continue;
        held += pages * (total / each);
        snprintf(state->objects + strlen(state->objects), sizeof state->objects - strlen(state->objects), "%s %ld, ", name, active);
    }
    if (file)
        fclose(file);
    file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        long kilobytes;
        if (sscanf(line, "%63s %ld", name, &kilobytes) == 2 && (!strcmp(name, "AnonPages:") || !strcmp(name, "PageTables:")))
            snprintf(state->frames + strlen(state->frames), sizeof state->frames - strlen(state->frames), "%s %ld ", name, kilobytes / 4);
    }
    if (file)
        fclose(file);
    sysinfo(&information);
    state->free_pages = information.freeram / PAGE + held;
    state->processes = information.procs;
}

static void end_all(pid_t self, pid_t bystander)
{
    for (int left = 1; left;) {
        left = 0;
        DIR *directory = opendir("/proc");
        struct dirent *entry;
        while ((entry = readdir(directory))) {
            int pid = atoi(entry->d_name);
            if (pid <= 1 || pid == self || pid == bystander || pid == getppid())
                continue;
            kill(pid, SIGKILL);
            left = 1;
        }
        closedir(directory);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (left)
            usleep(1000);
    }
}

static void build_jail(void)
{
    mkdir("/jail", 0755);
    mount("none", "/jail", "tmpfs", 0, "size=8m");
    chdir("/jail");
    mkdir("dev", 0755);
    mkdir("proc", 0755);
    mkdir("d", 0755);
    mknod("dev/null", S_IFCHR | 0666, makedev(1, 3));
    mknod("dev/zero", S_IFCHR | 0666, makedev(1, 5));
    mknod("dev/random", S_IFCHR | 0666, makedev(1, 8));
    symlink("a", "link");
    symlink("loop", "loop");
    mkfifo("fifo", 0644);
    mount("proc", "proc", "proc", 0, NULL);
}

/* Random calls mount, too: what lies below the jail goes first. */
static void unmount_all(void)
{
    char line[1024], where[1024];
    for (int any = 1; any;) {
        any = 0;
        FILE *mounts = fopen("/proc/mounts", "r");
        while (!any && fgets(line, sizeof line, mounts))
            any = sscanf(line, "%*s %1023s", where) == 1 && !strncmp(where, "/jail/", 6) && umount2(where, MNT_DETACH) == 0;
        fclose(mounts);
    }
}

/* The jailed may give their program, which lies outside of the jail, attributes that stay. */
static void strip_program(void)
{
    char names[65536];
    long length = syscall(SYS_listxattr, "/proc/self/exe", names, sizeof names);
    for (char *name = names; name < names + length; name += strlen(name) + 1)
        syscall(SYS_removexattr, "/proc/self/exe", name);
}

static void raze_jail(void)
{
    chdir("/");
    unmount_all();
    if (umount2("/jail", 0) < 0)
        harm("umount of the jail", errno, 0);
    rmdir("/jail");
}

static pid_t begin(uint64_t start)
{
    pid_t child = fork();
    if (child == 0) {
        setsid();
        chroot("/jail");
        chdir("/");
        int null = open("/dev/null", O_RDWR);
        for (int i = 0; i < 20; i++)
            if (i != null)
                close(i);
        for (int i = 0; i < 3; i++)
            dup2(null, i);
        work(start);
    }
    return child;
}

/* The kernel keeps each page of a file that has been mapped and touched, and the jailed find this one as /proc/self/exe: all of it now,
   and not in the middle of a comparison. */
static void touch_program(void)
{
    struct stat status;
    int self = open("/proc/self/exe", O_RDONLY);
    fstat(self, &status);
    volatile char *content = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, self, 0);
    for (off_t at = 0; at < status.st_size; at += PAGE)
        (void)content[at];
    munmap((void *)content, status.st_size);
    close(self);
}

int main(int argc, char **argv)
{
    long seconds = argc > 1 ? atol(argv[1]) : 10;
    uint64_t start = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, until = milliseconds() + seconds * 1000;
    /* Numbers between commas: what is not called, to find the one that does harm. */
    if (argc > 3)
        left_out = argv[3];
    int ask[2], answer[2];
    pipe(ask);
    pipe(answer);
    touch_program();
    calls = mmap((void *)0x147852000, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    fflush(stdout);
    pid_t bystander = fork();
    if (bystander == 0) {
        close(ask[1]);
        close(answer[0]);
        stand_by(ask[0], answer[1]);
    }
    close(ask[0]);
    close(answer[1]);
    struct state first, now;
    long rounds = 0, slowest = 0;
    while (milliseconds() < until || rounds < 4) {
        build_jail();
        pid_t workers[WORKERS] = { 0 };
        uint64_t born[WORKERS] = { 0 }, end = milliseconds() + ROUND_MILLISECONDS;
        while (milliseconds() < end) {
            for (int i = 0; i < WORKERS; i++) {
                if (workers[i] <= 0) {
                    workers[i] = begin(start = start * 6364136223846793005ul + 1442695040888963407ul | 1);
                    born[i] = milliseconds();
                    continue;
                }
                kill(workers[i], milliseconds() - born[i] > LIFE_MILLISECONDS ? SIGKILL : SIGALRM);
                if (waitpid(workers[i], NULL, WNOHANG) == workers[i])
                    workers[i] = 0;
            }
            uint64_t asked = milliseconds();
            struct pollfd wait = { answer[0], POLLIN };
            char byte = '?';
            write(ask[1], &byte, 1);
            if (poll(&wait, 1, 10000) != 1 || read(answer[0], &byte, 1) != 1 || byte != 'y')
                harm("the bystander answers", byte, 'y');
            if ((long)(milliseconds() - asked) > slowest)
                slowest = milliseconds() - asked;
            if (harmed)
                return 1;
            usleep(10000);
        }
        end_all(getpid(), bystander);
        remove_system_v();
        remove_queues();
        strip_program();
        raze_jail();
        look(&now);
        if (rounds < 2) /* what is taken once, here and in the kernel */
            first = now;
        if (now.free_pages != first.free_pages)
            harm("free pages", now.free_pages, first.free_pages);
        if (now.free_pages != first.free_pages)
            printf("  %snow, %sbefore\n", now.frames, first.frames);
        if (now.processes != first.processes)
            harm("processes", now.processes, first.processes);
        if (strcmp(now.objects, first.objects) != 0)
            printf("HARM: objects: %s\n  not %s\n", now.objects, first.objects), harmed = 1;
        rounds++;
        if (harmed || rounds == 1 || rounds % 20 == 0)
            printf("round %ld, seed %#lx, calls %lu\n", rounds, (unsigned long)start, (unsigned long)*calls);
        fflush(stdout);
        if (harmed)
            return 1;
    }
    printf("calls %lu, rounds %ld, slowest answer %ld ms\nnobody was harmed\n", (unsigned long)*calls, rounds, slowest);
    return 0;
}
