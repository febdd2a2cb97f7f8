# Shared by the live tests: starts saker on this machine, waits for it, stops it. Sourced, with the
# source and the build directory as $1 and $2. Sets top, build, saker, tmp.
# shellcheck shell=sh
top=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
saker=$build/saker
tmp=$(mktemp -d "${TMPDIR:-/tmp}/saker-live.XXXXXX")
saker_pid=
export LC_ALL=C TZ=UTC

say() { printf '%s\n' "$*"; }
fail() {
	say "FAIL: $*"
	[ ! -s "$tmp/err" ] || { say "--- last lines of stderr"; tail -n 20 "$tmp/err"; }
	exit 1
}
skip() { say "SKIP: $*"; exit 77; }

# Added to by tests that make more than files in $tmp.
cleanup_more() { :; }
cleanup() {
	[ -z "$saker_pid" ] || kill -9 "$saker_pid" 2>/dev/null || :
	cleanup_more || :
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# Leaves with 77 where live capture cannot work, and says why.
need_live() {
	[ -x "$saker" ] || fail "$saker has not been built"
	[ "$(id -u)" = 0 ] || skip "live capture needs root"
	[ -r /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF (/sys/kernel/btf/vmlinux)"
	if "$saker" --version >"$tmp/version" 2>&1; then :; else fail "saker --version failed: $(cat "$tmp/version")"; fi
}

# start_saker ARGUMENT...: in the background, alerts to $tmp/out. Returns when events flow.
start_saker() {
	: >"$tmp/out"
	: >"$tmp/err"
	"$saker" "$@" >"$tmp/out" 2>"$tmp/err" &
	saker_pid=$!
	n=0
	until grep -qw ready "$tmp/err"; do
		if ! kill -0 "$saker_pid" 2>/dev/null; then
			rc=0
			wait "$saker_pid" || rc=$?
			saker_pid=
			fail "saker ended with exit code $rc before it was ready"
		fi
		n=$((n + 1))
		[ "$n" -le 600 ] || fail "saker was not ready after 60 s"
		sleep 0.1
	done
}

# SIGTERM; the exit code must be 0 within 20 s and the summary on stdout.
stop_saker() {
	kill -TERM "$saker_pid"
	n=0
	# Ended: a zombie, or gone when the shell has noticed already.
	while case $(sed 's/.*) //; s/ .*//' "/proc/$saker_pid/stat" 2>/dev/null) in Z | "") false ;; esac; do
		n=$((n + 1))
		[ "$n" -le 200 ] || fail "saker did not end within 20 s of SIGTERM"
		sleep 0.1
	done
	rc=0
	wait "$saker_pid" || rc=$?
	saker_pid=
	[ "$rc" = 0 ] || fail "saker ended with exit code $rc after SIGTERM"
	grep -q '^Events detected: [0-9][0-9]*$' "$tmp/out" || fail "no closing summary on stdout"
}

# wait_alert SECONDS REGEX...: until one line of the alerts matches every regex.
wait_alert() {
	left=$(($1 * 10))
	shift
	while :; do
		cp "$tmp/out" "$tmp/seen"
		for re in "$@"; do
			grep -E -- "$re" "$tmp/seen" >"$tmp/seen.1" || :
			mv "$tmp/seen.1" "$tmp/seen"
		done
		[ ! -s "$tmp/seen" ] || return 0
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}

# The program of actions, under a name that no list of trusted programs has and no other run of a test.
build_trigger() {
	trigger_name=skt$$
	trigger=$tmp/$trigger_name
	"$top/tests/live/build.sh" "$top" "$build" "$tmp/bin" trigger || fail "trigger.c does not compile"
	mv "$tmp/bin/trigger" "$trigger"
}

# The titles of the rules in a rules file, one per line.
rule_names() {
	awk '/^- rule:/ { sub(/^- rule:[ \t]*/, ""); sub(/[ \t]+#.*$/, ""); sub(/[ \t]+$/, ""); gsub(/^["'\'']|["'\'']$/, ""); print }' "$1"
}

# Runs a command as a process of a container: in a cgroup named as docker names its own. 77 where no
# cgroup hierarchy is writable.
container_id=$(printf '5a4e7c1d9b3f%012d%s' $$ 20865a4e7c1d9b3f20865a4e7c1d9b3f20865a4e)
container_dirs=
in_container() {
	for h in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/memory /sys/fs/cgroup/cpu /sys/fs/cgroup/pids; do
		[ -w "$h/cgroup.procs" ] || continue
		mkdir -p "$h/docker/$container_id" 2>/dev/null || continue
		container_dirs="$container_dirs $h/docker/$container_id"
	done
	[ -n "$container_dirs" ] || return 77
	rc=0
	(
		pid=$(exec sh -c 'echo "$PPID"')
		for d in $container_dirs; do echo "$pid" >"$d/cgroup.procs" 2>/dev/null || :; done
		exec "$@"
	) || rc=$?
	return "$rc"
}
remove_container() {
	for d in $container_dirs; do
		rmdir "$d" 2>/dev/null || { sleep 0.2; rmdir "$d" 2>/dev/null; } || :
		rmdir "$(dirname "$d")" 2>/dev/null || :
	done
	container_dirs=
}
