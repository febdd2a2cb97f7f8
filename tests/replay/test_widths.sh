#!/bin/sh
# One capture, any number of workers: the same bytes on stdout.
set -eu
. "$(dirname "$0")/lib.sh"

cat >"$tmp/rules.yaml" <<'RULES'
- rule: Everything
  desc: d
  condition: evt.num > 0
  output: >-
    %evt.num %evt.type %evt.args %thread.tid %proc.pid %proc.name %proc.pname %proc.aname[2] %proc.aname[3] %proc.cwd
    %proc.exepath %proc.cmdline %user.uid %fd.name %fd.num %proc.nthreads %proc.nchilds %proc.apid[2] %proc.sname
  priority: NOTICE
  warn_evttypes: false
- rule: Family
  desc: d
  condition: evt.type in (execve, open, setuid) and proc.aname contains p and proc.pname != init
  output: family %evt.num %proc.aname %proc.apid[1]
  priority: WARNING
RULES

for seed in 1 2 3 4; do
	"$mkcap" random "$seed" 20000 >"$tmp/random.scap"
	for w in 0 1 2 4; do
		replay "$tmp/random.scap" "$tmp/rules.yaml" -o json_output=true -o "pipeline.workers=$w" || {
			tail -n 5 "$tmp/err"
			fail "seed $seed with $w workers: exit code $rc"
		}
		n=$(grep -c '"rule":"Everything"' "$tmp/out" || :)
		[ "$n" -ge 15000 ] || fail "seed $seed with $w workers: only $n alerts"
		if [ "$w" = 0 ]; then
			mv "$tmp/out" "$tmp/out.0"
		elif ! cmp -s "$tmp/out.0" "$tmp/out"; then
			diff "$tmp/out.0" "$tmp/out" | head -n 10 || :
			fail "seed $seed: other bytes with $w workers than with 0"
		fi
	done
done
say "same bytes with 0, 1, 2 and 4 workers for four captures of 20000 events"
