/* Calls that programs make seldom: capabilities, identities of files, priorities of input and output, another process's memory and objects, pipes
   that are copied, several messages at once, execveat and their relatives. Run on the host and in the guest: both must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answer.h"

static void *const nowhere = (void *)8;

static void identities(void)
{
    if (getuid() != 0)
        return;
    fflush(stdout);
    if (fork() == 0) {
        int file = open("/tmp/lesser-private", O_RDWR | O_CREAT, 0600);
        mkdir("/tmp/lesser-all", 0777);
        chmod("/tmp/lesser-all", 0777);
        ASK(setfsuid(1000));
        ASK(setfsuid(-1));
        ASK(open("/tmp/lesser-private", O_RDWR) < 0 ? -1 : 0);
        ASK(access("/tmp/lesser-private", R_OK));
        ASK(mkdir("/tmp/lesser-all/other", 0700));
        struct stat status;
        stat("/tmp/lesser-all/other", &status);
        printf("%d\n", status.st_uid);
        ASK(setfsuid(0));
        ASK(setfsgid(1000));
        ASK(setfsgid(1000));
        ASK(rmdir("/tmp/lesser-all/other"));
        rmdir("/tmp/lesser-all");
        unlink("/tmp/lesser-private");
        uid_t real, effective, saved;
        ASK(setreuid(-1, 1000));
        getresuid(&real, &effective, &saved);
        printf("%d %d %d\n", real, effective, saved);
        ASK(setfsuid(5));
        ASK(setfsuid(0));
        ASK(setreuid(1000, -1));
        getresuid(&real, &effective, &saved);
        printf("%d %d %d\n", real, effective, saved);
        ASK(setreuid(0, -1));
        ASK(setreuid(-1, 0));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
}

static void capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];
    ASK(syscall(SYS_capget, &header, data));
    ASK(syscall(SYS_capget, nowhere, data));
    ASK(syscall(SYS_capget, &header, nowhere));
    header.pid = -1;
    ASK(syscall(SYS_capget, &header, data));
    header.pid = 0x7ffffff0;
    ASK(syscall(SYS_capget, &header, data));
    header.pid = 1;
    ASK(syscall(SYS_capset, &header, data));
    header = (struct __user_cap_header_struct){ 7, 0 };
    ASK(syscall(SYS_capget, &header, data));
    printf("%x\n", header.version);
    ASK(personality(0xffffffff));
    ASK(personality(ADDR_NO_RANDOMIZE));
    ASK(personality(0xffffffff));
}

static void priorities(void)
{
    ASK(syscall(SYS_ioprio_get, 1, 0));
    ASK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5));
    ASK(syscall(SYS_ioprio_get, 1, 0));
    ASK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 9));
    ASK(syscall(SYS_ioprio_set, 1, 0, 7 << 13));
    ASK(syscall(SYS_ioprio_set, 9, 0, 0));
    ASK(syscall(SYS_ioprio_get, 9, 0));
    ASK(syscall(SYS_ioprio_get, 1, 0x7ffffff0));
    struct { unsigned size, policy; unsigned long flags; int nice; unsigned priority; unsigned long rest[3]; } wanted;
    ASK(syscall(SYS_sched_getattr, 0, &wanted, 48, 0));
    printf("%u %u %d\n", wanted.size, wanted.policy, wanted.nice);
    ASK(syscall(SYS_sched_getattr, 0, &wanted, 47, 0));
    ASK(syscall(SYS_sched_getattr, 0, nowhere, 48, 0));
    ASK(syscall(SYS_sched_getattr, -1, &wanted, 48, 0));
    ASK(syscall(SYS_sched_getattr, 0x7ffffff0, &wanted, 48, 0));
    wanted.policy = 3, wanted.nice = 4;
    ASK(syscall(SYS_sched_setattr, 0, &wanted, 0));
    ASK(sched_getscheduler(0));
    ASK(getpid() > 0 ? nice(0) : 0);
    ASK(syscall(SYS_sched_setattr, 0, 0, 0));
    wanted.policy = 77;
    ASK(syscall(SYS_sched_setattr, 0, &wanted, 0));
    struct timespec interval;
    ASK(sched_rr_get_interval(0x7ffffff0, &interval));
    ASK(sched_rr_get_interval(-1, &interval));
    ASK(sched_rr_get_interval(0, nowhere));
}

static void memory_of_others(void)
{
    static char there[8192] = "of the parent", here[8192];
    int ends[2];
    pipe(ends);
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        strcpy(there, "of the child");
        write(ends[1], "x", 1);
        pause();
    }
    char byte;
    read(ends[0], &byte, 1);
    struct iovec own = { here, 5000 }, others[2] = { { there, 100 }, { there + 4000, 4900 } };
    ASK(syscall(SYS_process_vm_readv, child, &own, 1ul, others, 2ul, 0ul));
    puts(here);
    strcpy(here, "changed");
    ASK(syscall(SYS_process_vm_writev, child, &own, 1ul, others, 2ul, 0ul));
    memset(here, 0, sizeof here);
    ASK(syscall(SYS_process_vm_readv, child, &own, 1ul, others, 1ul, 0ul));
    puts(here);
    puts(there);
    ASK(syscall(SYS_process_vm_readv, child, &own, 1ul, others, 1ul, 1ul));
    ASK(syscall(SYS_process_vm_readv, 0x7ffffff0, &own, 1ul, others, 1ul, 0ul));
    others[0].iov_base = nowhere;
    ASK(syscall(SYS_process_vm_readv, child, &own, 1ul, others, 1ul, 0ul));
    ASK(syscall(SYS_process_vm_readv, child, nowhere, 1ul, others, 1ul, 0ul));
    ASK(syscall(SYS_process_vm_readv, child, &own, 2000ul, others, 1ul, 0ul));
    ASK(syscall(SYS_kcmp, getpid(), child, 0, 1, 1));
    ASK(syscall(SYS_kcmp, getpid(), child, 0, 1, 999));
    ASK(syscall(SYS_kcmp, getpid(), child, 1, 0, 0) > 0);
    ASK(syscall(SYS_kcmp, getpid(), getpid(), 1, 0, 0));
    ASK(syscall(SYS_kcmp, getpid(), getpid(), 99, 0, 0));
    ASK(syscall(SYS_kcmp, getpid(), 0x7ffffff0, 0, 1, 1));
    int process = syscall(SYS_pidfd_open, child, 0);
    int copy = syscall(SYS_pidfd_getfd, process, ends[1], 0);
    ASK(fcntl(copy, F_GETFD));
    ASK(write(copy, "y", 1));
    ASK(read(ends[0], &byte, 1));
    ASK(syscall(SYS_pidfd_getfd, process, 999, 0));
    ASK(syscall(SYS_pidfd_getfd, ends[0], 0, 0));
    ASK(syscall(SYS_pidfd_getfd, process, 0, 1));
    siginfo_t about = { .si_signo = SIGTERM, .si_code = SI_QUEUE };
    ASK(syscall(SYS_rt_tgsigqueueinfo, child, child, 0, &about));
    ASK(syscall(SYS_rt_tgsigqueueinfo, child, 0x7ffffff0, 0, &about));
    ASK(syscall(SYS_rt_tgsigqueueinfo, child, child, 99, &about));
    ASK(syscall(SYS_rt_tgsigqueueinfo, -1, child, 0, &about));
    ASK(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGTERM, &about));
    int status;
    waitpid(child, &status, 0);
    printf("%x\n", status);
    ASK(syscall(SYS_pidfd_getfd, process, 0, 0));
}

static void pipes(void)
{
    int first[2], second[2];
    char text[100] = { 0 };
    pipe(first);
    pipe(second);
    write(first[1], "something", 10);
    ASK(tee(first[0], second[1], 5, 0));
    ASK(tee(first[0], second[1], 100, SPLICE_F_NONBLOCK));
    ASK(read(second[0], text, 100));
    printf("%.5s %s\n", text, text + 5);
    ASK(read(first[0], text, 100));
    puts(text);
    ASK(tee(first[0], second[1], 5, SPLICE_F_NONBLOCK));
    ASK(tee(first[0], first[1], 5, 0));
    ASK(tee(first[1], second[1], 5, 0));
    ASK(tee(first[0], second[1], 5, 99));
    ASK(tee(0, second[1], 0, 99));
    struct iovec pieces[2] = { { "abc", 3 }, { "defg", 4 } };
    ASK(vmsplice(first[1], pieces, 2, 0));
    pieces[0].iov_base = text, pieces[0].iov_len = 7;
    ASK(vmsplice(first[0], pieces, 1, 0));
    printf("%.7s\n", text);
    ASK(vmsplice(first[0], pieces, 1, SPLICE_F_NONBLOCK));
    ASK(vmsplice(first[1], pieces, 1, 64));
    ASK(vmsplice(first[1], pieces, 2000, 0));
    pieces[0].iov_base = nowhere;
    ASK(vmsplice(first[1], pieces, 1, 0));
    static char much[200000];
    pieces[0] = (struct iovec){ much, sizeof much };
    ASK(vmsplice(first[1], pieces, 1, 0) > 60000); /* Linux counts pages, begun ones, too. */
    ASK(vmsplice(first[1], pieces, 1, SPLICE_F_NONBLOCK));
    close(first[1]);
    close(second[0]);
    signal(SIGPIPE, SIG_IGN);
    ASK(vmsplice(second[1], pieces, 1, 0));
    ASK(tee(first[0], second[1], 5, 0));
}

static void files(void)
{
    int ends[2], file = open("/tmp/lesser-file", O_RDWR | O_CREAT | O_TRUNC, 0644), path = open("/tmp/lesser-file", O_PATH);
    pipe(ends);
    char text[20] = "0123456789";
    struct iovec piece = { text, 10 };
    ASK(pwritev2(file, &piece, 1, 5, 0));
    ASK(pwritev2(file, &piece, 1, -1, 0));
    ASK(lseek(file, 0, SEEK_CUR));
    ASK(preadv2(file, &piece, 1, 12, 0));
    ASK(preadv2(file, &piece, 1, -2, 0));
    ASK(preadv2(file, &piece, 1, 0, 1 << 20));
    ASK(preadv2(ends[0], &piece, 1, 0, 0));
    ASK(pwritev2(ends[0], &piece, 1, 0, 0));
    ASK(fsync(file));
    ASK(fsync(ends[0]));
    ASK(fdatasync(path));
    ASK(syncfs(ends[0]));
    ASK(posix_fadvise(file, 0, 0, 99));
    ASK(posix_fadvise(ends[0], 0, 0, 0));
    ASK(readahead(file, 0, 100));
    ASK(readahead(ends[0], 0, 100));
    ASK(readahead(99, 0, 100));
    ASK(sync_file_range(file, 0, 0, 7));
    ASK(sync_file_range(file, 0, 0, 8));
    ASK(sync_file_range(file, -1, 0, 0));
    ASK(sync_file_range(ends[0], 0, 0, 0));
    ASK(fchmod(path, 0600));
    ASK(fchown(path, -1, -1));
    ASK(syscall(452, AT_FDCWD, "/tmp/lesser-file", 0640, 0));
    ASK(syscall(452, path, "", 0604, AT_EMPTY_PATH));
    symlink("/tmp/lesser-file", "/tmp/lesser-link");
    ASK(syscall(452, AT_FDCWD, "/tmp/lesser-link", 0640, AT_SYMLINK_NOFOLLOW));
    ASK(syscall(452, AT_FDCWD, "/tmp/lesser-file", 0640, 1));
    struct stat status;
    fstat(file, &status);
    printf("%o\n", status.st_mode);
    ASK(readlink("", text, 10));
    ASK(readlinkat(path, "", text, 10));
    ASK(memfd_create("a name", 0) < 0 ? -1 : 0);
    char name[300];
    memset(name, 'n', 299);
    name[250] = 0;
    ASK(memfd_create(name, 0));
    ASK(mmap(0, 0, PROT_READ, MAP_SHARED, 99, 0) == MAP_FAILED ? -1 : 0);
    char *locked = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mlock(locked, 4096);
    ASK(msync(locked, 4096, MS_INVALIDATE));
    unlink("/tmp/lesser-file");
    unlink("/tmp/lesser-link");
}

static void messages(void)
{
    int ends[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    char in[3][10] = { { 0 } };
    struct iovec out_pieces[2] = { { "one", 4 }, { "second", 7 } }, in_pieces[3] = { { in[0], 10 }, { in[1], 10 }, { in[2], 10 } };
    struct mmsghdr out[2] = { { { .msg_iov = out_pieces, .msg_iovlen = 1 } }, { { .msg_iov = out_pieces + 1, .msg_iovlen = 1 } } };
    struct mmsghdr all[3] = { { { .msg_iov = in_pieces, .msg_iovlen = 1 } }, { { .msg_iov = in_pieces + 1, .msg_iovlen = 1 } }, { { .msg_iov = in_pieces + 2, .msg_iovlen = 1 } } };
    ASK(sendmmsg(ends[0], out, 2, 0));
    printf("%u %u\n", out[0].msg_len, out[1].msg_len);
    ASK(recvmmsg(ends[1], all, 3, MSG_WAITFORONE, 0));
    printf("%u %s %u %s\n", all[0].msg_len, in[0], all[1].msg_len, in[1]);
    ASK(recvmmsg(ends[1], all, 3, MSG_DONTWAIT, 0));
    ASK(recvmmsg(ends[1], all, 3, MSG_DONTWAIT, nowhere));
    struct timespec wrong = { -1, 0 };
    ASK(recvmmsg(ends[1], all, 3, MSG_DONTWAIT, &wrong));
    ASK(sendmmsg(ends[0], nowhere, 1, 0));
    ASK(sendmmsg(99, out, 1, 0));
    ASK(sendmmsg(1, out, 1, 0));
    ASK(sendmmsg(ends[0], out, 0, 0));
}

static void run(int directory, const char *path, int flags, const char *what)
{
    fflush(stdout);
    int child = fork();
    if (child == 0) {
        execveat(directory, path, (char *[]){ "lesser", "done", 0 }, (char *[]){ 0 }, flags);
        _exit(errno);
    }
    int status;
    waitpid(child, &status, 0);
    printf("execveat %s: %x\n", what, status);
}

int main(int count, char **arguments)
{
    setpriority(PRIO_PROCESS, 0, 0);     /* whoever runs the tests may have others first */
    if (count > 1)
        return 77;
    identities();
    capabilities();
    priorities();
    memory_of_others();
    pipes();
    files();
    messages();
    char self[200] = { 0 };
    readlink("/proc/self/exe", self, 199);
    int program = open(self, O_RDONLY | O_CLOEXEC);
    char *name = strrchr(self, '/');
    *name = 0;
    int folder = open(*self ? self : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run(program, "", AT_EMPTY_PATH, "of a descriptor");
    run(folder, name + 1, 0, "in a folder");
    run(program, "", 0, "of nothing");
    run(program, "none", 0, "in a file");
    run(99, "none", 0, "in no descriptor");
    run(folder, "none", 0, "of none");
    run(folder, "none", 1, "with an unknown flag");
    puts("all answers given");
    return 0;
}
