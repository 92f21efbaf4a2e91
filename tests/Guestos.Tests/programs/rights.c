/* Who may do what to files: the answers for two users, printed. Run as root on the host and in the guest: both must print the same.
   Works below the directory given as argument, which must be empty; it takes away what it made. */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answer.h"

enum { first = 12001, second = 12002, third = 12003 };

#define ask(call) answer(#call, (long)(call))
#define ask_close(call) do { int fd_ = (call); answer(#call, fd_ < 0 ? fd_ : 0); if (fd_ >= 0) close(fd_); } while (0)

/* Runs questions in a child of its own, as another user. */
#define as(user, group, ...) do { \
        printf("-- as %d of %d\n", user, group), fflush(stdout); \
        pid_t c_ = fork(); \
        if (c_ == 0) { setgroups(0, NULL); setgid(group); setuid(user); __VA_ARGS__; fflush(stdout); _exit(0); } \
        waitpid(c_, NULL, 0); } while (0)

static void make(const char *path, mode_t mode, uid_t user, gid_t group)
{
    int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    write(fd, "content", 7);
    fchown(fd, user, group);
    fchmod(fd, mode);
    close(fd);
}

static void describe(const char *path)
{
    struct stat s;
    if (lstat(path, &s) < 0)
        answer(path, -1);
    else
        printf("%s: mode %o user %d group %d\n", path, s.st_mode, s.st_uid, s.st_gid);
}

static void opening(void)
{
    make("own", 0600, first, first);
    make("group", 0640, first, third);
    make("open", 0644, first, first);
    make("odd", 0077, first, first);
    make("none", 0000, first, first);
    for (int i = 0; i < 3; i++)
    {
        int user = i == 2 ? 0 : i == 0 ? first : second;
        as(user, i == 1 ? third : user,
           ask_close(open("own", O_RDONLY)); ask_close(open("own", O_WRONLY)); ask_close(open("group", O_RDONLY)); ask_close(open("group", O_RDWR));
           ask_close(open("open", O_RDONLY)); ask_close(open("open", O_WRONLY | O_TRUNC)); ask_close(open("open", O_RDONLY | O_TRUNC));
           ask_close(open("odd", O_RDONLY)); ask_close(open("none", O_RDONLY)); ask_close(open("none", O_PATH)); ask_close(open("open", O_RDONLY | O_NOATIME));
           ask(truncate("own", 3)); ask(truncate("open", 3));
           ask(access("own", R_OK)); ask(access("odd", X_OK)); ask(access("none", F_OK)); ask(access("none", X_OK)); ask(faccessat(AT_FDCWD, "group", R_OK, AT_EACCESS)));
    }
    /* access asks for the real user. */
    as(0, 0, seteuid(second); ask_close(open("own", O_RDONLY)); ask(access("own", R_OK)); ask(syscall(SYS_faccessat2, AT_FDCWD, "own", R_OK, AT_EACCESS));
       ask(syscall(SYS_faccessat2, AT_FDCWD, "own", R_OK, 0x800)));
    unlink("own"), unlink("group"), unlink("open"), unlink("odd"), unlink("none");
}

static void walking(void)
{
    mkdir("closed", 0700), mkdir("through", 0711), mkdir("readable", 0744);
    make("closed/f", 0666, 0, 0), make("through/f", 0666, 0, 0), make("readable/f", 0666, 0, 0);
    symlink("closed/f", "link");
    as(second, second,
       struct stat s; ask(stat("closed/f", &s)); ask(stat("closed/none", &s)); ask(stat("closed", &s)); ask_close(open("link", O_RDONLY)); ask_close(open("through/f", O_RDWR));
       ask(opendir("through") == NULL); ask(opendir("readable") != NULL); ask(stat("readable/f", &s)); ask(stat("through/..", &s)); ask(stat("closed/..", &s));
       ask(chdir("closed")); ask(chdir("through")); ask(chdir("..")); ask(chroot("through")); ask(readlink("link", (char[9]){ 0 }, 9)); ask(chmod("link", 0777)));
    unlink("closed/f"), unlink("through/f"), unlink("readable/f"), rmdir("closed"), rmdir("through"), rmdir("readable"), unlink("link");
}

static void making(void)
{
    mkdir("shared", 0777), chmod("shared", 01777);
    mkdir("groups", 0777), chown("groups", 0, third), chmod("groups", 02777);
    mkdir("plain", 0755);
    as(first, first,
       umask(027);
       ask_close(open("shared/f", O_CREAT | O_WRONLY, 0666)); ask(mkdir("shared/d", 0777)); ask(symlink("f", "shared/l")); ask(mkfifo("shared/p", 0666));
       ask(mknod("shared/null", S_IFCHR | 0666, 0x103)); ask(mknod("shared/file", S_IFREG | 04777, 0));
       ask_close(open("plain/f", O_CREAT | O_WRONLY, 0666)); ask(mkdir("plain/d", 0777)); ask(link("shared/f", "plain/f")); ask(symlink("f", "plain/l"));
       ask_close(open("groups/f", O_CREAT | O_WRONLY, 02775)); ask(mkdir("groups/d", 0700)); ask_close(open("plain", O_TMPFILE | O_RDWR, 0600)));
    describe("shared/f"), describe("shared/d"), describe("shared/l"), describe("shared/p"), describe("shared/file"), describe("groups/f"), describe("groups/d");
    as(second, second,
       ask(unlink("shared/f")); ask(rmdir("shared/d")); ask(rename("shared/f", "shared/g")); ask_close(open("shared/mine", O_CREAT | O_WRONLY, 0666));
       ask(rename("shared/mine", "shared/f")); ask(rename("shared/mine", "shared/yours")); ask(unlink("shared/yours")); ask(unlink("plain")); ask(rmdir("groups/d")));
    as(first, first, ask(unlink("shared/p")); ask(unlink("shared/f")); ask(rmdir("shared/d")); ask(mkdir("groups/e", 0500)); ask(rename("groups/e", "shared/e")); ask(rmdir("groups/e")));
    unlink("shared/l"), unlink("shared/file"), unlink("groups/f"), rmdir("groups/d"), rmdir("groups/e"), rmdir("shared/e"), rmdir("shared"), rmdir("groups"), rmdir("plain");
}

static void changing(void)
{
    struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } }, then[2] = { { 5, 0 }, { 5, 0 } }, neither[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
    make("f", 0666, first, first);
    make("g", 0644, first, third);
    as(second, second,
       ask(chmod("f", 0777)); ask(chown("f", second, -1)); ask(chown("f", -1, second)); ask(chown("f", -1, -1)); ask(utimensat(AT_FDCWD, "f", NULL, 0)); ask(utimensat(AT_FDCWD, "f", now, 0));
       ask(utimensat(AT_FDCWD, "f", then, 0)); ask(utimensat(AT_FDCWD, "g", now, 0)); ask(utimensat(AT_FDCWD, "g", neither, 0)));
    as(first, first,
       ask(chmod("f", 06755)); describe("f"); ask(chown("f", first, -1)); describe("f"); ask(chown("f", second, -1)); ask(chown("f", -1, second)); ask(chmod("f", 06745));
       ask(chown("f", -1, first)); describe("f"); ask(chmod("g", 02755)); describe("g"); ask(utimensat(AT_FDCWD, "f", then, 0));
       ask(chmod("f", 06777)); int fd = open("f", O_WRONLY); ask(write(fd, "x", 1)); describe("f"); ask(fchmod(fd, 04700)); ask(ftruncate(fd, 0)); describe("f"));
    ask(chmod("f", 06755));
    int fd = open("f", O_WRONLY);
    ask(write(fd, "x", 1));
    describe("f");
    ask(chown("f", 0, 0));
    describe("f");
    close(fd), unlink("f"), unlink("g");
    as(second, second, ask(mount("none", "/", "tmpfs", 0, NULL)); ask(umount("/")); ask(chroot("/")));
}

static void copy(const char *self, const char *program)
{
    char buffer[65536];
    int from = open(self, O_RDONLY), to = open(program, O_CREAT | O_WRONLY, 0700);
    for (ssize_t count; (count = read(from, buffer, sizeof buffer)) > 0;)
        write(to, buffer, count);
    close(from), close(to);
}

static void running(const char *self)
{
    char program[] = "program";
    copy(self, program);
    chown(program, first, third);
    chmod(program, 0700);
    as(second, second, ask(execl(program, program, "ids", NULL)));
    chmod(program, 0644);
    as(0, 0, ask(execl(program, program, "ids", NULL)));
    chmod(program, 0711);
    as(second, second, ask(execl(program, program, "ids", NULL)));
    chmod(program, 06755);
    as(second, second, ask(execl(program, program, "ids", NULL)));
    unlink(program);
}

static void groups(void)
{
    make("theirs", 0060, first, third);
    as(second, second, ask_close(open("theirs", O_RDWR)));
    printf("-- with another group\n"), fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        gid_t more[2] = { first, third };
        ask(setgroups(2, more));
        setgid(second), setuid(second);
        ask(getgroups(0, NULL));
        ask_close(open("theirs", O_RDWR));
        ask(access("theirs", W_OK));
        ask(chown("theirs", -1, third));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    unlink("theirs");
}

static void looking(void)
{
    char path[64], buffer[64];
    sprintf(path, "/proc/%d/fd/0", getpid());
    as(second, second, ask(readlink(path, buffer, sizeof buffer) > 0); ask_close(open(path, O_RDONLY)); ask(readlink("/proc/self/fd/0", buffer, sizeof buffer) > 0));
}

static void stay(void) {}
static void show_itself(void) { prctl(PR_SET_DUMPABLE, 1); }
static void keep_an_identity(void) { prctl(PR_SET_DUMPABLE, 1); }

/* A process that has become the second user, done something, and is looked into by another of the second user. */
static void inspecting(void (*done)(void), const char *name)
{
    int ready[2], end[2];
    char byte;
    pipe(ready), pipe(end);
    pid_t shown = fork();
    if (shown == 0)
    {
        setgroups(0, NULL), setgid(second);
        if (done == keep_an_identity)
            setresuid(second, second, first);
        else
            setuid(second);
        done();
        close(end[1]);
        write(ready[1], "", 1);
        read(end[0], &byte, 1);
        _exit(0);
    }
    read(ready[0], &byte, 1);
    printf("-- a process that %s\n", name);
    char fd[64], environment[64], maps[64], buffer[64];
    sprintf(fd, "/proc/%d/fd/0", shown), sprintf(environment, "/proc/%d/environ", shown), sprintf(maps, "/proc/%d/maps", shown);
    as(second, second, ask(readlink(fd, buffer, sizeof buffer) > 0); ask_close(open(environment, O_RDONLY)); ask_close(open(maps, O_RDONLY)));
    as(0, 0, ask(readlink(fd, buffer, sizeof buffer) > 0); ask_close(open(environment, O_RDONLY)); ask_close(open(maps, O_RDONLY)));
    close(end[1]);
    waitpid(shown, NULL, 0);
    close(ready[0]), close(ready[1]), close(end[0]);
}

/* Who becomes another user is not signalled at his parent's end any more. */
static void parting(void)
{
    printf("-- the signal at the parent's end\n"), fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        int signal = -1;
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        setgid(second), setuid(second);
        prctl(PR_GET_PDEATHSIG, &signal);
        ask(signal);
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        ask((prctl(PR_GET_PDEATHSIG, &signal), signal));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static volatile long word = 1;
enum { own_memory = 50, own_environment };

/* What a set-user-id program does with files of its own memory that it was given by whoever has started it: its output, say. */
static void heir(void)
{
    char byte;
    long other = 2;
    printf("-- as a set-user-id program\n");
    ask(geteuid());
    ask(pwrite(own_memory, &other, sizeof other, (off_t)&word));
    ask(word);
    ask(pread(own_memory, &other, sizeof other, (off_t)&word));
    ask(pread(own_environment, &byte, 1, 0));
}

/* Starts a program as the second user, in a child: its number, once the program runs. */
static pid_t started(char *program, char *argument, int *memory, int *environment)
{
    int begin[2], begun[2];
    char byte, path[64];
    pipe(begin), pipe2(begun, O_CLOEXEC);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        setgroups(0, NULL), setgid(second), setuid(second), prctl(PR_SET_DUMPABLE, 1);
        close(begin[1]), close(begun[0]);
        read(begin[0], &byte, 1);
        execl(program, program, argument, NULL);
        _exit(1);
    }
    close(begin[0]), close(begun[1]);
    sprintf(path, "/proc/%d/mem", child);
    if (memory != NULL)
        while ((*memory = open(path, O_RDWR)) < 0)
            usleep(1000);
    sprintf(path, "/proc/%d/environ", child);
    if (environment != NULL)
        *environment = open(path, O_RDONLY);
    close(begin[1]);
    read(begun[0], &byte, 1);
    close(begun[0]);
    return child;
}

/* Rights to a process's memory end with the program that it runs. */
static void inheriting(const char *self)
{
    char program[] = "program";
    long other = 3;
    copy(self, program);
    chmod(program, 04755);
    as(second, second,
        prctl(PR_SET_DUMPABLE, 1);
        dup2(open("/proc/self/mem", O_RDWR), own_memory), dup2(open("/proc/self/environ", O_RDONLY), own_environment);
        execl(program, program, "heir", NULL));
    as(second, second,
        int memory;
        int environment;
        char byte;
        pid_t child = started(program, "wait", &memory, &environment);
        ask(pwrite(memory, &other, sizeof other, (off_t)&word) > 0);
        ask(pread(memory, &other, sizeof other, (off_t)&word) > 0);
        ask(read(environment, &byte, 1));
        kill(child, SIGKILL));
    unlink(program);
}

/* Who may execute a program, and not read it, does not see it in memory either, or by a detour. */
static void executing(const char *self)
{
    char program[] = "program", detour[] = "detour", path[64];
    copy(self, program);
    chmod(program, 0711);
    as(second, second,
        pid_t child = started(program, "wait", NULL, NULL);
        sprintf(path, "/proc/%d/mem", child);
        ask_close(open(path, O_RDONLY));
        ask(ptrace(PTRACE_ATTACH, child, 0, 0));
        kill(child, SIGKILL));
    chmod(program, 0600);
    struct { Elf64_Ehdr head; Elf64_Phdr interpreter, content; char name[8]; } elf = {
        .head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC, .e_machine = EM_X86_64,
            .e_version = EV_CURRENT, .e_entry = 0x10000000, .e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr),
            .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2 },
        .interpreter = { .p_type = PT_INTERP, .p_offset = sizeof elf - sizeof elf.name, .p_filesz = sizeof elf.name, .p_memsz = sizeof elf.name },
        .content = { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x10000000, .p_filesz = sizeof elf, .p_memsz = sizeof elf, .p_align = 4096 },
        .name = "program" };
    int fd = open(detour, O_CREAT | O_WRONLY, 0755);
    write(fd, &elf, sizeof elf);
    close(fd);
    as(second, second, ask(execl(detour, detour, NULL)));
    unlink(program), unlink(detour);
}

/* What is the superuser's, beside files. */
static void owning(void)
{
    char path[64];
    int inherited = open("own", O_CREAT | O_RDWR, 0600);
    sprintf(path, "/proc/%d/comm", getpid());
    as(second, second,
        ask_close(open("/proc/sys/kernel/hostname", O_WRONLY));
        ask_close(open(path, O_WRONLY));
        ask_close(socket(AF_INET, SOCK_RAW, 1));
        ask(linkat(inherited, "", AT_FDCWD, "other", AT_EMPTY_PATH)));
    int fd = open(path, O_WRONLY);
    as(0, 0, ask(write(fd, "other", 5)));
    chmod("own", 06755), chown("own", second, second), chmod("own", 06777);
    as(second, second, ask(fallocate(open("own", O_WRONLY), 0, 0, 4096)); describe("own"));
    close(fd), close(inherited);
    unlink("own");
}

/* ---- threads ---- */

static pthread_barrier_t meeting;

static void meet(void) { pthread_barrier_wait(&meeting); }

static void show_ids(const char *who, const char *status)
{
    char line[256];
    FILE *file = fopen(status, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Uid:", 4) == 0 || strncmp(line, "Gid:", 4) == 0 || strncmp(line, "CapEff:", 7) == 0 || strncmp(line, "NoNewPrivs:", 11) == 0)
            printf("%s: %s", who, line[0] == 'C' ? line[22] == '0' ? "CapEff: none\n" : "CapEff: some\n" : line);
    if (file != NULL)
        fclose(file);
}

/* The calls themselves: a C library's functions change all threads. */
static void *act_for_another(void *unused)
{
    gid_t further = third;
    ask(syscall(SYS_setgroups, 1, &further));
    ask(syscall(SYS_setresgid, -1, first, -1));
    ask(syscall(SYS_setresuid, -1, first, -1));
    ask(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    meet();
    meet();
    ask(syscall(SYS_getuid));
    ask(syscall(SYS_geteuid));
    ask(syscall(SYS_getegid));
    ask(syscall(SYS_getgroups, 0, 0));
    ask_close(open("own", O_RDONLY));
    ask_close(open("theirs", O_RDONLY));
    ask_close(open("ofgroup", O_RDONLY));
    ask(access("theirs", R_OK));
    ask(faccessat(AT_FDCWD, "theirs", R_OK, AT_EACCESS));
    ask(chown("own", second, second));
    ask_close(open("made", O_CREAT | O_WRONLY, 0600));
    describe("made");
    show_ids("thread", "/proc/thread-self/status");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        ask(syscall(SYS_geteuid));
        show_ids("child", "/proc/self/status");
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    meet();
    meet();
    ask(syscall(SYS_getuid));
    ask(syscall(SYS_geteuid));
    meet();
    return NULL;
}

static void apart(void)
{
    pthread_t thread;
    make("own", 0600, first, first);
    make("theirs", 0600, second, second);
    make("ofgroup", 0640, second, third);
    pthread_barrier_init(&meeting, NULL, 2);
    pthread_create(&thread, NULL, act_for_another, NULL);
    meet();
    ask(syscall(SYS_geteuid));
    ask(syscall(SYS_getegid));
    ask(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    ask_close(open("theirs", O_RDONLY));
    ask(chown("theirs", second, second));
    show_ids("process", "/proc/self/status");
    meet();
    meet();
    ask(setresuid(second, second, second));
    ask(geteuid());
    meet();
    meet();
    pthread_join(thread, NULL);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && strcmp(arguments[1], "ids") == 0)
    {
        uid_t r, e, s;
        gid_t gr, ge, gs;
        getresuid(&r, &e, &s), getresgid(&gr, &ge, &gs);
        printf("users %d %d %d groups %d %d %d\n", r, e, s, gr, ge, gs);
        return 0;
    }
    if (count == 2 && strcmp(arguments[1], "heir") == 0)
        return heir(), 0;
    if (count == 2 && strcmp(arguments[1], "wait") == 0)
        return pause();
    umask(022);
    if (count != 2)
        return 2;
    char self[4096];
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    if (chdir(arguments[1]) < 0)
        return 2;
    chmod(".", 0755);
    opening();
    walking();
    making();
    changing();
    running(self);
    inheriting(self);
    executing(self);
    owning();
    groups();
    looking();
    inspecting(stay, "has just become another user");
    inspecting(show_itself, "shows itself");
    inspecting(keep_an_identity, "could become a third user");
    parting();
    fflush(stdout);
    pid_t several = fork();
    if (several == 0)
        apart(), _exit(0);
    waitpid(several, NULL, 0);
    unlink("own"), unlink("theirs"), unlink("ofgroup"), unlink("made");
    printf("all answers given\n");
    return 0;
}
