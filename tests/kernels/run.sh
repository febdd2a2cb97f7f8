#!/bin/sh
# Boots stock kernels of Debian under qemu (software emulation: no /dev/kvm needed) with an initramfs that runs
# the live tests, and prints a table. By hand: ./dev kernels [PACKAGE...]
#
#   run.sh SOURCE_DIR BUILD_DIR [PACKAGE...]
#
# Without packages: the newest linux-image of each version that apt knows. Kernels are downloaded and unpacked under
# BUILD_DIR/kernels, nothing of them is installed. What each machine said is in BUILD_DIR/kernels/PACKAGE.log.
set -eu
top=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
shift 2
work=$build/kernels
mkdir -p "$work"

say() { printf '%s\n' "$*" >&2; }
fail() { say "kernels: $*"; exit 1; }

# Newest of every version: 6.1.0-47-amd64 and 6.12.9+deb12-amd64 are of 6.1 and 6.12.
newest() {
	apt-cache search --names-only '^linux-image-[0-9]+\.[0-9]+\.[0-9]+.*-amd64$' | awk '{ print $1 }' |
		grep -vE 'unsigned|-rt-|-cloud-|-dbg' | sort -V |
		awk '{ split($1, v, "[-.]"); last[v[3] "." v[4]] = $1 } END { for (k in last) print last[k] }' | sort -V
}

# Puts a file and the libraries it needs into the tree.
add_file() {
	mkdir -p "$root$(dirname "$2")"
	cp -L "$1" "$root$2"
	{ ldd "$1" 2>/dev/null || :; } | awk '/=> \// { print $3 } /^[ \t]*\/lib/ { print $1 }' | while IFS= read -r lib; do
		[ -e "$root$lib" ] || { mkdir -p "$root$(dirname "$lib")" && cp -L "$lib" "$root$lib"; }
	done
}

make_initramfs() {
	root=$work/root
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/sbin" "$root/usr/bin" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" \
		"$root/var/log" "$root/saker/build" "$root/saker/tests" "$root/root"
	cp /bin/busybox "$root/bin/busybox"
	"$root/bin/busybox" --list | while IFS= read -r a; do
		[ "$a" = busybox ] || ln -s busybox "$root/bin/$a"
	done
	# shells and programs that the tests know by name are themselves, not busybox
	rm -f "$root/bin/sh" "$root/bin/true" "$root/bin/bash"
	add_file /bin/dash /bin/sh
	add_file /bin/true /bin/true
	add_file /bin/bash /bin/bash
	add_file "$build/saker" /saker/build/saker
	"$top/tests/live/build.sh" "$top" "$build" "$work/bin"
	for f in "$work/bin"/*; do add_file "$f" "/saker/bin/$(basename "$f")"; done
	cp -r "$top/rules" "$top/saker.yaml" "$root/saker/"
	cp -r "$top/tests/live" "$root/saker/tests/"
	cp "$top/tests/kernels/init" "$root/init"
	chmod +x "$root/init"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>"$root/etc/passwd"
	echo 'root:*:1:0:::::' >"$root/etc/shadow"
	echo 'root:x:0:' >"$root/etc/group"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	cp /etc/services "$root/etc/services" 2>/dev/null || :
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initramfs.gz"
}

unpack() {
	[ -d "$work/$1" ] && return 0
	(cd "$work" && rm -f "$1"_*.deb && apt-get download -qq "$1" >/dev/null 2>&1) || return 1
	dpkg-deb -x "$work/$1"_*.deb "$work/$1.new" || return 1
	rm -rf "$work/$1.new/lib/modules" "$work/$1.new/usr/lib/modules" # everything the probe needs is built in
	mv "$work/$1.new" "$work/$1"
	rm -f "$work/$1"_*.deb
}

# The last word of what a machine said about KEY.
said() { tr -d '\r' <"$work/$2.log" | sed -n "s/.*RESULT $1 //p" | tail -n 1; }

[ $# -gt 0 ] || set -- $(newest)
[ $# -gt 0 ] || fail "apt knows no linux-image package; as root run: apt-get update"
make_initramfs
bad=0
printf '%-28s %-8s %-26s %-26s %-20s %s\n' kernel attached 'events, tp_btf' 'events, raw_tp' 'rules fired' 'CPU coming online'
for pkg; do
	unpack "$pkg" || { printf '%-28s %s\n' "$pkg" "cannot be downloaded"; bad=1; continue; }
	# One of two CPUs is left out at boot: it is brought up while saker runs.
	timeout 900 qemu-system-x86_64 -accel tcg -cpu max -m 1536 -smp 2 -nographic -no-reboot -net none \
		-kernel "$work/$pkg"/boot/vmlinuz-* -initrd "$work/initramfs.gz" \
		-append "console=ttyS0 quiet panic=-1 maxcpus=1" </dev/null >"$work/$pkg.log" 2>&1 || :
	printf '%-28s %-8s %-26s %-26s %-20s %s\n' "$(said kernel "$pkg")" "$(said attached "$pkg")" "$(said tp_btf "$pkg")" \
		"$(said raw_tp "$pkg")" "$(said rules "$pkg")" "$(said hotplug "$pkg")"
	[ "$(said all "$pkg")" = ok ] || { say "$pkg: not all is well, see $work/$pkg.log"; bad=1; }
done
exit $bad
