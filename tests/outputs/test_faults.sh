#!/bin/sh
# What can go wrong with an output or the store, one after the other; each time Saker goes on, says so, and every
# alert is delivered or counted.
set -eu
. "$(dirname "$0")/lib.sh"
n=400

http() { echo "-o http_output.enabled=true -o http_output.url=$1 -o http_output.timeout=300"; }
# fresh: files of the last case away
fresh() {
	# shellcheck disable=SC2086
	end $pids 2>/dev/null
	pids=
	rm -f "$tmp/out" "$tmp/err" "$tmp/received" "$tmp/headers" "$tmp"/alerts.db*
	: >"$tmp/received"
}
all_there() { # what
	sort -u "$tmp/received" | grep -cE '^[0-9]{7}$' >"$tmp/count" || :
	[ "$(cat "$tmp/count")" = $n ] || { tail -5 "$tmp/err"; fail "$1: $(cat "$tmp/count") of $n alerts arrived"; }
}
logged() { grep -qE "$1" "$tmp/err"; }
stat_of() { sed -n "s/^saker: $1 .*$2 \([0-9]*\).*/\1/p" "$tmp/err"; }

# ---- the receiver ---------------------------------------------------------------------------
for mode in status=500 hang reset; do
	fresh
	receiver "$tmp/received" --numbers --mode $mode --after 100
	# shellcheck disable=SC2046
	numbered 1 $n 0 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/alerts.db" -o http_output.max_consecutive_timeouts=0
	wait_for logged 'output "http" fails and is tried again' || fail "$mode: no word about the failure"
	kill -USR1 "$receiver_pid"
	finished 30
	[ "$rc" = 0 ] || fail "$mode: exit code $rc"
	all_there $mode
	logged 'output "http" works again' || fail "$mode: no word that it works again"
done

# Refused for good: not tried again, counted.
fresh
receiver "$tmp/received" --numbers --mode status=400 --after 100
# shellcheck disable=SC2046
numbered 1 $n 0 $(http "http://me:secret@127.0.0.1:$port/in?token=secret")
finished 30
logged 'http://127.0.0.1:[0-9]*/in answers 400' || fail "status 400: not told"
if logged secret; then fail "a password is in the log"; fi
[ "$(stat_of 'output http' failed)" = $((n - 100)) ] || fail "status 400: not counted"
[ "$(grep -c 'answers 400' "$tmp/err")" = 1 ] || fail "status 400: told other than once"

# Nobody listens, no store: told, counted, and the end comes.
fresh
# shellcheck disable=SC2046
numbered 1 $n 0 $(http "http://127.0.0.1:1/")
finished 30
[ "$(stat_of 'output http' dropped)" = $n ] || fail "refused: not counted as dropped"
logged "$n alerts could not be delivered and are lost" || fail "refused: the loss is not told"

# Nobody listens, with a store: the next run delivers.
fresh
# shellcheck disable=SC2046
numbered 1 $n 0 $(http "http://127.0.0.1:1/") -o "store.path=$tmp/alerts.db"
finished 30
logged "$n alerts stay in the store for the next run" || fail "refused: what stays is not told"
receiver "$tmp/received" --numbers
# shellcheck disable=SC2046
numbered $n $n 0 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/alerts.db"
finished 30
all_there "after a run without a receiver"
logged "has up to $n alerts of earlier runs to deliver" || fail "the restart does not tell what waits"

# ---- the store -------------------------------------------------------------------------------
# Smaller than what comes: gaps are told to the receiver, and everything is there or in a gap.
fresh
# shellcheck disable=SC2046
numbered 1 4000 0 $(http "http://127.0.0.1:1/") -o "store.path=$tmp/alerts.db" -o store.max_bytes=300000 -o outputs_queue.capacity=100
finished 30
receiver "$tmp/received"
# shellcheck disable=SC2046
numbered 4001 4001 0 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/alerts.db" -o store.max_bytes=300000
finished 30
numbers "$tmp/received" | sort -u | wc -l >"$tmp/count"
sed -n 's/.*"n_discarded":\([0-9]*\).*/\1/p' "$tmp/received" | awk '{ s += $1 } END { print s + 0 }' >"$tmp/gaps"
[ $(($(cat "$tmp/count") + $(cat "$tmp/gaps"))) = 4001 ] || fail "limit: $(cat "$tmp/count") arrived and $(cat "$tmp/gaps") in gaps, of 4001"
[ "$(cat "$tmp/gaps")" -gt 1000 ] || fail "limit: there should be a gap"

# Damaged.
fresh
receiver "$tmp/received" --numbers
head -c 50000 /dev/urandom >"$tmp/alerts.db"
# shellcheck disable=SC2046
numbered 1 $n 0 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/alerts.db"
finished 30
all_there "damaged store"
ls "$tmp"/alerts.db.damaged-* >/dev/null || fail "the damaged store is not kept"
"$saker" alerts --store "$tmp/alerts.db" | lines /dev/stdin $n 2>/dev/null || [ "$("$saker" alerts --store "$tmp/alerts.db" | wc -l)" = $n ] ||
	fail "the new store does not have the alerts"

# A directory that is not there: alerts go on.
fresh
receiver "$tmp/received" --numbers
# shellcheck disable=SC2046
numbered 1 $n 0 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/none/alerts.db"
finished 30
all_there "store in a directory that does not exist"
logged 'alerts go to the outputs without being stored' || fail "no word about the store that cannot be opened"

if [ "$(id -u)" = 0 ] && mkdir "$tmp/small" && mount -t tmpfs -o size=400k none "$tmp/small" 2>/dev/null; then
	more_cleanup() { umount "$tmp/small" 2>/dev/null || umount -l "$tmp/small" 2>/dev/null || :; }
	# Disk full: alerts get through; when there is room again they are stored again.
	fresh
	receiver "$tmp/received" --numbers
	# shellcheck disable=SC2046
	numbered 1 4000 1000 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/small/alerts.db" -o store.commit_interval=20
	wait_for logged 'cannot write .*small/alerts.db: database or disk is full' || fail "disk full: not told"
	mount -o remount,size=20m "$tmp/small"
	wait_for logged 'small/alerts.db can be written again' || fail "disk full: does not recover"
	finished 40
	n=4000
	all_there "disk full"
	n=400
	# Read-only from the start.
	fresh
	mount -o remount,ro "$tmp/small"
	receiver "$tmp/received" --numbers
	# shellcheck disable=SC2046
	numbered 1 $n 0 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/small/alerts.db"
	finished 30
	all_there "read-only store"
	logged 'cannot write .*small/alerts.db: ' || fail "read-only: not told"
	umount "$tmp/small"
	more_cleanup() { :; }
else
	say "not root, or no mount: disk full and read-only are left out"
fi

# Two at a time.
fresh
receiver "$tmp/received" --numbers
# shellcheck disable=SC2046
numbered 1 5000 1000 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/alerts.db"
first=$saker_pid
wait_for lines "$tmp/received" 1 || fail "nothing arrives"
timeout 20 "$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.yaml" -o engine.kind=replay -o engine.replay.capture_file="$top/tests/replay/demo.scap" \
	-o "store.path=$tmp/alerts.db" >"$tmp/second" 2>&1 && fail "a second one starts on the same store"
grep -q 'Error: .*in use by another process' "$tmp/second" || fail "the second one does not say why it does not start"
kill -9 "$first"

# ---- local outputs ---------------------------------------------------------------------------
# A program that ends at once: started again for every batch, errors counted, the rest goes on.
fresh
numbered 1 $n 2000 -o program_output.enabled=true -o program_output.keep_alive=true -o 'program_output.program=exit 3' \
	-o file_output.enabled=true -o "file_output.filename=$tmp/received"
finished 30
[ "$rc" = 0 ] || fail "program: exit code $rc"
numbers "$tmp/received" >"$tmp/r" && mv "$tmp/r" "$tmp/received"
all_there "program that ends at once"
[ "$(($(stat_of 'output program' failed) + $(stat_of 'output program' delivered)))" = $n ] || fail "program: not all counted"

# A replay whose output is stuck ends on one SIGINT.
fresh
mkfifo "$tmp/stuck"
sleep 100 <"$tmp/stuck" &
pids="$pids $!"
"$mkcap" numbered 1 60000 0 >"$tmp/big.scap" 2>/dev/null
"$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.yaml" -o engine.kind=replay -o engine.replay.capture_file="$tmp/big.scap" \
	-o log_stderr=true -o log_syslog=false >"$tmp/stuck" 2>"$tmp/err" </dev/null &
saker_pid=$!
pids="$pids $saker_pid"
wait_for grep -q ready "$tmp/err" || fail "stuck: not ready"
sleep 1
kill -INT "$saker_pid"
finished 15
logged 'output "stdout" is stuck' || fail "stuck: not told"

# The wall clock jumps, a day on and back, while alerts come and the store has an age limit.
fresh
if ${CC:-cc} -O1 -shared -fPIC -o "$tmp/clock.so" "$here/clock.c" -ldl 2>"$tmp/cc.err"; then
	receiver "$tmp/received" --numbers
	echo 0 >"$tmp/clock"
	# a sanitizer wants to be loaded first, and works behind this one as well
	LD_PRELOAD=$tmp/clock.so CLOCK_FILE=$tmp/clock ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	export LD_PRELOAD CLOCK_FILE ASAN_OPTIONS
	# shellcheck disable=SC2046
	numbered 1 3000 1000 $(http "http://127.0.0.1:$port/") -o "store.path=$tmp/alerts.db" -o store.max_age=1h
	unset LD_PRELOAD CLOCK_FILE
	wait_for lines "$tmp/received" 500 || fail "clock: nothing arrives"
	echo 86400 >"$tmp/clock"
	wait_for lines "$tmp/received" 1500 || fail "clock: nothing arrives after a jump forward"
	echo -86400 >"$tmp/clock"
	finished 30
	n=3000
	all_there "clock"
	n=400
	[ "$("$saker" alerts --store "$tmp/alerts.db" | wc -l)" = 3000 ] || fail "clock: the jump deleted alerts"
else
	fail "clock.c does not compile: $(cat "$tmp/cc.err")"
fi

# ---- what the user writes ---------------------------------------------------------------------
fresh
"$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.yaml" -o http_output.urll=x --dry-run >"$tmp/err" 2>&1 && fail "an unknown key is taken"
logged "unknown key 'http_output.urll', did you mean 'http_output.url'" || fail "unknown key: not told"
printf 'http_output:\n  enabled: true\n' >"$tmp/nourl.yaml"
"$saker" -c "$tmp/nourl.yaml" -r "$tmp/rules.yaml" --dry-run >"$tmp/err" 2>&1 && fail "http without url is taken"
logged "http output enabled but no url in configuration block" || fail "http without url: not told"
"$saker" alerts --store "$tmp/none.db" >"$tmp/err" 2>&1 && fail "saker alerts reads a store that is not there"
logged "none.db: No such file" || fail "saker alerts: not told"
"$saker" alerts --store "$tmp/none.db" --since yesterday >"$tmp/err" 2>&1 && fail "saker alerts takes any time"
logged "since yesterday: expected an age like 1h" || fail "saker alerts: time not told"

say "faults: told, survived, counted"
