#!/bin/sh
# What the documents say is there: links between them lead somewhere, files and folders of this tree
# that they name exist, and options they show in saker's command line are options.
#   docs.sh SOURCE_DIR BUILD_DIR
# Checks itself first with documents that are wrong.
set -eu
top=$(cd "${1:?usage: docs.sh SOURCE_DIR BUILD_DIR}" && pwd)
build=${2:-$top/build}

# "file:line: what" for every link or name in the documents under $1 that leads nowhere.
dead() {
	(cd "$1" && find . -name '*.md' ! -path './build/*' ! -path './.git/*' | sed 's|^\./||' | LC_ALL=C sort |
	while IFS= read -r doc; do
		dir=$(dirname "$doc")
		# Link targets, then names in back quotes that start with a folder of the tree.
		awk '
		/^[ \t]*```/ { code = !code }
		{
			s = $0
			while (!code && match(s, /\]\([^)]*\)/)) {
				print FNR "\tlink\t" substr(s, RSTART + 2, RLENGTH - 3)
				s = substr(s, RSTART + RLENGTH)
			}
			s = $0
			while (match(s, /`[^`]+`/)) {
				w = substr(s, RSTART + 1, RLENGTH - 2)
				if (w ~ /^(src|tests|docs|rules|bench)\/[A-Za-z0-9_.\/-]*$/) print FNR "\tname\t" w
				s = substr(s, RSTART + RLENGTH)
			}
		}' "$doc" | while IFS="$(printf '\t')" read -r line kind what; do
			case $kind-$what in
			link-http://* | link-https://* | link-mailto:* | link-'#'*) continue ;;
			link-*) f=$dir/${what%%#*} ;;
			*) f=$what ;;
			esac
			[ -e "$f" ] || echo "$doc:$line: $what is not there"
		done
	done)
}

# Options of saker that the documents show but the binary does not know.
strange_options() {
	{ "$2" --help && "$2" alerts --help; } >"$tmp/help" 2>&1 || true
	(cd "$1" && grep -rnoE --include='*.md' --exclude-dir=build 'build/saker( +[^ `|&;>]+)*' . |
	while IFS=: read -r doc line cmd; do
		for w in $cmd; do
			case $w in
			--*) o=${w%%=*}
				grep -qE -- "(^|[^A-Za-z0-9-])$o([^A-Za-z0-9-]|\$)" "$tmp/help" ||
					echo "$doc:$line: saker has no option $o" ;;
			esac
		done
	done)
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/t/docs" "$tmp/t/src"
printf '[a](docs/b.md) [b](docs/none.md#x) `src/` `src/none.c` [w](https://example.org/)\n' >"$tmp/t/README.md"
printf '[up](../README.md) [no](README.md)\n' >"$tmp/t/docs/b.md"
printf 'run `build/saker --good --bad=1`\n' >"$tmp/t/docs/c.md"
printf '#!/bin/sh\necho " -g,--good  is good"\n' >"$tmp/saker"
chmod +x "$tmp/saker"
got=$(dead "$tmp/t" | cut -d' ' -f2 | tr '\n' ' ')$(strange_options "$tmp/t" "$tmp/saker" | sed 's/.* //')
if [ "$got" != "docs/none.md#x src/none.c README.md --bad" ]; then
	echo "self-test: of the wrong documents these were found: $got" >&2
	exit 1
fi

list=$(dead "$top")
if [ -x "$build/saker" ]; then
	list="$list$(strange_options "$top" "$build/saker")"
fi
if [ -n "$list" ]; then
	printf '%s\n' "$list"
	exit 1
fi
echo "documents: $(find "$top" -name '*.md' ! -path '*/build/*' | wc -l) read, links, names and options exist"
