#!/bin/bash
# Boots a Debian root under its own systemd, in namespaces of its own: nothing
# of it is seen from outside, and all of it ends with this process.
#
#   boot.sh ROOT SCRATCH
#
# ROOT is left as it is; what changes goes to SCRATCH, a folder.
set -euo pipefail

group=/sys/fs/cgroup/cardea-verify-$$
[ -f /sys/fs/cgroup/cgroup.procs ] || group=/sys/fs/cgroup/unified/cardea-verify-$$
mkdir -p "$group"
echo $$ >"$group/cgroup.procs"

# shellcheck disable=SC2016 # expanded by the shell that is started
exec unshare --pid --fork --kill-child --mount --cgroup --uts --ipc --net bash -euo pipefail -c '
  mount --make-rprivate /
  mount -t tmpfs -o mode=755 scratch "$2"
  mkdir "$2/upper" "$2/work" "$2/root"
  mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
  cd "$2/root"
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t cgroup2 cgroup sys/fs/cgroup
  for folder in run dev tmp; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
  chmod 1777 tmp
  for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  ip link set lo up
  hostname cardea-verify
  mkdir -p .outside
  pivot_root . .outside
  umount -l /.outside
  exec env -i container=cardea PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
' boot "$1" "$2"
