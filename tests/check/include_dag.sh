#!/bin/sh
# The include order of the folders under src (docs/architecture.md): who may include whom.
#   include_dag.sh SOURCE_DIR
# Checks itself first: violations planted in a scratch tree must be found, and nothing else.
set -eu
src=${1:?usage: include_dag.sh SOURCE_DIR}/src

# Prints one line per violation under the directory $1.
violations() {
	find "$1" -type f \( -name '*.[ch]' -o -name '*.cc' -o -name '*.def' \) | LC_ALL=C sort |
	xargs awk -v root="$1/" '
	BEGIN {
		may["base"] = "base"
		may["contract"] = "contract base"
		may["capture"] = "capture contract base"
		may["state"] = "state contract base"
		may["sink"] = "sink contract base"
		may["eval"] = "eval state contract base"
		may["shard"] = "shard eval state sink contract base"
		may["daemon"] = "daemon shard eval state sink capture contract base"
		for (f in may) { n = split(may[f], a, " "); for (i = 1; i <= n; i++) ok[f, a[i]] = 1 }
	}
	FNR == 1 { path = substr(FILENAME, length(root) + 1); split(path, part, "/"); from = part[1] }
	FNR == 1 && !(from in may) { print path ": folder " from " has no place in the order"; next }
	match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+[>"]/) {
		inc = substr($0, RSTART, RLENGTH)
		quoted = inc ~ /"/
		sub(/^[^<"]*[<"]/, "", inc); sub(/[>"]$/, "", inc)
		n = split(inc, part, "/")
		if (inc ~ /(^|\/)\.\.?\//) { print path ":" FNR ": " inc ": name files from src, not relative to here"; next }
		if (n == 1 || !(part[1] in may)) next   # of this folder, the system, or generated
		if (!quoted) print path ":" FNR ": " inc ": own headers are included with quotes"
		else if (!((from, part[1]) in ok)) print path ":" FNR ": " from " must not include " inc
		else if (part[1] != from && inc ~ /_internal\.h$/) print path ":" FNR ": " inc " stays in its folder"
	}'
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for d in base contract capture state sink eval shard daemon extra; do mkdir -p "$tmp/src/$d"; done
plant() { printf '%s\n' "$2" >"$tmp/src/$1"; }
plant base/bad.c '#include "contract/event.h"'
plant contract/bad.h '  #  include "state/task.h"'
plant capture/bad.c '#include "shard/pipeline.h"'
plant state/bad.c '#include "eval/field.h"'
plant sink/bad.cc '#include "state/task.h"'
plant eval/bad.c '#include "shard/worker.h"'
plant eval/bad2.c '#include "state/table_internal.h"'
plant shard/bad.c '#include "capture/live.h"'
plant shard/bad2.c '#include "../daemon/config.h"'
plant shard/bad3.c '#include <state/task.h>'
plant daemon/good.c '#include "capture/live.h"
#include "shard/pipeline.h"
#include <stdio.h>
#include "probe.skel.h"
// #include is also a word in comments'
plant state/good.c '#include "state/table_internal.h"'
plant extra/bad.c '#include "base/err.h"'
found=$(violations "$tmp/src" | cut -d: -f1 | LC_ALL=C sort | tr '\n' ' ')
want='base/bad.c capture/bad.c contract/bad.h eval/bad.c eval/bad2.c extra/bad.c shard/bad.c shard/bad2.c shard/bad3.c sink/bad.cc state/bad.c '
if [ "$found" != "$want" ]; then
	echo "self-test: planted violations found: $found" >&2
	echo "self-test:                 expected: $want" >&2
	exit 1
fi

list=$(violations "$src")
if [ -n "$list" ]; then
	printf '%s\n' "$list"
	exit 1
fi
echo "include order holds in $(find "$src" -name '*.[ch]' | wc -l) files"
