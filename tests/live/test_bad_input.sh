#!/bin/sh
# What a user gets wrong: every message names the place and what is wrong, exit code 1, nothing runs.
# Needs no privileges.
set -eu
. "$(dirname "$0")/lib.sh"
[ -x "$saker" ] || fail "$saker has not been built"

printf -- '- rule: Quiet\n  desc: d\n  condition: evt.type = open and proc.name = nobody\n  output: o\n  priority: INFO\n' >"$tmp/good.yaml"
printf 'priority: debug\nstdout_output:\n  enabled: true\n' >"$tmp/config.yaml"
bad=0

# refused NAME REGEX... -- ARGUMENT...: exit code 1, stderr starts with Error: and matches each regex.
refused() {
	name=$1
	shift
	: >"$tmp/want"
	while [ "$1" != -- ]; do
		printf '%s\n' "$1" >>"$tmp/want"
		shift
	done
	shift
	rc=0
	timeout 30 "$saker" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || rc=$?
	problem=
	[ "$rc" = 1 ] || problem="exit code $rc, not 1"
	grep -qw ready "$tmp/err" && problem="$problem; it started"
	cat "$tmp/out" "$tmp/err" >"$tmp/both"
	grep -q '^Error: ' "$tmp/both" || problem="$problem; no line starts with Error:"
	while IFS= read -r re; do
		grep -Eq -- "$re" "$tmp/both" || problem="$problem; nothing matches /$re/"
	done <"$tmp/want"
	[ -z "$problem" ] || { say "FAIL: $name: $problem"; sed 's/^/  | /' "$tmp/both"; bad=1; }
}

c="$tmp/config.yaml"
g="$tmp/good.yaml"

refused "unknown option" "no-such-option" -- --no-such-option
refused "option without its value" . -- -c
refused "unknown -o key" "ruls_files" "rules_files" -- -c "$c" -r "$g" -o ruls_files=/x --dry-run
refused "-o value of the wrong type" "json_output" -- -c "$c" -r "$g" -o json_output=maybe --dry-run
refused "-o number out of range" "pipeline.workers" -- -c "$c" -r "$g" -o pipeline.workers=-5 --dry-run
refused "-o without a value" "json_output" -- -c "$c" -r "$g" -o json_output --dry-run
refused "configuration that is not there" "none.yaml" -- -c "$tmp/none.yaml" -r "$g"
refused "configuration that is a directory" "$tmp" -- -c "$tmp" -r "$g"

printf 'priority: debug\njson_output: [oops\n' >"$tmp/broken.yaml"
refused "configuration that is not YAML" "broken\.yaml" "(:|line )[23]" -- -c "$tmp/broken.yaml" -r "$g"
printf 'priority: debug\njson_output: sometimes\n' >"$tmp/type.yaml"
refused "configuration value of the wrong type" "type\.yaml:2:[0-9]+" "json_output" -- -c "$tmp/type.yaml" -r "$g"
printf 'priority: loud\n' >"$tmp/range.yaml"
refused "configuration value that is none of those possible" "priority|loud" -- -c "$tmp/range.yaml" -r "$g"

refused "rules file that is not there" "none\.yaml" -- -c "$c" -r "$tmp/none.yaml"
printf -- '- rule: A\n  desc: d\n  condition: evt.type = open\n output: o\n' >"$tmp/indent.yaml"
refused "rules file that is not YAML" "indent\.yaml" "[Ll]ine 4" -- -c "$c" -r "$tmp/indent.yaml"
printf -- '- rule: A\n  desc: d\n  condition: evt.type = open and (proc.name = x\n  output: o\n  priority: INFO\n' >"$tmp/syntax.yaml"
refused "condition that does not parse" "syntax\.yaml" "LOAD_ERR_COMPILE_CONDITION|line 3|:3:" -- -c "$c" -r "$tmp/syntax.yaml"
printf -- '- rule: A\n  desc: d\n  condition: proc.nmae = x\n  output: o\n  priority: INFO\n' >"$tmp/field.yaml"
refused "condition with an unknown field" "field\.yaml" "proc\.nmae" -- -c "$c" -r "$tmp/field.yaml"
printf -- '- rule: A\n  desc: d\n  condition: evt.type = open\n  output: "%%proc.nmae"\n  priority: INFO\n' >"$tmp/output.yaml"
refused "output with an unknown field" "output\.yaml" "proc\.nmae" -- -c "$c" -r "$tmp/output.yaml"
printf -- '- rule: A\n  desc: d\n  condition: no_such_macro\n  output: o\n  priority: INFO\n' >"$tmp/macro.yaml"
refused "condition with an unknown macro" "macro\.yaml" "no_such_macro" -- -c "$c" -r "$tmp/macro.yaml"
refused "no rules" . -- -c "$c" -r "$tmp/nothing"

refused "capture that is not there" "Could not open trace filename $tmp/none\.scap for reading: No such file or directory" -- \
	-c "$c" -r "$g" -o engine.kind=replay -o engine.replay.capture_file="$tmp/none.scap"
refused "capture that is none" "Could not open trace filename $g for reading: invalid block type" -- \
	-c "$c" -r "$g" -o engine.kind=replay -o engine.replay.capture_file="$g"
refused "replay without a file" "engine.kind is 'replay' but no engine.replay.capture_file" -- \
	-c "$c" -r "$g" -o engine.kind=replay -o engine.replay.capture_file=
refused "unknown engine" "engine.kind|nothing_such" -- -c "$c" -r "$g" -o engine.kind=nothing_such

[ "$bad" = 0 ] || exit 1
say "every mistake was refused with its place and exit code 1"
