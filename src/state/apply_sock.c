/* Events that make and connect sockets: what they make known about addresses, names and roles
 * (state-semantics 3.1). Called through state_fd_parser; reads the event, changes descriptors of its
 * process and ctx. Transfers are in apply_io.c. */
#include "state/sock_tuple.h"

#include <errno.h>
#include <string.h>

/* Parameter i as an address, empty when it is missing or malformed. */
static struct sock_param addr_param(const struct evt *ev, unsigned i)
{
	struct sock_param b = sock_param(ev, i);

	if (!sock_addr_valid(b.p, b.len))
		b.len = 0;
	return b;
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

static void parse_socket(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	if (ctx->task && evt_ok(ctx))
		fdev_add_socket(s, ctx, ctx->res, (uint32_t)evt_u64(ev, 1),
			   l4_of((uint32_t)evt_u64(ev, 2), (uint32_t)evt_u64(ev, 3)), (uint32_t)evt_u64(ev, 4));
}

/* A port makes it a server socket. */
static void bind_address(struct state_fd *f, const uint8_t *addr)
{
	bool inet6 = addr[0] == SOCK_AF_INET6;
	const uint8_t *ip = addr + 1, *port = ip + (inet6 ? 16 : 4);
	uint8_t raw[SOCK_RAW_BYTES], l4;

	if (sock_is_zero(port, 2))
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
	struct sock_param addr = addr_param(ev, 1);
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
static void connect_to(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct sock_param addr)
{
	bool inet6 = addr.p[0] == SOCK_AF_INET6, real6 = inet6 && !sock_is_v4_mapped(addr.p + 1);
	const uint8_t *ip = addr.p + 1, *port = ip + (inet6 ? 16 : 4);
	const struct sock_kind *k = real6 ? &sock_v6 : &sock_v4;
	uint8_t raw[SOCK_RAW_BYTES];

	if (!inet6 && addr.p[0] != SOCK_AF_INET) {
		fdev_name_tuple(s, ctx, f, (struct sock_param){ NULL, 0 });
		return;
	}
	sock_pack(f, raw);
	memcpy(raw + k->dip, inet6 && !real6 ? ip + 12 : ip, k->ip_len);
	memcpy(raw + k->dport, port, 2);
	sock_unpack(f, real6 ? FD_IPV6 : FD_IPV4, raw);
}

/* A tuple whose destination is what user memory said at exit proves nothing: another thread may have
 * rewritten it. What was read at enter holds then. A different one came from the kernel's socket. */
static void choose_dest(struct sock_ends *e, uint8_t family, struct sock_param at_exit, struct sock_param at_enter)
{
	size_t ip_len = family == SOCK_AF_INET6 ? 16 : 4;

	if (!at_exit.len || !at_enter.len || at_exit.p[0] != family || at_enter.p[0] != family)
		return;
	if (memcmp(e->dip, at_exit.p + 1, ip_len) || memcmp(e->dport, at_exit.p + 1 + ip_len, 2))
		return;
	e->dip = at_enter.p + 1;
	e->dport = at_enter.p + 1 + ip_len;
}

static void connect_ip(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct sock_param tuple,
		       struct sock_param at_exit, struct sock_param at_enter)
{
	uint8_t family = tuple.p[0], raw[SOCK_RAW_BYTES];
	struct sock_ends e = family == SOCK_AF_INET6 ? sock_ends_v6(tuple.p) : sock_ends_v4(tuple.p);
	bool real6, changed;

	choose_dest(&e, family, at_exit, at_enter);
	real6 = family == SOCK_AF_INET6 && !sock_unmap(&e);
	sock_pack(f, raw);
	changed = sock_set_tuple(raw, real6 ? &sock_v6 : &sock_v4, &e, true);
	sock_unpack(f, real6 ? FD_IPV6 : FD_IPV4, raw);
	if (changed && f->flags & FD_F_ROLE_SERVER && f->type == FD_IPV4 && f->sock.l4 == FD_L4_UDP)
		sock_swap(f);
	fdev_name_ends(s, ctx, f);
}

static const char *unix_path(struct sock_param b, size_t skip, size_t *ret_len)
{
	const char *path = (const char *)b.p + skip;

	*ret_len = strnlen(path, b.len - skip);
	return path;
}

static void connect_unix(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, struct sock_param tuple,
			 struct sock_param at_exit, struct sock_param at_enter)
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
	struct sock_param tuple = sock_param(ev, 1), at_enter = { NULL, 0 };
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
	struct sock_param tuple = sock_param(ev, 1);
	uint8_t raw[SOCK_RAW_BYTES] = { 0 };
	enum fd_type type = FD_UNIX;
	char name[FD_NAME_MAX];
	struct state_fd *f;
	struct sock_ends e;

	if (!ctx->task || !evt_ok(ctx))
		return;
	ctx->task->last_fd = ctx->fd_num = ctx->res;
	if (!sock_tuple_valid(tuple.p, tuple.len))
		return;
	if (tuple.p[0] == SOCK_AF_INET || tuple.p[0] == SOCK_AF_INET6) {
		e = tuple.p[0] == SOCK_AF_INET ? sock_ends_v4(tuple.p) : sock_ends_v6(tuple.p);
		type = tuple.p[0] == SOCK_AF_INET || sock_unmap(&e) ? FD_IPV4 : FD_IPV6;
		sock_set_tuple(raw, type == FD_IPV4 ? &sock_v4 : &sock_v6, &e, false);
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
	default:
		return state_io_parser(type);
	}
}
