#!/bin/sh
# Numbered alerts to an HTTP receiver that is killed and started again, while Saker itself is killed with -9:
# every number that was committed arrives, in order; what a kill -9 loses is at most what one commit interval holds,
# and the next start says how many.
#   test_outage.sh SOURCE BUILD [long]       long: 100,000 at 5,000/s, 10 restarts, 2 kills; else 6,000, 3, 1
set -eu
. "$(dirname "$0")/lib.sh"
total=6000 rate=2000 restarts=3 kills=1 interval=250
[ "${3:-}" != long ] || { total=100000 rate=5000 restarts=10 kills=2 interval=100; }
store=$tmp/alerts.db

run() { # from
	numbered "$1" $total $rate -o http_output.enabled=true -o "http_output.url=http://127.0.0.1:$port/" \
		-o "store.path=$store" -o store.commit_interval=$interval -o store.max_bytes=0 \
		-o file_output.enabled=true -o file_output.keep_alive=true -o "file_output.filename=$tmp/evaluated"
}
stored() { "$saker" alerts --store "$store" -o log_stderr=false | numbers /dev/stdin; }
told() { [ "$(grep -c 'last run was not stopped properly' "$tmp/err")" = "$1" ]; }
newest() { sort -n | tail -1; }

receiver "$tmp/received" --numbers
: >"$tmp/lost"
run 1
(
	# restarts, spread over the run; the receiver is away for a moment each time
	n=0
	while [ $n -lt $restarts ]; do
		n=$((n + 1))
		until lines "$tmp/received" $((total * n / (restarts + 2))); do sleep 0.05; done
		kill -9 "$(cat "$tmp/receiver.pid")"
		sleep 0.4
		python3 "$here/receiver.py" "$tmp/port2" "$tmp/received" --numbers --port "$port" 2>>"$tmp/receiver.err" &
		echo $! >"$tmp/receiver.pid"
		sleep 0.2
	done
	echo $n >"$tmp/restarted"
) 2>"$tmp/restart.err" &
pids="$pids $!"
echo "$receiver_pid" >"$tmp/receiver.pid"
more_cleanup() { end "$(cat "$tmp/receiver.pid")"; }

k=0
while [ $k -lt $kills ]; do
	k=$((k + 1))
	wait_for lines "$tmp/evaluated" $((total * k / (kills + 1))) || { tail -5 "$tmp/err"; fail "nothing is evaluated"; }
	kill -9 "$saker_pid"
	wait "$saker_pid" 2>/dev/null || :
	wait "$gen_pid" || :
	# a number is evaluated when the file output or the store has it
	stored >"$tmp/in_store"
	numbers "$tmp/evaluated" | sort -u >"$tmp/e"
	sort -u "$tmp/in_store" >"$tmp/s"
	comm -23 "$tmp/e" "$tmp/s" | comm -23 - "$tmp/lost" >"$tmp/new_lost"
	lost=$(wc -l <"$tmp/new_lost")
	sort -u "$tmp/lost" "$tmp/new_lost" >"$tmp/l" && mv "$tmp/l" "$tmp/lost"
	next=$(($(cat "$tmp/e" "$tmp/s" | newest | sed 's/^0*//') + 1))
	run "$next"
	wait_for told $k || fail "the restart does not log what was lost"
	said=$(sed -n 's/.*It had raised \([0-9]*\) alert.*/\1/p' "$tmp/err" | tail -1)
	say "kill $k: evaluated up to $((next - 1)), not committed: $lost (the restart says $said; an interval holds $((rate * interval / 1000)))"
	# two intervals: the timer's, and the time the commit itself takes on a busy machine
	[ "$lost" -le $((rate * interval / 1000 * 2)) ] || fail "more was lost than a commit interval holds"
	[ "$said" -le $((rate * interval / 1000 * 2)) ] || fail "the restart tells of more than a commit interval holds"
	[ "$said" -ge "$lost" ] || fail "the restart tells of fewer than were lost"
done
finished $((total / rate + 60))
[ "$rc" = 0 ] || { tail -5 "$tmp/err"; fail "exit code $rc"; }

# Everything is there, once or more, in order.
[ "$(cat "$tmp/restarted" 2>/dev/null)" = $restarts ] || { cat "$tmp/restart.err" "$tmp/receiver.err"; fail "the receiver was not restarted $restarts times"; }
seq -f %07.0f 1 $total >"$tmp/all_numbers"
stored | sort -u >"$tmp/s"
sort -u "$tmp/received" | grep -E '^[0-9]{7}$' >"$tmp/r"
missing=$(comm -23 "$tmp/s" "$tmp/r" | wc -l)
[ "$missing" = 0 ] || fail "$missing numbers were committed and did not arrive"
comm -23 "$tmp/all_numbers" "$tmp/s" >"$tmp/absent"
cmp -s "$tmp/absent" "$tmp/lost" || fail "numbers are neither committed nor among those that a kill lost: $(comm -3 "$tmp/absent" "$tmp/lost" | wc -l)"
grep -E '^[0-9]{7}$' "$tmp/received" | awk '!($1 in seen) { if ($1 + 0 <= last) bad++; last = $1 + 0; seen[$1] = 1 } END { exit bad > 0 }' ||
	fail "numbers arrived out of order"
arrived=$(grep -cE '^[0-9]{7}$' "$tmp/received")
say "$total alerts, $restarts restarts of the receiver, $kills kills: committed $(wc -l <"$tmp/s"), arrived $(wc -l <"$tmp/r"), duplicates $((arrived - $(wc -l <"$tmp/r"))), lost before commit $(wc -l <"$tmp/lost"), order kept"
