#!/bin/sh
# A fork and descriptor bomb under memory.limit: Saker stays below it, gives up caches and says which, and goes on alerting.
#   test_bomb.sh SOURCE_DIR BUILD_DIR [SECONDS [LIMIT_MIB]]     default 12 seconds, 128 MiB
set -eu
top=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
seconds=${3:-12} limit=${4:-128}
[ "$(id -u)" = 0 ] || { echo "SKIP: live capture needs root"; exit 77; }
[ -r /sys/kernel/btf/vmlinux ] || { echo "SKIP: this kernel has no BTF (/sys/kernel/btf/vmlinux)"; exit 77; }
if nm "$build/libsaker_base.a" 2>/dev/null | grep -qE '__(a|t)san_'; then echo "SKIP: sanitizers have memory of their own"; exit 77; fi
work=$(mktemp -d "${TMPDIR:-/tmp}/saker-bomb.XXXXXX")
pid= bomb=
trap 'for p in $pid $bomb; do kill "$p" 2>/dev/null || :; done; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
"$top/tests/live/build.sh" "$top" "$build" "$work" bomb_load
mkdir "$work/files"
cp /bin/true "$work/bombmarker"
cat >"$work/rules.yaml" <<-RULES
- rule: Marker
  desc: d
  condition: evt.type in (execve, execveat) and proc.name = bombmarker
  output: marker (command=%proc.cmdline)
  priority: WARNING
RULES
"$build/saker" -c "$top/saker.yaml" -r "$work/rules.yaml" -o "memory.limit=${limit}MiB" -o buffered_outputs=false \
	>"$work/out" 2>"$work/err" &
pid=$!
i=0
until grep -q ready "$work/err"; do
	i=$((i + 1))
	[ $i -lt 300 ] && kill -0 "$pid" 2>/dev/null || { cat "$work/err"; echo "FAIL: does not start"; exit 1; }
	sleep 0.1
done
"$work/bomb_load" "$seconds" "$work/files" >"$work/bomb" &
bomb=$!
n=0 peak=0
while kill -0 "$bomb" 2>/dev/null; do
	n=$((n + 1))
	"$work/bombmarker" "$n" # an exec: the probe delivers those whatever else there is
	rss=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status") || { echo "FAIL: it has died"; cat "$work/err"; exit 1; }
	[ "$rss" -le "$peak" ] || peak=$rss
	sleep 0.25
done
bomb=
sleep 1
kill "$pid"
wait "$pid" || { echo "FAIL: exit code $?"; exit 1; }
pid=
seen=$(grep -c "command=bombmarker" "$work/out" || :)
grep -E "^saker: (memory|state|probe)" "$work/err"
cat "$work/bomb"
echo "alerts $seen of $n, peak $((peak / 1024)) MiB of $limit"
bad=0
[ "$peak" -le $((limit * 1024)) ] || { echo "FAIL: above the limit"; bad=1; }
[ "$seen" -eq "$n" ] || { echo "FAIL: alerts are missing"; bad=1; }
grep -qE "^saker: memory limit .* descriptors [1-9]" "$work/err" || { echo "FAIL: nothing was given up: the bomb was too small"; bad=1; }
exit $bad
