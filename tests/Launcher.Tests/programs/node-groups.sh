#!/bin/busybox sh
# The first program of a machine for ControlGroupKernelTests: a whole node in a control group of its own and with packetd's rights: what is minted comes through packetd,
# launcher and the shipped monitor. The clock is the one that the tokens were minted for. A line of a case begins with "sold".
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=1777 none /tmp
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up

say() { sed 's/^/sold: /'; }
cd /sys/fs/cgroup
echo "+cpu +memory +pids" >cgroup.subtree_control
mkdir sold
date -s @1000000 >/dev/null
echo -n 0123456789abcdef >/tmp/key
sh -c 'echo $$ >/sys/fs/cgroup/sold/cgroup.procs; exec "$@"' sh /node confine /cgroups --require /packetd {shares} --link lo --address 10.0.0.2 \
    --key-file /tmp/key --uid-base 200000 --max-domains 2 /launcher {cgroup} /domain /spin >/tmp/log 2>&1 &
until grep -q "CPU shares" /tmp/log || ! kill -0 $!; do sleep 0.1; done
date -s @1000060 >/dev/null
for token in more half whole; do
    echo "$token: $(/ask /$token.ping)" | say
done
sleep 10
# Of a processor, in percent, for half a minute of this machine's time; each machine's group is called after its user.
used() { sed -n 's/^usage_usec //p' sold/machine-$1/cpu.stat; }
now() { sed 's/\..*//' /proc/uptime; }
begin=$(now) first=$(used 200000) second=$(used 200001)
sleep 30
took=$(($(now) - begin))
echo "share: $((($(used 200000) - first) / took / 10000)) $((($(used 200001) - second) / took / 10000))" | say
for user in 200000 200001; do
    group=sold/machine-$user
    echo "group: $(tr '\0' ' ' </proc/$(head -n 1 $group/cgroup.procs)/cmdline | cut -d ' ' -f 1) $(cat $group/cpu.max), $(($(cat $group/memory.max) >> 20)) MiB" | say
done
echo "packetd: $(sed 's/.*://' /proc/$!/cgroup), $(wc -l <sold/node/cgroup.procs) process" | say
kill $!
wait $!
sleep 1
echo "left: $(cat sold/machine-*/cgroup.procs | wc -l)" | say
say </tmp/log
exec poweroff -f
