/* Events that read and write: a socket's connected flag, and what the tuples of sends and receives tell
 * about its addresses, its role and its name (state-semantics 3.1). Called through state_fd_parser; reads
 * the event, changes descriptors of its process and ctx. Any event that reads or writes comes here, so the
 * usual case, nothing new, has to be found out early. */
#include "state/sock_tuple.h"

#include <string.h>

/* Takes over what a send's or receive's tuple says. Returns whether the name is to be made anew. */
static bool update(const struct state_shard *s, struct state_fd *f, struct sock_param tuple)
{
	uint8_t raw[SOCK_RAW_BYTES];
	enum fd_type type = f->type;
	struct sock_ends e;
	bool changed = true;

	if (!sock_tuple_valid(tuple.p, tuple.len))
		return false;
	sock_pack(f, raw);
	if (tuple.p[0] == SOCK_AF_INET) {
		if (type == FD_IPV4_SERVER)
			raw[SOCK_V4_L4] = raw[SOCK_V4S_L4];
		type = FD_IPV4;
		e = sock_ends_v4(tuple.p);
		changed = sock_set_tuple(raw, &sock_v4, &e, true);
	} else if (tuple.p[0] == SOCK_AF_INET6) {
		e = sock_ends_v6(tuple.p);
		if (sock_unmap(&e)) {
			type = FD_IPV4;
			changed = sock_set_tuple(raw, &sock_v4, &e, true);
		} else {
			changed = sock_set_tuple(raw, &sock_v6, &e, type == FD_IPV6);
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
static bool is_known(const struct state_fd *f, struct sock_param tuple)
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

static void update_from_tuple(struct state_shard *s, struct state_ctx *ctx, struct sock_param tuple, bool receives)
{
	struct state_fd *f;

	if (!tuple.len || is_known(ctx->fd, tuple))
		return;
	f = fdev_edit(s, ctx);
	if (!update(s, f, tuple))
		return;
	if (!fd_is_plain_ip(f)) {
		fdev_name_tuple(s, ctx, f, tuple);
		return;
	}
	if (!(f->flags & (FD_F_ROLE_CLIENT | FD_F_ROLE_SERVER)))
		f->flags |= guess_role(ctx, f, receives);
	if (f->flags & (receives ? FD_F_ROLE_CLIENT : FD_F_ROLE_SERVER))
		sock_swap(f);
	fdev_name_ends(s, ctx, f);
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
		update_from_tuple(s, ctx, sock_param(ev, tuple), receives);
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
	struct sock_param tuple = sock_param(ev, 4);
	int64_t num;

	if (!ctx->task || !evt_ok(ctx))
		return;
	if (!ctx->fd && !evt_is(ev, PPME_SOCKET_SENDMMSG_X) && tuple.len && evt_get_i64(ev, 2, &num) &&
	    (tuple.p[0] == SOCK_AF_INET || tuple.p[0] == SOCK_AF_INET6))
		fdev_add_socket(s, ctx, num, tuple.p[0], FD_L4_UDP, 0); /* its socket() was not seen */
	if (ctx->fd)
		transfer(s, ev, ctx, 4, false);
}

state_parse_fn *state_io_parser(enum evt_type type)
{
	switch (type) {
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
