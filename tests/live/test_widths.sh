#!/bin/sh
# Live detection with 0, 1, 2 and 4 workers: one scripted workload raises the same alerts each time,
# once what differs between two runs of the same script is taken out (times, process ids, paths of
# this run). Order is not compared: two processes that run at once may be seen in either.
set -eu
. "$(dirname "$0")/lib.sh"
need_live
build_trigger

# Only what this run's workload does: its programs carry names of their own.
main_name=skm$$
cat >"$tmp/rules.yaml" <<RULES
- macro: ours
  condition: (proc.name in ($main_name, $trigger_name) or proc.pname = $main_name)
- rule: W exec
  desc: d
  condition: evt.type in (execve, execveat) and evt.rawres = 0 and ours
  output: exec %proc.name %proc.pname %proc.args
  priority: NOTICE
- rule: W open
  desc: d
  condition: evt.type in (open, openat, creat) and fd.name startswith "/tmp/$main_name-" and ours
  output: open %fd.name %evt.is_open_write %proc.name
  priority: NOTICE
- rule: W cred
  desc: d
  condition: evt.type in (setuid, setresuid) and ours
  output: cred %proc.name %evt.arg.uid
  priority: NOTICE
- rule: W ns
  desc: d
  condition: evt.type in (unshare, setns, ptrace, symlinkat, symlink, chmod, fchmodat) and ours
  output: ns %evt.type %proc.name
  priority: NOTICE
- rule: W connect
  desc: d
  condition: evt.type = connect and fd.typechar in (4, 6) and ours
  output: connect %proc.name %fd.sip %fd.sport
  priority: NOTICE
- rule: W exit
  desc: d
  condition: evt.type = procexit and proc.name = $trigger_name
  output: exit %proc.pname %proc.cwd
  priority: NOTICE
RULES

# The same steps every time; several at once, so that workers have something to do.
cat >"$tmp/$main_name" <<'WORK'
#!/bin/sh
t=$1
us=$(basename "$0")
for i in 1 2 3 4 5 6; do
	(
		cd /tmp
		"$t" write "/tmp/$us-$i"
		"$t" symlink "/tmp/$us-l$i" /etc/shadow
		"$t" suid "/tmp/$us-s$i"
		"$t" connect 127.0.0.1 "$((9000 + i))"
		"$t" ptrace
		"$t" unshare
		"$t" userfaultfd 65534
		"$t" memfd
		: >"/tmp/$us-shell$i"
		rm -f "/tmp/$us-shell$i"
	) &
done
wait
exit 0
WORK
chmod +x "$tmp/$main_name"

lines() { grep -E '^[0-9:.]+: Notice (exec|open|cred|ns|connect|exit) ' "$tmp/out" | sed "s/^[0-9:.]*: //; s|$tmp|TMP|g; s/ container_id=.*//" | sort; }

n0=
for w in 0 1 2 4; do
	start_saker -c "$top/saker.yaml" -r "$tmp/rules.yaml" -o json_output=false -o rule_matching=all -o "pipeline.workers=$w"
	"$tmp/$main_name" "$trigger" >/dev/null 2>&1
	# The last process of the script is the last thing seen.
	sleep 1
	stop_saker
	if grep -Eiq 'drops?[^0-9]*[1-9]' "$tmp/err"; then
		say "note: with $w workers events were dropped:"
		grep -Ei 'drop' "$tmp/err" || :
	fi
	lines >"$tmp/alerts.$w"
	n=$(wc -l <"$tmp/alerts.$w")
	[ "$n" -ge 60 ] || { head -n 20 "$tmp/out"; fail "with $w workers only $n alerts"; }
	n0=${n0:-$n}
	if ! diff "$tmp/alerts.0" "$tmp/alerts.$w" >"$tmp/diff"; then
		head -n 40 "$tmp/diff"
		fail "alerts with $w workers ($n) differ from those with 0 ($n0)"
	fi
done
say "$n0 alerts, the same with 0, 1, 2 and 4 workers"
