# What bash has beyond POSIX: arrays, process substitution, coprocesses, jobs, regular expressions.
declare -A count
total=0
while read -r number word rest; do
    count[${word:0:1}]=$((${count[${word:0:1}]:-0} + 1))
    if [[ $rest =~ ([a-z]+)\ ([a-z]+)$ ]]; then total=$((total + ${#BASH_REMATCH[1]})); fi
    ((number % 100)) || paste -d: <(echo "$word" | rev) <(printf '%08.3f' "$number")
done
for letter in $(printf '%s\n' "${!count[@]}" | sort); do echo "$letter ${count[$letter]}"; done
coproc sed -u s/a/b/g
echo banana >&"${COPROC[1]}"
read -r answer <&"${COPROC[0]}"
pid=$COPROC_PID # which goes when it has ended
kill $pid
wait $pid 2>/dev/null
echo "$answer $? $total"
for i in 1 2 3; do (exit $i) & jobs[i]=$!; done
for i in 3 1 2; do wait ${jobs[i]}; echo "job $?"; done
