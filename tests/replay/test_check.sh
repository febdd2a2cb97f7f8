#!/bin/sh
# saker check and saker explain: what people who write rules are told.
set -eu
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

says() { grep -qF -- "$1" "$tmp/said" || { cat "$tmp/said" >&2; fail "not said: $1"; }; }

"$saker" check "$here/doubtful.yaml" >"$tmp/said" 2>"$tmp/err" || fail "check failed: $(cat "$tmp/err")"
says "doubtful.yaml:10:3: B"
says "never reached with rule_matching: first: 'A' comes before it"
says "never matches: proc.name in (shell_binarys) and proc.name in (a, b) exclude each other"
says "'shell_binarys' is compared as a word: there is no such list, did you mean 'shell_binaries'?"
says "no event type fulfils what it says of evt.type"
says "never matches: fd.name = /a and"
says "tried on every event (open)"
says "2 event types: looked up by proc.name"
says "6 rules, 6 enabled, 1 tried on every event of some type, 0 warnings from loading, 5 from this check"

# in `all` a rule before another one takes nothing from it
"$saker" check -o rule_matching=all "$here/doubtful.yaml" >"$tmp/said" 2>"$tmp/err"
! grep -q "never reached" "$tmp/said" || fail "shadowed although all rules that match are told"

"$saker" check --json --interest "$here/doubtful.yaml" >"$tmp/said" 2>"$tmp/err" || fail "check --json failed"
says '"code": "shadowed"'
says '"interest": ['
says '"execve"'

cat >"$tmp/typo.yaml" <<'Y'
- macro: spawned_process
  condition: evt.type = execve
- rule: X
  desc: d
  condition: spawned_procss and proc.name = x
  output: o
  priority: INFO
Y
if "$saker" check "$tmp/typo.yaml" >"$tmp/said" 2>&1; then fail "a rule with an unknown macro passed"; fi
says "there is no macro 'spawned_procss', did you mean 'spawned_process'?"
sed 's/spawned_procss and proc.name/proc.nmae/' "$tmp/typo.yaml" >"$tmp/field.yaml"
if "$saker" check "$tmp/field.yaml" >"$tmp/said" 2>&1; then fail "a rule with an unknown field passed"; fi
says "there is no field 'proc.nmae', did you mean 'proc.name'?"
sed 's/spawned_procss and proc.name = x/evt.type = opeen/' "$tmp/typo.yaml" >"$tmp/event.yaml"
if "$saker" check "$tmp/event.yaml" >"$tmp/said" 2>&1; then fail "a rule with an unknown event passed"; fi
says "did you mean 'open'?"

"$mkcap" random 1 5000 >"$tmp/c.scap"
cat >"$tmp/r.yaml" <<'Y'
- rule: Opens
  desc: d
  condition: evt.type = open and fd.name startswith /etc and not proc.name = nobody
  output: o
  priority: INFO
Y
"$saker" explain -r "$tmp/r.yaml" Opens "$tmp/c.scap" >"$tmp/said" 2>"$tmp/err" || fail "explain failed: $(cat "$tmp/err")"
says "'Opens': 5000 events"
says "fd.name startswith /etc"
n=$(sed -n 's/^nearest miss: event \([0-9]*\),.*/\1/p' "$tmp/said")
[ -n "$n" ] || fail "no near miss in $(cat "$tmp/said")"
"$saker" explain -r "$tmp/r.yaml" Opens "$tmp/c.scap" "$n" >"$tmp/said" 2>"$tmp/err" || fail "explain of one event failed"
says "event $n: open"
says "'Opens' does not match"
says "[it is: "
if "$saker" explain -r "$tmp/r.yaml" Open "$tmp/c.scap" >"$tmp/said" 2>&1; then fail "a rule that is not there was explained"; fi
says "did you mean 'Opens'?"
if "$saker" explain -r "$tmp/r.yaml" Opens "$tmp/c.scap" 999999 >"$tmp/said" 2>&1; then fail "an event that is not there was explained"; fi
says "no event of that number"

# matches are counted alike by rules and by explain, and by the tree as by the compiled form
replay "$tmp/c.scap" "$tmp/r.yaml" || fail "replay: exit code $rc"
want=$(grep -c ' o$' "$tmp/out" || :)
"$saker" explain -r "$tmp/r.yaml" Opens "$tmp/c.scap" 2>/dev/null | grep -q " $want match" || fail "explain does not count $want matches"
cp "$tmp/out" "$tmp/compiled"
replay "$tmp/c.scap" "$tmp/r.yaml" --interpret || fail "replay --interpret: exit code $rc"
cmp -s "$tmp/out" "$tmp/compiled" || fail "--interpret gives other alerts"
echo "check and explain say what they should"
