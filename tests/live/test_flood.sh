#!/bin/sh
# A flood of cheap events: first the probe alone with tiny rings (probe_flood.c), then the daemon with the smallest
# ring and a lazy reader: every program run meanwhile raises its alert, and what the probe produced is what the
# readers got plus what is counted as dropped.
set -eu
. "$(dirname "$0")/lib.sh"
need_live
"$top/tests/live/build.sh" "$top" "$build" "$tmp/bin" flood load || fail "the programs do not compile"
leaf=$tmp/bin/skleaf$$
programs=${FLOOD_PROGRAMS:-500}
cp "$tmp/bin/load" "$leaf"

"$tmp/bin/flood" "$tmp/bin/load" "$leaf" "$programs" || fail "the probe lost or miscounted events"

cat >"$tmp/rules.yaml" <<RULES
- rule: Leaf
  desc: a program of the flood test
  condition: evt.type in (execve, execveat) and proc.name = skleaf$$
  output: leaf %proc.pid
  priority: NOTICE
- rule: Never
  desc: asks for the flood
  condition: evt.type in (open, close) and proc.name = nobody-is-called-this
  output: never
  priority: NOTICE
RULES
start_saker -c "$top/saker.yaml" -r "$tmp/rules.yaml" -o json_output=true -o buffered_outputs=false \
	-o engine.modern_ebpf.buf_size_preset=1 -o pipeline.drain_interval_us=50000 \
	-o pipeline.ring_wake=75 -o pipeline.ring_fair=75 -o pipeline.ring_bulk=75
"$tmp/bin/load" flood "$programs" "$leaf" >"$tmp/made" || fail "the load program failed"
stop_saker
alerts=$(grep -c '"rule":"Leaf"' "$tmp/out" || :)
[ "$alerts" = "$programs" ] || fail "$alerts alerts for $programs programs"
# saker: probe produced N dropped CAUSE N ... recursion N critical_among_them N
# saker: readers threads N events N ... damaged N
awk '
/^saker: probe produced/ {
	produced = $4
	for (i = 6; i < NF; i += 2) {
		if ($i == "recursion") break
		dropped += $(i + 1)
	}
}
/^saker: readers/ { for (i = 3; i < NF; i += 2) { if ($i == "events" || $i == "damaged") got += $(i + 1) } }
END {
	printf "daemon: produced %d = read %d + dropped %d\n", produced, got, dropped
	if (!produced || produced != got + dropped) { print "FAIL: they do not add up"; exit 1 }
	if (!dropped) print "note: nothing was dropped this time"
}' "$tmp/err" || fail "the accounts of the daemon are wrong"
