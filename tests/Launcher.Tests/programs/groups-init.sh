#!/bin/busybox sh
# The first program of a machine for ControlGroupKernelTests: does what systemd does for packetd@.service, and root's part of some cases.
# A line of a case begins with its name.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=1777 none /tmp
mount -t cgroup2 none /sys/fs/cgroup

# packetd itself, under this kernel: until it is ready, or has ended.
echo 00112233445566778899aabbccddeeff00112233 >/tmp/key
chmod 600 /tmp/key
ip link set lo up
/packetd --link lo --address 10.0.0.2 --key-file /tmp/key --uid-base 300000 /launcher /bin/true /bin/true >/tmp/log 2>&1 &
until grep -q ready /tmp/log || ! kill -0 $!; do sleep 0.1; done
kill $!
sed 's/^/node: /' /tmp/log

cd /sys/fs/cgroup
echo "+cpu +memory +pids" >cgroup.subtree_control
mkdir unit bare bare/below
inside() { group=$1; shift; sh -c "echo \$\$ >/sys/fs/cgroup/$group/cgroup.procs; exec \"\$@\"" sh "$@" 2>&1; }

inside bare/below /cgroups echo command {cgroup} end | sed 's/^/bare: /'
{ inside bare/below /cgroups --require echo command {cgroup} end; echo $?; } | sed 's/^/required: /'
/cgroups echo command {cgroup} end 2>&1 | sed 's/^/root: /'
inside unit /cgroups echo command {cgroup} --uid-base 0 end | sed 's/^/users: /'

inside unit /node confine /cgroups --require /groups.sh --uid-base 200000 --max-domains 2 {cgroup}

/node user 200000 sleep 1000 &
sleeper=$!
echo $sleeper >unit/machine-200000/cgroup.procs
inside unit/node /node machine 200000 /whole /launcher --cgroup /sys/fs/cgroup/unit /hostile idle | sed 's/^/left: /'
wait $sleeper
echo "left: $?"
echo end
exec poweroff -f
