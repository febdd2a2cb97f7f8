#!/bin/sh
# What can be said of the probe without loading it: it compiles for every architecture, with all programs, and each
# syscall that has an event type has a program of its own.
#   probe.sh SOURCE_DIR BUILD_DIR
set -eu
top=$(cd "${1:?usage: probe.sh SOURCE_DIR BUILD_DIR}" && pwd)
clang=$(command -v clang || ls /usr/bin/clang-[0-9]* 2>/dev/null | head -n 1)
[ -n "$clang" ] || { echo "no clang"; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

for arch in x86 arm64; do
	"$clang" -g -O2 -target bpf -mcpu=v2 -D__TARGET_ARCH_$arch -D__bpf__ -Wall -Werror -I"$top/src" \
		-c "$top/src/capture/bpf/probe.bpf.c" -o "$tmp/$arch.o" || { echo "FAIL: does not compile for $arch"; failed=1; }
	"$clang" -g -O2 -target bpf -mcpu=v2 -D__TARGET_ARCH_$arch -D__bpf__ -Wall -Werror -I"$top/src" \
		-c "$top/src/capture/bpf/scan.bpf.c" -o "$tmp/scan-$arch.o" || { echo "FAIL: scan does not compile for $arch"; failed=1; }
done

# Names of syscalls.def whose exit event is not the generic one and that exist on x86_64 or arm64.
sed -n 's/^SYSC([0-9]*, "\([^"]*\)", \(-\{0,1\}[0-9]*\), \(-\{0,1\}[0-9]*\), \([A-Z0-9_]*\),.*/\1 \2 \3 \4/p' \
	"$top/src/contract/syscalls.def" |
	awk '$4 != "PPME_GENERIC_X" && $4 ~ /^PPME_/ && ($2 >= 0 || $3 >= 0) { print $1 }' | sort >"$tmp/need"
grep -ohE '\bx_[a-z0-9_]+' "$top"/src/capture/bpf/*.h | sed 's/^x_//' | sort -u >"$tmp/have"
[ "$(wc -l <"$tmp/need")" -gt 150 ] || { echo "FAIL: syscalls.def is not read as it is written"; exit 1; }
comm -23 "$tmp/need" "$tmp/have" >"$tmp/missing"
if [ -s "$tmp/missing" ]; then
	echo "FAIL: these have an event type but no program:" && cat "$tmp/missing"
	failed=1
fi
exit "$failed"
