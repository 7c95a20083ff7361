#!/bin/sh
# Lays out the file system of the image in the directory $1: Node, this program as it was compiled, the commands that write
# interception rules, and the libraries that these load. No shell, no package manager.
set -eu
root=$1
app=$(cd "$(dirname "$0")/.." && pwd)

# A file, and what it is linked with, at the same places.
add() {
  for file in "$@"; do
    case $file in /lib*) place=/usr$file ;; *) place=$file ;; esac
    [ ! -e "$root$place" ] || continue
    mkdir -p "$root$(dirname "$place")"
    cp -L "$file" "$root$place"
    # shellcheck disable=SC2046
    add $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true)
  done
}

mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/etc" "$root/tmp" "$root/var/lib/keelson" "$root/app"
for name in bin sbin lib; do ln -s "usr/$name" "$root/$name"; done
[ ! -d /lib64 ] || { mkdir -p "$root/usr/lib64"; ln -s usr/lib64 "$root/lib64"; }
chmod 1777 "$root/tmp"

node=$(node -p process.execPath)
# shellcheck disable=SC2046
add $(ldd "$node" | grep -o '/[^ ]*')
cp -L "$node" "$root/usr/bin/node"
for variant in nft legacy; do
  multi=$(readlink -f "$(command -v "xtables-$variant-multi" || echo "/usr/sbin/xtables-$variant-multi")")
  add "$multi"
  [ "$variant" = legacy ] && suffix=-legacy || suffix=
  for command in iptables ip6tables; do
    for form in '' -save -restore; do ln -sf "$multi" "$root/usr/sbin/$command$suffix$form"; done
  done
done
# shellcheck disable=SC2046
add $(find /usr/lib/*/xtables -name '*.so')
# Host names are looked up through these.
# shellcheck disable=SC2046
add $(find /lib/*-linux-gnu* -maxdepth 1 -name 'libnss_dns.so.*' -o -maxdepth 1 -name 'libnss_files.so.*')

printf 'root:x:0:0:root:/:/none\nkeelson:x:65532:65532:keelson:/:/none\n' > "$root/etc/passwd"
printf 'root:x:0:\nkeelson:x:65532:\n' > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
cp -a "$app/package.json" "$app/LICENSE" "$app/dist" "$app/protos" "$root/app/"
cp -aL "$app/node_modules" "$root/app/node_modules"
# To be run in a Pod of the control plane, by its own name and by that of istiod's program.
sed -i '1s|.*|#!/usr/bin/node --disable-warning=ExperimentalWarning|' "$root/app/dist/cli/keelson.js"
chmod 755 "$root/app/dist/cli/keelson.js"
for name in keelson pilot-discovery; do ln -s /app/dist/cli/keelson.js "$root/usr/bin/$name"; done
# What is there for developers only.
find "$root/app" -type f '(' -name '*.map' -o -name '*.ts' -o -name '*.md' -o -name '*.markdown' ')' -delete
find "$root/app" -type d -empty -delete
