#!/bin/sh
# The start-up scan by iterators gives what /proc gives, with processes of several kinds beside: many threads, sockets,
# an odd name, another pid namespace, a title written over the arguments. 77: cannot run here.
set -eu
top=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
[ "$(id -u)" = 0 ] || { echo "SKIP: live capture needs root"; exit 77; }
[ -r /sys/kernel/btf/vmlinux ] || { echo "SKIP: this kernel has no BTF (/sys/kernel/btf/vmlinux)"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/saker-scan.XXXXXX")
pids=
trap 'for p in $pids; do kill -9 "$p" 2>/dev/null || :; done; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
"$top/tests/live/build.sh" "$top" "$build" "$work" scan_equal scan_zoo

"$work/scan_zoo" "$work" >"$work/zoo" &
pids="$pids $!"
if command -v unshare >/dev/null; then
	unshare -fp --mount-proc --kill-child sleep 1000 &
	pids="$pids $!"
fi
i=0
until grep -q ready "$work/zoo"; do
	i=$((i + 1))
	[ $i -lt 100 ] || { echo "FAIL: the helper does not start"; exit 1; }
	sleep 0.1
done
rc=0
"$work/scan_equal" || rc=$?
exit $rc
