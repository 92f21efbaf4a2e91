// packetd's part, without a network, for kernels that have nothing but what an initramfs brings:
//   node confine COMMAND…              with the capabilities that packetd@.service leaves to packetd, and no more to come
//   node user UID COMMAND…             as that user and group
//   node machine UID RECORD COMMAND…   as packetd starts a machine: RECORD on descriptor 4; says how it ended, and ends what is left of it
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(100);
    }
}

static void become(int user)
{
    must(setgroups(0, 0) == 0 && setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0, "user");
}

static void confine(void)
{
    unsigned left = 1 << CAP_CHOWN | 1 << CAP_KILL | 1 << CAP_SETGID | 1 << CAP_SETUID | 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW;
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        must(left >> i & 1 || prctl(PR_CAPBSET_DROP, i) == 0, "bounding set");
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct sets[2] = { { left, left, 0 }, { 0, 0, 0 } };
    must(syscall(SYS_capset, &header, sets) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "capabilities");
}

static int machine(int user, const char *file, char **command)
{
    unsigned char record[4096];
    int input = open(file, O_RDONLY), frames[2], control[2], status;
    int length = read(input, record, sizeof record);
    must(length > 0, file);
    close(input);
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, frames) == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control) == 0, "sockets");
    must(send(control[0], record, length, 0) == length, "record");
    int child = fork();
    if (child == 0) {
        int keep = fcntl(control[1], F_DUPFD, 20);
        must(setsid() > 0 && dup2(frames[1], 3) == 3 && dup2(keep, 4) == 4 && close_range(5, ~0u, CLOSE_RANGE_CLOEXEC) == 0, "descriptors");
        become(user);
        must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "death signal");
        char *none[] = { 0 };
        execve(command[0], command, none);
        must(0, command[0]);
    }
    must(waitpid(child, &status, 0) == child, "wait");
    kill(-child, SIGKILL);
    printf("ended: %s %d\n", WIFSIGNALED(status) ? "signal" : "exit code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 0;
}

int main(int count, char **arguments)
{
    int at = 2;
    if (strcmp(arguments[1], "confine") == 0)
        confine();
    else if (strcmp(arguments[1], "user") == 0)
        become(atoi(arguments[at++]));
    else
        return machine(atoi(arguments[2]), arguments[3], arguments + 4);
    execvp(arguments[at], arguments + at);
    must(0, arguments[at]);
}
