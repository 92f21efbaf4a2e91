# For every shell that knows POSIX's language: a line in, some lines out, with processes, pipes, here documents and arithmetic between them.
sum=0
while read -r number word rest; do
    sum=$((sum + number * 7 % 13))
    case $word in
        a*|e*|i*|o*|u*) kind=vowel ;;
        *) kind=other ;;
    esac
    [ $((number % 50)) -eq 0 ] || continue
    said=$(echo "$word" | tr a-z A-Z)
    cat <<END
$number $said ${#rest} $kind ${rest%% *} $sum
END
    (exit $((number / 50 % 3))) || echo "status $?"
done
trap 'echo signal' USR1
kill -USR1 $$
echo "end $sum"
