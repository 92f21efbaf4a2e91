/* capabilities(7): the sets and how calls and programs change them, secure bits, ambient ones, those of files, and what each is asked for. Run on
   the host and in the guest: both must print the same. CAP_SYS_RESOURCE is given up first, since not every host grants it. */
#define _GNU_SOURCE
#include "answer.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

typedef unsigned long long Set;

static char self[200] = "/proc/self/exe";
static const char *const folder = "/tmp/capabilities", *const copy = "/tmp/capabilities/copy";

#define BIT(capability) (1ull << (capability))

static long get(int id, Set *effective, Set *permitted, Set *inheritable)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, id };
    struct __user_cap_data_struct data[2] = { { 0 } };
    long result = syscall(SYS_capget, &header, data);
    *effective = data[0].effective | (Set)data[1].effective << 32;
    *permitted = data[0].permitted | (Set)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (Set)data[1].inheritable << 32;
    return result;
}

static long set(Set effective, Set permitted, Set inheritable)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2] = { { effective, permitted, inheritable }, { effective >> 32, permitted >> 32, inheritable >> 32 } };
    return syscall(SYS_capset, &header, data);
}

static Set bounding(void)
{
    Set all = 0;
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        all |= (Set)(prctl(PR_CAPBSET_READ, i) == 1) << i;
    return all;
}

static Set ambient(void)
{
    Set all = 0;
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        all |= (Set)(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) << i;
    return all;
}

/* All that a process has, in one line. */
static void show(const char *what)
{
    Set effective, permitted, inheritable;
    get(0, &effective, &permitted, &inheritable);
    uid_t r, e, s;
    getresuid(&r, &e, &s);
    printf("%s: users %u %u %u effective %llx permitted %llx inheritable %llx bounding %llx ambient %llx bits %x dumpable %d secure %lu new %d\n", what, r, e, s,
        effective, permitted, inheritable, bounding(), ambient(), prctl(PR_GET_SECUREBITS), prctl(PR_GET_DUMPABLE) != 0, getauxval(AT_SECURE),
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void status(void)
{
    char line[200];
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "Uid", 3) == 0 || strncmp(line, "Gid", 3) == 0 || strncmp(line, "NoNew", 5) == 0)
            fputs(line, stdout);
    fclose(file);
}

static const Set most = BIT(CAP_LAST_CAP + 1) - 1 & ~BIT(CAP_SYS_RESOURCE);

static void apart(void (*task)(void))
{
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        task();
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (status != 0)
        printf("status %x\n", status);
}

static void run(const char *program, const char *what)
{
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        execl(program, "capabilities", what, (char *)0);
        printf("%s: %s\n", what, strerrorname_np(errno));
        fflush(stdout);
        _exit(1);
    }
    waitpid(child, 0, 0);
}

static void raise_ambient(int capability)
{
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

static void sets(void)
{
    Set e, p, i, few = BIT(CAP_CHOWN) | BIT(CAP_WAKE_ALARM);
    ASK(set(most, most, BIT(CAP_KILL)));
    show("inheritable");
    ASK(set(few, few, few));
    show("few");
    ASK(set(few, few | BIT(CAP_KILL), 0));
    ASK(set(few, BIT(CAP_CHOWN), 0));
    ASK(set(few, few, few | BIT(CAP_KILL)));
    ASK(set(0, few, ~0ull));
    ASK(set(0, few, 0));
    show("none effective");
    ASK(set(few, few, BIT(CAP_CHOWN)));
    ASK(get(getppid(), &e, &p, &i));
    printf("%llx %llx %llx\n", e, p, i);
    ASK(prctl(PR_CAPBSET_DROP, CAP_KILL));
    status();
    run(self, "program of few");
}

static void bound(void)
{
    ASK(prctl(PR_CAPBSET_READ, CAP_LAST_CAP));
    ASK(prctl(PR_CAPBSET_READ, CAP_LAST_CAP + 1));
    ASK(prctl(PR_CAPBSET_READ, -1));
    ASK(prctl(PR_CAPBSET_DROP, 99));
    ASK(prctl(PR_CAPBSET_DROP, CAP_KILL));
    ASK(prctl(PR_CAPBSET_READ, CAP_KILL));
    show("bound");
    ASK(set(most, most, BIT(CAP_KILL)));
    ASK(set(most, most, BIT(CAP_CHOWN)));
    run(self, "program of the bound");
    ASK(prctl(PR_CAPBSET_DROP, CAP_SETPCAP));
    run(self, "program of less");
    ASK(set(most & ~BIT(CAP_SETPCAP), most, 0));
    ASK(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    ASK(prctl(PR_CAPBSET_DROP, 99));
}

static void users(void)
{
    ASK(setresuid(-1, 1000, -1));
    show("effective user");
    ASK(set(BIT(CAP_KILL), most, 0));
    ASK(setresuid(-1, 0, -1));
    show("back");
    ASK(setfsuid(1000));
    show("files");
    ASK(setfsuid(0));
    ASK(set(BIT(CAP_SETUID), BIT(CAP_SETUID) | BIT(CAP_CHOWN), 0));
    ASK(setfsuid(1000));
    ASK(setfsuid(0));
    show("files back");
    ASK(setreuid(1000, 1000));
    show("user");
    ASK(setreuid(-1, 0));
    ASK(setuid(0));
    run(self, "program of a user");
}

static void kept(void)
{
    ASK(prctl(PR_SET_KEEPCAPS, 2));
    ASK(prctl(PR_SET_KEEPCAPS, 1));
    ASK(prctl(PR_GET_KEEPCAPS));
    ASK(set(most, most, BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE)));
    raise_ambient(CAP_KILL);
    show("ambient");
    ASK(setuid(1000));
    show("kept");
    ASK(set(BIT(CAP_KILL) | BIT(CAP_SETPCAP), BIT(CAP_KILL) | BIT(CAP_SETPCAP) | BIT(CAP_CHOWN), BIT(CAP_KILL) | BIT(CAP_CHOWN)));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETPCAP, 0, 0));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_FOWNER, 0, 0));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 99, 0, 0));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 1, 0));
    ASK(prctl(PR_CAP_AMBIENT, 9, CAP_CHOWN, 0, 0));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    run(self, "program with ambient ones");
    ASK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    run(self, "ambient without new privileges");
    raise_ambient(CAP_CHOWN);
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
    show("lowered");
    ASK(set(0, BIT(CAP_CHOWN), 0));
    show("not inheritable");
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

static void bits(void)
{
    ASK(prctl(PR_SET_SECUREBITS, 1 << 30));
    ASK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
    ASK(setresuid(1000, 1000, 0));
    show("without fixup");
    run(self, "without fixup");
    ASK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT));
    ASK(setresuid(0, 0, 0));
    show("no root");
    run(self, "no root");
    ASK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE));
    ASK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED));
    ASK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT_LOCKED));
    ASK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT));
    ASK(prctl(PR_SET_KEEPCAPS, 0));
    ASK(set(most, most, BIT(CAP_KILL)));
    ASK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    run(self, "locked");
    ASK(set(most & ~BIT(CAP_SETPCAP), most, 0));
    ASK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED));
}

static void nothing_new(void)
{
    ASK(set(BIT(CAP_KILL), BIT(CAP_KILL) | BIT(CAP_CHOWN), 0));
    ASK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    run(self, "root without new privileges");
}

/* ---- programs with rights of their own ---- */

static void copy_self(const char *to_where, mode_t mode, uid_t owner)
{
    unlink(to_where);
    int from = open(self, O_RDONLY), to = open(to_where, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    static char buffer[1 << 16];
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, count) != count)
            exit(3);
    close(from);
    close(to);
    if (chown(to_where, owner, 0) < 0 || chmod(to_where, mode) < 0)
        exit(4);
}

static long give(Set permitted, Set inheritable, int effective)
{
    struct vfs_cap_data data = { VFS_CAP_REVISION_2 | effective, { { permitted, inheritable }, { permitted >> 32, inheritable >> 32 } } };
    return setxattr(copy, "security.capability", &data, sizeof data, 0);
}

static int become(void)
{
    return setgroups(0, 0) | setresgid(1000, 1000, 1000) | setresuid(1000, 1000, 1000);
}

static void as_user(void)
{
    become();
    run(copy, "of a user");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    run(copy, "without new privileges");
}

static void as_user_bound(void)
{
    prctl(PR_CAPBSET_DROP, CAP_KILL);
    become();
    run(copy, "of a user, less bound");
}

static void as_user_who_inherits(void)
{
    prctl(PR_SET_KEEPCAPS, 1);
    become();
    set(most, most, BIT(CAP_CHOWN) | BIT(CAP_FOWNER));
    raise_ambient(CAP_CHOWN);
    run(copy, "of an heir");
    set(0, 0, BIT(CAP_CHOWN) | BIT(CAP_FOWNER));
    run(copy, "of a poor heir");
}

static void as_root_by_halves(void)
{
    ASK(setresuid(0, 1000, 1000));
    run(copy, "real user root");
}

static void without_setfcap(void)
{
    set(most & ~BIT(CAP_SETFCAP), most, 0);
    ASK(give(1, 0, 0));
    ASK(removexattr(copy, "security.capability"));
    ASK(getxattr(copy, "security.capability", 0, 0));
}

static void of_files(void)
{
    copy_self(copy, 0755, 0);
    run(copy, "plain");
    apart(as_user);
    copy_self(copy, 04755, 0);
    apart(as_user);
    apart(as_user_bound);
    apart(as_user_who_inherits);
    copy_self(copy, 04755, 1000);
    run(copy, "of root, for a user");
    apart(as_root_by_halves);
    copy_self(copy, 0755, 0);
    ASK(give(BIT(CAP_KILL) | BIT(CAP_WAKE_ALARM), 0, 1));
    apart(as_user);
    apart(as_user_bound);
    apart(as_user_who_inherits);
    apart(as_root_by_halves);
    run(copy, "of root");
    ASK(give(BIT(CAP_KILL), BIT(CAP_FOWNER) | BIT(CAP_SYS_ADMIN), 0));
    apart(as_user);
    apart(as_user_bound);
    apart(as_user_who_inherits);
    char value[24] = { 0 };
    ASK(getxattr(copy, "security.capability", value, sizeof value));
    for (int i = 0; i < 20; i++)
        printf("%02x", value[i] & 255);
    puts("");
    ASK(setxattr(copy, "security.capability", value, 20, XATTR_CREATE));
    ASK(setxattr(copy, "security.capability", value, 19, 0));
    value[3] = 9;
    ASK(setxattr(copy, "security.capability", value, 20, 0));
    apart(without_setfcap);
    chmod(copy, 04755);
    apart(as_user);
    ASK(chown(copy, 0, 0));
    ASK(getxattr(copy, "security.capability", value, sizeof value));
    struct stat status;
    stat(copy, &status);
    printf("%o\n", status.st_mode);
    ASK(give(BIT(CAP_KILL), 0, 0));
    int file = open(copy, O_WRONLY);
    ASK(write(file, "\177", 1));
    close(file);
    ASK(getxattr(copy, "security.capability", value, sizeof value));
    ASK(give(BIT(CAP_KILL), 0, 0));
    ASK(truncate(copy, 5));
    ASK(getxattr(copy, "security.capability", value, sizeof value));
}

/* ---- what each is asked for ---- */

static int other;
static long segment;
static const char *const foreign = "/tmp/capabilities/foreign";

static long owner(void) { return chown(foreign, 7, 7); }
static long group(void) { return chown(foreign, -1, 9); }
static long opens(const char *name, int flags)
{
    int file = open(name, flags);
    return file < 0 ? -1 : close(file);
}
static long writes(void) { return opens(foreign, O_WRONLY); }
static long reads(void) { return opens(foreign, O_RDONLY); }
static long lists(void) { return opens("/tmp/capabilities/closed/none", O_RDONLY); }
static long mode(void) { return chmod(foreign, 0600); }
static long times(void) { struct timespec then[2] = { { 1 }, { 2 } }; return utimensat(AT_FDCWD, foreign, then, 0); }
static long untimed(void) { return opens("/tmp/capabilities/shown", O_RDONLY | O_NOATIME); }
static long sticky(void) { return unlink("/tmp/capabilities/sticky/file"); }
static long group_bit(void)
{
    if (chmod("/tmp/capabilities/own", 02770) < 0)
        return -1;
    struct stat status;
    stat("/tmp/capabilities/own", &status);
    return status.st_mode;
}
static long kills(void) { return kill(other, 0); }
static long group_id(void) { return setresgid(8, 8, 8); }
static long groups(void) { gid_t all[] = { 3 }; return setgroups(1, all); }
static long user_id(void) { return syscall(SYS_setresuid, 8, -1, -1); }
static long user_of_files(void) { setfsuid(77); return setfsuid(-1); }
static long bound_drop(void) { return prctl(PR_CAPBSET_DROP, CAP_WAKE_ALARM); }
static long port(void)
{
    int it = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(it, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = { AF_INET, htons(1009), { htonl(INADDR_LOOPBACK) } };
    long result = bind(it, (struct sockaddr *)&address, sizeof address);
    int error = errno;
    close(it);
    errno = error;
    return result;
}
static long locks(void) { static char page[4096]; return mlock(page, 1); }
static long ipc(void) { void *at = shmat(segment, 0, 0); return at == (void *)-1 ? -1 : shmdt(at); }
static long ipc_owner(void) { struct shmid_ds status; shmctl(segment, IPC_STAT, &status); return shmctl(segment, IPC_SET, &status); }
static long root(void) { return chroot("/"); }
static long looks(void)
{
    static char here[8];
    struct iovec at = { here, 8 }, there = { self, 8 };
    return process_vm_readv(other, &at, 1, &there, 1, 0);
}
static long follows(void) { char name[60], to[300]; sprintf(name, "/proc/%d/cwd", other); return readlink(name, to, sizeof to) < 0 ? -1 : 0; }
static long maps(void) { char name[60]; sprintf(name, "/proc/%d/maps", other); return opens(name, O_RDONLY); }
static long traces(void) { return ptrace(PTRACE_SEIZE, other, 0, 0); }
static long host(void) { return sethostname("", 100000); }
static long mounts(void) { return mount("none", folder, "nonesuch", 0, 0); }
static long trusted(void) { return setxattr("/tmp/capabilities/own", "trusted.it", "x", 1, 0); }
static long secured(void) { return setxattr("/tmp/capabilities/own", "security.it", "x", 1, 0); }
static long boots(void) { return syscall(SYS_reboot, 1, 2, 3, 0); }
static long nices(void) { return setpriority(PRIO_PROCESS, 0, -2); }
static long nice_of_other(void) { return setpriority(PRIO_PROCESS, other, 5); }
static long io(void) { return syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4); }
static long device(void)
{
    long result = mknod("/tmp/capabilities/device", S_IFCHR | 0600, 0x103);
    int error = errno;
    if (result == 0)
        unlink("/tmp/capabilities/device");
    errno = error;
    return result;
}
static long limit(void)
{
    struct rlimit of;
    getrlimit(RLIMIT_NOFILE, &of);
    return prlimit(other, RLIMIT_NOFILE, 0, &of);
}
static long claims(pid_t id, uid_t user, gid_t its)
{
    int ends[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    struct { struct cmsghdr head; struct ucred who; } control = { { CMSG_LEN(sizeof(struct ucred)), SOL_SOCKET, SCM_CREDENTIALS }, { id, user, its } };
    struct iovec piece = { "x", 1 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(struct ucred)) };
    long result = sendmsg(ends[0], &message, 0);
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    errno = error;
    return result;
}
static long claims_id(void) { return claims(1, 1000, 1000); }
static long claims_user(void) { return claims(getpid(), 5, 1000); }
static long claims_group(void) { return claims(getpid(), 1000, 5); }
static long the_time(void) { struct timespec now; clock_gettime(CLOCK_REALTIME, &now); return clock_settime(CLOCK_REALTIME, &now); }
static long time_of_day(void) { struct timeval now; gettimeofday(&now, 0); return settimeofday(&now, 0); }
static long alarm_clock(void) { return timerfd_create(CLOCK_REALTIME_ALARM, 0) < 0 ? -1 : 0; }

/* Both: granted with nothing else, and refused with all others. Else only refused, since it would change the host. */
static const struct { const char *name; int capability; long (*call)(void); int both; } checks[] = {
    { "owner", CAP_CHOWN, owner, 1 }, { "group", CAP_CHOWN, group, 1 }, { "writes", CAP_DAC_OVERRIDE, writes, 1 }, { "reads", CAP_DAC_OVERRIDE, reads, 1 },
    { "reads", CAP_DAC_READ_SEARCH, reads, 1 }, { "writes", CAP_DAC_READ_SEARCH, writes, 1 }, { "lists", CAP_DAC_READ_SEARCH, lists, 1 },
    { "mode", CAP_FOWNER, mode, 1 }, { "times", CAP_FOWNER, times, 1 }, { "untimed", CAP_FOWNER, untimed, 1 }, { "sticky", CAP_FOWNER, sticky, 1 },
    { "group bit", CAP_FSETID, group_bit, 1 }, { "kills", CAP_KILL, kills, 1 }, { "group id", CAP_SETGID, group_id, 1 }, { "groups", CAP_SETGID, groups, 1 },
    { "user id", CAP_SETUID, user_id, 1 }, { "user of files", CAP_SETUID, user_of_files, 1 }, { "bound", CAP_SETPCAP, bound_drop, 1 },
    { "port", CAP_NET_BIND_SERVICE, port, 1 }, { "locks", CAP_IPC_LOCK, locks, 1 }, { "ipc", CAP_IPC_OWNER, ipc, 1 }, { "ipc owner", CAP_SYS_ADMIN, ipc_owner, 1 },
    { "root", CAP_SYS_CHROOT, root, 1 }, { "looks", CAP_SYS_PTRACE, looks, 1 }, { "follows", CAP_SYS_PTRACE, follows, 1 }, { "maps", CAP_SYS_PTRACE, maps, 1 },
    { "traces", CAP_SYS_PTRACE, traces, 1 }, { "host", CAP_SYS_ADMIN, host, 1 }, { "mounts", CAP_SYS_ADMIN, mounts, 1 },
    { "trusted", CAP_SYS_ADMIN, trusted, 1 }, { "secured", CAP_SYS_ADMIN, secured, 1 }, { "boots", CAP_SYS_BOOT, boots, 1 }, { "nices", CAP_SYS_NICE, nices, 1 },
    { "nice of other", CAP_SYS_NICE, nice_of_other, 1 }, { "io", CAP_SYS_NICE, io, 1 }, { "device", CAP_MKNOD, device, 1 }, { "limit", CAP_SYS_RESOURCE, limit, 0 },
    { "claims id", CAP_SYS_ADMIN, claims_id, 1 }, { "claims user", CAP_SETUID, claims_user, 1 }, { "claims group", CAP_SETGID, claims_group, 1 },
    { "time", CAP_SYS_TIME, the_time, 0 }, { "time of day", CAP_SYS_TIME, time_of_day, 0 }, { "alarm clock", CAP_WAKE_ALARM, alarm_clock, 0 },
};

static const int alike[][4] = {
    { CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, -1, -1 }, { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, -1, -1 }, { CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON, -1 },
    { CAP_SYS_NICE, CAP_SYS_ADMIN, -1, -1 },
};

/* Files that the checks are about, made anew for each. */
static void prepare(void)
{
    close(open(foreign, O_WRONLY | O_CREAT, 0600));
    chown(foreign, 6, 6);
    close(open("/tmp/capabilities/shown", O_WRONLY | O_CREAT, 0644));
    mkdir("/tmp/capabilities/closed", 0700);
    mkdir("/tmp/capabilities/sticky", 01777);
    chmod("/tmp/capabilities/sticky", 01777);
    close(open("/tmp/capabilities/sticky/file", O_WRONLY | O_CREAT, 0600));
    close(open("/tmp/capabilities/own", O_WRONLY | O_CREAT, 0600));
    chown("/tmp/capabilities/own", 1000, 5);
}

static void check(int which, int granted)
{
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        Set only = BIT(checks[which].capability);
        prctl(PR_SET_KEEPCAPS, 1);
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_MEMLOCK, &none);
        become();
        Set has = granted ? only : most & ~only;
        /* Others that would do as well. */
        if (!granted)
            for (const int *also = alike[0]; also < alike[0] + sizeof alike / sizeof **alike; also += 4)
                for (int i = 1; i < 4; i++)
                    if (*also == checks[which].capability && also[i] >= 0)
                        has &= ~BIT(also[i]);
        set(has, has, 0);
        char what[100];
        sprintf(what, "%s %s %d", checks[which].name, granted ? "with" : "without", checks[which].capability);
        errno = 0;
        answer(what, checks[which].call());
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, 0, 0);
}

static void each(void)
{
    int ends[2];
    pipe(ends);
    segment = shmget(IPC_PRIVATE, 4096, 0600);
    other = fork();
    if (other == 0) {
        write(ends[1], "x", 1);
        pause();
    }
    char byte;
    read(ends[0], &byte, 1);
    for (unsigned i = 0; i < sizeof checks / sizeof *checks; i++) {
        prepare();
        check(i, 0);
        prepare();
        if (checks[i].both)
            check(i, 1);
    }
    kill(other, SIGKILL);
    waitpid(other, 0, 0);
    shmctl(segment, IPC_RMID, 0);
}

/* A user's program that another user, or root with less, must not look into. */
static void more_than_the_looker(void)
{
    int ends[2];
    pipe(ends);
    prctl(PR_SET_KEEPCAPS, 1);
    become();
    set(BIT(CAP_KILL), BIT(CAP_KILL), 0);
    prctl(PR_SET_DUMPABLE, 1);
    fflush(stdout);
    other = fork();
    if (other == 0) {
        write(ends[1], "x", 1);
        pause();
    }
    char byte;
    read(ends[0], &byte, 1);
    ASK(looks());
    ASK(set(0, 0, 0));
    ASK(looks());
    kill(other, SIGKILL);
    waitpid(other, 0, 0);
}

int main(int count, char **arguments)
{
    if (count > 1) {
        show(arguments[1]);
        return 0;
    }
    if (getuid() != 0) {
        puts("all answers given");
        return 0;
    }
    umask(022);
    mkdir(folder, 0777);
    chmod(folder, 0777);
    copy_self("/tmp/capabilities/self", 0755, 0);      /* where every user reaches it */
    strcpy(self, "/tmp/capabilities/self");
    setgroups(0, 0);
    prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
    set(most, most, 0);
    show("all");
    status();
    FILE *last = fopen("/proc/sys/kernel/cap_last_cap", "r");
    int number = 0;
    fscanf(last, "%d", &number);
    printf("%d\n", number == CAP_LAST_CAP);
    apart(sets);
    apart(bound);
    apart(users);
    apart(kept);
    apart(bits);
    apart(nothing_new);
    of_files();
    each();
    apart(more_than_the_looker);
    system("rm -r /tmp/capabilities");
    puts("all answers given");
    return 0;
}
