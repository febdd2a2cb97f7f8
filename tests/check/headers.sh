#!/bin/sh
# Every header compiles alone: it includes what it needs.
#   headers.sh SOURCE_DIR
# Not those of the probe: they are parts of one BPF program, which brings its own types.
# Checks itself first with a header that doesn't.
set -eu
top=$(cd "${1:?usage: headers.sh SOURCE_DIR}" && pwd)
cc=${CC:-cc}
libs=$(pkg-config --cflags liburcu-qsbr ck yaml-0.1 jansson zlib libbpf 2>/dev/null || true)

# shellcheck disable=SC2086
host() { "$cc" -std=gnu17 -D_GNU_SOURCE -DSAKER_VERSION='"check"' -I"$top/src" $libs -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wno-unused-function -Werror -x c -fsyntax-only "$1"; }
# The header goes through a file that includes it: as a main file it would be told off for #pragma once.
alone() { printf '#include "%s"\n' "$2" >"$tmp/alone.c"; "$1" "$tmp/alone.c"; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
printf '#pragma once\nstruct s { uint32_t x; };\n' >"$tmp/needs_stdint.h"
printf '#pragma once\n#include <stdint.h>\nstruct s { uint32_t x; };\n' >"$tmp/whole.h"
if alone host "$tmp/needs_stdint.h" 2>/dev/null || ! alone host "$tmp/whole.h"; then
	echo "self-test: a header without its includes was not told from a whole one" >&2
	exit 1
fi

bad=0 n=0
for h in $(find "$top/src" -name '*.h' ! -path '*/capture/bpf/*' | LC_ALL=C sort); do
	n=$((n + 1))
	alone host "$h" || { echo "not self-contained: $h"; bad=1; }
done
[ "$bad" = 0 ] && echo "$n headers are self-contained"
exit "$bad"
