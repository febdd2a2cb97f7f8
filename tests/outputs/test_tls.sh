#!/bin/sh
# HTTP output over TLS: whom it trusts, the client's certificate, compression, headers, echo.
set -eu
. "$(dirname "$0")/lib.sh"
. "$here/certs.sh"
command -v openssl >/dev/null || skip "openssl is not installed: no certificates"
c=$tmp/certs
certs "$c"
n=50

run() { # option...
	rm -f "$tmp/err" "$tmp/out"
	numbered 1 $n 0 -o http_output.enabled=true -o "http_output.url=\"https://localhost:$port/in?x=1\"" "$@"
	finished 30
}
serve() { # receiver's options...
	end "${receiver_pid:-}"
	: >"$tmp/received"
	rm -f "$tmp/headers"
	receiver "$tmp/received" --headers "$tmp/headers" "$@"
}
arrived() { [ "$(numbers "$tmp/received" | sort -u | wc -l)" = $n ] || { tail -3 "$tmp/err"; fail "$1: not everything arrived"; }; }
refused() { # what, regex, option...
	what=$1 why=$2
	shift 2
	rm -f "$tmp/err" "$tmp/out"
	numbered 1 $n 0 -o http_output.enabled=true -o "http_output.url=https://localhost:$port/" "$@"
	wait_for grep -qE "$why" "$tmp/err" || { tail -3 "$tmp/err"; fail "$what: the reason is not told"; }
	end "$saker_pid" # it would try until its patience ends
	[ ! -s "$tmp/received" ] || fail "$what: something arrived"
}
logged() { grep -qE "$1" "$tmp/err"; }

serve --tls "$c/server.crt" "$c/server.key"
run -o "http_output.ca_cert=$c/ca.crt"
arrived "ca_cert"
grep -q '^POST /in?x=1 HTTP/1.1' "$tmp/headers" || fail "other request line: $(head -1 "$tmp/headers")"
grep -qi '^User-Agent: falcosecurity/falco' "$tmp/headers" || fail "other user agent"
grep -qi '^Content-Type: application/json' "$tmp/headers" || fail "other content type"
serve --tls "$c/server.crt" "$c/server.key"
run -o "http_output.ca_bundle=$c/ca.crt" -o json_output=false -o http_output.user_agent=me/1 -o http_output.compress_uploads=true \
	-o http_output.keep_alive=true -o "store.path=$tmp/a.db"
arrived "ca_bundle"
grep -qi '^User-Agent: me/1' "$tmp/headers" && grep -qi '^Content-Type: text/plain' "$tmp/headers" &&
	grep -qi '^Content-Encoding: gzip' "$tmp/headers" || fail "headers of text, compressed: $(head -8 "$tmp/headers")"
grep -qiE '^Saker-Alert: [0-9a-f-]{36}/50' "$tmp/headers" || fail "no number of the alert"
mkdir "$c/path"
cp "$c/ca.crt" "$c/path/"
openssl rehash "$c/path"
serve --tls "$c/server.crt" "$c/server.key" --body 'thanks '
run -o "http_output.ca_path=$c/path" -o http_output.echo=true
arrived "ca_path"
grep -q 'thanks thanks' "$tmp/out" || fail "echo: the answers are not on standard output"
serve --tls "$c/server.crt" "$c/server.key"
run -o http_output.insecure=true
arrived "insecure"
serve --tls "$c/server.crt" "$c/server.key"
refused "a server of an authority that is not trusted" 'unable to get local issuer|unable to get issuer|self.signed'
serve --tls "$c/expired.crt" "$c/expired.key"
refused "expired certificate" 'certificate has expired' -o "http_output.ca_cert=$c/ca.crt"
serve --tls "$c/server.crt" "$c/server.key" "$c/ca.crt"
run -o "http_output.ca_cert=$c/ca.crt" -o http_output.mtls=true -o "http_output.client_cert=$c/client.crt" -o "http_output.client_key=$c/client.key"
arrived "mutual TLS"
serve --tls "$c/server.crt" "$c/server.key" "$c/ca.crt"
refused "mutual TLS without a client's certificate" 'output "http" fails' -o "http_output.ca_cert=$c/ca.crt"
serve --tls "$c/server.crt" "$c/server.key" "$c/ca.crt"
refused "mutual TLS with a stranger's certificate" 'output "http" fails' -o "http_output.ca_cert=$c/ca.crt" -o http_output.mtls=true \
	-o "http_output.client_cert=$c/stranger.crt" -o "http_output.client_key=$c/stranger.key"
say "TLS: authorities, expiry, client certificates, compression, headers"
