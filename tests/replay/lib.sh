# Shared by the replay tests. Sourced, with the source and the build directory as $1 and $2. Sets
# top, build, saker, tmp, mkcap.
# shellcheck shell=sh
top=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
saker=$build/saker
tmp=$(mktemp -d "${TMPDIR:-/tmp}/saker-replay.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C TZ=UTC FALCO_HOSTNAME=test

say() { printf '%s\n' "$*"; }
fail() { say "FAIL: $*"; exit 1; }

[ -x "$saker" ] || fail "$saker has not been built"
mkcap=$tmp/mkcap
${CC:-cc} -O1 -std=gnu17 -D_GNU_SOURCE -I"$top/src" -o "$mkcap" "$top/tests/replay/mkcap.c" "$top/tests/gen/gen.c" \
	"$top/src/contract/event.c" -lz || fail "mkcap.c does not compile"
printf 'stdout_output:\n  enabled: true\n' >"$tmp/saker.yaml"

# replay CAPTURE RULES ARGUMENT...: alerts to $tmp/out without the summary; returns the exit code.
replay() {
	cap=$1 rules=$2
	shift 2
	rc=0
	timeout 120 "$saker" -c "$tmp/saker.yaml" -r "$rules" -o engine.kind=replay -o "engine.replay.capture_file=$cap" \
		-o rule_matching=all "$@" >"$tmp/all" 2>"$tmp/err" </dev/null || rc=$?
	sed '/^Events detected:/,$d' "$tmp/all" >"$tmp/out"
	return "$rc"
}
