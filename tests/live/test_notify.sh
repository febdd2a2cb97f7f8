#!/bin/sh
# Type=notify as systemd does it: READY=1 when events flow, WATCHDOG=1 while they do, STOPPING=1 at the end.
set -eu
. "$(dirname "$0")/lib.sh"
need_live
command -v python3 >/dev/null || skip "python3 is not installed"
printf 'stdout_output: {enabled: true}\n' >"$tmp/saker.yaml"
python3 - "$saker" "$tmp" "$top" <<'P' || fail "see above"
import os, signal, socket, subprocess, sys, time
saker, tmp, top = sys.argv[1:]
for path, name in ((tmp + "/notify", tmp + "/notify"), ("@saker-test-%d" % os.getpid(), "\0saker-test-%d" % os.getpid())):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(name)
    s.settimeout(60)
    p = subprocess.Popen([saker, "-c", tmp + "/saker.yaml", "-r", top + "/rules/saker_rules.yaml"],
                         env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="10000000"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    first = s.recv(100)
    assert first == b"READY=1", first
    s.settimeout(8)
    t = time.time()
    for _ in range(3):
        got = s.recv(100)
        assert got == b"WATCHDOG=1", got
    assert time.time() - t < 8
    p.send_signal(signal.SIGTERM)
    while (got := s.recv(100)) == b"WATCHDOG=1": pass
    assert got == b"STOPPING=1", got
    assert p.wait(20) == 0
    assert b"ready" in p.stderr.read()
# a watchdog that is meant for another process
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("\0saker-test2-%d" % os.getpid()); s.settimeout(60)
p = subprocess.Popen([saker, "-c", tmp + "/saker.yaml", "-r", top + "/rules/saker_rules.yaml", "-M", "3"],
                     env=dict(os.environ, NOTIFY_SOCKET="@saker-test2-%d" % os.getpid(), WATCHDOG_USEC="10000000", WATCHDOG_PID="1"),
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
assert [s.recv(100), s.recv(100)] == [b"READY=1", b"STOPPING=1"]
assert p.wait(20) == 0
P
say "systemd is told"
