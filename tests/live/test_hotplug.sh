#!/bin/sh
# A CPU that comes online while saker runs gets its ring, and what happens on it is seen. Needs a CPU that is offline:
# taking one away from a machine in use is not for a test, so this is skipped nearly everywhere (./dev kernels makes
# machines that have one).
set -eu
. "$(dirname "$0")/lib.sh"
need_live
cpu=
for f in /sys/devices/system/cpu/cpu[0-9]*/online; do
	if [ "$(cat "$f" 2>/dev/null)" = 0 ]; then cpu=$(dirname "$f"); break; fi
done
[ -n "$cpu" ] || skip "every CPU is online"
build_trigger
start_saker -c "$top/saker.yaml" -r "$top/rules/saker_rules.yaml" -o log_stderr=true -o json_output=true -o buffered_outputs=false
echo 1 >"$cpu/online" || skip "${cpu##*/} cannot be brought online"
n=0
until grep -q "1 CPU came online" "$tmp/err"; do
	n=$((n + 1))
	[ "$n" -le 200 ] || fail "the CPU was not noticed within 20 s"
	sleep 0.1
done
taskset "$(printf '%x' $((1 << ${cpu##*cpu})))" "$trigger" read /etc/shadow || :
wait_alert 10 '"fd.name":"/etc/shadow"' || fail "no alert for what happened on ${cpu##*/}"
stop_saker
say "${cpu##*/} came online, seen"
