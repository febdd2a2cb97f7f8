#!/bin/sh
# A million short processes (fork, exec, open, exit): every one is known by its name and arguments, and memory at the end is
# what it was after a tenth of them. With one shard and with two, whose versions wait for grace periods.
#   test_churn.sh SOURCE_DIR BUILD_DIR [PROCESSES]
set -eu
. "$(dirname "$0")/lib.sh"
count=${3:-1000000}
if nm "$build/libsaker_base.a" 2>/dev/null | grep -qE '__(a|t)san_'; then count=$((count / 20)); fi
cat >"$tmp/rules.yaml" <<'RULES'
- rule: Unknown
  desc: d
  condition: evt.type = openat and fd.name startswith /var/jobs and not proc.args startswith "--number="
  output: nothing is known of it (%evt.num %proc.name %proc.args)
  priority: WARNING
- rule: Sampled
  desc: d
  condition: evt.type = openat and fd.name endswith 0000 and proc.pname = maker
  output: seen (%fd.name %proc.args %proc.exepath)
  priority: NOTICE
RULES
# run PROCESSES WORKERS: sets peak (KiB), bytes of the tables, tasks
run() {
	rc=0
	"$mkcap" processes "$1" | timeout 250 "$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.yaml" -o engine.kind=replay \
		-o engine.replay.capture_file=- -o "pipeline.workers=$2" >"$tmp/out" 2>"$tmp/err" || rc=$?
	[ "$rc" = 0 ] || { tail -n 5 "$tmp/err"; fail "exit code $rc"; }
	! grep -q "nothing is known of it" "$tmp/out" || { grep -m3 "nothing is known" "$tmp/out"; fail "processes nothing is known of"; }
	seen=$(grep -c "seen (/var/jobs/[0-9]*0000 --number=" "$tmp/out" || :)
	[ "$seen" -eq $((($1 - 1) / 10000)) ] || fail "$seen of $((($1 - 1) / 10000)) sampled processes were seen"
	peak=$(sed -n 's/^saker: memory_kib .* peak \([0-9]*\)/\1/p' "$tmp/err")
	tasks=$(sed -n 's/^saker: state tasks \([0-9]*\) .*/\1/p' "$tmp/err")
	bytes=$(sed -n 's/^saker: state tasks .* bytes \([0-9]*\) .*/\1/p' "$tmp/err")
}
for workers in 0 2; do
	run $((count / 10)) $workers
	first=$peak
	run "$count" $workers
	say "workers $workers: $count processes, peak $peak KiB (a tenth of them: $first KiB), tables $bytes bytes, $tasks threads left"
	[ "$tasks" -le 4 ] || fail "$tasks threads are left"
	# five percent, and what queues between threads may hold more in a longer run
	[ "$peak" -le $((first + first / 20 + 8192)) ] || fail "memory grows with the number of processes"
done
