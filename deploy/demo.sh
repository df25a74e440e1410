#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A whole repository on this machine in under a minute, after the build: three pillars, real files in and out, the death of a pillar.
# Builds the release programs first; leaves nothing running and no file behind.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/bitrepo-demo-XXXXXX")
repository=$work/repository
watch_pid=

say() { printf '\n== %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}
finish() {
  status=$?
  trap - EXIT
  [ -z "$watch_pid" ] || kill "$watch_pid" 2>/dev/null || true
  if [ -e "$repository" ]; then
    "$top/build/release/bin/bitrepo" local down --dir "$repository" >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  [ "$status" -eq 0 ] || printf '\nthe demonstration failed with exit code %s\n' "$status" >&2
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "Packages and release build (the first time takes some minutes)"
"$top/deploy/install-deps.sh"
cd "$top"
cmake --preset release >"$work/configure.log" 2>&1 || { cat "$work/configure.log" >&2; exit 1; }
cmake --build --preset release --target bitrepo bitrepo-pillar bitrepo-coordinator
export PATH=$top/build/release/bin:$PATH
export NO_COLOR=1

say "A coordinator and three pillars, on loopback ports that were free, with their data in $repository"
show bitrepo local up --dir "$repository" --pillars 3
export BITREPO_CONFIG=$repository/.bitrepo.toml
show bitrepo pillars

say "Real files: a directory of this machine's own text files, each put as a conversation of its own to all three pillars"
mkdir -p "$work/texts"
find /usr/share/common-licenses /usr/share/doc -maxdepth 2 -type f \( -name copyright -o -path '*common-licenses*' \) >"$work/found" 2>/dev/null || true
head -n 300 "$work/found" | while read -r file; do
  target=$work/texts/${file#/usr/share/}
  mkdir -p "$(dirname "$target")"
  cp -L "$file" "$target"
done
printf '%s files\n' "$(find "$work/texts" -type f | wc -l)"
show bitrepo put -q -r "$work/texts" >"$work/put"
tail -n 3 "$work/put"

say "A generated file of 256 MiB"
head -c 268435456 /dev/urandom >"$work/large.bin"
show bitrepo put "$work/large.bin" --id large.bin

say "A file from standard input"
date | tee "$work/today" | show bitrepo put - --id today.txt

say "Read back, proved by their digest, and compared with what was put"
show bitrepo get large.bin -o "$work/large.back"
show cmp "$work/large.bin" "$work/large.back"
show bitrepo cat today.txt
bitrepo cat today.txt | cmp - "$work/today"

say "All digests, where the pillars agree, fed to sha256sum over the original files"
bitrepo checksums --format sha256sum >"$work/SHA256SUMS"
wc -l <"$work/SHA256SUMS"
cp "$work/large.bin" "$work/today" "$work/texts/"
mv "$work/texts/today" "$work/texts/today.txt"
(cd "$work/texts" && show sha256sum -c --quiet "$work/SHA256SUMS") && echo "all as they were put"

say "A range of a file: 16 bytes from offset 1000000"
bitrepo get large.bin --range 1000000:16 -o - -q | od -An -tx1
dd if="$work/large.bin" bs=1 skip=1000000 count=16 status=none | od -An -tx1

say "Who holds it"
show bitrepo whereis large.bin today.txt

say "A pillar dies: SIGKILL to pillar-1; the file comes from another"
kill -9 "$(tr -dc '0-9' <"$repository/run/pillar-1.pid")"
rm "$work/large.back"
show bitrepo get large.bin -o "$work/large.back"
show cmp "$work/large.bin" "$work/large.back"

say "The conversation of one get, as an operator sees it on the bus"
bitrepo watch --for 20s >"$work/watched" 2>/dev/null &
watch_pid=$!
conversation=
for _ in 1 2 3 4 5 6 7 8 9 10; do  # the first ones pass before the watch is there
  bitrepo get -q today.txt -o - >/dev/null
  conversation=$(awk '/ -> collection:/{print $2; exit}' "$work/watched")
  if [ -n "$conversation" ] && grep -q " $conversation .* final " "$work/watched"; then break; fi
  sleep 0.2
done
kill "$watch_pid" 2>/dev/null || true
wait "$watch_pid" 2>/dev/null || true
watch_pid=
grep " $conversation " "$work/watched"

say "Everything stops"
show bitrepo local down --dir "$repository"
say "Done: nothing is left running, and $work is removed"
