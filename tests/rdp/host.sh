#!/bin/bash
# Be a Debian machine with a Remote Desktop service of its own: xrdp, sesman and Xorg as packaged.
#
#   unshare --mount --pid --mount-proc --uts --fork --kill-child host.sh FOLDER NAME
#
# FOLDER holds xrdp.ini, sesman.ini, the script `desktop` and `accounts` (lines `user:password`). It
# receives the logs, and a file in `desktops/` for each session that has come up. Host name,
# accounts, /etc, /home, /run and /tmp are the namespaces' own: everything is gone with this process,
# and nothing of the machine around it is changed. Only its network is shared.
set -euo pipefail

mount --bind "$1" /mnt
hostname "$2"
mount -t tmpfs -o mode=755 tmpfs /run
cp -a /etc /run/etc
mount --bind /run/etc /etc
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=1777 tmpfs /tmp

cp /mnt/xrdp.ini /mnt/sesman.ini /etc/xrdp/
while IFS=: read -r user _; do
  # An account of the machine around it that has this name has another password.
  if id "$user" >/dev/null 2>&1; then userdel --force "$user"; fi
  # --badname: accounts of a directory have names that useradd itself would not choose.
  useradd --badname --create-home --shell /bin/bash "$user"
done </mnt/accounts
chpasswd </mnt/accounts

xrdp-sesman --nodaemon >>/mnt/sesman.out 2>&1 &
xrdp --nodaemon >>/mnt/xrdp.out 2>&1 &
wait -n
