/* Processes that send to each other: lines of the input, by turns, and sums of all. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    int self, all;
    char line[256];
    long words = 0;
    MPI_Init(&count, &arguments);
    MPI_Comm_rank(MPI_COMM_WORLD, &self);
    MPI_Comm_size(MPI_COMM_WORLD, &all);
    for (int at = 0;; at++) {
        int going = self != 0 || fgets(line, sizeof line, stdin) != NULL;
        MPI_Bcast(&going, 1, MPI_INT, 0, MPI_COMM_WORLD);
        if (!going)
            break;
        /* Once around. */
        if (self != 0)
            MPI_Recv(line, sizeof line, MPI_CHAR, self - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (char *c = line; *c; c++)
            words += *c == ' ', *c ^= at + self & 1;
        MPI_Send(line, sizeof line, MPI_CHAR, (self + 1) % all, 0, MPI_COMM_WORLD);
        if (self == 0)
            MPI_Recv(line, sizeof line, MPI_CHAR, all - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (at % 100 == 99) {
            long sum;
            MPI_Allreduce(&words, &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
            if (self == all - 1)
                printf("%d of %d after %d: %ld, last %d\n", self, all, at + 1, sum, line[0]), fflush(stdout);
        }
    }
    MPI_Finalize();
    return 0;
}
