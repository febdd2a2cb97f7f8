#!/bin/sh
# Builds the programs of the live tests into a directory: for the tests themselves, and for machines without a
# compiler, where SAKER_TEST_BIN names that directory.
#   build.sh SOURCE_DIR BUILD_DIR TO [PROGRAM...]
set -eu
top=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
to=$3
shift 3
[ $# -gt 0 ] || set -- dump dump_raw limits flood calls trigger uring load scan_equal scan_zoo bomb_load
mkdir -p "$to"

san=
if nm "$build/libsaker_base.a" 2>/dev/null | grep -q __asan_; then san="-fsanitize=address,undefined"; fi
if nm "$build/libsaker_base.a" 2>/dev/null | grep -q __tsan_; then san="-fsanitize=thread"; fi
libs="$build/libsaker_capture.a $build/libsaker_contract.a $build/libsaker_base.a -lbpf -lz -lyaml -lurcu-qsbr -lpthread"
flags="$san -std=gnu17 -O1 -D_GNU_SOURCE -I$top/src"
plain="-std=gnu17 -O1 -D_GNU_SOURCE"
t=$top/tests/live
for p; do
	[ ! -x "${SAKER_TEST_BIN:-}/$p" ] || { cp "$SAKER_TEST_BIN/$p" "$to/$p"; continue; }
	# shellcheck disable=SC2086
	case $p in
	dump) ${CC:-cc} $flags -o "$to/dump" "$t/probe_dump.c" $libs ;;
	dump_raw)
		${CC:-cc} $flags -DLIVE_TYPED=0 -I"$build/gen" -o "$to/dump_raw" "$t/probe_dump.c" "$top/src/capture/live_load.c" $libs ;;
	scan_equal)
		${CC:-cc} $flags -o "$to/scan_equal" "$t/scan_equal.c" "$build/libsaker_state.a" $libs -ljansson ;;
	limits) ${CC:-cc} $flags -o "$to/limits" "$t/probe_limits.c" $libs ;;
	flood) ${CC:-cc} $flags -o "$to/flood" "$t/probe_flood.c" $libs ;;
	calls) ${CC:-cc} $plain -Wno-unused-but-set-variable -o "$to/calls" "$t"/probe_calls*.c ;;
	bomb_load) ${CC:-cc} $plain -o "$to/bomb_load" "$t/bomb_load.c" ;;
	scan_zoo) ${CC:-cc} $plain -Wno-unused-result -pthread -o "$to/scan_zoo" "$t/scan_zoo.c" ;;
	trigger) ${CC:-cc} $plain -o "$to/trigger" "$t/trigger.c" ;;
	uring) ${CC:-cc} $plain -o "$to/uring" "$t/uring_rules.c" ;;
	paced) ${CC:-cc} $plain -o "$to/paced" "$t/paced_load.c" ;;
	load) ${CC:-cc} $plain -pthread -o "$to/load" "$t/flood_load.c" ;;
	*) echo "build.sh: no program $p"; exit 1 ;;
	esac
done
