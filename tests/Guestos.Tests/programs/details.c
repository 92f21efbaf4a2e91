/* Details of calls that gVisor's tests ask for. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answer.h"

static void opening(void)
{
    close(open("file", O_CREAT | O_WRONLY, 0644));
    ASK(open(".", O_TRUNC));
    ASK(open(".", O_RDONLY | O_DIRECT));
    char byte = 'x';
    int neither = open("file", O_WRONLY | O_RDWR);
    ASK(neither >= 0);
    ASK(write(neither, &byte, 1));
    ASK(read(neither, &byte, 1));
    int path = open(".", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_RDWR | O_APPEND | O_CREAT);
    ASK(fcntl(path, F_GETFL));
    char entries[256];
    ASK(syscall(SYS_getdents64, path, entries, sizeof entries));
    int here = open(".", O_RDONLY);
    ASK(syscall(SYS_getdents64, here, entries, 1u << 31));
    int ends[2];
    pipe2(ends, O_NONBLOCK);
    ASK(fcntl(ends[0], F_GETFL));
    ASK(fcntl(ends[1], F_GETFL));
    ASK(pread(ends[1], &byte, 1, 0));
    ASK(pwrite(ends[0], &byte, 1, 0));
    int event = eventfd(0, EFD_NONBLOCK);
    uint64_t two[2] = { 1, 1 };
    ASK(write(event, two, 16));
    ASK(write(event, two, 8));
    int stat = open("/proc/self/stat", O_RDONLY);
    ASK(lseek(stat, 0, SEEK_END));
    ASK(lseek(stat, 3, SEEK_SET));
    ASK(lseek(stat, 1, SEEK_CUR));
}

static void names(void)
{
    ASK(syscall(SYS_fchmodat, -1, "", 0444));
    mkdir("a", 0755);
    mkdir("b", 0755);
    ASK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b/.", RENAME_NOREPLACE));
    ASK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b/.", 0));
    ASK(renameat2(AT_FDCWD, "a/.", AT_FDCWD, "b", RENAME_NOREPLACE));
    struct statx status;
    ASK(statx(AT_FDCWD, "a", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &status));
    ASK(statx(AT_FDCWD, "a", 0, 0x80000000, &status));
    ASK(statx(AT_FDCWD, "a", 0, 0x1000, &status));
    ASK((status.stx_mask & 0x1000) != 0);
    rmdir("a");
    rmdir("b");
}

static void descriptors(void)
{
    int file = open("file", O_RDWR | O_CLOEXEC);
    write(file, "12345", 5);
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
    int info = open(path, O_RDONLY);
    long length = read(info, text, sizeof text - 1);
    text[length > 0 ? length : 0] = 0;
    char *mount = strstr(text, "mnt_id:");
    ASK(mount != 0);
    if (mount != 0)
        *mount = 0;
    printf("%s", text);
    close(file);
    ASK(lseek(info, 0, SEEK_SET));
    ASK(access(path, F_OK));
    int own = 0;
    DIR *all = opendir("/proc/self/fdinfo");
    for (struct dirent *entry; (entry = readdir(all)) != 0;)
        own += atoi(entry->d_name) == info && entry->d_type == DT_REG;
    ASK(own > 0);
}

static long how(int folder, const char *path, unsigned long flags, unsigned long mode, unsigned long resolve)
{
    struct open_how asked = { .flags = flags, .mode = mode, .resolve = resolve };
    long result = syscall(SYS_openat2, folder, path, &asked, sizeof asked);
    if (result >= 0)
        close(result);
    return result >= 0 ? 0 : result;
}

static void show_opened(int folder, const char *path, unsigned long resolve)
{
    struct open_how asked = { .flags = O_RDONLY, .resolve = resolve };
    char text[32] = "";
    int file = syscall(SYS_openat2, folder, path, &asked, sizeof asked);
    if (file >= 0)
        read(file, text, sizeof text - 1), close(file);
    printf("%s: %s\n", path, text);
}

static void put(const char *path, const char *text)
{
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    write(file, text, strlen(text));
    close(file);
}

/* openat2: where a path may lead. */
static void resolving(void)
{
    struct { struct open_how known; unsigned long more; } longer = { { .flags = O_RDONLY } };
    mkdir("t", 0755), mkdir("t/in", 0755), put("t/a", "inside"), put("out", "outside");
    symlink("../out", "t/up"), symlink("in/../a", "t/down"), symlink("/out", "t/absolute"), symlink("/proc/self/exe", "t/magic"), symlink("a", "t/last");
    symlink("/", "t/root");
    int t = open("t", O_RDONLY | O_DIRECTORY);
    ASK(how(t, "a", O_RDONLY, 0, 0));
    ASK(how(t, "a", O_RDONLY, 0644, 0));
    ASK(how(t, "a", O_RDONLY | 1ul << 40, 0, 0));
    ASK(how(t, "a", O_RDONLY | 0x20000000, 0, 0));
    ASK(how(t, "a", O_RDONLY, 0, 1 << 6));
    ASK(how(t, "a", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    ASK(how(t, "new", O_CREAT | O_WRONLY, 0644, RESOLVE_BENEATH));
    ASK(how(t, "new", O_CREAT | O_WRONLY, 010000, 0));
    ASK(how(t, "a", O_PATH | O_APPEND, 0, 0));
    ASK(how(t, "a", O_PATH | O_NOFOLLOW, 0, 0));
    ASK(how(t, ".", 020000000 | O_WRONLY, 0644, 0));
    ASK(how(t, ".", O_TMPFILE, 0644, 0));
    ASK(how(t, ".", O_TMPFILE | O_RDWR, 0644, RESOLVE_BENEATH));
    ASK(how(t, "a", O_RDONLY, 0, RESOLVE_CACHED));
    ASK(how(t, "a", O_WRONLY | O_TRUNC, 0, RESOLVE_CACHED));
    ASK(syscall(SYS_openat2, t, "a", &longer, sizeof longer.known - 1));
    ASK(syscall(SYS_openat2, t, "a", &longer, sizeof longer) >= 0);
    longer.more = 1;
    ASK(syscall(SYS_openat2, t, "a", &longer, sizeof longer));
    ASK(syscall(SYS_openat2, t, "a", &longer, 4097));
    ASK(syscall(SYS_openat2, t, "a", 1, sizeof longer.known));
    static const unsigned long all[] = { RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT };
    static const char *const paths[] = { "a", "in/../a", "../out", "up", "down", "absolute", "magic", "last", "in/../../out", "/a", "/out", "root/dev/null", "root/proc/self/stat", ".", "..",
        "in/..", "/proc/self/root/dev/null", "/proc/self/fd/0", "nothing", "a/b", "nothing/a", "" };
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < sizeof paths / sizeof *paths; j++) {
            if (i == 0 && strcmp(paths[j], "absolute") == 0)
                continue; /* which is one if the folder is in another mount than the root */
            printf("%lx %s: ", all[i], paths[j]);
            ASK(how(t, paths[j], O_PATH, 0, all[i]));
        }
    show_opened(t, "../a", RESOLVE_IN_ROOT);
    show_opened(t, "/in/../../../a", RESOLVE_IN_ROOT);
    show_opened(t, "down", RESOLVE_BENEATH);
    ASK(how(t, "last", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
    ASK(how(AT_FDCWD, "t/../out", O_RDONLY, 0, RESOLVE_BENEATH));
    ASK(how(99, "/a", O_RDONLY, 0, RESOLVE_IN_ROOT));
    ASK(how(99, "/proc", O_RDONLY, 0, 0));
}

/* fchmod of what has no name. */
static void modes(void)
{
    int ends[2], pair[2];
    struct stat status;
    pipe(ends);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    ASK(fchmod(ends[0], 0440));
    fstat(ends[0], &status);
    printf("%o\n", status.st_mode);
    ASK(fchmod(pair[0], S_IWUSR | S_ISVTX));
    fstat(pair[0], &status);
    printf("%o\n", status.st_mode);
    fstat(pair[1], &status);
    printf("%o\n", status.st_mode);
    ASK(fchmod(tcp, 01));
    fstat(tcp, &status);
    printf("%o\n", status.st_mode);
    close(ends[0]), close(ends[1]), close(pair[0]), close(pair[1]), close(tcp);
}

static void memory(void)
{
    int zero = open("/dev/zero", O_RDWR), only = open("/dev/zero", O_RDONLY);
    char *own = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    ASK(own != MAP_FAILED);
    if (own != MAP_FAILED)
        ASK(own[5000]++);
    char *shared = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    ASK(shared != MAP_FAILED);
    if (fork() == 0) {
        if (shared != MAP_FAILED)
            shared[5000] = 7;
        _exit(0);
    }
    wait(0);
    if (shared != MAP_FAILED)
        ASK(shared[5000]);
    ASK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, only, 0) != MAP_FAILED);
    ASK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, only, 0));
    int file = open("file", O_RDWR);
    ASK(mmap(0, 4096, PROT_READ, MAP_SHARED, file, LONG_MAX & ~4095l));
    ASK(mmap(0, 4096, PROT_READ, MAP_SHARED, file, LONG_MIN));
    ASK(mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

/* The superuser gives up what lets him pass by the rights of files. */
static int give_up(unsigned effective, unsigned permitted)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];
    syscall(SYS_capget, &header, data);
    data[0].effective &= ~effective;
    data[0].permitted &= ~permitted;
    return syscall(SYS_capset, &header, data);
}

#define BIT(name) (1u << CAP_##name)

static void privileges(void)
{
    fflush(stdout);
    if (fork() != 0) {
        wait(0);
        return;
    }
    close(open("secret", O_CREAT | O_WRONLY, 0));
    mkdir("closed", 0);
    close(open("other", O_CREAT | O_WRONLY, 0666));
    chown("other", 1000, 1000);
    ASK(give_up(BIT(DAC_OVERRIDE), 0));
    ASK(open("secret", O_RDONLY) >= 0);
    ASK(open("secret", O_WRONLY));
    ASK(open("closed", O_RDONLY) >= 0);
    ASK(mkdir("closed/in", 0755));
    ASK(give_up(BIT(DAC_OVERRIDE) | BIT(DAC_READ_SEARCH), 0));
    ASK(open("secret", O_RDONLY));
    ASK(open("closed", O_RDONLY));
    ASK(access("closed/in", F_OK));
    ASK(open("other", O_RDWR) >= 0);
    ASK(give_up(BIT(CHOWN) | BIT(FOWNER) | BIT(DAC_OVERRIDE) | BIT(DAC_READ_SEARCH), 0));
    ASK(chmod("other", 0600));
    ASK(chown("secret", 1000, -1));
    ASK(chmod("secret", 0600));
    ASK(open("secret", O_RDWR) >= 0);
    ASK(give_up(BIT(MKNOD) | BIT(SYS_CHROOT), BIT(MKNOD)));
    ASK(mknod("device", S_IFCHR | 0600, 0x103));
    ASK(chroot("."));
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];
    ASK(syscall(SYS_capget, &header, data));
    printf("%d %d %d\n", !!(data[0].effective & BIT(SYS_CHROOT)), !!(data[0].permitted & BIT(SYS_CHROOT)), !!(data[0].permitted & BIT(MKNOD)));
    data[0].permitted |= BIT(MKNOD);
    ASK(syscall(SYS_capset, &header, data));
    data[0].permitted &= ~BIT(MKNOD);
    data[0].effective |= BIT(SYS_CHROOT);
    ASK(syscall(SYS_capset, &header, data));
    ASK(chroot("."));
    fflush(stdout);
    _exit(0);
}

static void seals(void)
{
    char bytes[8192] = "";
    int plain = memfd_create("plain", 0), file = memfd_create("sealed", MFD_ALLOW_SEALING);
    ASK(fcntl(plain, F_GET_SEALS));
    ASK(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
    ASK(fcntl(file, F_GET_SEALS));
    ASK(fcntl(file, F_ADD_SEALS, 0x1000));
    ASK(write(file, bytes, 5000));
    ASK(fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
    ASK(ftruncate(file, 6000));
    ASK(pwrite(file, bytes, 100, 4950));
    ASK(pwrite(file, bytes, 50, 4950));
    ASK(fallocate(file, 0, 0, 9000));
    ASK(ftruncate(file, 4500));
    ASK(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
    ASK(ftruncate(file, 100));
    ASK(ftruncate(file, 4500));
    char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ASK(map != MAP_FAILED);
    ASK(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(map, 4096);
    ASK(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    ASK(write(file, bytes, 1));
    ASK(pwrite(file, bytes, 1, 0));
    ASK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    ASK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    map = mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
    ASK(map != MAP_FAILED);
    ASK(mprotect(map, 4096, PROT_READ | PROT_WRITE));
    ASK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0) != MAP_FAILED);
    ASK(fcntl(file, F_GET_SEALS));
    ASK(fcntl(file, F_ADD_SEALS, F_SEAL_SEAL));
    ASK(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
    int ends[2];
    pipe(ends);
    ASK(fcntl(ends[0], F_GET_SEALS));
    ASK(fcntl(ends[1], F_ADD_SEALS, F_SEAL_SEAL));
}

static uint32_t word;

static void *sleeper(void *unused) { syscall(SYS_futex, &word, FUTEX_WAIT, 0, 0, 0, 0); return 0; }

/* One waits, and to wake none wakes it. */
static void waking(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, sleeper, 0);
    long woken = 0;
    for (int i = 0; i < 10000 && woken == 0; i++) {
        usleep(1000);
        woken = syscall(SYS_futex, &word, FUTEX_WAKE, 0, 0, 0, 0);
    }
    ASK(woken);
    word = 1;
    syscall(SYS_futex, &word, FUTEX_WAKE, 1, 0, 0, 0);
    pthread_join(thread, 0);
}

int main(void)
{
    mkdir("/tmp", 01777);
    char folder[] = "/tmp/details-XXXXXX", command[64];
    chdir(mkdtemp(folder));
    opening();
    names();
    resolving();
    descriptors();
    modes();
    memory();
    seals();
    if (getuid() == 0)
        privileges();
    waking();
    chdir("/");
    snprintf(command, sizeof command, "rm -r %s", folder);
    system(command);
    puts("all answers given");
    return 0;
}
