# Shared by the tests of outputs. Sourced, with the source and the build directory as $1 and $2. Numbered alerts
# come from a replayed capture that is written while it is read.
# shellcheck shell=sh
. "$(dirname "$0")/../replay/lib.sh"
here=$top/tests/outputs
pids=
end() { # pid...
	for p in "$@"; do kill -9 "$p" 2>/dev/null || :; done
}
more_cleanup() { :; }
# shellcheck disable=SC2086
trap 'end $pids; more_cleanup; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
skip() { say "SKIP: $*"; exit 77; }
command -v python3 >/dev/null || skip "python3 is not installed: there is no receiver"

cat >"$tmp/rules.yaml" <<'RULES'
- rule: Numbered
  desc: d
  condition: evt.type = openat and fd.name startswith /n/
  output: number %fd.name by %proc.name with some more text to have the size of an alert %user.uid %proc.pname %evt.num
  priority: WARNING
RULES

# Waits up to 20 s for a command to succeed.
wait_for() {
	i=0
	until "$@"; do
		i=$((i + 1))
		[ $i -lt 400 ] || { say "waited in vain for: $*"; return 1; }
		sleep 0.05
	done
}
lines() { [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }

# receiver OUT OPTION...: in the background; sets port and receiver_pid. The port stays the same over restarts
# when --port is given.
receiver() {
	rm -f "$tmp/port"
	python3 "$here/receiver.py" "$tmp/port" "$@" 2>>"$tmp/receiver.err" &
	receiver_pid=$!
	pids="$pids $receiver_pid"
	wait_for test -s "$tmp/port" || { cat "$tmp/receiver.err"; fail "the receiver does not start"; }
	port=$(cat "$tmp/port")
}

# numbered FROM TO RATE OPTION...: saker in the background on a paced capture. Sets saker_pid.
numbered() {
	from=$1 to=$2 rate=$3
	shift 3
	rm -f "$tmp/fifo"
	mkfifo "$tmp/fifo"
	"$mkcap" numbered "$from" "$to" "$rate" >"$tmp/fifo" 2>"$tmp/last" &
	gen_pid=$!
	pids="$pids $gen_pid"
	"$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.yaml" -o engine.kind=replay -o engine.replay.capture_file="$tmp/fifo" \
		-o stdout_output.enabled=false -o log_stderr=true -o log_syslog=false -o json_output=true "$@" \
		>>"$tmp/out" 2>>"$tmp/err" </dev/null &
	saker_pid=$!
	pids="$pids $saker_pid"
}
# Waits for saker's end, at most $1 seconds; sets rc.
finished() {
	i=0
	while kill -0 "$saker_pid" 2>/dev/null && [ $i -lt $(($1 * 20)) ]; do
		sleep 0.05
		i=$((i + 1))
	done
	if kill -0 "$saker_pid" 2>/dev/null; then
		tail -5 "$tmp/err"
		fail "saker did not end within $1 s"
	fi
	rc=0
	wait "$saker_pid" || rc=$?
}
# Numbers of /n/N in a file, one a line.
numbers() { grep -oE '/n/[0-9]{7}' "$1" | cut -c4- ; }
