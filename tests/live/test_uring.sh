#!/bin/sh
# What a program does through io_uring raises the same alerts as the system calls would: an open, a connect, an unlink,
# also when a thread of the kernel takes the requests.
set -eu
. "$(dirname "$0")/lib.sh"
need_live
"$top/tests/live/build.sh" "$top" "$build" "$tmp/bin" uring || fail "uring_rules.c does not compile"
name=sku$$
mv "$tmp/bin/uring" "$tmp/$name"
port=$((20000 + $$ % 10000))

cat >"$tmp/rules.yaml" <<-END
	- rule: Read
	  desc: d
	  condition: evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.typechar='f' and fd.num>=0 and fd.name=/etc/shadow and proc.name=$name
	  output: read %fd.name by %proc.name parent %proc.pname type %evt.type flags %evt.arg.flags directory %fd.directory
	  priority: WARNING
	- rule: Connect
	  desc: d
	  condition: evt.type=connect and fd.typechar=4 and fd.sip="127.0.0.1" and fd.sport=$port and proc.name=$name
	  output: connect %fd.sip %fd.sport %evt.res by %proc.name type %fd.l4proto
	  priority: WARNING
	- rule: Remove
	  desc: d
	  condition: evt.type in (unlink, unlinkat) and evt.arg.name startswith $tmp/victim and proc.name=$name
	  output: removed %evt.arg.name %evt.res by %proc.name
	  priority: WARNING
END
start_saker -c "$top/saker.yaml" -r "$tmp/rules.yaml" -o time_format_iso_8601=true -o buffered_outputs=false

for way in call ring sqpoll; do
	for what in "read /etc/shadow" "connect $port" "remove $tmp/victim"; do
		touch "$tmp/victim"
		rc=0
		# shellcheck disable=SC2086
		"$tmp/$name" $way $what >"$tmp/res.$way.${what%% *}" 2>"$tmp/why" || rc=$?
		[ $rc -ne 77 ] || { say "note: $(cat "$tmp/why")"; [ $way = sqpoll ] || skip "no io_uring here"; continue; }
		[ $rc -eq 0 ] || fail "$way $what ended with $rc"
	done
	sleep 1
	sed -n 's/^[^ ]* Warning //p' "$tmp/out" | sort >"$tmp/seen.$way"
	: >"$tmp/out"
done
stop_saker
[ "$(wc -l <"$tmp/seen.call")" -eq 3 ] || fail "the system calls raised: $(cat "$tmp/seen.call")"
for way in ring sqpoll; do
	[ -e "$tmp/res.$way.read" ] || continue
	diff "$tmp/seen.call" "$tmp/seen.$way" || fail "not the same through io_uring ($way)"
done
cat "$tmp/seen.ring"
