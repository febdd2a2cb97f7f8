#!/bin/sh
# The Debian package on this machine's own root, seen through an overlay that is thrown away: it installs, what it says is
# there is there, saker starts by hand with the shipped configuration, and removing it leaves nothing behind.
#   test_deb.sh SOURCE_DIR BUILD_DIR
set -eu
build=$(cd "$2" && pwd)
deb=$build/saker.deb
say() { printf '%s\n' "$*"; }
fail() { say "FAIL: $*"; exit 1; }
skip() { say "SKIP: $*"; exit 77; }
[ -s "$deb" ] || fail "there is no $deb; ./dev package makes it"
for d in 'saker$' 'libbpf' 'libmicrohttpd' 'libsqlite3'; do dpkg-deb -f "$deb" Package Depends | grep -q "$d" || fail "the package does not name $d"; done
[ "$(id -u)" = 0 ] || skip "installing needs root"
if [ "${IN_NS:-}" != 1 ]; then
	tmp=$(mktemp -d)
	rc=0
	IN_NS=1 TMP_NS=$tmp unshare -m "$0" "$1" "$2" || rc=$?
	rmdir "$tmp" 2>/dev/null || rm -rf "$tmp"
	exit $rc
fi
mount --make-rprivate /
mount -t tmpfs none "$TMP_NS"
mkdir "$TMP_NS/up" "$TMP_NS/work" "$TMP_NS/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$TMP_NS/up,workdir=$TMP_NS/work" "$TMP_NS/root" 2>/dev/null || skip "no overlay file system"
root=$TMP_NS/root
for d in proc sys dev; do mount --rbind /$d "$root/$d"; done
# systemd of this machine must not hear of it
mount -t tmpfs none "$root/run"
cp "$deb" "$root/saker.deb"
in_root() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }
in_root dpkg -i /saker.deb >"$TMP_NS/log" 2>&1 || fail "dpkg -i: $(tail -5 "$TMP_NS/log")"
for f in /usr/bin/saker /etc/saker/saker.yaml /etc/saker/rules.d /usr/share/saker/saker_rules.yaml /lib/systemd/system/saker.service \
	/usr/share/man/man8/saker.8 /usr/share/man/man1/saker.1 /usr/share/man/man5/saker.yaml.5; do
	[ -e "$root$f" ] || [ -e "$root$f.gz" ] || fail "$f was not installed"
done
[ "$(in_root dpkg-query -W -f '${Conffiles}' saker | awk '{print $1}')" = /etc/saker/saker.yaml ] || fail "the configuration is not a conffile"
in_root /usr/bin/saker --version | grep -q '^Saker version' || fail "saker does not run"
if [ -r /sys/kernel/btf/vmlinux ]; then
	in_root /usr/bin/saker -M 3 -o log_syslog=false >"$TMP_NS/out" 2>"$TMP_NS/err" || fail "does not start: $(tail -3 "$TMP_NS/err")"
	grep -qw ready "$TMP_NS/err" || fail "not ready: $(tail -3 "$TMP_NS/err")"
	! grep -q 'rules 0' "$TMP_NS/err" || fail "no rules"
fi
echo '# changed here' >>"$root/etc/saker/saker.yaml"
in_root dpkg -r saker >"$TMP_NS/log" 2>&1 || fail "dpkg -r: $(tail -3 "$TMP_NS/log")"
[ ! -e "$root/usr/bin/saker" ] && [ ! -e "$root/usr/share/saker" ] || fail "removing leaves the program"
grep -q 'changed here' "$root/etc/saker/saker.yaml" || fail "removing takes the configuration"
mkdir -p "$root/var/lib/saker"
touch "$root/var/lib/saker/alerts.db"
in_root dpkg -P saker >"$TMP_NS/log" 2>&1 || fail "dpkg -P: $(tail -3 "$TMP_NS/log")"
left=$(in_root find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /work -o -path "$build" \) -prune -o -name '*saker*' -newer /saker.deb -print 2>/dev/null | grep -v '^/saker.deb' || :)
[ -z "$left" ] || fail "left behind: $left"
say "the package installs, runs with its own configuration, and leaves nothing behind"
