# For every awk: associative arrays, regular expressions, a child by a pipe, floating point.
{
    for (i = 2; i <= NF; i++) count[$i]++
    sum += sqrt($1) * log($1 + 1)
    if ($2 ~ /^[aeiou]/) vowels++
    if ($1 % 100 == 0) { printf "%d %.8f %s %d\n", $1, sum, toupper(substr($2, 1, 3)), vowels; fflush() }
}
END {
    sorter = "sort | head -5"
    for (word in count) print word, count[word] | sorter
    close(sorter)
    "echo from a child" | getline said
    print said, index(said, "a"), split("a:b:c", parts, ":"), parts[3]
}
