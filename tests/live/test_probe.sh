#!/bin/sh
# The probe against real system calls: probe_calls makes them and says what must be seen, probe_dump shows
# what was. Both are built here, against the libraries of the build directory. 77: cannot run here.
set -eu
top=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
[ "$(id -u)" = 0 ] || { echo "SKIP: live capture needs root"; exit 77; }
[ -r /sys/kernel/btf/vmlinux ] || { echo "SKIP: this kernel has no BTF (/sys/kernel/btf/vmlinux)"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/saker-probe.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

san=
if nm "$build/libsaker_base.a" 2>/dev/null | grep -q __tsan_; then san="-fsanitize=thread"; fi
"$top/tests/live/build.sh" "$top" "$build" "$work" dump dump_raw limits calls

compare() {
	awk '
	# name>=N and name<=N: numbers, hexadecimal ones too, that are known in size only
	function number(t,    i, v) {
		if (t !~ /^0x/)
			return t + 0
		for (i = 3; i <= length(t); i++)
			v = v * 16 + index("0123456789abcdef", substr(t, i, 1)) - 1
		return v
	}
	function in_range(line, tok,    at, name, op, rest, v) {
		at = match(tok, /[<>]=/)
		name = substr(tok, 1, at - 1)
		op = substr(tok, at, 2)
		rest = index(line, " " name "=")
		if (!rest)
			return 0
		split(substr(line, rest + length(name) + 2), v, " ")
		return op == ">=" ? number(v[1]) >= substr(tok, at + 2) + 0 : number(v[1]) <= substr(tok, at + 2) + 0
	}
	function matches(line, n, tok,    i, ok, f, key, val, idx) {
		split(line, f, " ")
		env["@tgid"] = f[3]; env["@peer"] = f[4]; env["@flags"] = f[5]; env["@tid"] = f[6]
		for (i = 2; i <= n; i++) {
			if (tok[i] ~ /^@/) {
				idx = index(tok[i], "=")
				if (env[substr(tok[i], 1, idx - 1)] != substr(tok[i], idx + 1))
					return 0
			} else if (tok[i] ~ /^[a-z_0-9]+[<>]=[0-9]+$/) {
				if (!in_range(line, tok[i]))
					return 0
			} else if (index(line " ", " " tok[i] " ") == 0)
				return 0
		}
		return 1
	}
	NR == FNR { split($0, f, " "); event[++events] = $0; type[events] = f[7]; next }
	{
		n = split($0, tok, " ")
		found = 0
		for (i = 1; i <= events && !found; i++)
			if (!used[i] && type[i] == tok[1] && matches(event[i], n, tok)) { used[i] = 1; found = 1 }
		checked++
		if (!found) {
			bad++
			print "MISSING: " $0
			near = 0
			for (i = 1; i <= events && near < 4; i++)
				if (!used[i] && type[i] == tok[1]) { print "   seen: " substr(event[i], 1, 600); near++ }
		}
	}
	END {
		if (!checked) { print "nothing was expected"; exit 1 }
		print checked " events expected, " bad + 0 " not seen"
		exit bad > 0
	}' "$work/seen" "$work/expected"
}

# run DUMP ATTACH_TYPE
run() {
	rc=0
	mkdir "$work/dir"
	"$work/$1" "$work/calls" "$work/expected" "$work/dir" >"$work/seen" 2>"$work/err" || rc=$?
	rm -rf "$work/dir"
	cat "$work/err"
	if [ "$rc" -ne 0 ]; then
		case $(cat "$work/err") in *"does not permit"*) echo "SKIP: loading programs is forbidden here"; exit 77 ;; esac
		grep '^BAD' "$work/seen" || :
		echo "FAIL: exit code $rc"
		exit 1
	fi
	grep -q " bad 0 critical_lost 0 .* scratch 0 too_big 0 no_ring 0 tail_call 0 bug 0" "$work/err" ||
		{ echo "FAIL: events were lost"; exit 1; }
	grep -q " $2\$" "$work/err" || echo "note: not attached by $2"
	compare || failed=1
}

# Every parameter of every event that a system call makes must have been expected with some value, but for those
# that uncovered.txt names with the reason.
covered() {
	awk -v events="$top/src/contract/events.def" -v calls="$top/src/contract/syscalls.def" -v not="$top/tests/live/uncovered.txt" '
	BEGIN {
		while ((getline line < not) > 0)
			if (line !~ /^(#|$)/) { split(line, f, " "); excused[f[1]] = 1 }
		while ((getline line < calls) > 0)
			if (match(line, /PPME_[A-Z0-9_]+_X[,)]/) && match(line, /PPME_[A-Z0-9_]+_X/)) made[substr(line, RSTART + 5, RLENGTH - 5)] = 1
		while ((getline line < events) > 0) {
			if (line ~ /^EVT\(/ && match(line, /PPME_[A-Z0-9_]+/)) type = substr(line, RSTART + 5, RLENGTH - 5)
			else if (match(line, /P\("[a-zA-Z_0-9]+"/) && type in made)
				param[type] = param[type] " " substr(line, RSTART + 3, RLENGTH - 4)
		}
	}
	{
		seen[$1] = 1
		for (i = 2; i <= NF; i++) { k = $i; sub(/[<>]?=.*/, "", k); seen[$1 "." k] = 1 }
	}
	END {
		for (type in made) {
			if (excused[type]) { if (type in seen) { print "uncovered.txt: " type " is seen"; bad++ } continue }
			types++
			if (!(type in seen)) { print "NOT COVERED: " type; bad++; continue }
			n = split(param[type], p, " ")
			for (i = 1; i <= n; i++) {
				params++
				if (!((type "." p[i]) in seen) && !excused[type "." p[i]]) { print "NOT COVERED: " type "." p[i]; bad++ }
			}
		}
		print types " event types with " params " parameters are expected, " bad + 0 " missing"
		exit bad > 0
	}' "$work/expected"
}

failed=0
run dump tp_btf
covered || failed=1
run dump_raw raw_tp
# Counts every event of its own thread group. ThreadSanitizer's runtime has a thread of its own in there
# that makes calls of its own, so the counts are not to be had; the program has one thread anyway.
if [ "$san" = -fsanitize=thread ]; then
	echo "note: limits not run under ThreadSanitizer"
else
	"$work/limits" || failed=1
fi
exit "$failed"
