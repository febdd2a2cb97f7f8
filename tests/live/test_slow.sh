#!/bin/sh
# 10,000 alerts a second while every output is slow or hangs: events go on, memory stays bounded, each alert is delivered,
# or counted as lost by the output that lost it, and the daemon stops in time.
set -eu
. "$(dirname "$0")/lib.sh"
here=$top/tests/outputs
need_live
for c in python3 curl; do command -v $c >/dev/null || skip "$c is not installed"; done
"$top/tests/live/build.sh" "$top" "$build" "$tmp/bin" paced || fail "the load does not compile"
me=sks$$
cp "$tmp/bin/paced" "$tmp/bin/$me"
pids=
cleanup_more() { for p in $pids; do kill -9 "$p" 2>/dev/null || :; done; }

cat >"$tmp/rules.yaml" <<R
- rule: Numbered
  desc: d
  condition: evt.type in (open, openat) and proc.name = $me and fd.name startswith /n/
  output: number %fd.name parent=%proc.pname cwd=%proc.cwd with more text to have the size of an alert %proc.cmdline %user.name
  priority: NOTICE
R
# reads 100 KiB a second, for ever
slow_reader() {
	python3 -c 'import os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
while os.read(fd, 10240): time.sleep(0.1)' "$1" &
	pids="$pids $!"
}
mkfifo "$tmp/fifo" "$tmp/out.fifo"
slow_reader "$tmp/fifo"
slow_reader "$tmp/out.fifo"
python3 "$here/receiver.py" "$tmp/port" "$tmp/http" --mode hang --after 0 2>"$tmp/receiver.err" &
pids="$pids $!"
n=0
until [ -s "$tmp/port" ]; do n=$((n + 1)); [ $n -lt 100 ] || fail "no receiver"; sleep 0.1; done
cat >"$tmp/saker.yaml" <<Y
json_output: true
log_stderr: true
log_syslog: false
stdout_output: {enabled: true}
file_output: {enabled: true, keep_alive: true, filename: $tmp/fifo}
program_output: {enabled: true, keep_alive: true, program: "while read -r l; do sleep 0.05; done"}
http_output: {enabled: true, url: "http://127.0.0.1:$(cat "$tmp/port")/", timeout: 1000}
store: {path: $tmp/alerts.db, max_bytes: 20000000}
webserver: {enabled: true, listen_address: 127.0.0.1, listen_port: 0, prometheus_metrics_enabled: true}
Y
: >"$tmp/err"
"$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.yaml" >"$tmp/out.fifo" 2>"$tmp/err" &
saker_pid=$!
n=0
until grep -qw ready "$tmp/err"; do n=$((n + 1)); [ $n -lt 300 ] || fail "not ready"; sleep 0.1; done
port=$(sed -n 's/.*admin: listening on .*:\([0-9]*\).*/\1/p' "$tmp/err")

"$tmp/bin/$me" 10000 8 1 >"$tmp/made" 2>"$tmp/pace" &
load=$!
sleep 6
curl -sS -m 5 "http://127.0.0.1:$port/healthz" >"$tmp/health"
grep -q '"status":"ok"' "$tmp/health" || fail "slow outputs make it unhealthy: $(cat "$tmp/health")"
wait $load
read -r calls numbers <"$tmp/made"
sleep 1
curl -sS -m 5 "http://127.0.0.1:$port/metrics" >"$tmp/metrics"
value() { sed -n "s/^$1 //p" "$tmp/metrics"; }
[ "$(value saker_alerts_total)" = "$numbers" ] || fail "$numbers alerts were due, $(value saker_alerts_total) were raised"
rss=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$saker_pid/status")
[ "$rss" -lt 500000 ] || fail "memory: $rss KiB"
kill -TERM "$saker_pid"
n=0
while [ -d "/proc/$saker_pid" ] && ! grep -q '^State:.Z' "/proc/$saker_pid/status" 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 600 ] || fail "does not stop within 60 s"
	sleep 0.1
done
rc=0
wait "$saker_pid" || rc=$?
saker_pid=
[ $rc = 0 ] || fail "exit code $rc"
awk -v n="$numbers" '
/^saker: output (stdout|file|program) / { if ($5 + $7 + $9 != n) { print "FAIL: " $0 ": not " n; e = 1 } if (!$7) slow++ ; seen++ }
/^saker: store put/ { for (i = 3; i < NF; i += 2) v[$i] = $(i + 1); if (v["put"] != n || v["committed"] + v["lost"] != n) { print "FAIL: " $0; e = 1 } seen++ }
/^saker: (probe|readers|workers|output|store|hub)/ { print }
END { if (seen != 4) { print "FAIL: figures are missing"; e = 1 } if (slow == 3) { print "FAIL: nothing was slow"; e = 1 } exit e }' "$tmp/err" || fail "the accounts are wrong"
say "$numbers alerts at $(cat "$tmp/pace") with every output slow: all delivered or counted, $rss KiB, stopped within $((n / 10 + 1)) s"
