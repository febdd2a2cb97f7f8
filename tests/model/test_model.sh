#!/bin/sh
# Explores the model, then demands that each seeded bug is found. Needs spin; else skipped (77).
# usage: test_model.sh SOURCE_DIR BUILD_DIR
set -eu
command -v spin >/dev/null || { echo "spin is not installed: the model was not explored"; exit 77; }
models=$(cd "$(dirname "$0")" && pwd)
model=$models/handover.pml
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

explore() { # bug, events, more definitions
	spin -a -DBUG="$1" -DEVENTS="$2" ${3:-} "$model" >spin.out || { cat spin.out; exit 1; }
	${CC:-cc} -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c
	./pan -m100000 >pan.out 2>&1 || :
	if grep -q 'MEMLIM\|max search depth too small' pan.out; then
		echo "bug $1: not explored to the end"
		cat pan.out
		exit 1
	fi
	sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out
}

e=$(explore 0 3)
states=$(awk '/states, stored/ {print $1}' pan.out)
[ "$e" = 0 ] || { cat pan.out; echo "the model has an error"; exit 1; }
echo "3 events, all kinds and owners: no error in $states states"
e=$(explore 0 6 -DONE_OWNER)
states=$(awk '/states, stored/ {print $1}' pan.out)
[ "$e" = 0 ] || { cat pan.out; echo "the model has an error"; exit 1; }
echo "6 events of one shard, rings full: no error in $states states"
for bug in 1 2 3 4 5 6; do
	if [ $bug = 3 ]; then e=$(explore 3 6 -DONE_OWNER); else e=$(explore $bug 3); fi
	[ "$e" != 0 ] || { echo "seeded bug $bug was not found"; exit 1; }
	echo "seeded bug $bug: found ($(sed -n 's/^pan:1: \(.*\) (at.*/\1/p' pan.out))"
done

model=$models/wakeup.pml
e=$(explore 0 0)
states=$(awk '/states, stored/ {print $1}' pan.out)
[ "$e" = 0 ] || { cat pan.out; echo "the model of waking has an error"; exit 1; }
echo "sleeping and waking: no error in $states states"
for bug in 1 2 3 4 5; do
	[ "$(explore $bug 0)" != 0 ] || { echo "seeded bug $bug of waking was not found"; exit 1; }
	echo "waking, seeded bug $bug: found"
done
