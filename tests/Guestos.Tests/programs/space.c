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

/* What mountinfo says of a mount: its flags, the last name of what it shows, and whether descriptors there bear its number. */
static void described(const char *where)
{
    char line[4096], root[1024], point[1024], flags[256], info[64];
    int id, number = 0, fd = open(&where[1], O_RDONLY | O_DIRECTORY);
    FILE *file = fopen("/proc/self/mountinfo", "r");
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%d %*d %*d:%*d %1023s %1023s %255s", &id, root, point, flags) == 4 && strlen(point) >= strlen(where)
            && !strcmp(point + strlen(point) - strlen(where), where)) {
            flags[2] = 0;
            printf("mount of %s, %s", strrchr(root, '/'), flags);
            number = id;
        }
    fclose(file);
    sprintf(info, "/proc/self/fdinfo/%d", fd);
    file = fopen(info, "r");
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "mnt_id: %d", &id) == 1)
            printf(", its number %d\n", id == number);
    fclose(file);
    close(fd);
}

/* Places that are seen at two: a directory, a file, a tree with what is mounted in it; flags of a mount's own; moves. */
static void binding(void)
{
    char path[4096];
    struct stat s, t;
    ask(mkdir("b", 0755));
    ask(mkdir("b/from", 0755));
    ask(mkdir("b/from/below", 0755));
    ask(mkdir("b/to", 0755));
    close(open("b/from/f", O_CREAT | O_WRONLY, 0644));
    close(open("b/file", O_CREAT | O_WRONLY, 0644));
    ask(mount("b/from", "b/file", NULL, MS_BIND, NULL));
    ask(mount("b/from/f", "b/to", NULL, MS_BIND, NULL));
    ask(mount("b/none", "b/to", NULL, MS_BIND, NULL));
    ask(mount(NULL, "b/to", NULL, MS_BIND, NULL));
    ask(mount("", "b/to", NULL, MS_BIND, NULL));
    ask(mount("b/from", "b/to", "nonsense", MS_BIND, "nonsense"));
    stat("b/from", &s);
    stat("b/to", &t);
    printf("same %d\n", s.st_ino == t.st_ino && s.st_dev == t.st_dev);
    ask_close(open("b/to/made", O_CREAT | O_RDWR, 0644));
    ask(access("b/from/made", F_OK));
    ask(rename("b/to/made", "b/from/other"));
    ask(link("b/to/made", "b/from/other"));
    ask(rename("b/to/made", "b/to/below/made"));
    ask(unlink("b/from/below/made"));
    ask(rmdir("b/to"));
    ask(rename("b/to", "b/elsewhere"));
    ask(rmdir("b/from"));
    char base[4096];
    getcwd(base, sizeof base);
    ask(chdir("b/to/below"));
    getcwd(path, sizeof path);
    printf("in %s\n", path + strlen(base));
    ask(chdir(".."));
    getcwd(path, sizeof path);
    printf("in %s\n", path + strlen(base));
    int n = readlink("/proc/self/cwd", path, sizeof path - 1);
    path[n] = 0;
    printf("cwd %s\n", path + strlen(base));
    ask(chdir(".."));
    getcwd(path, sizeof path);
    printf("in %s\n", path + strlen(base));
    ask(chdir("to"));
    ask(umount("../to"));
    ask(chdir("../.."));
    int fd = open("b/to/f", O_RDONLY);
    sprintf(path, "/proc/self/fd/%d", fd);
    char target[4096];
    n = readlink(path, target, sizeof target - 1);
    target[n] = 0;
    printf("fd %s\n", target + strlen(base));
    ask(umount("b/to"));
    close(fd);
    /* flags of its own */
    ask(mount("none", "b/to", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    described("/b/to");
    ask(open("b/to/new", O_CREAT | O_WRONLY, 0644));
    ask(open("b/to/f", O_RDWR));
    ask(truncate("b/to/f", 1));
    ask(chmod("b/to/f", 0600));
    ask(unlink("b/to/f"));
    ask(mkdir("b/to/d", 0755));
    ask(access("b/to/f", W_OK));
    ask(setxattr("b/to/f", "trusted.a", "x", 1, 0));
    ask(mknod("b/to/p", S_IFIFO | 0644, 0));
    ask(symlink("x", "b/to/l"));
    ask_close(open("b/from/new", O_CREAT | O_WRONLY, 0755));
    ask(unlink("b/to/new"));
    ask(access("b/to/new", X_OK));
    ask(mount("none", "b/to", NULL, MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_NODEV, NULL));
    ask(access("b/to/new", X_OK));
    ask(execl("b/to/new", "new", NULL));
    ask(access("b/from/new", X_OK));
    ask(mknod("b/from/null", S_IFCHR | 0666, 0x103));
    ask(open("b/to/null", O_RDONLY));
    ask_close(open("b/from/null", O_RDONLY));
    ask(unlink("b/from/null"));
    ask_close(open("b/to/written", O_CREAT | O_WRONLY, 0644));
    ask(mount("none", "b/to/below", NULL, MS_REMOUNT | MS_BIND, NULL));
    ask(umount("b/to/below"));
    ask(umount("b/to"));
    ask(umount("b/to"));
    /* a file over a file */
    int f = open("b/from/f", O_WRONLY);
    write(f, "text", 4);
    close(f);
    ask(mount("b/from/f", "b/file", NULL, MS_BIND, NULL));
    stat("b/file", &s);
    printf("size %d\n", (int)s.st_size);
    ask(unlink("b/file"));
    ask(rename("b/file", "b/file2"));
    ask(rename("b/from/new", "b/file"));
    ask(umount("b/file"));
    stat("b/file", &s);
    printf("size %d\n", (int)s.st_size);
    /* what is mounted below comes along only with MS_REC */
    ask(mount("none", "b/from/below", "tmpfs", 0, NULL));
    ask(mkdir("b/from/below/deep", 0755));
    ask(mount("b/from", "b/to", NULL, MS_BIND, NULL));
    ask(access("b/to/below/deep", F_OK));
    ask(umount("b/to"));
    ask(mount("b/from", "b/to", NULL, MS_BIND | MS_REC, NULL));
    ask(access("b/to/below/deep", F_OK));
    ask(umount("b/to"));
    ask(umount("b/from/below"));
    ask(access("b/to/below/deep", F_OK));
    ask(chdir("b/to/below/deep"));
    getcwd(path, sizeof path);
    printf("in %s\n", path + strlen(base));
    ask(chdir(base));
    ask(umount2("b/to", MNT_DETACH));
    ask(access("b/to/below", F_OK));
    /* moved */
    ask(mount("none", "b/to", "tmpfs", 0, NULL));
    ask(mkdir("b/to/inside", 0755));
    ask(mount("b/to/inside", "b/from/below", NULL, MS_MOVE, NULL));
    ask(mount("b/to", "b/to/inside", NULL, MS_MOVE, NULL));
    ask(mount("b/to", "b/file", NULL, MS_MOVE, NULL));
    ask(mount("b/to", "b/from/below", NULL, MS_MOVE, NULL));
    ask(access("b/to/inside", F_OK));
    ask(access("b/from/below/inside", F_OK));
    /* what was unmounted lives while somebody is in it */
    ask(chdir("b/from/below"));
    ask_close(open("kept", O_CREAT | O_WRONLY, 0644));
    ask(umount2("../below", MNT_DETACH));
    ask(access("kept", F_OK));
    ask(access("inside", F_OK));
    ask(access("../kept", F_OK));
    ask(chdir(base));
    ask(access("b/from/below/kept", F_OK));
    /* one over another */
    ask(mount("none", "b/to", "tmpfs", 0, NULL));
    ask(mkdir("b/to/first", 0755));
    ask(mount("none", "b/to", "tmpfs", 0, NULL));
    ask(access("b/to/first", F_OK));
    ask(umount("b/to"));
    ask(access("b/to/first", F_OK));
    ask(umount("b/to"));
    ask(mount(NULL, "b/to", NULL, MS_PRIVATE, NULL));
    ask(mount("b/from", "b/to", NULL, MS_BIND, NULL));
    ask(mount(NULL, "b/to", NULL, MS_PRIVATE, NULL));
    ask(mount(NULL, "b/to", NULL, MS_PRIVATE | MS_SHARED, NULL));
    ask(mount(NULL, "b/to", NULL, MS_PRIVATE | MS_RDONLY, NULL));
    /* a root that shows a part is no way out of it */
    int root = open("/", O_RDONLY);
    if (fork() == 0) {
        ask(chroot("b/to"));
        ask(chdir("/below"));
        ask(rename("/below", "/below2"));
        ask(access("../f", F_OK));
        _exit(0);
    }
    wait(NULL);
    close(root);
    ask(chdir("b/to/below2"));
    ask(rename("../../from/below2", "../../away"));
    ask(chdir(".."));
    ask(access("../from", F_OK));
    ask(chdir(base));
    ask(umount("b/to"));
    FILE *mounts = fopen("/proc/self/mounts", "r");
    int count = 0;
    while (fgets(path, sizeof path, mounts))
        count += strstr(path, "/b/") != NULL;
    fclose(mounts);
    printf("left %d\n", count);
    unlink("b/from/f"); unlink("b/from/new"); unlink("b/from/written"); unlink("b/from/other"); unlink("b/to/made"); unlink("b/file");
    rmdir("b/away"); rmdir("b/from"); rmdir("b/to");
    ask(rmdir("b"));
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
    binding();
    printf("all answers given\n");
    return 0;
}
