#!/bin/busybox sh
# In packetd's place, with its rights and in its group; its arguments are packetd's, with launcher's option among them.
echo "given: $*"
echo "inside: $(cat /proc/self/cgroup)"
ls -ln /sys/fs/cgroup/unit/machine-200001 | sed -n 's/^\(\S*\) *[0-9]* \([0-9]*\)  *\([0-9]*\) .* \(memory.max\|memory.swap.max\|cpu.max\|pids.max\|cgroup.procs\|cgroup.kill\)$/mode: \1 \2 \3 \4/p'
# machine CASE RECORD ACTION OPTION…: a hostile monitor, as user 200000
machine()
{
    name=$1 record=$2 action=$3
    shift 3
    /node machine 200000 /$record /launcher "$@" /hostile $action 2>&1 | sed "s/^/$name: /"
    rm -f /tmp/file
}
held() { machine "held $1" $2 $3 --cgroup /sys/fs/cgroup/unit --monitor-memory 16 $4 $5; }

for action in grow breed file fork; do
    machine "free $action" whole $action
    held $action whole $action
done
machine "free spin" whole spin
held spin whole spin
held half half spin
held escape whole escape:/sys/fs/cgroup/unit
held third whole spin --cpu-max 30
cd /sys/fs/cgroup/unit/machine-200000
echo "after: $(($(cat memory.max) >> 20)) MiB at most, $(cat memory.swap.max) swapped, $(cat cpu.max), $(cat pids.max)"
echo "peak: $(cat memory.peak)"
