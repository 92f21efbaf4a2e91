/* Registers of two who have the processor in turn. Who includes this has before it: struct state, fill(state, seed), which gives it values,
   call_with(before, after, number, a, b, c), a system call between loading one and storing the other, and same(one, other). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int there[2], back[2];

/* A byte goes to and fro between two, each of whom has its own values in all registers while it waits: whether they were kept. */
static int turns(int seed, int from, int to, int begins)
{
    struct state before, after;
    char byte = 1;
    int kept = 1;
    fill(&before, seed);
    for (int i = 0; i < 300; i++) {
        if (begins || i > 0)
            kept &= call_with(&before, &after, SYS_write, to, (long)&byte, 1) == 1 && same(&before, &after);
        kept &= call_with(&before, &after, SYS_read, from, (long)&byte, 1) == 1 && same(&before, &after);
    }
    if (!begins)
        kept &= write(to, &byte, 1) == 1;
    return kept;
}

static void open_pipes(void)
{
    if (pipe(there) != 0 || pipe(back) != 0)
        exit(1);
}

/* Between two processes, over the pipes. */
static void with_processes(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(turns(4, there[0], back[1], 0));
    int mine = turns(3, back[0], there[1], 1);
    int status;
    waitpid(child, &status, 0);
    printf("processes: %d %d\n", mine, WEXITSTATUS(status));
}
