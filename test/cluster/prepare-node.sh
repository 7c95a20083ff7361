#!/bin/sh
# Run once in what becomes the node image: leaves systemd the units that a node needs, and tells containerd the images that
# are in the archive $1.
set -eu
rm -f /lib/systemd/system/multi-user.target.wants/* /lib/systemd/system/local-fs.target.wants/* \
  /lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service /lib/systemd/system/basic.target.wants/* \
  /lib/systemd/system/sockets.target.wants/*udev* /lib/systemd/system/sockets.target.wants/*initctl* \
  /etc/systemd/system/*.wants/* /etc/systemd/system/containerd-fuse-overlayfs.service
echo ReadKMsg=no >> /etc/systemd/journald.conf
# kind's units name it where kind's own image has it.
sed -i 's#/usr/local/bin/containerd#/usr/bin/containerd#' /etc/systemd/system/containerd.service
systemctl enable kubelet containerd undo-mount-hacks pod-network
systemctl mask systemd-binfmt.service

containerd > /dev/null 2>&1 &
daemon=$!
attempts=0
until ctr version > /dev/null 2>&1; do
  attempts=$((attempts + 1))
  [ $attempts -lt 100 ] || exit 1
  sleep 0.2
done
ctr --namespace k8s.io images import --all-platforms --no-unpack --digests "$1"
kill $daemon
wait $daemon || true
rm -rf /run/containerd "$1"
