/* Rendering of socket addresses; see sockname.h. Called by the socket parsers for descriptor names and
 * by fields for parameters. Hand-made for IPv4: names are built per connection and per datagram. */
#include "state/sockname.h"
#include "state/sock_layout.h"

#include <arpa/inet.h>
#include <string.h>

struct text {
	char *p, *end; /* end: last byte, kept for the NUL */
};

static void put(struct text *t, const char *s, size_t len)
{
	size_t room = (size_t)(t->end - t->p);

	if (len > room)
		len = room;
	for (size_t i = 0; i < len; i++) /* pieces are short: no call */
		t->p[i] = s[i];
	t->p += len;
}

static void put_str(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void put_dec(struct text *t, uint32_t v)
{
	char buf[10];
	unsigned n = sizeof(buf);

	do {
		buf[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(t, buf + n, sizeof(buf) - n);
}

static void put_hex(struct text *t, uint64_t v)
{
	char buf[16];
	unsigned n = sizeof(buf);

	do {
		buf[--n] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	put(t, buf + n, sizeof(buf) - n);
}

static void put_v4(struct text *t, const uint8_t *ip)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			put(t, ".", 1);
		put_dec(t, ip[i]);
	}
}

static void put_v6(struct text *t, const uint8_t *ip)
{
	char buf[INET6_ADDRSTRLEN];

	if (inet_ntop(AF_INET6, ip, buf, sizeof(buf)))
		put_str(t, buf);
}

static void put_end(struct text *t, bool v6, const uint8_t *ip, bool with_port, uint16_t port)
{
	if (v6)
		put_v6(t, ip);
	else
		put_v4(t, ip);
	if (with_port) {
		put(t, ":", 1);
		put_dec(t, port);
	}
}

static size_t finish(struct text *t, const char *out)
{
	*t->p = 0;
	return (size_t)(t->p - out);
}

static uint16_t port_at(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

bool sock_is_v4_mapped(const uint8_t ip[16])
{
	static const uint8_t zero[16], mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(ip, mapped, 12) || !memcmp(ip, zero, 16);
}

bool sock_addr_valid(const uint8_t *p, uint32_t len)
{
	if (!len)
		return false;
	switch (p[0]) {
	case SOCK_AF_INET:
		return len >= 7;
	case SOCK_AF_INET6:
		return len >= 19;
	case SOCK_AF_UNIX:
		return len >= 2 && !p[len - 1];
	default:
		return true;
	}
}

bool sock_tuple_valid(const uint8_t *p, uint32_t len)
{
	if (!len)
		return false;
	switch (p[0]) {
	case SOCK_AF_INET:
		return len >= 13;
	case SOCK_AF_INET6:
		return len >= 37;
	case SOCK_AF_UNIX:
		return len >= 18 && !p[len - 1];
	default:
		return true;
	}
}

static void put_invalid(struct text *t, unsigned family, const char *what)
{
	put_str(t, "INVALID ");
	put_str(t, family == SOCK_AF_UNIX  ? "PATH" :
		   family == SOCK_AF_INET  ? "IPv4" :
		   family == SOCK_AF_INET6 ? "IPv6" :
					     what);
}

static void put_family(struct text *t, unsigned family)
{
	put_str(t, "family ");
	put_dec(t, family);
}

size_t sock_addr_text(char *out, size_t size, const uint8_t *p, uint32_t len)
{
	struct text t = { out, out + size - 1 };

	if (!len) {
		put_str(&t, "<NA>");
	} else if (!sock_addr_valid(p, len)) {
		put_invalid(&t, p[0], "SOCKADDR");
	} else if (p[0] == SOCK_AF_UNIX) {
		put(&t, (const char *)p + 1, strnlen((const char *)p + 1, len - 1));
	} else if (p[0] == SOCK_AF_INET) {
		put_end(&t, false, p + 1, true, port_at(p + 5));
	} else if (p[0] == SOCK_AF_INET6) {
		put_end(&t, true, p + 1, true, port_at(p + 17));
	} else {
		put_family(&t, p[0]);
	}
	return finish(&t, out);
}

static void put_unix(struct text *t, uint64_t source, uint64_t dest, const char *path, size_t path_len)
{
	put_hex(t, source);
	put(t, "->", 2);
	put_hex(t, dest);
	put(t, " ", 1);
	put(t, path, path_len);
}

size_t sock_unix_text(char *out, size_t size, uint64_t source, uint64_t dest, const char *path, size_t path_len)
{
	struct text t = { out, out + size - 1 };

	put_unix(&t, source, dest, path, path_len);
	return finish(&t, out);
}

static void put_tuple(struct text *t, bool v6, const uint8_t *sip, uint16_t sport, const uint8_t *dip, uint16_t dport,
		      bool ports)
{
	put_end(t, v6, sip, ports, sport);
	put(t, "->", 2);
	put_end(t, v6, dip, ports, dport);
}

size_t sock_tuple_text(char *out, size_t size, const uint8_t *p, uint32_t len)
{
	struct text t = { out, out + size - 1 };

	if (!len) {
		put_str(&t, "NULL");
	} else if (!sock_tuple_valid(p, len)) {
		put_invalid(&t, p[0], "SOCKTUPLE");
	} else if (p[0] == SOCK_AF_UNIX) {
		uint64_t ends[2];

		memcpy(ends, p + 1, sizeof(ends));
		put_unix(&t, ends[0], ends[1], (const char *)p + 17, strnlen((const char *)p + 17, len - 17));
	} else if (p[0] == SOCK_AF_INET) {
		put_tuple(&t, false, p + 1, port_at(p + 5), p + 7, port_at(p + 11), true);
	} else if (p[0] == SOCK_AF_INET6) {
		bool v6 = !sock_is_v4_mapped(p + 1) || !sock_is_v4_mapped(p + 19);
		unsigned skip = v6 ? 0 : 12;

		put_tuple(&t, v6, p + 1 + skip, port_at(p + 17), p + 19 + skip, port_at(p + 35), true);
	} else {
		put_family(&t, p[0]);
	}
	return finish(&t, out);
}

size_t sock_fd_text_plain(char *out, size_t size, const struct state_fd *f)
{
	struct text t = { out, out + size - 1 };
	const struct fd_sock *s = &f->sock;

	if (fd_is_server(f))
		put_end(&t, f->type == FD_IPV6_SERVER, s->sip, true, s->sport);
	else if (fd_is_plain_ip(f))
		put_tuple(&t, f->type == FD_IPV6, s->sip, s->sport, s->dip, s->dport, true);
	return finish(&t, out);
}

size_t sock_fd_text(char *out, size_t size, const struct state_fd *f)
{
	struct text t = { out, out + size - 1 };
	const struct fd_sock *s = &f->sock;
	bool v6 = f->type == FD_IPV6;
	bool ports = s->l4 == FD_L4_TCP || s->l4 == FD_L4_UDP;
	const uint8_t *sip = s->sip, *dip = s->dip;
	uint16_t sport = s->sport, dport = s->dport;

	if (!fd_is_plain_ip(f))
		return sock_fd_text_plain(out, size, f);
	if (!ports && s->l4 != FD_L4_ICMP && (v6 || s->l4 != FD_L4_RAW)) {
		put_str(&t, "<unknown>");
		return finish(&t, out);
	}
	if (v6 && sock_is_v4_mapped(sip) && sock_is_v4_mapped(dip)) {
		/* Printed as IPv4. The reference then takes the ports from where an IPv4 tuple has
		 * them, which is inside the source address. */
		uint8_t raw[SOCK_RAW_BYTES];

		sock_pack(f, raw);
		sport = port_at(raw + SOCK_V4_SPORT);
		dport = port_at(raw + SOCK_V4_DPORT);
		sip += 12;
		dip += 12;
		v6 = false;
	}
	put_tuple(&t, v6, sip, sport, dip, dport, ports);
	return finish(&t, out);
}
