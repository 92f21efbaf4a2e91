/* How a program tells what a call has answered: its result, or the name of the error. After "#define _GNU_SOURCE". */
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void answer(const char *what, long result)
{
    if (result < 0)
        printf("%s: -1 %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld\n", what, result);
    errno = 0;
}

/* The call is its own name. */
#define ASK(call) answer(#call, (long)(call))
