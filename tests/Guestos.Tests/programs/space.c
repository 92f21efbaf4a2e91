/* A small file system in memory that becomes full, and attributes of files: the answers, printed. Run as root on the host and in the guest: both
   must print the same. Works below the directory given as argument, which must be empty; it takes away what it made. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "answer.h"

#define ask(call) answer(#call, (long)(call))
#define ask_close(call) do { int fd_ = (call); answer(#call, fd_ < 0 ? fd_ : 0); if (fd_ >= 0) close(fd_); } while (0)

static void space(const char *path)
{
    struct statfs s;
    if (statfs(path, &s) < 0)
        answer("statfs", -1);
    else
        printf("type %lx, %ld blocks, %ld free, %ld for all, %ld inodes\n", (long)s.f_type, (long)s.f_blocks, (long)s.f_bfree, (long)s.f_bavail, (long)s.f_files);
}

static void filling(void)
{
    static char block[100000];
    struct stat s;
    int fd = open("m/f", O_CREAT | O_RDWR, 0644);
    space("m");
    ask(write(fd, block, 30000));
    ask(write(fd, block, sizeof block));
    ask(write(fd, block, 1));
    space("m");
    ask(pwrite(fd, block, 10, 0));
    ask(ftruncate(fd, 1 << 20));
    ask(pwrite(fd, block, 1, 500000));
    ask_close(open("m/empty", O_CREAT | O_RDWR, 0644));
    ask(ftruncate(fd, 8192));
    space("m");
    ask(posix_fallocate(fd, 0, 16384));
    ask(fallocate(fd, 0, 0, 1 << 20));
    ask(fallocate(fd, FALLOC_FL_KEEP_SIZE, 32768, 4096));
    space("m");
    fstat(fd, &s);
    printf("size %ld, %ld blocks\n", (long)s.st_size, (long)s.st_blocks);
    close(fd);
    ask(unlink("m/f"));
    space("m");
    unlink("m/empty");
}

static void naming(void)
{
    char path[32];
    int made = 0;
    for (; made < 100; made++)
    {
        sprintf(path, "m/%d", made);
        int fd = open(path, O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            break;
        close(fd);
    }
    answer("another name", -1);
    printf("%d names\n", made);
    ask(mkdir("m/d", 0755));
    ask(symlink("x", "m/l"));
    ask(link("m/0", "m/hard"));
    unlink("m/hard"), unlink("m/0");
    ask(mkdir("m/d", 0755));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void attributes(void)
{
    static char big[70000];
    char buffer[100] = { 0 };
    int p[2];
    close(open("m/f", O_CREAT | O_WRONLY, 0644));
    symlink("f", "m/l"), mkfifo("m/p", 0600), pipe(p);
    ask(getxattr("m/f", "user.a", buffer, sizeof buffer));
    ask(setxattr("m/f", "user.b", "value", 5, 0));
    ask(setxattr("m/f", "user.b", "other", 5, XATTR_CREATE));
    ask(setxattr("m/f", "user.a", "other", 5, XATTR_REPLACE));
    ask(setxattr("m/l", "user.a", "longer value", 12, XATTR_CREATE));
    ask(setxattr("m/f", "user.a", "", 0, 8));
    ask(getxattr("m/f", "user.a", NULL, 0));
    ask(getxattr("m/f", "user.a", buffer, 4));
    ask(getxattr("m/f", "user.a", buffer, sizeof buffer));
    printf("%s\n", buffer);
    ask(setxattr("m/f", "user.a", "", 0, XATTR_REPLACE));
    ask(getxattr("m/f", "user.a", buffer, sizeof buffer));
    ask(lsetxattr("m/l", "user.a", "v", 1, 0));
    ask(lgetxattr("m/l", "user.a", buffer, sizeof buffer));
    ask(lsetxattr("m/l", "trusted.a", "v", 1, 0));
    ask(setxattr("m/p", "user.a", "v", 1, 0));
    ask(setxattr("m", "user.folder", "v", 1, 0));
    ask(setxattr("m/f", "trusted.x", "v", 1, 0));
    ask(setxattr("m/f", "other.x", "v", 1, 0));
    ask(setxattr("m/f", "user.", "v", 1, 0));
    ask(setxattr("m/f", "", "v", 1, 0));
    ask(setxattr("m/f", "user.big", big, 65536, 0));
    ask(setxattr("m/f", "user.big", big, 65537, 0));
    ask(setxattr("m/f", "user.big", big, 5000, 0));
    ask(getxattr("m/f", "user.big", big, sizeof big));
    ask(listxattr("m/f", NULL, 0));
    ask(listxattr("m/f", buffer, 3));
    ssize_t length = listxattr("m/f", buffer, sizeof buffer);
    char *names[8];
    int listed = 0;
    for (char *name = buffer; name < buffer + length && listed < 8; name += strlen(name) + 1)
        names[listed++] = name;
    qsort(names, listed, sizeof *names, by_name);
    for (int i = 0; i < listed; i++)
        printf(" %s\n", names[i]);
    ask(removexattr("m/f", "user.b"));
    ask(removexattr("m/f", "user.b"));
    ask(listxattr("m/f", buffer, sizeof buffer));
    ask(getxattr("/proc/self/stat", "user.a", buffer, sizeof buffer));
    ask(setxattr("/proc/self/stat", "user.a", buffer, 1, 0));
    ask(listxattr("/proc/self/stat", buffer, sizeof buffer));
    ask(fgetxattr(p[0], "user.a", buffer, sizeof buffer));
    ask(fsetxattr(p[0], "user.a", buffer, 1, 0));
    ask(flistxattr(p[0], buffer, sizeof buffer));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        setgid(12001), setuid(12001);
        ask(getxattr("m", "user.folder", buffer, sizeof buffer));
        ask(setxattr("m/f", "user.c", "v", 1, 0));
        chdir("m");
        ask(getxattr("f", "trusted.x", buffer, sizeof buffer));
        ask(setxattr("f", "trusted.x", "v", 1, 0));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    chmod("m", 0755);
    fflush(stdout);
    child = fork();
    if (child == 0)
    {
        setgid(12001), setuid(12001);
        ask(getxattr("m/f", "user.a", buffer, sizeof buffer));
        ask(setxattr("m/f", "user.c", "v", 1, 0));
        ask(getxattr("m/f", "trusted.x", buffer, sizeof buffer));
        ask(setxattr("m/f", "trusted.x", "v", 1, 0));
        ask(setxattr("m/f", "security.x", "v", 1, 0));
        ask(listxattr("m/f", NULL, 0));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    close(p[0]), close(p[1]);
    unlink("m/f"), unlink("m/l"), unlink("m/p");
}

/* Who holds a mount, and when one expires. */
static void leaving(void)
{
    int leave[2], entered[2];
    char byte;
    int fd = open("m/f", O_RDONLY);
    ask(umount2("m", 0));
    ask(umount2("m", MNT_EXPIRE));
    close(fd);
    pipe(leave);
    pipe(entered);
    if (fork() == 0) {
        chroot("m");
        write(entered[1], "", 1);
        read(leave[0], &byte, 1);
        _exit(0);
    }
    read(entered[0], &byte, 1);
    ask(umount2("m", 0));
    write(leave[1], "", 1);
    wait(NULL);
    ask(umount2("m", MNT_EXPIRE | MNT_DETACH));
    ask(umount2("m", MNT_EXPIRE | MNT_FORCE));
    ask(umount2("m", 16));
    ask(umount2("m/f", MNT_EXPIRE));
    ask(umount2("m", MNT_EXPIRE));
    ask(access("m/f", F_OK));
    ask(umount2("m", MNT_EXPIRE));
    ask(umount2("m", MNT_EXPIRE));
    ask(umount2("m", MNT_EXPIRE));
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    if (count != 2 || chdir(arguments[1]) < 0)
        return 2;
    unshare(CLONE_NEWNS);
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    errno = 0;
    mkdir("m", 0755);
    ask(mount("none", "m", "tmpfs", 0, "size=64k,colour=blue"));
    ask(mount("none", "m", "tmpfs", 0, "size=many"));
    ask(mount("none", "m", "tmpfs", 0, "size=64k,nr_inodes=20,mode=0700,uid=5,gid=6"));
    struct stat s;
    stat("m", &s);
    printf("mode %o user %d group %d\n", s.st_mode, s.st_uid, s.st_gid);
    filling();
    naming();
    ask(mount("none", "m", "tmpfs", MS_REMOUNT, "size=128k,nr_inodes=1000"));
    space("m");
    for (int i = 0; i < 30; i++)
    {
        char path[32];
        sprintf(path, "m/%d", i);
        unlink(path);
    }
    attributes();
    ask(umount("m"));
    ask(mount("none", "m", "tmpfs", MS_NOEXEC | MS_NODEV, "mode=755"));
    close(open("m/f", O_CREAT | O_WRONLY, 0755));
    ask(access("m/f", X_OK));
    ask(execl("m/f", "f", NULL));
    ask(mknod("m/null", S_IFCHR | 0666, 0x103));
    ask(open("m/null", O_RDONLY));
    leaving();
    rmdir("m");
    printf("all answers given\n");
    return 0;
}
