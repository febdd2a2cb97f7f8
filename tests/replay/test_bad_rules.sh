#!/bin/sh
# Rules files that nobody means well with: each ends in a located error or loads, within bounds of time and memory.
set -eu
. "$(dirname "$0")/lib.sh"

# try NAME LIMIT_MIB WORDS...: check $tmp/bad.yaml; exit code 0 or 1, at most LIMIT_MIB of address space above an empty
# check's, 30 s; every word must be in what is printed.
try() {
	name=$1 limit=$2
	shift 2
	rc=0
	(ulimit -v $((limit * 1024)) && exec timeout 30 "$saker" check "$tmp/bad.yaml") >"$tmp/said" 2>&1 </dev/null || rc=$?
	[ "$rc" -le 1 ] || { head -c 600 "$tmp/said"; fail "$name: exit code $rc"; }
	for w in "$@"; do
		grep -aqF -- "$w" "$tmp/said" || { head -c 1500 "$tmp/said"; fail "$name: not said: $w"; }
	done
	say "$name: $(grep -ac . "$tmp/said") lines, exit code $rc"
}
rule() { # condition on stdin -> a rules file
	printf -- '- rule: X\n  desc: d\n  output: o\n  priority: INFO\n  condition: '
	cat
	echo
}

awk 'BEGIN { for (i = 0; i < 100000; i++) printf "("; printf "evt.type=open"; for (i = 0; i < 100000; i++) printf ")" }' | rule >"$tmp/bad.yaml"
try "100,000 parentheses" 2000 "LOAD_ERR"
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "not "; printf "evt.type=open" }' | rule >"$tmp/bad.yaml"
try "100,000 times not" 2000
awk 'BEGIN { printf "evt.type=open"; for (i = 0; i < 200000; i++) printf " and evt.num=%d", i }' | rule >"$tmp/bad.yaml"
try "200,000 checks" 3000
{
	echo '- macro: m0
  condition: evt.type=open or evt.type=close'
	i=0
	while [ $i -lt 25 ]; do
		printf -- '- macro: m%d\n  condition: m%d or m%d\n' $((i + 1)) $i $i
		i=$((i + 1))
	done
	echo m25 | rule
} >"$tmp/bad.yaml"
try "macros that double 25 times" 2000 "LOAD_ERR"
printf 'm1' | rule >"$tmp/bad.yaml"
printf -- '- macro: m1\n  condition: m2\n- macro: m2\n  condition: m1\n' >>"$tmp/bad.yaml"
try "macros in a circle" 1000 "LOAD_ERR"
{
	printf -- '- list: l0\n  items: [a, b]\n'
	i=0
	while [ $i -lt 40 ]; do
		printf -- '- list: l%d\n  items: [l%d, l%d]\n' $((i + 1)) $i $i
		i=$((i + 1))
	done
	echo 'proc.name in (l40)' | rule
} >"$tmp/bad.yaml"
try "lists that double 40 times" 2000
awk 'BEGIN { printf "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"; for (i = 1; i < 12; i++) { printf "a%d: &a%d [", i, i; for (k = 0; k < 9; k++) printf "%s*a%d", k ? "," : "", i - 1; print "]" } }' >"$tmp/bad.yaml"
try "aliases that expand without end" 2000 "bad.yaml"
printf -- '- &a [*a, *a]\n' >"$tmp/bad.yaml"
try "an alias of itself" 1000 "bad.yaml"
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "[" }' >"$tmp/bad.yaml"
try "100,000 brackets of YAML" 1000 "bad.yaml"
awk 'BEGIN { for (i = 0; i < 5000; i++) { printf "%*s- a:\n", i, "" } }' >"$tmp/bad.yaml"
try "YAML nested by 5,000 lines" 1000 "bad.yaml"
printf -- '- rule: X\n  desc: d\n  output: o\n  priority: INFO\n  condition: "evt.type=open and proc.name = \\0a"\n' >"$tmp/bad.yaml"
try "NUL in a condition" 1000 "LOAD_ERR"
printf -- '- rule: X\000Y\n  desc: d\n' >"$tmp/bad.yaml"
try "NUL in the file" 1000 "bad.yaml"
printf -- '- rule: X\n  desc: \377\376d\n  condition: evt.type=open\n  output: o\n  priority: INFO\n' >"$tmp/bad.yaml"
try "invalid UTF-8" 1000 "bad.yaml"
head -c 200000 /dev/urandom >"$tmp/bad.yaml"
try "random bytes" 1000 "bad.yaml"
awk 'BEGIN { printf "- list: l\n  items: ["; for (i = 0; i < 1000000; i++) printf "%sword%d", i ? ", " : "", i; print "]" }' >"$tmp/bad.yaml"
echo 'evt.type=open and proc.name in (l)' | rule >>"$tmp/bad.yaml"
try "a list of a million items" 3000
awk 'BEGIN { s = sprintf("%1000s", ""); gsub(/ /, "x", s); for (i = 0; i < 100000; i++) print "# " s }' >"$tmp/bad.yaml"
try "100 MB of comments" 1000 "bad.yaml"
awk 'BEGIN { for (i = 0; i < 1400000; i++) printf "- macro: m%d\n  condition: evt.type=open and proc.name=p%d\n", i, i }' >"$tmp/bad.yaml"
try "90 MB of macros" 1000 "bad.yaml"
awk 'BEGIN { for (i = 0; i < 300000; i++) printf "- macro: m%d\n  condition: evt.type=open and proc.name=p%d\n", i, i }' >"$tmp/bad.yaml"
try "300,000 macros" 4000
printf '' >"$tmp/bad.yaml"
try "nothing" 1000
echo "no file did harm"
