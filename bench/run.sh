#!/bin/sh
# What Saker costs, and what it costs the watched programs.
#   bench/run.sh [idle|latency|live|probe|startup|replay|rules|widths|alerts]...     default: all but startup and widths;
# the first five are live, as root. startup: with THREADS (100000) threads beside, in 10 processes.
# Replay: CAPTURES (files; each is lengthened to EVENTS events, 1500000), RULE_SETS (lists of files, separated by
# blanks, the files of one list by commas; "-" is one rule that never matches), default the bundled ones.
# Alerts: a paced capture whose every event raises one.
# Environment: RULES (a rules file; default the bundled one), RUNS (5), SECONDS_EACH (3), OPTIONS (more
# options for saker). The load runs under setsid, in a session of its own, so that the scheduler's
# autogroup gives it and Saker equal shares; "same session" lines say what changes without that.
set -eu
cd "$(dirname "$0")/.."
: "${RULES:=rules/saker_rules.yaml}" "${RUNS:=5}" "${SECONDS_EACH:=3}" "${OPTIONS:=}"
saker=build/saker load=build/bench_load latency=build/bench_latency
tmp=$(mktemp -d)
pid=
stop() { if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || :; wait "$pid" 2>/dev/null || :; pid=; fi; }
trap 'stop; rm -rf "$tmp"' EXIT INT TERM

median() { sort -n | awk '{v[NR]=$1} END {print (NR % 2) ? v[(NR+1)/2] : (v[NR/2] + v[NR/2+1]) / 2}'; }
field() { awk -v k="$1" '{for (i = 1; i < NF; i++) if ($i == k) print $(i+1)}'; }

start() { # options...
	# shellcheck disable=SC2086
	$saker -c saker.yaml -r "$RULES" $OPTIONS "$@" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	i=0
	while ! grep -q ready "$tmp/err"; do
		i=$((i + 1))
		if [ $i -gt 300 ] || ! kill -0 "$pid" 2>/dev/null; then cat "$tmp/err" >&2; exit 1; fi
		sleep 0.1
	done
}
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
rss() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
hz=$(getconf CLK_TCK)

live_case() { # label, threads, launcher
	for run in $(seq "$RUNS"); do
		base=$($3 $load -t "$2" -s "$SECONDS_EACH" | field per_second)
		start
		before=$(ticks "$pid")
		$3 $load -t "$2" -s "$SECONDS_EACH" >"$tmp/load"
		sleep 0.3
		after=$(ticks "$pid")
		memory=$(rss "$pid")
		stop
		awk -v base="$base" -v cpu=$((after - before)) -v hz="$hz" -v rss="$memory" '
			FNR == NR { for (i = 1; i < NF; i++) f[$i] = $(i+1); next }
			/^saker: events / { for (i = 1; i < NF; i++) s[$i] = $(i+1) }
			END {
				printf "slowdown %.2f cpu_us_per_event %.3f drop_percent %.2f rate %.0f rss_mib %.1f\n",
					base / f["per_second"], cpu / hz * 1e6 / f["events"],
					100 * s["dropped"] / (s["events"] + s["dropped"]), f["per_second"], rss / 1024
			}' "$tmp/load" "$tmp/err" >>"$tmp/case"
	done
	printf '%-28s' "$1"
	for k in slowdown cpu_us_per_event drop_percent rate rss_mib; do
		printf ' %s %s' $k "$(field $k <"$tmp/case" | median)"
	done
	printf '\n'
	rm -f "$tmp/case"
}

bench_live() {
	echo "live load, rules $RULES, medians of $RUNS:"
	live_case "1 thread, own session" 1 setsid\ -w
	live_case "2 threads, own session" 2 setsid\ -w
	live_case "1 thread, same session" 1 ""
}

bench_latency() {
	echo "start and latency, medians of $RUNS:"
	for run in $(seq "$RUNS"); do
		# shellcheck disable=SC2086
		$latency /etc/shadow $saker -c saker.yaml -r "$RULES" $OPTIONS >>"$tmp/lat"
	done
	for k in ready_ms first_alert_ms p50_ms p99_ms max_ms lost; do
		printf ' %s %s' $k "$(field $k <"$tmp/lat" | median)"
	done
	printf '\n'
}

bench_idle() {
	start
	sleep 2
	before=$(ticks "$pid")
	sleep 10
	after=$(ticks "$pid")
	echo "idle: cpu_percent $(awk -v d=$((after - before)) -v hz="$hz" 'BEGIN {printf "%.2f", 100 * d / hz / 10}') rss_mib $(awk -v r="$(rss "$pid")" 'BEGIN {printf "%.1f", r / 1024}')"
	stop
}

# ---- what the probe costs the watched program ----------------------------------------------------

# Kinds of calls: without Saker, with an engine none of whose rules needs them (idle), with RULES.
bench_probe() {
	echo "ns per system call, medians of $RUNS runs of 9 rounds; the engine runs on the other CPU:"
	never "$tmp/never.yaml"
	for run in $(seq "$RUNS"); do
		setsid -w build/bench_syscost 9 | sed 's/^/without /'
		keep=$RULES RULES=$tmp/never.yaml
		start -o base_syscalls.custom_set='[getpgrp]'
		setsid -w build/bench_syscost 9 | sed 's/^/idle /'
		stop
		RULES=$keep
		start
		setsid -w build/bench_syscost 9 | sed 's/^/watched /'
		stop
	done >"$tmp/costs"
	printf '  %-16s %10s %10s %10s %8s %8s\n' call without idle watched +idle +watched
	for kind in uninteresting open+close connect fork+exec; do
		for how in without idle watched; do
			awk -v h="$how" -v k="$kind" '$1 == h && $2 == k { print $3 }' "$tmp/costs" | median
		done | paste - - - | awk -v k="$kind" '{ printf "  %-16s %10.0f %10.0f %10.0f %+8.0f %+8.0f\n", k, $1, $2, $3, $2 - $1, $3 - $1 }'
	done
}

# How long Saker takes to start beside many threads; limits that are too small for them are raised meanwhile.
bench_startup() {
	: "${THREADS:=100000}"
	old_pid=$(cat /proc/sys/kernel/pid_max) old_threads=$(cat /proc/sys/kernel/threads-max)
	[ "$old_pid" -ge $((THREADS * 2)) ] || echo $((THREADS * 2)) >/proc/sys/kernel/pid_max
	[ "$old_threads" -ge $((THREADS * 2)) ] || echo $((THREADS * 2)) >/proc/sys/kernel/threads-max
	mkfifo "$tmp/hold"
	build/bench_threads "$THREADS" <"$tmp/hold" >"$tmp/threads" &
	many=$!
	exec 9>"$tmp/hold"
	i=0
	while ! grep -q ready "$tmp/threads" && [ $i -lt 600 ]; do i=$((i + 1)); sleep 0.1; done
	for run in $(seq "$RUNS"); do
		start
		stop
		sed -n 's/.*ready (.*after \([0-9.]*\) s)/ready \1/p; s/.*saker: scan by \([a-z/]*\) threads \([0-9]*\) seconds/by \1 threads \2 scan/p' \
			"$tmp/err" | tr '\n' ' ' >>"$tmp/case"
		echo >>"$tmp/case"
	done
	exec 9>&-
	wait "$many" || :
	echo "$old_pid" >/proc/sys/kernel/pid_max
	echo "$old_threads" >/proc/sys/kernel/threads-max
	echo "startup beside $(field ready <"$tmp/threads") threads: by $(field by <"$tmp/case" | tail -n 1) scan_s $(field scan <"$tmp/case" | median)" \
		"ready_s $(field ready <"$tmp/case" | median) threads_found $(field threads <"$tmp/case" | tail -n 1) rss_mib $(sed -n 's/.*rss \([0-9]*\) .*/\1/p' "$tmp/err" | awk '{printf "%.0f", $1 / 1024}')"
	rm -f "$tmp/case" "$tmp/hold"
}

# ---- replay ------------------------------------------------------------------------------------

: "${CAPTURES:=tests/replay/demo.scap}" "${RULE_SETS:=- rules/saker_rules.yaml}" "${EVENTS:=1500000}"

never() {
	printf -- '- rule: Never\n  desc: d\n  condition: evt.type=page_fault and proc.name=nosuch\n  output: o\n  priority: INFO\n' >"$1"
}

# Nanoseconds per event: CPU time of everything but main, which loads the rules; start-up is not in it.
replay_ns() { # capture, workers, -r ...
	capture=$1 workers=$2
	shift 2
	# shellcheck disable=SC2086
	$saker -c saker.yaml "$@" $OPTIONS -o engine.kind=replay -o engine.replay.capture_file="$capture" \
		-o pipeline.workers="$workers" >/dev/null 2>"$tmp/err" || { cat "$tmp/err" >&2; exit 1; }
	awk '/^saker: events/ { n = $3; wall = $9 } /^saker: cpu_s/ { for (i = 3; i < NF; i += 2) if ($i != "main") c += $(i+1) }
		END { printf "%.1f %.1f\n", c / n * 1e9, wall / n * 1e9 }' "$tmp/err"
}

bench_replay() {
	echo "replay, workers 0, medians of $RUNS, thousand events per CPU second (without start-up):"
	never "$tmp/never.yaml"
	for capture in $CAPTURES; do
		build/bench_lengthen "$capture" "$tmp/long.scap" "$EVENTS" >/dev/null
		for set in $RULE_SETS; do
			files=$(echo "$set" | tr , ' ')
			[ "$set" != - ] || files=$tmp/never.yaml
			args=
			for f in $files; do args="$args -r $f"; done
			# shellcheck disable=SC2086
			for run in $(seq "$RUNS"); do replay_ns "$tmp/long.scap" 0 $args; done | awk '{print $1}' | median |
				awk -v c="$(basename "$capture" .scap)" -v s="$set" '{printf "  %-16s %-40s %6.0f  (%.0f ns)\n", c, s, 1e6 / $1, $1}'
		done
	done
	rm -f "$tmp/long.scap"
}

# Rules of all the shapes that have an index, and the two that Falco was timed with.
mixed_rules() { # number
	awk -v n="$1" 'BEGIN {
		for (i = 0; i < n; i++) {
			k = i % 5
			c = k == 0 ? "evt.type in (open,openat,openat2) and fd.name startswith /etc/gen" i "/" : \
			    k == 1 ? "evt.type in (open,openat,openat2) and fd.name = /opt/gen" i "/x and proc.name = p" i : \
			    k == 2 ? "evt.type in (execve,execveat) and proc.name in (p" i ", q" i ", r" i ")" : \
			    k == 3 ? "evt.type in (open,openat,openat2) and fd.name contains /gen" i "-" : \
				     "evt.type in (execve,execveat) and proc.cmdline contains genfoo" i
			printf "- rule: r%d\n  desc: d\n  condition: %s\n  output: o %%proc.name\n  priority: INFO\n", i, c
		}
	}'
}
two_shapes() { # number
	awk -v n="$1" 'BEGIN {
		for (i = 0; i < n; i++) {
			c = i % 2 ? "evt.type in (execve,execveat) and proc.cmdline contains foo" i : \
				"evt.type in (open,openat,openat2) and fd.name startswith /etc/xyz" i " and proc.name = p" i
			printf "- rule: r%d\n  desc: d\n  condition: %s\n  output: o %%proc.name\n  priority: INFO\n", i, c
		}
	}'
}

scaling() { # title, generator, numbers...
	title=$1 make=$2
	shift 2
	for n in "$@"; do
		$make "$n" >"$tmp/gen.yaml"
		for run in $(seq "$RUNS"); do
			ns=$(replay_ns "$tmp/long.scap" 0 -r "$tmp/gen.yaml")
			load=$(field main <"$tmp/err" | tail -n 1)
			echo "$ns $load"
		done >"$tmp/case"
		awk -v n="$n" -v t="$title" -v ns="$(awk '{print $1}' "$tmp/case" | median)" -v load="$(awk '{print $3}' "$tmp/case" | median)" 'BEGIN {
			printf "  %-8s %6d rules: %5.0f ns per event, %8.0f events per CPU second, loaded in %.2f s\n", t, n, ns, 1e9 / ns, load }'
	done
}

bench_rules() {
	capture=$(echo "$CAPTURES" | awk '{print $1}')
	echo "number of rules, $capture, workers 0, medians of $RUNS:"
	build/bench_lengthen "$capture" "$tmp/long.scap" "$EVENTS" >/dev/null
	scaling mixed mixed_rules 25 100 1000 10000
	echo "  Falco 0.44 with its two shapes: 293000 events per CPU second at 100 rules, 32500 at 1000, 2700 at 5000; the same shapes:"
	scaling shapes two_shapes 100 1000 5000
	rm -f "$tmp/long.scap"
}

# ---- alerts ----------------------------------------------------------------------------------

# alerts_case LABEL PER_SECOND OPTION...: paced, 0 = as fast as it goes. A replay drops nothing, so what
# it cannot take in time shows in the rate. cpu_cores is all of Saker (reading and evaluating the capture too).
alerts_case() {
	label=$1 rate=$2
	shift 2
	total=$((rate > 0 ? rate * SECONDS_EACH : 300000))
	for run in $(seq "$RUNS"); do
		rm -rf "$tmp/db" && mkdir "$tmp/db"
		"$tmp/mkcap" numbered 1 $total "$rate" 2>/dev/null | $saker -c saker.yaml -r "$tmp/numbered.yaml" -o engine.kind=replay \
			-o engine.replay.capture_file=- -o json_output=true "$@" 2>"$tmp/err" | cat >/dev/null
		awk '/^saker: events / { for (i = 1; i < NF; i++) s[$i] = $(i+1) }
			/^saker: cpu_s / { for (i = 3; i <= NF; i += 2) cpu += $(i+1) }
			/^saker: output / { for (i = 4; i < NF; i++) if ($i == "dropped" || $i == "failed") bad += $(i+1) }
			/^saker: store / { for (i = 3; i < NF; i++) if ($i == "lost") bad += $(i+1); else if ($i == "commit_max_ms") commit = $(i+1) }
			END { printf "per_second %.0f cpu_cores %.2f lost %d commit_max_ms %.1f\n", s["alerts"] / s["seconds"], cpu / s["seconds"], bad, commit }
		' "$tmp/err" >>"$tmp/case"
	done
	printf '%-44s' "$label"
	for k in per_second cpu_cores lost commit_max_ms; do printf ' %s %s' $k "$(field $k <"$tmp/case" | median)"; done
	printf '\n'
	rm -f "$tmp/case"
}

bench_alerts() {
	${CC:-cc} -O2 -std=gnu17 -D_GNU_SOURCE -Isrc -o "$tmp/mkcap" tests/replay/mkcap.c tests/gen/gen.c src/contract/event.c -lz
	cat >"$tmp/numbered.yaml" <<-RULES
	- rule: Numbered
	  desc: d
	  condition: evt.type = openat and fd.name startswith /n/
	  output: a file was opened by somebody (file=%fd.name fd=%fd.num command=%proc.cmdline parent=%proc.pname user=%user.name uid=%user.uid exe=%proc.exepath type=%evt.type res=%evt.res)
	  priority: WARNING
	  tags: [a, b]
	RULES
	out="-o file_output.enabled=true -o file_output.filename=$tmp/db/file -o file_output.keep_alive=true"
	store="-o stdout_output.enabled=false -o store.path=$tmp/db/alerts.db"
	echo "alert path, JSON, medians of $RUNS:"
	# shellcheck disable=SC2086
	{
		alerts_case "50,000/s to stdout (a pipe) and a file" 50000 $out
		alerts_case "the same, as fast as it goes" 0 $out
		alerts_case "20,000/s through the store, and a file" 20000 $out $store
		alerts_case "the same, as fast as it goes" 0 $out $store
	}
}

# One capture at several widths: what more workers give, and what they cost.
bench_widths() {
	capture=$(echo "$CAPTURES" | awk '{print $1}') set=$(echo "$RULE_SETS" | awk '{print $NF}') args=
	echo "widths, $capture, rules $set, medians of $RUNS:"
	for f in $(echo "$set" | tr , ' '); do args="$args -r $f"; done
	build/bench_lengthen "$capture" "$tmp/long.scap" "$EVENTS" >/dev/null
	for workers in 0 1 2 4; do
		for run in $(seq "$RUNS"); do
			# shellcheck disable=SC2086
			echo "$(replay_ns "$tmp/long.scap" "$workers" $args) $(sed -n 's/.* waits \([0-9]*\) .*/\1/p' "$tmp/err")"
		done >"$tmp/case"
		awk -v w="$workers" -v cpu="$(awk '{print $1}' "$tmp/case" | median)" -v wall="$(awk '{print $2}' "$tmp/case" | median)" \
			-v waits="$(awk '{print $NF}' "$tmp/case" | median)" 'BEGIN {
			printf "  workers %d: %8.0f events per CPU second, %8.0f per second, waits for other shards %d\n", w, 1e9 / cpu, 1e9 / wall, waits }'
	done
	rm -f "$tmp/long.scap"
}

[ $# -gt 0 ] || set -- idle latency live probe replay rules alerts
for b in "$@"; do "bench_$b"; done
