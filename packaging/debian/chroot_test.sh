#!/usr/bin/env bash
# Installs the packages on a bare Debian 12 in a chroot and runs the program there. Needs root, debootstrap and a mirror.
#     packaging/debian/chroot_test.sh zofo_*.deb [libzofo-dev_*.deb]
# MIRROR: the Debian mirror (default: the first of this machine's apt sources). BASE: a folder that debootstrap made
# earlier, which is copied.
set -euo pipefail
(($# >= 1)) || { sed -n '2,5s/^# *//p' "$0"; exit 2; }
((EUID == 0)) || { echo "chroot_test.sh: needs root" >&2; exit 2; }
[[ -n ${BASE:-} ]] || command -v debootstrap >/dev/null || { echo "chroot_test.sh: debootstrap is not installed" >&2; exit 2; }

first_mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -nE 's/^(deb +(\[[^]]*\] +)?|URIs: *)(https?:[^ ]+).*/\3/p' | head -n 1
}
mirror=${MIRROR:-$(first_mirror)}
[[ -n $mirror ]] || { echo "chroot_test.sh: no mirror found; set MIRROR" >&2; exit 2; }

root=$(mktemp -d)
chmod 755 "$root"
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT
if [[ -n ${BASE:-} ]]; then
  cp -a "$BASE/." "$root/"
else
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" || { tail -n 20 "$root.log"; exit 1; }
  rm -f "$root.log"
fi
# How this machine reaches the mirror (a proxy, certificates) holds in the chroot too.
for path in /etc/apt/apt.conf /etc/apt/apt.conf.d /etc/apt/sources.list /etc/apt/sources.list.d /etc/resolv.conf /etc/ssl/certs; do
  [[ -e $path ]] && mkdir -p "$root$(dirname "$path")" && cp -aL --remove-destination "$path" "$root$(dirname "$path")/"
done
mkdir "$root/packages"
cp -- "$@" "$root/packages/"
mount -t proc proc "$root/proc"
in_chroot() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root "$@"; }
in_chroot apt-get -q update >/dev/null
in_chroot sh -c 'apt-get -q install -y --no-install-recommends /packages/zofo_*.deb' >/dev/null
in_chroot zofo --version
in_chroot zofo methods >/dev/null
in_chroot sh -c 'cd /tmp && zofo demo --tiny --seconds 2 --out demo'
in_chroot sh -c '! zofo demo --out /tmp/none 2>/tmp/message && cat /tmp/message && grep -q /usr/share/zofo/scripts/fetch.py /tmp/message'
if ls "$root"/packages/libzofo-dev_*.deb >/dev/null 2>&1; then
  in_chroot sh -c 'apt-get -q install -y --no-install-recommends /packages/libzofo-dev_*.deb g++ cmake ninja-build' >/dev/null
  mkdir "$root/user"
  printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(user LANGUAGES CXX)' 'find_package(zofo REQUIRED COMPONENTS llm)' \
    'add_executable(user main.cpp)' 'target_link_libraries(user PRIVATE zofo::llm)' >"$root/user/CMakeLists.txt"
  printf '%s\n' '#include "zofo/run/data_folder.hpp"' '#include <cstdio>' \
    'int main() { std::puts(zofo::llm::program_folder().c_str()); }' >"$root/user/main.cpp"
  in_chroot sh -c 'cmake -G Ninja -S /user -B /user/build >/dev/null && cmake --build /user/build >/dev/null && /user/build/user'
fi
echo "chroot_test.sh: passed"
