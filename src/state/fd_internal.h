/* Shared by apply_fd.c, apply_sock.c and apply_io.c: how a parser reads parameters and changes the descriptor table
 * of the event's process. All for the owning worker, with ctx->task set. */
#pragma once
#include "state/apply_internal.h"
#include "state/fd.h"
#include "state/users.h"

#define FD_NAME_MAX 1216 /* room for every name made here: joined paths, socket tuples, unix paths */

/* Parameter or 0 when it is missing or too short. */
static inline uint64_t evt_u64(const struct evt *ev, unsigned i)
{
	uint64_t v = 0;

	return evt_get_u64(ev, i, &v) ? v : 0;
}

/* The syscall's result is known and not negative. */
static inline bool evt_ok(const struct state_ctx *ctx)
{
	return ctx->has_res && ctx->res >= 0;
}

/* Decodes the valid stored enter event, if there is one. */
static inline bool evt_enter(const struct state_ctx *ctx, struct evt *ret)
{
	if (!ctx->enter)
		return false;
	ret->hdr = ctx->enter;
	return !evt_decode(ret, ctx->enter->len);
}

/* Adds f (reference taken over) under num: it becomes last-event-fd and the event's descriptor, unless
 * the table is full (then the event has none) or the process unknown (then nothing changes). */
void fdev_add(struct state_shard *s, struct state_ctx *ctx, int64_t num, struct state_fd *f);
/* Stores f (reference taken over) in a table, made when there is none. False: no room. */
bool state_fd_store(struct state_shard *s, struct state_fdtab **slot, int64_t num, struct state_fd *f);
void state_fd_drop(struct state_shard *s, struct state_fdtab **slot, int64_t num); /* nothing when it is not open */
/* The event's descriptor (ctx->fd, which must be set), writable. */
struct state_fd *fdev_edit(struct state_shard *s, struct state_ctx *ctx);
/* Names the event's descriptor f, which is writable, and notes whether the name changed. */
void fdev_name(struct state_shard *s, struct state_ctx *ctx, struct state_fd *f, const char *name, size_t len);

/* apply_sock.c's part of state_fd_parser. */
state_parse_fn *state_sock_parser(enum evt_type type);
/* One end of an ip socket is the zero address ("any"): it takes the interface's that talks to the other
 * end, unless both ends would become the same. */
void state_sock_fill_any(const struct state_ifaces *ifaces, struct state_fd *f);
/* Control messages of a receive on a unix socket: asks for the descriptors that came with them. */
void state_fd_passed(struct state_shard *s, const struct state_ctx *ctx, const uint8_t *p, size_t len);

static inline uint32_t fd_table_max(const struct state_shard *s)
{
	uint32_t max = state_table_opts(s->table)->max_fds;

	return max ? max : 4096;
}
