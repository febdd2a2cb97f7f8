#!/bin/sh
# Live benchmarks, as root: what Saker costs, and what it costs the watched programs.
#   bench/run.sh [live|latency|idle]...     default: all
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

[ $# -gt 0 ] || set -- idle latency live
for b in "$@"; do "bench_$b"; done
