#!/usr/bin/env bash
# boot.sh NAME ROOM [FOLDER...]: this machine's systemd as PID 1 over a copy of its root that is thrown away (an overlay
# in memory). Each FOLDER appears inside, at its own path; network and clock are the machine's. ROOM is an empty folder
# to work in. All of it ends when stdin does: with whoever started it, however that ends. Needs root.
set -euo pipefail

outside() {
  local name=$1 room=$2 cgroup=$2/cgroup/$1
  mount -t tmpfs -o mode=755 tmpfs "$room"
  mkdir "$room"/{cgroup,upper,work,root}
  mount -t cgroup2 cgroup2 "$room/cgroup"  # one of our own: on some machines it is not where one would look
  mkdir "$cgroup"
  (
    echo "$BASHPID" > "$cgroup/cgroup.procs"
    exec setpriv --pdeathsig KILL unshare --pid --mount --uts --ipc --cgroup --fork --kill-child \
      "${BASH_SOURCE[0]}" inside "$@"
  ) < /dev/null &
  cat > /dev/null || true
  kill -KILL $! 2> /dev/null || true
  wait $! 2> /dev/null || true
  # What was in the cgroups may take a moment to be gone.
  for _ in {1..100}; do find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null && break; done
}

inside() {
  local room=$2 root=$2/root
  shift 2
  mount -t overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" overlay "$root"
  configure "$root"

  mount -t proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"  # the machine's own: not ours to tune
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  cp -a /dev/{null,zero,full,random,urandom,tty} "$root/dev"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s pts/ptmx "$root/dev/ptmx"
  mkdir "$root"/dev/{pts,shm}
  mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  for folder; do
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
  done

  cd "$root"
  mkdir -p .before
  pivot_root . .before
  umount --lazy /.before
  mount --make-rshared /
  exec env -i container=boot PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=sysinit.target \
    --show-status=no --log-target=journal
}

# Nothing is started but the journal and what the test asks for.
configure() {
  rm -rf "$1"/etc/systemd/system "$1"/{etc,usr/lib,lib}/systemd/system/*.wants "$1"/{usr/lib,lib}/systemd/system-generators
  mkdir -p "$1"/etc/systemd/{system/sysinit.target.wants,journald.conf.d}
  ln -s /lib/systemd/system/systemd-journald.service "$1/etc/systemd/system/sysinit.target.wants"
  printf '[Journal]\nStorage=volatile\n' > "$1/etc/systemd/journald.conf.d/test.conf"
  rm -f "$1/etc/machine-id" "$1/etc/fstab"
  tr -d - < /proc/sys/kernel/random/uuid > "$1/etc/machine-id"
  # In a container these are mounts, which are not in a copy of the root.
  for file in hosts resolv.conf; do
    rm -f "$1/etc/$file"
    cp -L "/etc/$file" "$1/etc/$file" || true
  done
}

case $1 in
  inside) shift && inside "$@" ;;
  outside) shift && outside "$@" ;;
  *) exec unshare --mount --propagation private "${BASH_SOURCE[0]}" outside "$@" ;;
esac
