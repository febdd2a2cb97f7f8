# Certificates for the tests: certs DIR makes ca, server (localhost, 127.0.0.1), client, other-ca, stranger
# (of other-ca) and expired (a server's, over since yesterday). Sourced.
# shellcheck shell=sh
sign() { # dir ca name extension days-shift
	openssl req -newkey rsa:2048 -nodes -keyout "$1/$3.key" -out "$1/$3.csr" -subj "/CN=$3" 2>/dev/null
	printf '%s\n' "$4" >"$1/ext"
	openssl x509 -req -in "$1/$3.csr" -CA "$1/$2.crt" -CAkey "$1/$2.key" -CAcreateserial -days 1 -extfile "$1/ext" \
		-out "$1/$3.crt" 2>/dev/null
}
authority() { openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/$2.key" -out "$1/$2.crt" -subj "/CN=$2" -days 30 2>/dev/null; }
certs() {
	mkdir -p "$1"
	san="subjectAltName=DNS:localhost,IP:127.0.0.1"
	authority "$1" ca
	authority "$1" other-ca
	sign "$1" ca server "$san"
	sign "$1" ca client "extendedKeyUsage=clientAuth"
	sign "$1" other-ca stranger "extendedKeyUsage=clientAuth"
	# made three days ago for one day
	${CC:-cc} -O1 -shared -fPIC -o "$1/clock.so" "$here/clock.c" -ldl
	echo -259200 >"$1/clock"
	LD_PRELOAD=$1/clock.so CLOCK_FILE=$1/clock sign "$1" ca expired "$san"
}
