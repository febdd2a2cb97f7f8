# How each rule of rules/saker_rules.yaml is triggered, for test_rules.sh: trigger_rule TITLE does it and
# sets `want` to regexes, without blanks, that the alert matches besides its title.
# Every file made here is removed again, by the trigger or by the test's cleanup.
# shellcheck shell=sh disable=SC2034
by_us="\"proc.name\":\"$trigger_name\""

trigger_rule() {
	case $1 in
	"Credential file read by unexpected program")
		want="$by_us \"fd.name\":\"/etc/shadow\""
		"$trigger" read /etc/shadow ;;
	"File below etc changed by unexpected program")
		want="$by_us \"fd.name\":\"/etc/sktrig.$$\""
		"$trigger" write /etc/sktrig.$$ ;;
	"Program directory changed outside package management")
		want="$by_us \"fd.name\":\"(/usr)?/bin/sktrig.$$\" \"evt.type\":\"open"
		"$trigger" write /usr/bin/sktrig.$$ ;;
	"Symbolic link to credential file created")
		want="$by_us \"evt.arg.target\":\"/etc/shadow\" \"evt.arg.linkpath\":\"/tmp/sktrig.$$/link\""
		"$trigger" symlink /tmp/sktrig.$$/link /etc/shadow ;;
	"Set-id bit added to file")
		want="$by_us S_ISUID \"evt.type\":\"f?chmod"
		"$trigger" suid /tmp/sktrig.$$/suid ;;
	"Shell history emptied or removed")
		want="$by_us \"evt.type\":\"unlink"
		: >/tmp/sktrig.$$/.sk_history
		"$trigger" remove /tmp/sktrig.$$/.sk_history ;;
	"Log file emptied or removed")
		want="$by_us /var/log/sktrig.$$"
		: >/var/log/sktrig.$$
		"$trigger" remove /var/log/sktrig.$$ ;;
	"Shell started inside container")
		# The id is what users see of it: its first twelve digits.
		want="\"proc.name\":\"(sh|dash|bash)\" \"container.id\":\"$(printf %.12s "$container_id")\""
		in_container sh -c 'exit 0' sktrig-container || {
			rc=$?
			[ "$rc" != 77 ] || echo "no cgroup can be made on this machine"
			return "$rc"
		} ;;
	"Namespace created or entered by unexpected program")
		want="$by_us \"evt.type\":\"unshare\" CLONE_NEWUTS"
		"$trigger" unshare ;;
	"Process attached to another with ptrace")
		want="$by_us PTRACE_ATTACH"
		"$trigger" ptrace ;;
	"Program run from anonymous memory")
		want="memfd:payload"
		"$trigger" memfd ;;
	"Kernel module load requested")
		want="$by_us \"evt.type\":\"init_module\" \"evt.res\":\"E"
		"$trigger" module ;;
	"Kernel program loaded with bpf")
		want="$by_us"
		"$trigger" bpf ;;
	"Page faults handled by unprivileged program")
		want="$by_us"
		"$trigger" userfaultfd 65534 ;;
	"Shell or inline script connects to network")
		command -v bash || { echo "no bash"; return 77; }
		"$trigger" listen >"$tmp/port" &
		n=0
		until [ -s "$tmp/port" ]; do
			n=$((n + 1))
			[ "$n" -le 50 ] || { echo "cannot listen on 127.0.0.1"; return 77; }
			sleep 0.1
		done
		port=$(cat "$tmp/port")
		want="\"proc.name\":\"bash\" ->127.0.0.1:$port\" \"evt.res\":\"(SUCCESS|EINPROGRESS)\""
		bash -c ": </dev/tcp/127.0.0.1/$port" ;;
	*)
		return 99 ;;
	esac
}
