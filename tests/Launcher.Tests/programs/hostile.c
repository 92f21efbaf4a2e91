// A monitor that does not keep to what was sold. What it does stands in its last argument, where firmware is expected:
//   grow                touches 192 MiB in this process
//   breed               four children that touch 48 MiB each
//   file                writes 192 MiB to a file in memory
//   spin                two processes with two threads each compute for five seconds
//   fork                starts processes until it is refused one
//   escape:FOLDER       tries to change its control group in FOLDER
//   idle                ends
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)

static void touch(int mib)
{
    char *memory = mmap(0, (size_t)mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        printf("hostile: no memory, error %d\n", errno);
        exit(9);
    }
    for (size_t i = 0; i < (size_t)mib * MIB; i += 4096)
        memory[i] = 1;
}

static void breed(void)
{
    enum { CHILDREN = 4, EACH = 48 };
    int pids[CHILDREN], living = 0;
    for (int i = 0; i < CHILDREN; i++) {
        int full[2];
        char byte;
        pipe(full);
        pids[i] = fork();
        if (pids[i] == 0) {
            close(full[0]);
            touch(EACH);
            write(full[1], "!", 1);
            while (1)
                pause();
        }
        close(full[1]);
        read(full[0], &byte, 1); // or its end, when the child is killed
        close(full[0]);
    }
    for (int i = 0; i < CHILDREN; i++)
        living += waitpid(pids[i], 0, WNOHANG) == 0;
    printf("hostile: %d MiB in %d children\n", living * EACH, living);
}

static void file(void)
{
    static char block[MIB];
    int output = open("/tmp/file", O_WRONLY | O_CREAT | O_TRUNC, 0600), written = 0;
    while (written < 192 && write(output, block, MIB) == MIB)
        written++;
    printf("hostile: %d MiB in a file\n", written);
}

static double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double s_end;

static void *spin(void *nothing)
{
    while (now(CLOCK_MONOTONIC) < s_end)
        for (volatile int i = 0; i < 10000; i++)
            ;
    return nothing;
}

// The least of what it has had since the beginning, looked at from the third second to the fifth. Where the machine stands still for a while
// for want of its host's processors, its kernel counts that as used and takes it back afterwards; the least is what it had without such a debt.
static void spins(void)
{
    double begin = now(CLOCK_MONOTONIC), least = 1e9;
    s_end = begin + 5;
    int child = fork();
    clockid_t childs;
    clock_getcpuclockid(child, &childs);
    pthread_t other;
    pthread_create(&other, 0, spin, 0);
    if (child == 0)
        spin(0);
    else
        for (double time = begin; time < s_end; time = now(CLOCK_MONOTONIC)) {
            double share = (now(CLOCK_PROCESS_CPUTIME_ID) + now(childs)) / (time - begin);
            if (time > begin + 3 && share < least)
                least = share;
        }
    pthread_join(other, 0);
    if (child == 0)
        exit(0);
    waitpid(child, 0, 0);
    printf("hostile: %.0f percent of a processor\n", 100 * least);
}

static void forks(void)
{
    int count = 0, child;
    while ((child = fork()) > 0)
        count++;
    if (child == 0)
        while (1)
            pause();
    printf("hostile: %d processes, then error %d\n", count + 1, errno);
}

static int put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY);
    if (file < 0)
        return errno;
    int result = write(file, text, strlen(text)) < 0 ? errno : 0;
    close(file);
    return result;
}

// What becomes of each, as error numbers. All are tried, in this order, before one line tells of them.
static void attempts(const char *who, const char *group, const char *folder)
{
    char path[300], text[20];
    static const char *const s_files[] = { "memory.max", "memory.swap.max", "cpu.max", "pids.max", "cgroup.procs", "cgroup.kill" };
    printf("hostile: %s:", who);
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", group, s_files[i]);
        int opened = open(path, O_WRONLY) < 0 ? errno : 0, mode = chmod(path, 0600) < 0 ? errno : 0;
        int mode2 = syscall(452, AT_FDCWD, path, 0600, 0) < 0 ? errno : 0;
        int owner = chown(path, -1, getgid()) < 0 ? errno : 0, again = open(path, O_WRONLY) < 0 ? errno : 0;
        printf(" %d %d %d %d %d", opened, mode, mode2, owner, again);
    }
    snprintf(path, sizeof path, "%s/own", group);
    printf(" make %d", mkdir(path, 0700) < 0 ? errno : 0);
    // Out of the group, and packetd into it.
    snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    printf(" leave %d", put(path, "0"));
    snprintf(path, sizeof path, "%s/node/cgroup.procs", folder);
    printf(" %d", put(path, "0"));
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    snprintf(text, sizeof text, "%d", getppid());
    printf(" fetch %d\n", put(path, text));
}

static void escape(const char *folder)
{
    char group[200], text[40];
    int user = getuid(), userGroup = getgid();
    snprintf(group, sizeof group, "%s/machine-%d", folder, user);
    attempts("as it is", group, folder);
    // As root of a user namespace, with a control group namespace and the groups mounted a second time.
    printf("hostile: namespaces %d\n", unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0 ? errno : 0);
    snprintf(text, sizeof text, "0 %d 1", user);
    int maps = put("/proc/self/uid_map", text);
    int denied = put("/proc/self/setgroups", "deny");
    snprintf(text, sizeof text, "0 %d 1", userGroup);
    printf("hostile: mapped %d %d %d\n", maps, denied, put("/proc/self/gid_map", text));
    attempts("in namespaces", group, folder);
    // For reading alone, as launcher permits it, and then for writing.
    printf("hostile: mounted %d", mount("none", "/tmp", "cgroup2", 0, 0) < 0 ? errno : 0);
    printf(" %d", mount("none", "/tmp", "cgroup2", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 0) < 0 ? errno : 0);
    struct { unsigned long set, clear, propagation, namespace; } attributes = { .clear = 1 }; // MOUNT_ATTR_RDONLY
    printf(" %d\n", syscall(442, AT_FDCWD, "/tmp", 0, &attributes, sizeof attributes) < 0 ? errno : 0); // mount_setattr(2)
    attempts("mounted again", "/tmp", folder);
}

int main(int count, char **arguments)
{
    const char *what = arguments[count - 1];
    setvbuf(stdout, 0, _IOFBF, 4096);
    fflush(stdout);
    if (strcmp(what, "grow") == 0) {
        touch(192);
        printf("hostile: 192 MiB\n");
    } else if (strcmp(what, "breed") == 0)
        breed();
    else if (strcmp(what, "file") == 0)
        file();
    else if (strcmp(what, "spin") == 0)
        spins();
    else if (strcmp(what, "fork") == 0)
        forks();
    else if (strncmp(what, "escape:", 7) == 0)
        escape(what + 7);
    else
        printf("hostile: idle\n");
    return 0;
}
