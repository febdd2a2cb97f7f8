#!/bin/sh
# The admin server on a live daemon: health, versions, metrics, TLS, who may ask what, and clients that mean harm.
set -eu
. "$(dirname "$0")/lib.sh"
here=$top/tests/outputs
. "$here/certs.sh"
need_live
for c in curl python3 openssl; do command -v $c >/dev/null || skip "$c is not installed"; done

cat >"$tmp/saker.yaml" <<'Y'
stdout_output: {enabled: true}
log_stderr: true
log_syslog: false
webserver: {enabled: true, listen_port: 0, listen_address: 127.0.0.1, prometheus_metrics_enabled: true}
Y
find_port() { port=$(sed -n 's/.*admin: listening on .*:\([0-9]*\).*/\1/p' "$tmp/err" | tail -1); [ -n "$port" ] || fail "no port in the log"; }
start() { start_saker -c "$tmp/saker.yaml" -r "$top/rules/saker_rules.yaml" "$@"; find_port; }
get() { curl -sS -m 10 "$@"; }
code() { get -o /dev/null -w '%{http_code}' "$@" || :; }

start
url=http://127.0.0.1:$port
[ "$(get "$url/healthz")" = '{"status":"ok"}' ] || fail "healthz: $(get "$url/healthz")"
get "$url/versions" | python3 -c 'import json, sys
v = json.load(sys.stdin)
assert all(v[k] for k in ("driver_schema_version", "engine_version", "engine_version_semver", "falco_version", "saker_version")), v' || fail "versions"
get "$url/metrics" >"$tmp/metrics"
for m in falcosecurity_falco_version_info falcosecurity_scap_n_evts_total saker_healthy saker_ring_used_bytes saker_watermark_lag_seconds \
	saker_hub_queue_alerts saker_output_up saker_dropped_events_total saker_stale_reads_total saker_memory_bytes saker_rules; do
	grep -q "^$m[ {]" "$tmp/metrics" || fail "no $m in /metrics"
done
# every name has its help and type once, and its lines stand together
awk '/^# TYPE/ { if ($3 in t) { print "twice: " $3; e = 1 } t[$3] = 1; next } /^#/ { next }
	{ n = $1; sub(/\{.*/, "", n); if (!(n in t)) { print "no type: " n; e = 1 } } END { exit e }' "$tmp/metrics" || fail "/metrics"
if command -v promtool >/dev/null; then
	rc=0
	promtool check metrics <"$tmp/metrics" >"$tmp/lint" 2>&1 || rc=$?
	# 3: matters of taste; Falco's names are as they are
	{ [ $rc = 0 ] || [ $rc = 3 ]; } || fail "promtool refuses: $(head -3 "$tmp/lint")"
	! grep '^saker_' "$tmp/lint" || fail "promtool has something to say"
	say "promtool accepts $(grep -vc '^#' "$tmp/metrics") figures"
else
	say "left out: promtool is not installed"
fi
[ "$(code "$url/none")" = 404 ] || fail "unknown path"
[ "$(code "$url/")" = 404 ] || fail "root"
[ "$(code -X POST -d x "$url/healthz")" = 405 ] || fail "POST"
[ "$(code -I "$url/metrics")" = 200 ] || fail "HEAD"
ps -T -p "$saker_pid" -o comm= | grep -q '^admin$' || fail "no thread admin"

# ---- clients that mean harm --------------------------------------------------------------------
before=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$saker_pid/status")
python3 - "$port" <<'P' || fail "hostile clients"
import socket, sys, time, urllib.request
port = int(sys.argv[1])
def conn(src="127.0.0.1"):
    s = socket.socket(); s.settimeout(20); s.bind((src, 0)); s.connect(("127.0.0.1", port)); return s
def answer(s):
    out = b""
    try:
        while True:
            b = s.recv(65536)
            if not b: return out
            out += b
    except OSError:
        return out
def healthy(): return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10).read() == b'{"status":"ok"}'
# a head that never ends
s = conn()
try:
    s.sendall(b"GET /healthz HTTP/1.1\r\n" + b"X: " + b"a" * 2000000)
except OSError:
    pass
got = answer(s)
assert not got.startswith(b"HTTP/1.1 200"), got[:80]
s = conn()
try:
    for i in range(20000): s.sendall(b"GET / HTTP/1.1\r\n" if i == 0 else b"H%d: x\r\n" % i)
except OSError:
    pass
assert not answer(s).startswith(b"HTTP/1.1 200")
# things that are no requests
for junk in (b"\x00" * 5000 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET /" + b"%00" * 500 + b" HTTP/1.1\r\n\r\n",
             b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
             b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"):
    s = conn(); s.sendall(junk)
    try: s.shutdown(socket.SHUT_WR)
    except OSError: pass
    got = answer(s); s.close()
    assert not got.startswith(b"HTTP/1.1 200"), (junk[:40], got[:80])
assert healthy()
# many connections from one address, which say nothing: others are served meanwhile
idle = []
for i in range(200):
    try: idle.append(conn("127.0.0.2"))
    except OSError: break
t = time.time()
assert healthy() and time.time() - t < 2, "one peer keeps out the others"
# slow loris: a byte now and then keeps no connection alive
slow = [conn("127.0.0.3") for _ in range(5)]
t = time.time()
alive = list(slow)
for s in slow: s.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
while alive and time.time() - t < 20:
    time.sleep(0.5)
    for s in list(alive):
        try:
            s.sendall(b"a"); s.setblocking(False)
            try:
                if not s.recv(10): alive.remove(s)
            except BlockingIOError: pass
            s.setblocking(True)
        except OSError: alive.remove(s)
assert not alive and time.time() - t > 5, "slow clients stay: %d after %.0f s" % (len(alive), time.time() - t)
assert healthy()
# who asks and does not read
lazy = []
for i in range(20):
    s = conn("127.0.0.4"); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024); s.sendall(b"GET /metrics HTTP/1.1\r\n\r\n"); lazy.append(s)
assert healthy()
P
after=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$saker_pid/status")
[ $((after - before)) -lt 20000 ] || fail "memory grew from $before to $after KiB"
# a port that is taken
rc=0
timeout 30 "$saker" -c "$tmp/saker.yaml" -r "$top/rules/saker_rules.yaml" -o webserver.listen_port="$port" >"$tmp/out2" 2>"$tmp/err2" || rc=$?
[ $rc = 1 ] && grep -q "^Error: webserver: cannot listen on 127.0.0.1:$port: Address already in use" "$tmp/err2" || fail "taken port: $rc, $(tail -1 "$tmp/err2")"
stop_saker

# ---- from other machines: health only, unless it is opened ---------------------------------------
if ip=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m1 '^[0-9.]*$') && [ -n "$ip" ]; then
	start -o webserver.listen_address=0.0.0.0
	[ "$(code "http://$ip:$port/healthz") $(code "http://$ip:$port/metrics") $(code "http://$ip:$port/versions") $(code "http://$ip:$port/x")" = "200 403 403 403" ] ||
		fail "strangers: $(code "http://$ip:$port/healthz") $(code "http://$ip:$port/metrics")"
	[ "$(code "http://127.0.0.1:$port/metrics")" = 200 ] || fail "from here /metrics is open"
	stop_saker
	start -o webserver.listen_address=:: -o webserver.remote_access=all
	[ "$(code "http://[::1]:$port/metrics") $(code "http://$ip:$port/metrics")" = "200 200" ] || fail "opened, IPv6: $(code "http://[::1]:$port/metrics") $(code "http://$ip:$port/metrics")"
	stop_saker
else
	say "left out: this machine has no address but loopback"
fi

# ---- TLS --------------------------------------------------------------------------------------
certs "$tmp/certs"
cat "$tmp/certs/server.key" "$tmp/certs/server.crt" >"$tmp/web.pem"
start -o webserver.ssl_enabled=true -o "webserver.ssl_certificate=$tmp/web.pem" -o webserver.k8s_healthz_endpoint=/live
[ "$(get --cacert "$tmp/certs/ca.crt" "https://127.0.0.1:$port/live")" = '{"status":"ok"}' ] || fail "TLS"
[ "$(code --cacert "$tmp/certs/ca.crt" "https://127.0.0.1:$port/healthz")" = 404 ] || fail "the health path was moved"
get --cacert "$tmp/certs/other-ca.crt" "https://127.0.0.1:$port/live" >/dev/null 2>&1 && fail "a certificate of somebody else"
[ "$(code "http://127.0.0.1:$port/live" 2>/dev/null)" != 200 ] || fail "plain HTTP on the TLS port"
# the head of a handshake, and nothing more, many times
python3 - "$port" <<'P'
import socket, sys
idle = []
for i in range(20):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.send(b"\x16\x03\x01\x02\x00\x01\x00"); idle.append(s)
P
get --cacert "$tmp/certs/ca.crt" "https://127.0.0.1:$port/live" >/dev/null || fail "TLS after broken handshakes"
stop_saker
for file in "$tmp/none" "$tmp/certs/server.crt"; do
	rc=0
	timeout 30 "$saker" -c "$tmp/saker.yaml" -r "$top/rules/saker_rules.yaml" -o webserver.ssl_enabled=true \
		-o "webserver.ssl_certificate=$file" >"$tmp/out2" 2>"$tmp/err2" || rc=$?
	[ $rc = 1 ] && grep -q "^Error: webserver.ssl_certificate: .*$file" "$tmp/err2" || fail "certificate $file: $rc, $(tail -1 "$tmp/err2")"
done
for wrong in listen_address=localhost k8s_healthz_endpoint=healthz k8s_healthz_endpoint=/metrics remote_access=some listen_port=70000; do
	rc=0
	timeout 30 "$saker" -c "$tmp/saker.yaml" -r "$top/rules/saker_rules.yaml" -o "webserver.$wrong" --dry-run >"$tmp/out2" 2>"$tmp/err2" || rc=$?
	[ $rc = 1 ] && grep -q "^Error: .*webserver.${wrong%%=*}" "$tmp/err2" || fail "webserver.$wrong: $rc, $(tail -1 "$tmp/err2")"
done

say "admin: health, versions, metrics, TLS, strangers, hostile clients"
