#!/bin/sh
# Every rule of rules/saker_rules.yaml, triggered for real on this machine: each must raise its alert,
# with the fields that tell who did it. A rule without a trigger here fails the test.
set -eu
. "$(dirname "$0")/lib.sh"
need_live
build_trigger
rules=$top/rules/saker_rules.yaml
[ -r "$rules" ] || fail "no $rules"

cleanup_more() {
	remove_container
	rm -f "/etc/sktrig.$$" "/usr/bin/sktrig.$$" "/var/log/sktrig.$$"
	rm -rf "/tmp/sktrig.$$"
}
mkdir -p "/tmp/sktrig.$$"

# trigger_rule TITLE: does it, and sets want to regexes (one per line) that the alert's line matches
# besides its title. Returns 77 where this machine cannot do it, 99 for a rule it does not know.
. "$top/tests/live/triggers.sh"

start_saker -c "$top/saker.yaml" -r "$rules" -o json_output=true -o rule_matching=all \
	-o buffered_outputs=false

rule_names "$rules" >"$tmp/rules"
[ -s "$tmp/rules" ] || fail "no rules found in $rules"
done_n=0 missing='' unknown='' cannot=''
while IFS= read -r rule <&3; do
	want=
	rc=0
	trigger_rule "$rule" >"$tmp/trigger.log" 2>&1 </dev/null || rc=$?
	case $rc in
	99) unknown="$unknown
  $rule"
		continue ;;
	77) cannot="$cannot
  $rule: $(tail -n 1 "$tmp/trigger.log")"
		continue ;;
	esac
	# shellcheck disable=SC2086 # one word per regex: they hold no blanks
	if wait_alert 5 "\"rule\":\"$rule\"" $want; then
		done_n=$((done_n + 1))
	else
		missing="$missing
  $rule (trigger's exit code $rc; wanted $want)
$(grep -F "\"rule\":\"$rule\"" "$tmp/out" | head -n 2 | cut -c1-400)"
	fi
done 3<"$tmp/rules"

stop_saker
total=$(sed -n 's/^Events detected: //p' "$tmp/out")
[ "$total" -ge "$done_n" ] || fail "the summary counts $total alerts, at least $done_n were raised"
while IFS= read -r rule; do
	n=$(grep -cF "\"rule\":\"$rule\"" "$tmp/out" || :)
	[ "$n" -eq 0 ] || grep -qE "^ +$rule: $n\$" "$tmp/out" || fail "the summary does not say '$rule: $n'"
done <"$tmp/rules"

[ -z "$unknown" ] || fail "rules without a trigger in tests/live/triggers.sh:$unknown"
[ -z "$missing" ] || fail "rules that raised no alert:$missing"
[ -z "$cannot" ] || say "not possible on this machine:$cannot"
[ "$done_n" -gt 0 ] || skip "this machine refuses every trigger"
say "$done_n of $(wc -l <"$tmp/rules") rules triggered and raised"
