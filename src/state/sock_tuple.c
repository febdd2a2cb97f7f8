/* The shared steps of the socket parsers; see sock_tuple.h. Called by apply_sock.c, apply_io.c and, for
 * scanned sockets, scan_fd_state.c. */
#include "state/sock_tuple.h"

#include <string.h>

const struct sock_kind sock_v4 = { SOCK_V4_SIP, SOCK_V4_DIP, SOCK_V4_SPORT, SOCK_V4_DPORT, SOCK_V4_L4, 4 };
const struct sock_kind sock_v6 = { SOCK_V6_SIP, SOCK_V6_DIP, SOCK_V6_SPORT, SOCK_V6_DPORT, SOCK_V6_L4, 16 };

struct sock_ends sock_ends_v4(const uint8_t *p)
{
	return (struct sock_ends){ p + 1, p + 5, p + 7, p + 11 };
}

struct sock_ends sock_ends_v6(const uint8_t *p)
{
	return (struct sock_ends){ p + 1, p + 17, p + 19, p + 35 };
}

bool sock_unmap(struct sock_ends *e)
{
	if (!sock_is_v4_mapped(e->sip) || !sock_is_v4_mapped(e->dip))
		return false;
	e->sip += 12;
	e->dip += 12;
	return true;
}

bool sock_is_zero(const uint8_t *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

static bool is_tuple(const uint8_t *raw, const struct sock_kind *k, const uint8_t *sip, const uint8_t *sport,
		     const uint8_t *dip, const uint8_t *dport)
{
	return !memcmp(raw + k->sip, sip, k->ip_len) && !memcmp(raw + k->sport, sport, 2) &&
	       !memcmp(raw + k->dip, dip, k->ip_len) && !memcmp(raw + k->dport, dport, 2);
}

static bool overwrite(uint8_t *at, const uint8_t *with, size_t len)
{
	if (!memcmp(at, with, len))
		return false;
	memcpy(at, with, len);
	return true;
}

bool sock_set_tuple(uint8_t *raw, const struct sock_kind *k, const struct sock_ends *e, bool compare)
{
	bool changed = sock_is_zero(raw + k->dip, k->ip_len) || sock_is_zero(raw + k->dport, 2);

	if (compare && (is_tuple(raw, k, e->sip, e->sport, e->dip, e->dport) ||
			is_tuple(raw, k, e->dip, e->dport, e->sip, e->sport)))
		return false;
	changed |= overwrite(raw + k->sip, e->sip, k->ip_len);
	changed |= overwrite(raw + k->sport, e->sport, 2);
	changed |= overwrite(raw + k->dip, e->dip, k->ip_len);
	changed |= overwrite(raw + k->dport, e->dport, 2);
	return changed;
}

void sock_swap(struct state_fd *f)
{
	struct fd_sock *s = &f->sock;
	size_t len = f->type == FD_IPV4 ? 4 : 16;
	uint8_t ip[16];
	uint16_t port = s->sport;

	memcpy(ip, s->sip, len);
	memcpy(s->sip, s->dip, len);
	memcpy(s->dip, ip, len);
	s->sport = s->dport;
	s->dport = port;
}

void fdev_name_ends(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f)
{
	char name[FD_NAME_MAX];

	fdev_name(s, ctx, f, name, sock_fd_text(name, sizeof(name), f));
}

void fdev_name_tuple(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct sock_param tuple)
{
	char name[FD_NAME_MAX];

	fdev_name(s, ctx, f, name, sock_tuple_text(name, sizeof(name), tuple.p, tuple.len));
}

void state_sock_fill_any(const struct state_ifaces *ifaces, struct state_fd *f)
{
	struct fd_sock *s = &f->sock;
	size_t len = f->type == FD_IPV4 ? 4 : 16;
	bool no_source = sock_is_zero(s->sip, len);
	uint8_t *unknown = no_source ? s->sip : s->dip, *known = no_source ? s->dip : s->sip;
	uint8_t own[16] = { 0 };

	if (!fd_is_plain_ip(f) || (!no_source && !sock_is_zero(s->dip, len)))
		return;
	if (ifaces && len == 4)
		ifaces_near_v4(ifaces, known, own);
	else if (ifaces)
		ifaces_near_v6(ifaces, known, own);
	if (memcmp(own, known, len) || s->sport != s->dport)
		memcpy(unknown, own, len);
}

void fdev_add_socket(struct state_shard *s, struct state_ctx *ctx, int64_t num, uint32_t domain, unsigned l4,
		     uint32_t open_flags)
{
	enum fd_type type = FD_UNKNOWN;
	struct state_fd *f;

	if (domain == SOCK_AF_UNIX)
		type = FD_UNIX;
	else if (domain == SOCK_AF_INET)
		type = FD_IPV4;
	else if (domain == SOCK_AF_INET6)
		type = FD_IPV6;
	else if (domain == SOCK_AF_NETLINK)
		type = FD_NETLINK;
	f = fd_make(&s->slab, type, str_ref(s->empty), str_ref(s->empty));
	f->open_flags = open_flags;
	if (fd_is_plain_ip(f))
		f->sock.l4 = (uint8_t)l4;
	fdev_add(s, ctx, num, f);
}
