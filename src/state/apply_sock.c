/* Events on sockets: what they make known about addresses, names and roles (state-semantics 3.1).
 * Called through state_fd_parser; reads the event, changes descriptors of its process and ctx.
 *
 * Addresses are changed as bytes of the reference's union (sock_layout.h says why). */
#include "state/fd_internal.h"
#include "state/sock_layout.h"
#include "state/sockname.h"

#include <errno.h>
#include <string.h>

struct bytes {
	const uint8_t *p;
	uint32_t len;
};

static struct bytes param(const struct evt *ev, unsigned i)
{
	return i < ev->nparams ? (struct bytes){ ev->param[i].p, ev->param[i].len } : (struct bytes){ NULL, 0 };
}

/* Parameter i as an address, empty when it is missing or malformed. */
static struct bytes addr_param(const struct evt *ev, unsigned i)
{
	struct bytes b = param(ev, i);

	if (!sock_addr_valid(b.p, b.len))
		b.len = 0;
	return b;
}

/* ---- addresses --------------------------------------------------------------------------- */

/* Where a kind of tuple has its members, in the union and in parameters. */
struct tuple_kind {
	uint8_t sip, dip, sport, dport, l4, ip_len;
};

static const struct tuple_kind v4 = { SOCK_V4_SIP, SOCK_V4_DIP, SOCK_V4_SPORT, SOCK_V4_DPORT, SOCK_V4_L4, 4 };
static const struct tuple_kind v6 = { SOCK_V6_SIP, SOCK_V6_DIP, SOCK_V6_SPORT, SOCK_V6_DPORT, SOCK_V6_L4, 16 };

/* Ends of a tuple parameter: pointers into it, ip_len bytes each, ports 2 bytes. */
struct ends {
	const uint8_t *sip, *sport, *dip, *dport;
};

static struct ends ends_v4(const uint8_t *p)
{
	return (struct ends){ p + 1, p + 5, p + 7, p + 11 };
}

static struct ends ends_v6(const uint8_t *p)
{
	return (struct ends){ p + 1, p + 17, p + 19, p + 35 };
}

/* Both ends are IPv4 in disguise: pointers are moved to the embedded addresses. */
static bool unmap(struct ends *e)
{
	if (!sock_is_v4_mapped(e->sip) || !sock_is_v4_mapped(e->dip))
		return false;
	e->sip += 12;
	e->dip += 12;
	return true;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

static bool is_tuple(const uint8_t *raw, const struct tuple_kind *k, const uint8_t *sip, const uint8_t *sport,
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

/* Puts a tuple in. compare: the same tuple, and the reversed one, are no news. Returns whether anything
 * changed; filling a zero destination counts, whatever with. */
static bool set_tuple(uint8_t *raw, const struct tuple_kind *k, const struct ends *e, bool compare)
{
	bool changed = is_zero(raw + k->dip, k->ip_len) || is_zero(raw + k->dport, 2);

	if (compare && (is_tuple(raw, k, e->sip, e->sport, e->dip, e->dport) ||
			is_tuple(raw, k, e->dip, e->dport, e->sip, e->sport)))
		return false;
	changed |= overwrite(raw + k->sip, e->sip, k->ip_len);
	changed |= overwrite(raw + k->sport, e->sport, 2);
	changed |= overwrite(raw + k->dip, e->dip, k->ip_len);
	changed |= overwrite(raw + k->dport, e->dport, 2);
	return changed;
}

static void swap_ends(struct state_fd *f)
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

static void name_from_ends(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f)
{
	char name[FD_NAME_MAX];

	fdev_name(s, ctx, f, name, sock_fd_text(name, sizeof(name), f));
}

static void name_from_tuple(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct bytes tuple)
{
	char name[FD_NAME_MAX];

	fdev_name(s, ctx, f, name, sock_tuple_text(name, sizeof(name), tuple.p, tuple.len));
}

void state_sock_fill_any(const struct state_ifaces *ifaces, struct state_fd *f)
{
	struct fd_sock *s = &f->sock;
	size_t len = f->type == FD_IPV4 ? 4 : 16;
	bool no_source = is_zero(s->sip, len);
	uint8_t *unknown = no_source ? s->sip : s->dip, *known = no_source ? s->dip : s->sip;
	uint8_t own[16] = { 0 };

	if (!fd_is_plain_ip(f) || (!no_source && !is_zero(s->dip, len)))
		return;
	if (ifaces && len == 4)
		ifaces_near_v4(ifaces, known, own);
	else if (ifaces)
		ifaces_near_v6(ifaces, known, own);
	if (memcmp(own, known, len) || s->sport != s->dport)
		memcpy(unknown, own, len);
}

/* ---- socket, bind ------------------------------------------------------------------------ */

static unsigned l4_of(uint32_t type, uint32_t proto)
{
	enum { STREAM = 1, DGRAM = 2, RAW = 3 }; /* socket types; flags may be or-ed in above */
	enum { IP = 0, ICMP = 1, TCP = 6, UDP = 17, RAWIP = 255 };
	bool raw = type == RAW;

	switch (proto) {
	case TCP:
		return raw ? FD_L4_RAW : FD_L4_TCP;
	case UDP:
		return raw ? FD_L4_RAW : FD_L4_UDP;
	case ICMP:
		return raw ? FD_L4_RAW : FD_L4_ICMP;
	case IP:
		return (type & 0xff) == STREAM ? FD_L4_TCP : (type & 0xff) == DGRAM ? FD_L4_UDP : FD_L4_UNKNOWN;
	case RAWIP:
		return FD_L4_RAW;
	default:
		return FD_L4_UNKNOWN;
	}
}

static void add_socket(struct state_shard *s, struct state_ctx *ctx, int64_t num, uint32_t domain, unsigned l4,
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

static void parse_socket(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	if (ctx->task && evt_ok(ctx))
		add_socket(s, ctx, ctx->res, (uint32_t)evt_u64(ev, 1),
			   l4_of((uint32_t)evt_u64(ev, 2), (uint32_t)evt_u64(ev, 3)), (uint32_t)evt_u64(ev, 4));
}

/* A port makes it a server socket. */
static void bind_address(struct state_fd *f, const uint8_t *addr)
{
	bool inet6 = addr[0] == SOCK_AF_INET6;
	const uint8_t *ip = addr + 1, *port = ip + (inet6 ? 16 : 4);
	uint8_t raw[SOCK_RAW_BYTES], l4;

	if (is_zero(port, 2))
		return;
	sock_pack(f, raw);
	l4 = raw[inet6 ? SOCK_V6_L4 : SOCK_V4_L4];
	if (inet6 && !sock_is_v4_mapped(ip)) {
		memcpy(raw + SOCK_V6S_IP, ip, 16);
		memcpy(raw + SOCK_V6S_PORT, port, 2);
		raw[SOCK_V6S_L4] = l4;
		sock_unpack(f, FD_IPV6_SERVER, raw);
	} else {
		memcpy(raw + SOCK_V4S_IP, inet6 ? ip + 12 : ip, 4);
		memcpy(raw + SOCK_V4S_PORT, port, 2);
		raw[SOCK_V4S_L4] = l4;
		sock_unpack(f, FD_IPV4_SERVER, raw);
	}
	f->flags |= FD_F_ROLE_SERVER;
}

static void parse_bind(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct bytes addr = addr_param(ev, 1);
	char name[FD_NAME_MAX];
	struct state_fd *f;

	if (!ctx->fd || !evt_ok(ctx) || !addr.len)
		return;
	f = fdev_edit(s, ctx);
	if (addr.p[0] == SOCK_AF_INET || addr.p[0] == SOCK_AF_INET6)
		bind_address(f, addr.p);
	fdev_name(s, ctx, f, name, sock_addr_text(name, sizeof(name), addr.p, addr.len));
}

/* ---- connect ----------------------------------------------------------------------------- */

/* No tuple came (TCP fast open with a cookie): the address asked for at enter is all there is. */
static void connect_to(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct bytes addr)
{
	bool inet6 = addr.p[0] == SOCK_AF_INET6, real6 = inet6 && !sock_is_v4_mapped(addr.p + 1);
	const uint8_t *ip = addr.p + 1, *port = ip + (inet6 ? 16 : 4);
	const struct tuple_kind *k = real6 ? &v6 : &v4;
	uint8_t raw[SOCK_RAW_BYTES];

	if (!inet6 && addr.p[0] != SOCK_AF_INET) {
		name_from_tuple(s, ctx, f, (struct bytes){ NULL, 0 });
		return;
	}
	sock_pack(f, raw);
	memcpy(raw + k->dip, inet6 && !real6 ? ip + 12 : ip, k->ip_len);
	memcpy(raw + k->dport, port, 2);
	sock_unpack(f, real6 ? FD_IPV6 : FD_IPV4, raw);
}

/* A tuple whose destination is what user memory said at exit proves nothing: another thread may have
 * rewritten it. What was read at enter holds then. A different one came from the kernel's socket. */
static void choose_dest(struct ends *e, uint8_t family, struct bytes at_exit, struct bytes at_enter)
{
	size_t ip_len = family == SOCK_AF_INET6 ? 16 : 4;

	if (!at_exit.len || !at_enter.len || at_exit.p[0] != family || at_enter.p[0] != family)
		return;
	if (memcmp(e->dip, at_exit.p + 1, ip_len) || memcmp(e->dport, at_exit.p + 1 + ip_len, 2))
		return;
	e->dip = at_enter.p + 1;
	e->dport = at_enter.p + 1 + ip_len;
}

static void connect_ip(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct bytes tuple,
		       struct bytes at_exit, struct bytes at_enter)
{
	uint8_t family = tuple.p[0], raw[SOCK_RAW_BYTES];
	struct ends e = family == SOCK_AF_INET6 ? ends_v6(tuple.p) : ends_v4(tuple.p);
	bool real6, changed;

	choose_dest(&e, family, at_exit, at_enter);
	real6 = family == SOCK_AF_INET6 && !unmap(&e);
	sock_pack(f, raw);
	changed = set_tuple(raw, real6 ? &v6 : &v4, &e, true);
	sock_unpack(f, real6 ? FD_IPV6 : FD_IPV4, raw);
	if (changed && f->flags & FD_F_ROLE_SERVER && f->type == FD_IPV4 && f->sock.l4 == FD_L4_UDP)
		swap_ends(f);
	name_from_ends(s, ctx, f);
}

static const char *unix_path(struct bytes b, size_t skip, size_t *ret_len)
{
	const char *path = (const char *)b.p + skip;

	*ret_len = strnlen(path, b.len - skip);
	return path;
}

static void connect_unix(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct bytes tuple,
			 struct bytes at_exit, struct bytes at_enter)
{
	enum { PATH_MAX_UNIX = 108 };
	char name[FD_NAME_MAX];
	const char *path, *other;
	size_t len, other_len;

	path = unix_path(tuple, 17, &len);
	if (at_exit.len && at_enter.len && at_exit.p[0] == SOCK_AF_UNIX && at_enter.p[0] == SOCK_AF_UNIX) {
		other = unix_path(at_exit, 1, &other_len);
		(void)other_len;
		if (!strncmp(path, other, PATH_MAX_UNIX))
			path = unix_path(at_enter, 1, &len);
	}
	memcpy(&f->unix_sock.source, tuple.p + 1, 8);
	memcpy(&f->unix_sock.dest, tuple.p + 9, 8);
	fdev_name(s, ctx, f, name,
		  sock_unix_text(name, sizeof(name), f->unix_sock.source, f->unix_sock.dest, path, len));
}

static void parse_connect(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct bytes tuple = param(ev, 1), at_enter = { NULL, 0 };
	struct evt enter;
	struct state_fd *f;

	if (!ctx->fd || !ctx->has_res || (ctx->res < 0 && ctx->res != -EINPROGRESS))
		return;
	f = fdev_edit(s, ctx);
	f->flags |= FD_F_CONNECTED;
	if (evt_enter(ctx, &enter))
		at_enter = addr_param(&enter, 1);
	if (!tuple.len) {
		if (at_enter.len)
			connect_to(s, ctx, f, at_enter);
		return;
	}
	if (!sock_tuple_valid(tuple.p, tuple.len))
		return;
	if (tuple.p[0] == SOCK_AF_INET || tuple.p[0] == SOCK_AF_INET6)
		connect_ip(s, ctx, f, tuple, addr_param(ev, 3), at_enter);
	else if (f->type == FD_UNIX && tuple.p[0] == SOCK_AF_UNIX)
		connect_unix(s, ctx, f, tuple, addr_param(ev, 3), at_enter);
	else
		return;
	if (!(f->flags & (FD_F_ROLE_CLIENT | FD_F_ROLE_SERVER)))
		f->flags |= FD_F_ROLE_CLIENT;
}

/* ---- accept, socketpair ------------------------------------------------------------------ */

static void parse_accept(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct bytes tuple = param(ev, 1);
	uint8_t raw[SOCK_RAW_BYTES] = { 0 };
	enum fd_type type = FD_UNIX;
	char name[FD_NAME_MAX];
	struct state_fd *f;
	struct ends e;

	if (!ctx->task || !evt_ok(ctx))
		return;
	ctx->task->last_fd = ctx->fd_num = ctx->res;
	if (!sock_tuple_valid(tuple.p, tuple.len))
		return;
	if (tuple.p[0] == SOCK_AF_INET || tuple.p[0] == SOCK_AF_INET6) {
		e = tuple.p[0] == SOCK_AF_INET ? ends_v4(tuple.p) : ends_v6(tuple.p);
		type = tuple.p[0] == SOCK_AF_INET || unmap(&e) ? FD_IPV4 : FD_IPV6;
		set_tuple(raw, type == FD_IPV4 ? &v4 : &v6, &e, false);
		raw[type == FD_IPV4 ? SOCK_V4_L4 : SOCK_V6_L4] = FD_L4_TCP;
	} else if (tuple.p[0] == SOCK_AF_UNIX) {
		memcpy(raw, tuple.p + 1, 16);
	} else {
		return;
	}
	f = fd_make(&s->slab, type, str_new(&s->slab, name, sock_tuple_text(name, sizeof(name), tuple.p, tuple.len)),
		    str_ref(s->empty));
	sock_unpack(f, type, raw);
	f->flags = FD_F_ROLE_SERVER | FD_F_CONNECTED;
	if (evt_is(ev, PPME_SOCKET_ACCEPT4_6_X))
		f->open_flags = (uint32_t)evt_u64(ev, 5) & FD_O_CLOEXEC;
	fdev_add(s, ctx, ctx->res, f);
}

static void parse_socketpair(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	int64_t num[2] = { 0, 0 };
	const struct state_fd *first = NULL;

	if (!ctx->task || !evt_ok(ctx))
		return;
	evt_get_i64(ev, 1, &num[0]);
	evt_get_i64(ev, 2, &num[1]);
	if (num[0] == num[1]) {
		ctx->fd = NULL;
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct state_fd *f = fd_make(&s->slab, FD_UNIX, str_ref(s->empty), str_ref(s->empty));

		f->unix_sock.source = evt_u64(ev, 3);
		f->unix_sock.dest = evt_u64(ev, 4);
		fdev_add(s, ctx, num[i], f);
		if (!i)
			first = ctx->fd;
	}
	ctx->fd = first;
}

/* ---- reading and writing ----------------------------------------------------------------- */

/* Takes over what a send's or receive's tuple says. Returns whether the name is to be made anew. */
static bool update(const struct state_shard *s, struct state_fd *f, struct bytes tuple)
{
	uint8_t raw[SOCK_RAW_BYTES];
	enum fd_type type = f->type;
	struct ends e;
	bool changed = true;

	if (!sock_tuple_valid(tuple.p, tuple.len))
		return false;
	sock_pack(f, raw);
	if (tuple.p[0] == SOCK_AF_INET) {
		if (type == FD_IPV4_SERVER)
			raw[SOCK_V4_L4] = raw[SOCK_V4S_L4];
		type = FD_IPV4;
		e = ends_v4(tuple.p);
		changed = set_tuple(raw, &v4, &e, true);
	} else if (tuple.p[0] == SOCK_AF_INET6) {
		e = ends_v6(tuple.p);
		if (unmap(&e)) {
			type = FD_IPV4;
			changed = set_tuple(raw, &v4, &e, true);
		} else {
			changed = set_tuple(raw, &v6, &e, type == FD_IPV6);
		}
	} else if (tuple.p[0] == SOCK_AF_UNIX) {
		type = FD_UNIX;
		memcpy(raw + SOCK_UNIX_SOURCE, tuple.p + 1, 16);
	}
	sock_unpack(f, type, raw);
	if (!changed || !fd_is_plain_ip(f))
		return changed;
	/* TCP would not change its ends in mid-connection. */
	if (f->sock.l4 == FD_L4_UNKNOWN)
		f->sock.l4 = FD_L4_UDP;
	state_sock_fill_any(s->ifaces, f);
	return true;
}

struct port_use {
	uint16_t port;
	bool as_dest; /* else as source */
	bool found;
};

static bool uses_port(int64_t num, const struct state_fd *f, void *arg)
{
	struct port_use *u = arg;

	(void)num;
	if (f->type == FD_IPV4)
		u->found = (u->as_dest ? f->sock.dport : f->sock.sport) == u->port;
	else if (f->type == FD_IPV4_SERVER && u->as_dest)
		u->found = f->sock.sport == u->port;
	return !u->found;
}

/* Client or server, by the ports of the process's IPv4 sockets. An IPv4 socket always finds itself
 * among them, so its first direction decides. Of an IPv6 socket the ports are looked for where an IPv4
 * tuple has them, that is, inside the source address. */
static uint32_t guess_role(const struct state_ctx *ctx, const struct state_fd *f, bool receives)
{
	uint8_t raw[SOCK_RAW_BYTES];
	struct port_use use = { .as_dest = true };

	if (f->type == FD_IPV6) {
		sock_pack(f, raw);
		memcpy(&use.port, raw + SOCK_V4_DPORT, 2);
		fdtab_for_each(ctx->fds, uses_port, &use);
		if (!use.found)
			return FD_F_ROLE_CLIENT;
		use = (struct port_use){ .as_dest = false };
		memcpy(&use.port, raw + SOCK_V4_SPORT, 2);
		fdtab_for_each(ctx->fds, uses_port, &use);
		if (!use.found)
			return FD_F_ROLE_SERVER;
	}
	return receives ? FD_F_ROLE_SERVER : FD_F_ROLE_CLIENT;
}

/* The usual case, without packing: the tuple that is stored already, or its reverse. */
static bool is_known(const struct state_fd *f, struct bytes tuple)
{
	const struct fd_sock *s = &f->sock;
	const uint8_t *p = tuple.p;
	unsigned n = tuple.p[0] == SOCK_AF_INET ? 4 : 16; /* address bytes */
	uint16_t port[2];

	if (tuple.p[0] == SOCK_AF_INET ? f->type != FD_IPV4 || tuple.len < 13 :
					 tuple.p[0] != SOCK_AF_INET6 || f->type != FD_IPV6 || tuple.len < 37)
		return false;
	if (n == 16 && sock_is_v4_mapped(p + 1) && sock_is_v4_mapped(p + 3 + n))
		return false; /* makes the socket an IPv4 one, whatever is stored */
	memcpy(&port[0], p + 1 + n, 2);
	memcpy(&port[1], p + 3 + 2 * n, 2);
	if (s->sport == port[0] && s->dport == port[1] && !memcmp(s->sip, p + 1, n) && !memcmp(s->dip, p + 3 + n, n))
		return true;
	return s->sport == port[1] && s->dport == port[0] && !memcmp(s->dip, p + 1, n) && !memcmp(s->sip, p + 3 + n, n);
}

static void update_from_tuple(struct state_shard *s, struct state_ctx *ctx, struct bytes tuple, bool receives)
{
	struct state_fd *f;

	if (!tuple.len || is_known(ctx->fd, tuple))
		return;
	f = fdev_edit(s, ctx);
	if (!update(s, f, tuple))
		return;
	if (!fd_is_plain_ip(f)) {
		name_from_tuple(s, ctx, f, tuple);
		return;
	}
	if (!(f->flags & (FD_F_ROLE_CLIENT | FD_F_ROLE_SERVER)))
		f->flags |= guess_role(ctx, f, receives);
	if (f->flags & (receives ? FD_F_ROLE_CLIENT : FD_F_ROLE_SERVER))
		swap_ends(f);
	name_from_ends(s, ctx, f);
}

/* What all transfers have in common; tuple: number of the tuple parameter, 0 for none. */
static void transfer(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, unsigned tuple, bool receives)
{
	const struct state_fd *f = ctx->fd;

	if (fd_is_plain_ip(f) && !(f->flags & FD_F_CONNECTED)) {
		struct state_fd *w = fdev_edit(s, ctx);

		w->flags |= FD_F_CONNECTED;
		f = w;
	}
	if (tuple && (!f->name->len || f->type != FD_IPV4 || f->sock.l4 != FD_L4_TCP))
		update_from_tuple(s, ctx, param(ev, tuple), receives);
}

static void parse_io(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	if (ctx->fd && evt_ok(ctx))
		transfer(s, ev, ctx, 0, false);
}

static void parse_recv(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	unsigned control = 0;

	if (!ctx->fd || !evt_ok(ctx))
		return;
	switch (ev->hdr->type) {
	case PPME_SOCKET_RECVFROM_X:
		transfer(s, ev, ctx, 2, true);
		break;
	case PPME_SOCKET_RECVMSG_X:
		transfer(s, ev, ctx, 3, true);
		control = 4;
		break;
	case PPME_SOCKET_RECVMMSG_X:
		transfer(s, ev, ctx, 4, true);
		control = 5;
		break;
	default:
		transfer(s, ev, ctx, 4, true);
	}
	if (control && ctx->fd->type == FD_UNIX && evt_has(ev, control))
		state_fd_passed(s, ctx, ev->param[control].p, ev->param[control].len);
}

static void parse_send(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	struct bytes tuple = param(ev, 4);
	int64_t num;

	if (!ctx->task || !evt_ok(ctx))
		return;
	if (!ctx->fd && !evt_is(ev, PPME_SOCKET_SENDMMSG_X) && tuple.len && evt_get_i64(ev, 2, &num) &&
	    (tuple.p[0] == SOCK_AF_INET || tuple.p[0] == SOCK_AF_INET6))
		add_socket(s, ctx, num, tuple.p[0], FD_L4_UDP, 0); /* its socket() was not seen */
	if (ctx->fd)
		transfer(s, ev, ctx, 4, false);
}

state_parse_fn *state_sock_parser(enum evt_type type)
{
	switch (type) {
	case PPME_SOCKET_SOCKET_X:
		return parse_socket;
	case PPME_SOCKET_BIND_X:
		return parse_bind;
	case PPME_SOCKET_CONNECT_X:
		return parse_connect;
	case PPME_SOCKET_ACCEPT_5_X:
	case PPME_SOCKET_ACCEPT4_6_X:
		return parse_accept;
	case PPME_SOCKET_SOCKETPAIR_X:
		return parse_socketpair;
	case PPME_SYSCALL_READ_X:
	case PPME_SYSCALL_READV_X:
	case PPME_SYSCALL_PREAD_X:
	case PPME_SYSCALL_PREADV_X:
	case PPME_SYSCALL_WRITE_X:
	case PPME_SYSCALL_WRITEV_X:
	case PPME_SYSCALL_PWRITE_X:
	case PPME_SYSCALL_PWRITEV_X:
		return parse_io;
	case PPME_SOCKET_RECV_X:
	case PPME_SOCKET_RECVFROM_X:
	case PPME_SOCKET_RECVMSG_X:
	case PPME_SOCKET_RECVMMSG_X:
		return parse_recv;
	case PPME_SOCKET_SEND_X:
	case PPME_SOCKET_SENDTO_X:
	case PPME_SOCKET_SENDMSG_X:
	case PPME_SOCKET_SENDMMSG_X:
		return parse_send;
	default:
		return NULL;
	}
}
