/* killer MICROSECONDS PROGRAM WORDS...: runs a program and kills it after so long, whatever it is doing. Both are a process group of their own:
   what is of the group of a move's program runs while others stand still. Its exit code is the program's, or 137 when that was killed. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
    int status;
    pid_t child;
    setpgid(0, 0);
    child = fork();
    if (child == 0) {
        execv(words[2], words + 2);
        _exit(127);
    }
    usleep(atoi(words[1]));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
