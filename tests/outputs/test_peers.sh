#!/bin/sh
# Receivers that others wrote: rsyslog, a gRPC client on gRPC's own core, librdkafka's mock cluster (and kcat). Each
# is left out, and said so, where its Debian package is not installed; ./dev peers installs them.
set -eu
. "$(dirname "$0")/lib.sh"
. "$here/certs.sh"
tried=0
python=/usr/bin/python3 # the one that Debian's modules belong to
logged() { grep -qE "$1" "$tmp/err"; }
fresh() { rm -f "$tmp/out" "$tmp/err" "$tmp"/alerts.db* "$tmp/got"; }
has() { # package's command or module, name of the package
	if command -v "$1" >/dev/null || "$python" -c "import $1" 2>/dev/null; then tried=$((tried + 1)); return 0; fi
	say "left out: $2 is not installed"
	return 1
}

# ---- rsyslog, in a /dev of its own -------------------------------------------------------------
if [ "$(id -u)" != 0 ]; then
	say "left out: rsyslog needs root"
elif has rsyslogd rsyslog; then
	fresh
	mkdir "$tmp/dev"
	cat >"$tmp/rsyslog.conf" <<CONF
module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
template(name="t" type="string" string="%syslogfacility-text% %syslogseverity-text% %programname% %msg%\n")
*.* action(type="omfile" file="$tmp/got" template="t")
CONF
	cat >"$tmp/in_dev.sh" <<'SH'
set -e
tmp=$1 saker=$2 capture=$3
mount -t tmpfs none "$tmp/dev"
for d in null zero full random urandom; do : >"$tmp/dev/$d"; mount --bind /dev/$d "$tmp/dev/$d"; done
mount --rbind "$tmp/dev" /dev
rsyslogd -n -i "$tmp/rsyslog.pid" -f "$tmp/rsyslog.conf" &
pid=$!
i=0
until [ -S /dev/log ] || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done
"$saker" -c "$tmp/saker.yaml" -r "$tmp/rules.yaml" -o engine.kind=replay -o engine.replay.capture_file="$capture" \
	-o syslog_output.enabled=true -o stdout_output.enabled=false -o log_syslog=false >"$tmp/out" 2>"$tmp/err"
i=0
until [ "$(wc -l <"$tmp/got")" -ge 1000 ] || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done
kill $pid
wait $pid || :
SH
	"$mkcap" numbered 1 1000 0 >"$tmp/1000.scap" 2>/dev/null
	unshare -m sh "$tmp/in_dev.sh" "$tmp" "$saker" "$tmp/1000.scap" || { cat "$tmp/err"; fail "rsyslog: saker fails"; }
	grep -c '^user warning saker *22:13:20\.[0-9]*: Warning number /n/[0-9]* by cat' "$tmp/got" >"$tmp/count" || :
	[ "$(cat "$tmp/count")" = 1000 ] || { head -3 "$tmp/got"; fail "rsyslog got $(cat "$tmp/count") of 1000"; }
	numbers "$tmp/got" | sort -c || fail "rsyslog: out of order"
	say "rsyslog: 1000 alerts, facility user, severity warning, in order"
fi

# ---- gRPC ------------------------------------------------------------------------------------------
if has grpc python3-grpcio && has protoc protobuf-compiler; then
	protoc --proto_path="$here/peers" --python_out="$tmp" "$here/peers/falco_outputs.proto"
	client() { timeout 60 "$python" "$here/peers/grpc_client.py" "$tmp" "$@"; }
	sock=$tmp/grpc.sock
	grpc="-o grpc.enabled=true -o grpc_output.enabled=true -o grpc.bind_address=unix://$sock"
	# 1 to 1000 to one client, as they come.
	fresh
	# shellcheck disable=SC2086
	numbered 1 1000 1500 $grpc -o "store.path=$tmp/alerts.db"
	wait_for test -S "$sock" || fail "gRPC: no socket"
	client "unix:$sock" version >"$tmp/version" || fail "gRPC: version: $(cat "$tmp/version")"
	[ "$(cat "$tmp/version")" = "$("$saker" --version | sed -n 's/^Saker version: *//p') 0.63.0 63" ] || fail "gRPC: version: $(cat "$tmp/version")"
	client "unix:$sock" none >"$tmp/none" && fail "gRPC: a method that does not exist is answered"
	grep -q UNIMPLEMENTED "$tmp/none" || fail "gRPC: method that does not exist: $(cat "$tmp/none")"
	client "unix:$sock" sub 1000 >>"$tmp/got" || fail "gRPC: sub: $(tail -2 "$tmp/got")"
	finished 60
	[ "$(sort -u "$tmp/got" | wc -l)" = 1000 ] || fail "gRPC: sub: not everything arrived"
	# 1001 to 2000 to nobody: they wait. `get` brings them in the next run, which is at 2001 and more by then.
	# shellcheck disable=SC2086
	numbered 1001 2000 0 $grpc -o "store.path=$tmp/alerts.db"
	finished 60
	logged 'output "grpc": 1000 alerts stay in the store' || fail "gRPC: what nobody took is not kept"
	# shellcheck disable=SC2086
	numbered 2001 3000 300 $grpc -o "store.path=$tmp/alerts.db"
	wait_for test -S "$sock" || fail "gRPC: no socket"
	client "unix:$sock" get >"$tmp/got2" || fail "gRPC: get: $(tail -2 "$tmp/got2")"
	[ "$(head -1 "$tmp/got2")" = 0001001 ] && [ "$(wc -l <"$tmp/got2")" -ge 1000 ] || fail "gRPC: get brought $(wc -l <"$tmp/got2") from $(head -1 "$tmp/got2") on"
	say "gRPC: sub brought 1000, get $(wc -l <"$tmp/got2") that had waited"
	# The rest; a client that speaks something else is no trouble.
	(client "unix:$sock" sub >"$tmp/got3" || :) &
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b"GET / HTTP/1.1\r\n\r\n"); time.sleep(60)' "$sock" &
	pids="$pids $!"
	finished 60
	cat "$tmp/got2" "$tmp/got3" >>"$tmp/got"
	[ "$(sort -u "$tmp/got" | grep -cE '^[0-9]{7}$')" = 3000 ] || { tail -3 "$tmp/err"; fail "gRPC: $(sort -u "$tmp/got" | wc -l) of 3000 arrived"; }
	sort -c "$tmp/got" || fail "gRPC: out of order"
	say "gRPC on a unix socket: version, sub, get; 3000 alerts in three runs, $(($(wc -l <"$tmp/got") - 3000)) twice, in order"

	# TCP: only clients with a certificate of the authority.
	fresh
	certs "$tmp/certs"
	c=$tmp/certs
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	tls="-o grpc.enabled=true -o grpc_output.enabled=true -o grpc.bind_address=localhost:$port -o grpc.private_key=$c/server.key \
		-o grpc.cert_chain=$c/server.crt -o grpc.root_certs=$c/ca.crt"
	# shellcheck disable=SC2086
	numbered 1 500 1000 $tls
	wait_for grep -q ready "$tmp/err"
	client "localhost:$port" version --tls "$c/ca.crt" "$c/stranger.crt" "$c/stranger.key" >"$tmp/none" && fail "gRPC: a stranger is let in"
	client "localhost:$port" version >"$tmp/none" && fail "gRPC: a client without TLS is let in"
	client "localhost:$port" sub 500 --tls "$c/ca.crt" "$c/client.crt" "$c/client.key" >"$tmp/got" || fail "gRPC: TLS: $(tail -1 "$tmp/got")"
	finished 30
	[ "$(sort -u "$tmp/got" | wc -l)" = 500 ] || fail "gRPC: TLS: not everything arrived"
	# The port is taken: told, and the other outputs go on.
	python3 -c "
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', $port)); s.listen(); time.sleep(60)" &
	pids="$pids $!"
	sleep 0.5
	fresh
	# shellcheck disable=SC2086
	numbered 1 10 0 $tls -o "grpc.bind_address=127.0.0.1:$port" -o file_output.enabled=true -o "file_output.filename=$tmp/got"
	finished 30
	logged "Failed to init output: grpc: cannot listen on 127.0.0.1:$port: Address already in use" || fail "gRPC: taken port is not told"
	lines "$tmp/got" 10 || fail "gRPC: taken port stops other outputs"
	say "gRPC on TCP: mutual TLS, strangers kept out, taken port told"
fi

# ---- Kafka -----------------------------------------------------------------------------------------
if pkg-config --exists rdkafka 2>/dev/null; then
	tried=$((tried + 1))
	# shellcheck disable=SC2046
	${CC:-cc} -O1 -o "$tmp/mock_kafka" "$here/peers/mock_kafka.c" $(pkg-config --cflags --libs rdkafka) || fail "mock_kafka.c does not compile"
	for fail_first in 0 5; do
		fresh
		"$tmp/mock_kafka" alerts 2000 $fail_first >"$tmp/got" 2>"$tmp/kafka.err" &
		mock=$!
		pids="$pids $mock"
		wait_for test -s "$tmp/got" || fail "no mock cluster: $(cat "$tmp/kafka.err")"
		brokers=$(head -1 "$tmp/got")
		numbered 1 2000 4000 -o kafka_output.enabled=true -o "kafka_output.brokers=$brokers" -o kafka_output.topic=alerts \
			-o 'kafka_output.properties.compression\.type=gzip' -o "store.path=$tmp/alerts.db"
		finished 60
		wait_for sh -c "! kill -0 $mock 2>/dev/null" || fail "Kafka: not everything arrived: $(wc -l <"$tmp/got")"
		wait $mock || fail "Kafka: not everything arrived: $(tail -3 "$tmp/err")"
		sed 1d "$tmp/got" >"$tmp/g"
		[ "$(cut -f1 "$tmp/g" | sort -u)" = test ] || fail "Kafka: other keys than the host's name"
		numbers "$tmp/g" | sort -c || fail "Kafka: out of order"
		[ "$(numbers "$tmp/g" | sort -u | wc -l)" = 2000 ] || fail "Kafka: $(numbers "$tmp/g" | sort -u | wc -l) of 2000"
		say "Kafka (librdkafka's mock cluster, $fail_first requests failed first): 2000 alerts, keyed by host, in order, none twice"
	done
	if command -v kcat >/dev/null; then
		fresh
		"$tmp/mock_kafka" alerts 2100 >"$tmp/got" 2>"$tmp/kafka.err" &
		mock=$!
		pids="$pids $mock"
		wait_for test -s "$tmp/got"
		brokers=$(head -1 "$tmp/got")
		numbered 1 1000 0 -o kafka_output.enabled=true -o "kafka_output.brokers=$brokers" -o kafka_output.topic=alerts
		finished 60
		timeout 30 kcat -b "$brokers" -C -t alerts -o beginning -e -q -f '%k %s\n' >"$tmp/kcat" 2>"$tmp/kcat.err" || fail "kcat: $(cat "$tmp/kcat.err")"
		[ "$(grep -c '^test {"hostname":"test"' "$tmp/kcat")" = 1000 ] || fail "kcat got $(wc -l <"$tmp/kcat") of 1000"
		kill -9 $mock
		say "kcat: 1000 alerts"
	fi
	# No broker: told, and a wrong property is refused.
	fresh
	numbered 1 10 0 -o kafka_output.enabled=true -o kafka_output.brokers=127.0.0.1:1 -o kafka_output.timeout=500
	finished 60
	logged 'output "kafka" fails' && logged '10 alerts could not be delivered' || { tail -3 "$tmp/err"; fail "Kafka: no broker: not told"; }
	fresh
	numbered 1 10 0 -o kafka_output.enabled=true -o kafka_output.brokers=x -o kafka_output.properties.nonsense=1 -o file_output.enabled=true -o "file_output.filename=$tmp/got"
	finished 30
	logged 'kafka_output.properties: nonsense: No such configuration property' || fail "Kafka: wrong property is not told"
fi
[ $tried -gt 0 ] || skip "none of the peers is installed"
