/* What state makes of scanned descriptors: finishing touches on each, roles when all are in, and late
 * answers to questions that events raised (descriptors passed in messages). /proc itself is read in
 * scan_fd.c, capture lists by capture. */
#include "state/scan_fd.h"
#include "state/sock_tuple.h"

#include <string.h>
#include <sys/socket.h>

static void name_plain(struct state_shard *s, struct state_fd *f)
{
	char name[FD_NAME_MAX];

	fd_set_name(&s->slab, f, name, sock_fd_text_plain(name, sizeof(name), f));
}

/* An IPv6 tuple between v4-mapped addresses becomes the IPv4 one. */
static void unmap(struct state_fd *f)
{
	struct fd_sock from = f->sock;

	if (f->type != FD_IPV6 || !sock_is_v4_mapped(from.sip) || !sock_is_v4_mapped(from.dip))
		return;
	memset(&f->sock, 0, sizeof(f->sock));
	f->type = FD_IPV4;
	memcpy(f->sock.sip, from.sip + 12, 4);
	memcpy(f->sock.dip, from.dip + 12, 4);
	f->sock.sport = from.sport;
	f->sock.dport = from.dport;
	f->sock.l4 = from.l4;
}

void scan_fd_import(struct state_shard *s, struct state_fd *f)
{
	if (f->type == FD_UNIX) {
		f->flags |= f->name->len ? FD_F_ROLE_SERVER : FD_F_ROLE_CLIENT;
		return;
	}
	if (!fd_is_ip(f))
		return;
	unmap(f);
	if (fd_is_plain_ip(f) && f->sock.l4 == FD_L4_TCP)
		f->flags |= FD_F_CONNECTED;
	if (f->type == FD_IPV4)
		state_sock_fill_any(s->ifaces, f);
	name_plain(s, f);
}

/* ---- roles ------------------------------------------------------------------------------- */

struct finish {
	struct state_shard *s;
	uint8_t ports[65536 / 8]; /* bound IPv4 ports of the node */
};

static bool note_port(int64_t num, const struct state_fd *f, void *arg)
{
	struct finish *x = arg;

	(void)num;
	if (f->type == FD_IPV4_SERVER)
		x->ports[f->sock.sport / 8] |= (uint8_t)(1u << f->sock.sport % 8);
	return true;
}

static void note_ports(struct state_task *t, void *arg)
{
	fdtab_for_each(t->fds, note_port, arg);
}

static void fix_roles(struct state_task *t, void *arg)
{
	struct finish *x = arg;
	struct slab *sl = &x->s->slab;

	for (int64_t n = fdtab_next(t->fds, 0); n >= 0; n = fdtab_next(t->fds, n + 1)) {
		struct state_fd *f;
		unsigned port;

		if (fdtab_get(t->fds, n)->type != FD_IPV4)
			continue;
		f = fdtab_edit(sl, &t->fds, n);
		port = f->sock.sport;
		if (!(x->ports[port / 8] >> port % 8 & 1)) {
			f->flags |= FD_F_ROLE_CLIENT;
			continue;
		}
		sock_swap(f); /* the listening end is the destination of a tuple */
		name_plain(x->s, f);
		f->flags |= FD_F_ROLE_SERVER;
	}
}

void scan_fd_finish(struct state_table *t)
{
	unsigned shards = state_table_opts(t)->shards;
	struct finish x = { 0 };

	for (unsigned i = 0; i < shards; i++)
		state_for_each_own(state_table_shard(t, i), note_ports, &x);
	for (unsigned i = 0; i < shards; i++) {
		x.s = state_table_shard(t, i);
		state_for_each_own(x.s, fix_roles, &x);
	}
}

/* ---- passed descriptors ------------------------------------------------------------------ */

void state_fd_learned(struct state_shard *s, int64_t pid, int64_t num, const struct scan_fd *sf)
{
	struct state_task *t = state_own(s, pid);
	struct state_fdtab **slot = t ? state_fds_slot(s, t) : NULL;
	struct state_fd *f;

	/* A descriptor that an event made since is newer than what /proc said. */
	if (!slot || num < 0 || fdtab_get(*slot, num))
		return;
	f = scan_fd_make(&s->slab, sf);
	scan_fd_import(s, f);
	state_fd_store(s, slot, num, f);
}

/* Control messages as recvmsg(2) lays them out for a 64-bit caller. */
void state_fd_passed(struct state_shard *s, const struct state_ctx *ctx, const uint8_t *p, size_t len)
{
	const struct state_repair *repair = &state_table_opts(s->table)->repair;
	enum { FDS_MAX = 253 }; /* SCM_MAX_FD of the kernel */
	const size_t head = sizeof(struct cmsghdr);
	int32_t fds[FDS_MAX];

	if (!repair->fds || !state_table_opts(s->table)->live)
		return;
	while (len >= head) {
		struct cmsghdr h;
		size_t count, step;

		memcpy(&h, p, head);
		if (h.cmsg_len < head || h.cmsg_len > len)
			return;
		count = (h.cmsg_len - head) / sizeof(fds[0]);
		if (h.cmsg_type == SCM_RIGHTS) {
			if ((h.cmsg_len - head) % sizeof(fds[0]) || count > FDS_MAX)
				return;
			memcpy(fds, p + head, count * sizeof(fds[0]));
			repair->fds(repair->ctx, s->index, task_ver(ctx->task)->pid, fds, (unsigned)count);
		}
		step = (h.cmsg_len + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
		if (step >= len)
			return;
		p += step;
		len -= step;
	}
}
