#!/bin/sh
# Reload under work: rules change, state stays, nothing is lost, a bad file changes nothing.
set -eu
. "$(dirname "$0")/lib.sh"
need_live

# wait_in FILE PATTERN: up to 5 s.
wait_in() {
	n=0
	until grep -q -- "$2" "$1"; do
		n=$((n + 1))
		[ "$n" -le 50 ] || return 1
		sleep 0.1
	done
}
wait_out() { wait_in "$tmp/out" "$1"; }
wait_err() { wait_in "$tmp/err" "$1"; }

rule() { # name marker
	cat <<Y
- rule: $1
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.name startswith $tmp/$2 and proc.name = cat
  output: $1 %fd.name parent=%proc.pname cwd=%proc.cwd
  priority: NOTICE
Y
}
mkdir "$tmp/rules.d"
rule First one >"$tmp/rules.d/a.yaml"
touch "$tmp/one" "$tmp/two" "$tmp/three"

printf 'stdout_output:\n  enabled: true\nlog_stderr: true\n' >"$tmp/saker.yaml"
start_saker -c "$tmp/saker.yaml" -r "$tmp/rules.d" -o json_output=true
# a process from before the reload: it must not be forgotten
sh -c 'cd /usr; while [ ! -e "$0/go" ]; do sleep 0.1; done; cat "$0/two" >/dev/null; exit 0' "$tmp" &
old=$!
cat "$tmp/one"
wait_out '"rule":"First"' || fail "the first rule does not fire"

# a file comes into the directory
rule Second two >"$tmp/rules.d/b.yaml"
wait_err 'reloaded: 2 rules' || fail "the new file was not noticed"
touch "$tmp/go"
wait "$old"
wait_out '"rule":"Second".*' || fail "the new rule does not fire"
grep '"rule":"Second"' "$tmp/out" | grep -q '"proc.cwd":"/usr/"' || fail "the process of before was forgotten: $(grep Second "$tmp/out")"
grep '"rule":"Second"' "$tmp/out" | grep -q '"proc.pname":"sh"' || fail "its parent was forgotten"

# a bad file: told with its place, nothing changes
printf -- '- rule: Bad\n  desc: d\n  condition: proc.nmae = x\n  output: o\n  priority: INFO\n' >"$tmp/rules.d/c.yaml"
wait_err 'reload refused' || fail "a bad file was not refused"
grep -q "c.yaml" "$tmp/err" || fail "the place is not told"
wait_out '"output":"[0-9:.]* Critical .*c.yaml.*"rule":"Falco internal: hot restart failure"' || fail "no alert about the refusal"
n=$(grep -c '"rule":"First"' "$tmp/out")
cat "$tmp/one"
i=0
while [ "$(grep -c '"rule":"First"' "$tmp/out")" -le "$n" ]; do
	i=$((i + 1))
	[ $i -lt 50 ] || fail "after a refused reload the old rules do not work"
	sleep 0.1
done
rm "$tmp/rules.d/c.yaml"

# by signal, with one rule less
rm "$tmp/rules.d/b.yaml"
kill -HUP "$saker_pid"
wait_err 'reloaded: 1 rules' || fail "SIGHUP does not reload"

# many reloads while cat runs as fast as it goes: every run raises its alert
base=$(grep -c '"rule":"First"' "$tmp/out")
(
	k=0
	while [ $k -lt 25 ]; do
		kill -HUP "$saker_pid"
		sleep 0.1
		k=$((k + 1))
	done
) &
hup=$!
runs=0
while kill -0 "$hup" 2>/dev/null; do
	cat "$tmp/one"
	runs=$((runs + 1))
done
wait "$hup"
i=0
while [ "$(grep -c '"rule":"First"' "$tmp/out")" -lt $((base + runs)) ] && [ $i -lt 50 ]; do
	i=$((i + 1))
	sleep 0.1
done
got=$(($(grep -c '"rule":"First"' "$tmp/out") - base))
[ "$got" = "$runs" ] || fail "$runs runs of cat during 25 reloads gave $got alerts"
grep '"rule":"First"' "$tmp/out" | grep -q '"proc.pname":null' && fail "a parent was forgotten"
# outputs change under load: what the old file does not have, the new one has, and none has it twice
config() {
	printf 'stdout_output:\n  enabled: true\nlog_stderr: true\nfile_output: {enabled: true, keep_alive: true, filename: %s}\n%s\n' "$1" "${2:-}" >"$tmp/saker.yaml.new"
	mv "$tmp/saker.yaml.new" "$tmp/saker.yaml"
}
config "$tmp/alerts.1"
wait_err 'output "file" replaced' || fail "an output that is new does not start"
reloads=$(grep -c 'reloaded: ' "$tmp/err")
more=0
for k in 2 3 4 5; do
	n=0
	while [ "$(grep -c 'reloaded: ' "$tmp/err")" -le "$reloads" ] || [ $n -lt 50 ]; do
		cat "$tmp/one"
		more=$((more + 1))
		n=$((n + 1))
		[ $n != 20 ] || config "$tmp/alerts.$k" "$([ $k != 3 ] || echo 'json_include_tags_property: false')"
		[ $n -lt 2000 ] || fail "the configuration was not read again"
	done
	reloads=$(grep -c 'reloaded: ' "$tmp/err")
done
runs=$((runs + more))
sleep 1
got=$(cat "$tmp"/alerts.? | grep -c '"rule":"First"')
[ "$got" = "$more" ] || fail "$more runs of cat while the file changed gave $got alerts in $(ls "$tmp"/alerts.? | wc -l) files"
[ "$(ls "$tmp"/alerts.? | wc -l)" = 5 ] || fail "files: $(ls "$tmp"/alerts.?)"
grep -q '"tags"' "$tmp/alerts.3" && fail "the format did not change"
got=$(($(grep -c '"rule":"First"' "$tmp/out") - base))
[ "$got" = "$runs" ] || fail "standard output, replaced twice, has $got of $runs"
# an output that cannot be opened: told, the old one stays
config /nowhere/alerts
wait_err 'output "file": file_output: cannot open /nowhere/alerts' || fail "a file that cannot be opened is not told"
cat "$tmp/one"
runs=$((runs + 1))
wait_in "$tmp/alerts.5" '.' || fail "the old file was given up"
printf 'log_stderr: true\n' >"$tmp/saker.yaml"
wait_err 'reload refused.*no output is enabled' || fail "a configuration without outputs is not refused"
stop_saker
grep -q "First: $((base + runs))" "$tmp/out" || fail "the summary does not count over reloads: $(tail -n 5 "$tmp/out")"
say "$(grep -c "reloaded: " "$tmp/err") reloads, $runs runs of cat, as many alerts"
