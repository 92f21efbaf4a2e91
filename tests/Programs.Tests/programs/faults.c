/* What AddressSanitizer must report, each in a child of its own, whose report's first words are told. With the input between. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char global[10];
static char *volatile kept;

static void *use(void *at)
{
    return (void *)(long)*(volatile char *)at;
}

static void fail(int what, int size)
{
    char local[16] = "local";
    char *heap = malloc(size);
    memset(heap, what, size);
    pthread_t thread;
    switch (what) {
    case 0: free(heap), use(heap + size / 2); break;
    case 1: use(heap + size); break;
    case 2: use(local + size % 16 + 16); break;
    case 3: use(global + sizeof global + size % 4); break;
    case 4: free(heap), free(heap); break;
    case 5: free(heap + 1); break;
    case 6: kept = NULL, use(kept); break;
    case 7: free(heap), pthread_create(&thread, NULL, use, heap), pthread_join(thread, NULL); break;
    case 8: memcpy(local, heap, size); break;
    }
    free(heap);
}

/* From "ERROR: " to the word behind it. */
static void report(int what, int size)
{
    int ends[2], status;
    pipe(ends);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        close(ends[0]), close(ends[1]);
        fail(what, size);
        _exit(0);
    }
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    char line[1000], word[100] = "nothing";
    while (fgets(line, sizeof line, said)) {
        char *error = strstr(line, "ERROR: ");
        if (error)
            sscanf(error, "%99[^0-9\n]", word);
    }
    fclose(said);
    waitpid(child, &status, 0);
    printf("%d: %s: %d\n", what, word, WEXITSTATUS(status));
}

int main(void)
{
    char line[1000];
    unsigned long sum = 0;
    for (int count = 0; fgets(line, sizeof line, stdin); count++) {
        char *copy = strdup(line);
        for (char *at = copy; *at; at++)
            sum = sum * 31 + *at;
        if (count % 30 == 0)
            report(count / 30 % 9, 100 + strlen(copy));
        if (count % 7)
            free(copy);
        else
            kept = realloc(copy, 3000), free(kept);
    }
    printf("%lu\n", sum);
    return 0;
}
