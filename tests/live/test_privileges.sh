#!/bin/sh
# With what it needs and no more: capabilities and system calls are given up, commands that are run get no more, and
# everything still works: rules, program, file, store, HTTP, gRPC, admin server, reload with another interest.
set -eu
. "$(dirname "$0")/lib.sh"
here=$top/tests/outputs
need_live
for c in curl python3; do command -v $c >/dev/null || skip "$c is not installed"; done
pids=
cleanup_more() { for p in $pids; do kill -9 "$p" 2>/dev/null || :; done; }
wait_for() { # up to 10 s
	k=0
	until "$@"; do
		k=$((k + 1))
		[ $k -lt 100 ] || return 1
		sleep 0.1
	done
}
has() { grep -qs "$1" "$2"; }

python3 "$here/receiver.py" "$tmp/port" "$tmp/http" 2>"$tmp/receiver.err" &
pids="$pids $!"
wait_for test -s "$tmp/port" || fail "no receiver: $(cat "$tmp/receiver.err")"
rule() { # name event marker
	printf -- '- rule: %s\n  desc: d\n  condition: evt.type in (%s) and proc.name = %s and %s\n  output: %s parent=%%proc.pname\n  priority: NOTICE\n' "$1" "$2" "$trigger_name" "$3" "$1"
}
mkdir "$tmp/rules.d"
touch "$tmp/marker"
trigger_name=skt$$
trigger=$tmp/$trigger_name
cp "$(command -v cat)" "$trigger"
rule Opened "open, openat, openat2" "fd.name = $tmp/marker" >"$tmp/rules.d/a.yaml"
cat >"$tmp/saker.yaml" <<Y
log_stderr: true
log_syslog: false
json_output: true
stdout_output: {enabled: true}
file_output: {enabled: true, filename: $tmp/file}
program_output: {enabled: true, program: "cat >>$tmp/program; grep -E '^(CapEff|CapBnd|Seccomp|NoNewPrivs):' /proc/self/status >$tmp/child"}
http_output: {enabled: true, url: "http://127.0.0.1:$(cat "$tmp/port")/"}
grpc: {enabled: true, bind_address: "unix://$tmp/grpc.sock"}
grpc_output: {enabled: true}
store: {path: $tmp/alerts.db}
webserver: {enabled: true, listen_address: 127.0.0.1, listen_port: 0, prometheus_metrics_enabled: true}
Y
start_saker -c "$tmp/saker.yaml" -r "$tmp/rules.d"
status() { sed -n "s/^$1:[ 	]*//p" "/proc/$saker_pid/task/$2/status"; }
for t in "/proc/$saker_pid/task"/*; do
	t=${t##*/}
	name=$(cat "/proc/$saker_pid/task/$t/comm")
	[ "$(status Seccomp "$t")" = 2 ] && [ "$(status NoNewPrivs "$t")" = 1 ] || fail "thread $name has no filter"
	# neither CAP_SYS_ADMIN (21), CAP_SYS_MODULE (16), CAP_NET_ADMIN (12), CAP_SETUID (7), CAP_CHOWN (0)
	[ $((0x$(status CapPrm "$t") & 0x211081)) = 0 ] && [ $((0x$(status CapBnd "$t") & 0x211081)) = 0 ] || fail "thread $name has $(status CapPrm "$t")"
done
"$trigger" "$tmp/marker"
for f in out file program http; do wait_for has '"rule":"Opened"' "$tmp/$f" || fail "$f has no alert"; done
wait_for test -s "$tmp/child" || fail "the program did not run"
[ $((0x$(sed -n 's/^CapEff:[ 	]*//p' "$tmp/child") & 0x211081)) = 0 ] || fail "the program has $(cat "$tmp/child")"
"$saker" alerts --store "$tmp/alerts.db" 2>"$tmp/alerts.err" | grep -q Opened || fail "nothing in the store: $(cat "$tmp/alerts.err")"
port=$(sed -n 's/.*admin: listening on .*:\([0-9]*\).*/\1/p' "$tmp/err")
[ "$(curl -sS -m 5 "http://127.0.0.1:$port/healthz")" = '{"status":"ok"}' ] || fail "health: $(curl -sS -m 5 "http://127.0.0.1:$port/healthz")"
curl -sS -m 5 "http://127.0.0.1:$port/metrics" | grep -q '^saker_healthy 1' || fail "metrics"
test -S "$tmp/grpc.sock" || fail "no gRPC socket"

# a reload that needs other system calls of the probe, another file, another socket
rule Made "mkdir, mkdirat" "evt.arg.path contains newdir" >"$tmp/rules.d/b.yaml"
wait_for has 'reloaded: 2 rules' "$tmp/err" || fail "no reload"
sed -i "s|$tmp/file|$tmp/file2|; s|$tmp/grpc.sock|$tmp/grpc2.sock|" "$tmp/saker.yaml"
wait_for has 'output "grpc" replaced' "$tmp/err" || fail "gRPC was not replaced"
wait_for test -S "$tmp/grpc2.sock" || fail "no second gRPC socket"
cp "$(command -v mkdir)" "$trigger"
"$trigger" "$tmp/newdir" || fail "cannot make a directory"
wait_for has '"proc.pname":"test_privileges.*"rule":"Made"' "$tmp/file2" || fail "the new rule does not fire: $(tail -2 "$tmp/file2")"
kill -USR1 "$saker_pid"
stop_saker
grep -E 'rror|ENOSYS|not implemented|denied' "$tmp/err" | grep -vi 'receiver' && fail "something was refused"

# switched off: everything as it was
start_saker -c "$tmp/saker.yaml" -r "$tmp/rules.d" -o privileges.drop=false -o privileges.seccomp=false
[ "$(status CapPrm "$saker_pid")" = "$(sed -n 's/^CapPrm:[ 	]*//p' /proc/self/status)" ] && [ "$(status Seccomp "$saker_pid")" = "$(sed -n 's/^Seccomp:[ 	]*//p' /proc/self/status)" ] ||
	fail "switched off, something is given up"
stop_saker
# one that is kept, and a name that is none
start_saker -c "$tmp/saker.yaml" -r "$tmp/rules.d" -o "privileges.keep[]=CAP_CHOWN"
[ $((0x$(status CapPrm "$saker_pid") & 1)) = 1 ] || fail "CAP_CHOWN was not kept"
stop_saker
rc=0
timeout 20 "$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.d" -o "privileges.keep[]=CAP_NONSENSE" >"$tmp/out" 2>"$tmp/err" || rc=$?
[ $rc = 1 ] && grep -q "^Error: .*privileges.keep.*CAP_NONSENSE" "$tmp/err" || fail "a wrong name: $rc $(tail -1 "$tmp/err")"
say "privileges: given up in every thread and command, everything still works"
