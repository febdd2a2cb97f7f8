#!/bin/sh
# A small capture, known event by event: the alerts it must raise, plain and compressed, whole and cut.
set -eu
. "$(dirname "$0")/lib.sh"

cat >"$tmp/rules.yaml" <<'RULES'
- rule: Opened
  desc: d
  condition: evt.type = openat
  output: opened %fd.name num=%evt.num fd=%fd.num res=%evt.res by %proc.name of %proc.pname cpu=%evt.cpu
  priority: NOTICE
- rule: Shadow read
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow and evt.is_open_read = true and fd.num >= 0
  output: shadow %user.uid %proc.exepath
  priority: WARNING
- rule: Written
  desc: d
  condition: evt.type = write
  output: wrote %evt.arg.size to %fd.name by %proc.name at %evt.rawtime
  priority: ERROR
- rule: User
  desc: d
  condition: evt.type = useradded
  output: never
  priority: ERROR
RULES

cat >"$tmp/want" <<'WANT'
22:13:20.000000002: Notice opened /etc/shadow num=2 fd=3 res=SUCCESS by cat of sh cpu=3
22:13:20.000000002: Warning shadow 0 /bin/cat
22:13:20.000000005: Notice opened /srv/here num=5 fd=5 res=SUCCESS by sh of init cpu=3
22:13:20.000000007: Error wrote 5 to /var/log/known by cat at 1700000000000000007
22:13:20.000000008: Notice opened /etc/shadow num=7 fd=-1 res=ENOENT by cat of sh cpu=3
WANT

same() {
	if ! diff "$tmp/want" "$tmp/out" >"$tmp/diff"; then
		cat "$tmp/diff"
		fail "$1: other alerts than expected"
	fi
}

"$mkcap" story >"$tmp/story.scap"
"$mkcap" story-gzip >"$tmp/story.gz"
for w in 0 1 2 4; do
	for f in story.scap story.gz; do
		replay "$tmp/$f" "$tmp/rules.yaml" -o json_output=false -o "pipeline.workers=$w" || {
			cat "$tmp/err"
			fail "$f with $w workers: exit code $rc"
		}
		same "$f with $w workers"
	done
done
[ "$(wc -c <"$tmp/story.gz")" -lt "$(wc -c <"$tmp/story.scap")" ] || fail "the compressed capture is not smaller"

# Cut in its last event: everything whole before it, then an error that says where.
size=$(wc -c <"$tmp/story.scap")
head -c $((size - 10)) "$tmp/story.scap" >"$tmp/cut.scap"
sed '$d' "$tmp/want" >"$tmp/want.cut" && mv "$tmp/want.cut" "$tmp/want"
for w in 0 2; do
	if replay "$tmp/cut.scap" "$tmp/rules.yaml" -o json_output=false -o "pipeline.workers=$w"; then
		fail "a capture that is cut off was taken for whole"
	fi
	[ "$rc" = 1 ] || fail "a capture that is cut off: exit code $rc, not 1"
	grep -q '^Error: .*cut\.scap.* at byte [0-9]' "$tmp/err" || { cat "$tmp/err"; fail "no error that says where the capture is cut"; }
	same "cut with $w workers"
done
# The capture that ./dev run offers where live capture is impossible tells something.
"$saker" -c "$top/saker.yaml" -r "$top/rules/saker_rules.yaml" -o engine.kind=replay \
	-o "engine.replay.capture_file=$top/tests/replay/demo.scap" >"$tmp/demo" 2>"$tmp/err" ||
	{ cat "$tmp/err"; fail "the bundled capture does not replay"; }
grep -q 'Unexpected program read a credential file' "$tmp/demo" || fail "the bundled capture raises no alert"
say "the story's alerts are right, plain, compressed and cut"
