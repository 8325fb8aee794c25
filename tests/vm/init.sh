#!/bin/busybox sh
# The guest's first process: lays the host's files under a writable overlay, mounts what BPF tools and
# fault workloads expect of a machine, and runs the shared folder's command in there.
# The kernel hands vm_share and vm_modules over as environment variables.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
for module in /modules/*.ko; do
    insmod "$module"
done

# cache=loose: without a page cache every program start reads its files from the host anew, which makes
# a second start of Python with numpy 9 s instead of 4.
options=version=9p2000.L,trans=virtio,access=any,msize=512000
mount -t 9p -o "ro,cache=loose,$options" host /lower
mount -t tmpfs -o size=75% over /over
mkdir /over/upper /over/work
mount -t overlay -o xino=off,lowerdir=/lower,upperdir=/over/upper,workdir=/over/work over /new || poweroff -f
mount -t 9p -o "rw,$options" share "/new$vm_share" || poweroff -f

version=$(uname -r)
mkdir -p "/new/lib/modules/$version"
mount -o bind "/lower$vm_modules" "/new/lib/modules/$version"
cd /new
mount -t proc proc proc
mount -t sysfs sys sys
mount -t devtmpfs dev dev
mkdir -p dev/pts dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs shm dev/shm
mount -t tmpfs run run
mkdir run/vm-tmp run/lock
mount -t tmpfs -o size=1G tmp run/vm-tmp
mount -t debugfs debug sys/kernel/debug
mount -t tracefs tracing sys/kernel/tracing
mount -t cgroup2 cgroup sys/fs/cgroup
for controller in memory cpu pids; do
    echo "+$controller" > sys/fs/cgroup/cgroup.subtree_control
done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
hostname vm
ip link set lo up
ulimit -l unlimited
exec switch_root /new /bin/sh "$vm_share/command"
