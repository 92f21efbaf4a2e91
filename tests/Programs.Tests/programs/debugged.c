/* What gdb runs: it reads lines, and calls itself now and then. */
#include <stdio.h>

struct place {
    int sum;
    double weight;
} places[3];

int deepest(int n)
{
    return n > 0 ? deepest(n - 1) + 1 : 42;
}

int main(void)
{
    char line[200];
    int number = 0, lines = 0;
    while (fgets(line, sizeof line, stdin)) {
        lines++;
        sscanf(line, "%d", &number);
        places[number % 3].sum += number;
        places[number % 3].weight += 0.5;
        if (number % 150 == 0)
            deepest(2);
    }
    printf("%d lines\n", lines);
    return 0;
}
