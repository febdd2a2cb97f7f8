#!/bin/sh
# Reload every second under 100,000 events a second: no event lost, no alert lost, no process forgotten, against the load's
# own count. Rules and an output change each time.
#   reload_load.sh SOURCE_DIR BUILD_DIR [SECONDS [RATE]]
set -eu
. "$(dirname "$0")/lib.sh"
need_live
seconds=${3:-60} rate=${4:-100000}
"$top/tests/live/build.sh" "$top" "$build" "$tmp/bin" paced || fail "the load does not compile"
me=skp$$
cp "$tmp/bin/paced" "$tmp/bin/$me"
cp "$(command -v cat)" "$tmp/bin/${me}c"

rules() { # a name that changes, so that the set does
	cat >"$tmp/rules.new" <<R
- rule: Numbered
  desc: d
  condition: evt.type in (open, openat) and proc.name = $me and fd.name startswith /n/
  output: number %fd.name parent=%proc.pname cwd=%proc.cwd
  priority: NOTICE
- rule: Old process
  desc: d
  condition: evt.type in (open, openat) and proc.name = ${me}c and fd.name = $tmp/marker
  output: old parent=%proc.pname grand=%proc.aname[2] cwd=%proc.cwd
  priority: NOTICE
- rule: Variant $1
  desc: asks for all of the load, and other calls every time
  condition: (evt.type in (open, close) and proc.name = nobody-$1) or evt.type = $2
  output: never
  priority: NOTICE
R
	mv "$tmp/rules.new" "$tmp/rules.yaml"
}
config() {
	cat >"$tmp/saker.new" <<C
rules_files: [$tmp/rules.yaml]
json_output: true
json_include_tags_property: $1
log_stderr: true
log_syslog: false
watch_config_files: false
file_output: {enabled: true, keep_alive: true, filename: $tmp/alerts}
C
	mv "$tmp/saker.new" "$tmp/saker.yaml"
}
: >"$tmp/marker"
rules 0 umask
config true
# a process from before the start; it works through all the reloads
mkdir "$tmp/home"
cat >"$tmp/old.sh" <<O
cd $tmp/home
while [ ! -e $tmp/stop ]; do $tmp/bin/${me}c $tmp/marker; echo >>$tmp/runs; sleep 0.2; done
O
start_saker -c "$tmp/saker.yaml" -o "engine.modern_ebpf.buf_size_preset=6"
sh "$tmp/old.sh" &
old=$!
sleep 0.5
"$tmp/bin/$me" "$rate" "$seconds" 100 >"$tmp/made" 2>"$tmp/pace" &
load=$!
k=0
while kill -0 $load 2>/dev/null; do
	k=$((k + 1))
	case $((k % 2)) in 0) rules $k umask; config true ;; *) rules $k getpgid; config false ;; esac
	kill -HUP "$saker_pid"
	sleep 1
done
wait $load || fail "the load failed"
touch "$tmp/stop"
wait $old || :
read -r calls numbers <"$tmp/made"
sleep 1
stop_saker
reloads=$(grep -c 'reloaded: ' "$tmp/err" || :)
replaced=$(grep -c 'output "file" replaced' "$tmp/err" || :)
[ "$reloads" -ge $((k * 9 / 10)) ] && [ "$replaced" -ge $((k * 8 / 10)) ] || fail "$k signals, $reloads reloads, $replaced times another output"
grep -q 'reload refused' "$tmp/err" && fail "a reload was refused"
grep -oE '/n/[0-9]{7}' "$tmp/alerts" | cut -c4- >"$tmp/numbers"
# in the rule's output and in its fields
uniq "$tmp/numbers" >"$tmp/once"
[ "$(wc -l <"$tmp/once")" = "$numbers" ] || fail "$numbers numbers were opened, $(wc -l <"$tmp/once") alerts came"
sort -c "$tmp/once" || fail "out of order"
[ "$(grep -c '"rule":"Numbered"' "$tmp/alerts")" = "$numbers" ] || fail "an alert came twice"
runs=$(wc -l <"$tmp/runs")
[ "$(grep -c '"rule":"Old process"' "$tmp/alerts")" = "$runs" ] || fail "the old process ran $runs times, $(grep -c '"rule":"Old process"' "$tmp/alerts") alerts"
grep -E '"proc.pname":(null|"<NA>"|"")|"proc.cwd":(null|"<NA>"|"")' "$tmp/alerts" >"$tmp/missing" && fail "forgotten: $(head -1 "$tmp/missing")"
[ "$(grep '"rule":"Old process"' "$tmp/alerts" | grep -c "\"proc.cwd\":\"$tmp/home/\".*\"proc.pname\":\"sh\"")" = "$runs" ] || fail "the old process is not known as it was"
awk -v calls="$calls" '
/^saker: probe produced/ { produced = $4; for (i = 6; i < NF; i += 2) if ($i != "critical_among_them") lost += $(i + 1) }
/^saker: workers/ { for (i = 3; i < NF; i += 2) if ($i ~ /^dropped/) lost += $(i + 1) }
/^saker: readers/ { for (i = 3; i < NF; i += 2) if ($i == "events") got = $(i + 1) }
END {
	printf "events: %d made by the load, %d produced, %d read, %d lost\n", calls, produced, got, lost
	exit lost != 0 || produced < calls || got != produced
}' "$tmp/err" || fail "events were lost"
say "$reloads reloads ($replaced with another output) in $seconds s at $(cat "$tmp/pace"): $numbers alerts of $numbers, in order; the old process $runs times"
