#!/bin/sh
# One process makes more events than a worker can take (its rules are slow): what others do is alerted on all the same and soon,
# and the statistics name the process, each worker's lag and what was read of one that lags.
set -eu
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_live
rules=$tmp/rules.yaml
{
	printf -- '- rule: Marker\n  desc: d\n  condition: evt.type in (execve, execveat) and proc.name = hotmarker\n  output: marker (command=%%proc.cmdline)\n  priority: WARNING\n'
	i=0
	while [ $i -lt 400 ]; do # patterns that no index finds: each is tried on every open
		printf -- '- rule: Slow %d\n  desc: d\n  condition: evt.type in (open, openat, openat2) and fd.name regex ".*q%d.*z.*[0-9]+x"\n  output: o\n  priority: DEBUG\n' $i $i
		i=$((i + 1))
	done
} >"$rules"
"$top/tests/live/build.sh" "$top" "$build" "$tmp" load
cp /bin/true "$tmp/hotmarker"
start_saker -c "$top/saker.yaml" -r "$rules" -o pipeline.workers=2 -o buffered_outputs=false -o pipeline.lag_max=50
"$tmp/load" flood 1500 "$tmp/load" >"$tmp/flood" 2>&1 &
flood=$!
n=0 late=0
while kill -0 $flood 2>/dev/null && [ $n -lt 40 ]; do
	n=$((n + 1))
	"$tmp/hotmarker" "number$n"
	i=0
	until grep -q "command=hotmarker number$n\$" "$tmp/out" || grep -q "command=hotmarker number$n)" "$tmp/out"; do
		i=$((i + 1))
		[ $i -lt 40 ] || { late=$((late + 1)); break; }
		sleep 0.05
	done
done
kill $flood 2>/dev/null || :
wait $flood 2>/dev/null || :
stop_saker
grep -E "^saker: (worker |busy |workers )" "$tmp/err"
echo "markers $n, not alerted on within two seconds $late"
bad=0
# Half of the markers fall to the flooded worker, where an event may be refused at a full ring (counted); those of the
# other one must never wait.
[ $((late * 3)) -le "$n" ] && [ "$n" -ge 3 ] || { echo "FAIL: others are stalled"; bad=1; }
grep -m1 "^saker: busy" "$tmp/err" | grep -q " process $flood " || { echo "FAIL: the flooder is not named first"; bad=1; }
[ "$(grep -c "^saker: worker [01] .*lag_max_ms" "$tmp/err")" -eq 2 ] || { echo "FAIL: no lag"; bad=1; }
exit $bad
