# part: the next third of the input.
part()
{
    _count=0
    while [ $_count -lt 200 ] && IFS= read -r _line; do
        printf '%s\n' "$_line"
        _count=$((_count + 1))
    done
}
# until_end COMMAND…: a server, until the input ends.
until_end()
{
    "$@" &
    cat >/dev/null
    kill $!
    wait $! 2>/dev/null
    true
}
