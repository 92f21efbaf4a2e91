/* Pseudo-terminals: both ends, the line discipline between them, sessions and their controlling terminals, job control, hang-up, window sizes.
   Run on the host and in the guest: both must print the same. Numbers of terminals, owners and modes differ and are not printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"

static void sleep_ms(long ms) { struct timespec t = { ms / 1000, ms % 1000 * 1000000 }; while (nanosleep(&t, &t) && errno == EINTR); }

static int ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    poll(&p, 1, 0);
    return p.revents & (POLLIN | POLLOUT | POLLHUP | POLLERR);
}

/* All that comes within a moment. */
static void show(const char *what, int fd)
{
    char text[4096];
    struct pollfd p = { fd, POLLIN, 0 };
    printf("%s: \"", what);
    while (poll(&p, 1, 30) > 0 && p.revents & POLLIN) {
        long count = read(fd, text, sizeof text);
        if (count <= 0)
            break;
        for (long i = 0; i < count; i++)
            if (text[i] >= 32 && text[i] < 127)
                putchar(text[i]);
            else
                printf("\\%d", (unsigned char)text[i]);
    }
    puts("\"");
    errno = 0;
}

static int master, slave;
static char name[64];

static void pair(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    ptsname_r(master, name, sizeof name);
    slave = open(name, O_RDWR | O_NOCTTY);
}

static void making(void)
{
    int number = -1, locked = -1;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    ASK(master >= 0);
    ASK(isatty(master));
    ASK(ioctl(master, TIOCGPTN, &number));
    ASK(number >= 0);
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    ASK(access(name, F_OK));
    ASK(ioctl(master, TIOCGPTLCK, &locked));
    ASK(locked);
    ASK(open(name, O_RDWR | O_NOCTTY));
    locked = 0;
    ASK(ioctl(master, TIOCSPTLCK, &locked));
    ASK(ioctl(master, TIOCGPTLCK, &locked));
    ASK(locked);
    ASK(ioctl(master, TIOCSPTLCK, 8));
    ASK(ready(master));
    slave = open(name, O_RDWR | O_NOCTTY);
    ASK(slave >= 0);
    ASK(isatty(slave));
    ASK(fcntl(slave, F_GETFL) & (O_NOCTTY | O_ACCMODE));
    char own[64];
    ASK(ttyname_r(slave, own, sizeof own));
    ASK(strcmp(own, name));
    struct stat status;
    fstat(slave, &status);
    printf("mode %o major %d\n", status.st_mode & S_IFMT, (int)(status.st_rdev >> 8 & 0xfff));
    ASK(ready(master));
    ASK(ready(slave));
    ASK(lseek(slave, 0, SEEK_CUR));
    ASK(ioctl(slave, TIOCGPTN, &number));
    ASK(ioctl(slave, 0x1234, 0));
    struct winsize size = { 9, 9, 9, 9 };
    ASK(ioctl(slave, TIOCGWINSZ, &size));
    printf("%d %d\n", size.ws_row, size.ws_col);
    struct termios settings;
    ASK(tcgetattr(slave, &settings));
    printf("%x %x %x %x %d %d %d %d\n", settings.c_iflag, settings.c_oflag, settings.c_cflag & (CSIZE | CREAD), settings.c_lflag, settings.c_cc[VINTR], settings.c_cc[VEOF], settings.c_cc[VERASE], settings.c_cc[VMIN]);
    ASK(tcgetattr(master, &settings));
    printf("%x\n", settings.c_lflag);
    int more[20];
    for (int i = 0; i < 20; i++)
        more[i] = posix_openpt(O_RDWR | O_NOCTTY);
    int second = -1;
    ioctl(more[19], TIOCGPTN, &second);
    printf("others: %d\n", second != number);
    for (int i = 0; i < 20; i++)
        close(more[i]);
    close(slave);
    ASK(ready(master) & POLLHUP);
    char byte;
    ASK(read(master, &byte, 1));
    slave = open(name, O_RDWR | O_NOCTTY);
    ASK(ready(master));
    close(master);
    ASK(access(name, F_OK));
    ASK(open(name, O_RDWR | O_NOCTTY));
    close(slave);
}

static void lines(void)
{
    char text[5000];
    pair();
    ASK(write(master, "hello\n", 6));
    show("echo", master);
    sleep_ms(20);
    ASK(ready(slave));
    int count = -1;
    ASK(ioctl(slave, FIONREAD, &count));
    ASK(count);
    ASK(read(slave, text, 3));
    ASK(read(slave, text, 100));
    ASK(write(slave, "out\n\ttab", 8));
    sleep_ms(20);
    ASK(ioctl(master, FIONREAD, &count));
    ASK(count);
    show("output", master);
    ASK(write(master, "wrong\177\177\177\177\177right\r", 16));
    show("echo", master);
    show("line", slave);
    ASK(write(master, "part", 4));
    sleep_ms(20);
    ASK(ready(slave));
    fcntl(slave, F_SETFL, O_NONBLOCK);
    ASK(read(slave, text, 100));
    ASK(write(master, "\4", 1));
    sleep_ms(20);
    ASK(read(slave, text, 100));
    ASK(write(master, "\4", 1));
    sleep_ms(20);
    ASK(read(slave, text, 100));
    ASK(read(slave, text, 100));
    show("echo", master);
    ASK(write(master, "kept\nflushed", 12));
    show("echo", master);
    ASK(tcflush(slave, TCIFLUSH));
    ASK(read(slave, text, 100));
    /* Raw: bytes as they are. */
    struct termios settings;
    tcgetattr(slave, &settings);
    cfmakeraw(&settings);
    ASK(tcsetattr(slave, TCSANOW, &settings));
    ASK(write(master, "a\r\3\4\177", 5));
    sleep_ms(20);
    ASK(read(slave, text, 100));
    show("nothing", master);
    ASK(write(slave, "a\nb", 3));
    show("output", master);
    /* Full. */
    fcntl(master, F_SETFL, O_NONBLOCK);
    memset(text, 'x', sizeof text);
    long sent = 0, step;
    while ((step = write(master, text, 512)) > 0)
        sent += step;
    ASK(step);
    long got = 0;
    for (int i = 0; i < 20; i++, sleep_ms(2))
        while ((step = read(slave, text, sizeof text)) > 0)
            got += step;
    printf("all of %d: %d\n", sent >= 4000, got == sent);
    ASK(ready(master));
    sent = got = 0;
    while ((step = write(slave, text, 512)) > 0)
        sent += step;
    ASK(step);
    ASK(ready(slave));
    for (int i = 0; i < 20; i++, sleep_ms(2))
        while ((step = read(master, text, sizeof text)) > 0)
            got += step;
    printf("all of %d: %d\n", sent >= 3000, got == sent);
    ASK(ready(slave));
    /* Somebody waits at either end. */
    fcntl(slave, F_SETFL, 0), fcntl(master, F_SETFL, 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(master);
        long count = 0, step;
        while (count < 50000 && (step = read(slave, text, sizeof text)) > 0)
            count += step;
        memset(text, 'y', sizeof text);
        for (int i = 0; i < 10; i++)
            if (write(slave, text, sizeof text) != sizeof text)
                _exit(3);
        _exit(count == 50000 ? 0 : 4);
    }
    for (int i = 0; i < 10; i++)
        if (write(master, text, 5000) != 5000)
            puts("short");
    close(slave);
    for (got = 0; (step = read(master, text, sizeof text)) > 0;)
        got += step;
    ASK(step);
    ASK(got);
    int status;
    waitpid(child, &status, 0);
    ASK(status);
    close(master);
}

static volatile int seen[65];
static void on_signal(int signal) { seen[signal]++; }

static void report(const char *what, int ends) { char line[200]; write(ends, line, snprintf(line, sizeof line, "%s", what)); }

#define TELL(call) do { errno = 0; long result = (long)(call); fprintf(out, "%s: %ld %s\n", #call, result, result < 0 ? strerrorname_np(errno) : ""); fflush(out); } while (0)

/* A child that leads a session with the terminal; what it says comes through a pipe. */
static void sessions(void)
{
    int ends[2], status;
    pair();
    pipe(ends);
    fflush(stdout);
    pid_t leader = fork();
    if (leader == 0) {
        FILE *out = fdopen(ends[1], "w");
        close(master), close(slave);
        int signals[] = { SIGHUP, SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGTTOU, SIGTTIN };
        for (int i = 0; i < 6; i++)
            signal(signals[i], on_signal);
        setsid();
        TELL(open("/dev/tty", O_RDWR));
        int tty = open(name, O_RDWR | O_NOCTTY);
        TELL(open("/dev/tty", O_RDWR));
        TELL(tcgetpgrp(tty));
        TELL(ioctl(tty, TIOCSCTTY, 0));
        TELL(ioctl(tty, TIOCSCTTY, 0));
        int current = open("/dev/tty", O_RDWR);
        TELL(current >= 0);
        TELL(isatty(current));
        TELL(tcgetpgrp(tty) == getpid());
        TELL(tcgetsid(tty) == getpid());
        TELL(tcsetpgrp(tty, 1));
        TELL(tcsetpgrp(tty, 0x7ffffff));
        TELL(tcsetpgrp(tty, -1));
        fprintf(out, "ready\n"), fflush(out);
        for (int i = 0; i < 300 && !(seen[SIGINT] && seen[SIGQUIT] && seen[SIGTSTP] && seen[SIGWINCH]); i++)
            sleep_ms(5);
        fprintf(out, "int %d quit %d stop %d window %d\n", seen[SIGINT], seen[SIGQUIT], seen[SIGTSTP], seen[SIGWINCH]);
        struct winsize size;
        ioctl(tty, TIOCGWINSZ, &size);
        fprintf(out, "%d %d\n", size.ws_row, size.ws_col), fflush(out);
        /* A background job reads and is stopped; in the foreground it goes on. */
        fflush(out);
        signal(SIGTTOU, SIG_IGN);
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            char text[20];
            long count = read(tty, text, 20);
            _exit(count == 4 ? 7 : count == -1 ? 100 + errno : 50 + count);
        }
        setpgid(job, job);
        TELL(waitpid(job, &status, WUNTRACED) == job);
        fprintf(out, "stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
        TELL(tcsetpgrp(tty, job));
        kill(-job, SIGCONT);
        fprintf(out, "foreground\n"), fflush(out);
        TELL(waitpid(job, &status, WUNTRACED) == job);
        fprintf(out, "exit %d\n", WEXITSTATUS(status));
        char text[10];
        TELL(tcgetpgrp(tty) == job);
        TELL(tcsetpgrp(tty, getpid()));
        /* Who writes in the background is stopped with TOSTOP only. */
        struct termios settings;
        tcgetattr(tty, &settings);
        settings.c_lflag |= TOSTOP;
        tcsetattr(tty, TCSANOW, &settings);
        signal(SIGTTOU, SIG_DFL);
        fflush(out);
        job = fork();
        if (job == 0) {
            setpgid(0, 0);
            write(tty, "background\n", 11);
            _exit(9);
        }
        setpgid(job, job);
        TELL(waitpid(job, &status, WUNTRACED) == job);
        fprintf(out, "stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
        kill(job, SIGKILL);
        waitpid(job, NULL, 0);
        /* The master goes. */
        fprintf(out, "closing\n"), fflush(out);
        for (int i = 0; i < 300 && !seen[SIGHUP]; i++)
            sleep_ms(5);
        fprintf(out, "hung up %d continued %d\n", seen[SIGHUP] > 0, seen[SIGCONT] > 0);
        TELL(read(tty, text, 1));
        TELL(write(tty, "x", 1));
        TELL(tcgetattr(tty, &settings));
        TELL(tcgetpgrp(tty));
        TELL(ready(tty));
        TELL(open("/dev/tty", O_RDWR));
        _exit(5);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    char line[200];
    while (fgets(line, sizeof line, in)) {
        printf("  %s", line);
        if (!strcmp(line, "ready\n")) {
            struct winsize size = { 50, 132, 0, 0 };
            for (int i = 0; i < 3; i++) {
                write(master, "\3\34\32" + i, 1);
                sleep_ms(20);
            }
            tcflush(master, TCIOFLUSH);
            ASK(ioctl(master, TIOCSWINSZ, &size));
            ASK(tcgetpgrp(master) == leader);
        }
        if (!strcmp(line, "foreground\n"))
            write(master, "job\n", 4);
        if (!strcmp(line, "closing\n")) {
            sleep_ms(20);
            close(master);
        }
    }
    fclose(in);
    waitpid(leader, &status, 0);
    ASK(WEXITSTATUS(status));
    ASK(read(slave, line, 1));
    ASK(write(slave, "x", 1));
    close(slave);
}

/* The leader ends: its terminal hangs up, and its foreground job hears of it. */
static void ending(void)
{
    int ends[2], status;
    char byte = 0;
    pair();
    pipe(ends);
    fflush(stdout);
    pid_t leader = fork();
    if (leader == 0) {
        close(master), close(slave), close(ends[0]);
        setsid();
        int tty = open(name, O_RDWR);
        pid_t job = fork();
        if (job == 0) {
            signal(SIGHUP, on_signal);
            setpgid(0, 0);
            signal(SIGTTOU, SIG_IGN);
            tcsetpgrp(tty, getpid());
            write(ends[1], "b", 1);
            for (int i = 0; i < 300 && !seen[SIGHUP]; i++)
                sleep_ms(5);
            byte = seen[SIGHUP] ? 'h' : 'n';
            write(ends[1], &byte, 1);
            _exit(0);
        }
        sleep_ms(50);
        _exit(0);
    }
    close(ends[1]);
    waitpid(leader, &status, 0);
    while (read(ends[0], &byte, 1) == 1)
        printf("%c", byte);
    puts("");
    close(ends[0]);
    close(slave);
    ASK(read(master, &byte, 1));
    close(master);
    /* forkpty, as terminals do it. */
    struct winsize size = { 30, 90, 0, 0 };
    fflush(stdout);
    pid_t shell = forkpty(&master, NULL, NULL, &size);
    if (shell == 0) {
        ioctl(0, TIOCGWINSZ, &size);
        printf("%d %d %d\n", size.ws_row, size.ws_col, tcgetpgrp(0) == getpid());
        fflush(stdout);
        char text[64];
        if (fgets(text, sizeof text, stdin))
            printf("said %s", text);
        fflush(stdout);
        _exit(4);
    }
    show("terminal", master);
    write(master, "words\n", 6);
    waitpid(shell, &status, 0);
    ASK(WEXITSTATUS(status));
    show("terminal", master);
    ASK(read(master, &byte, 1));
    close(master);
}

/* TIOCPKT: what the master reads begins with its kind. */
static void packets(void)
{
    int on = 1, off = 0, now = 7;
    char text[16];
    pair();
    ASK(ioctl(slave, TIOCPKT, &on));
    ASK(ioctl(master, TIOCGPKT, &now));
    answer("before", now);
    ASK(ioctl(master, TIOCPKT, &on));
    ASK(ioctl(master, TIOCGPKT, &now));
    answer("after", now);
    write(slave, "ab\n", 3);
    show("packet", master);
    write(slave, "abcdef", 6);
    ASK(read(master, text, 4));
    for (int i = 0; i < 4; i++)
        printf(" %d", text[i]);
    puts("");
    show("the rest", master);
    write(slave, "last", 4);
    ASK(ioctl(master, TIOCPKT, &off));
    show("plain", master);
    close(slave);
    close(master);
}

int main(void)
{
    alarm(20);
    setsid();
    making();
    lines();
    sessions();
    ending();
    packets();
    puts("all answers given");
    return 0;
}
