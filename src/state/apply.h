/* Events into state, and what evaluation needs to know of the event afterwards. */
#pragma once
#include "state/fd.h"
#include "state/table.h"

/* Filled by state_apply, read by fields. Borrowed pointers are valid until the next event of the
 * shard (or until the worker waits: then the event is evaluated afresh through state_refresh). */
struct state_ctx {
	struct state_shard *shard;
	const struct evt *ev;
	struct state_task *task;	/* thread of the event, NULL none */
	const struct state_ver *ver;	/* its version at the event, NULL with task */
	const struct state_ver *leader; /* its process leader's version, NULL when unknown */
	struct state_fdtab *fds;	/* descriptor table in force, NULL none */
	const struct state_fd *fd;	/* the event's descriptor, NULL none */
	int64_t fd_num;			/* last-event-fd, -1 none */
	bool has_res;			/* the event has a return value */
	int64_t res;
	bool name_changed;		/* fd.name_changed */
	bool filtered;			/* never shown to rules (own events, enter events, state-only) */
	const struct evt_hdr *enter;	/* valid stored enter event, NULL none */
};

/* Applies one event to the shard and fills *ctx (state_shard.viewed). ev->part says which half of a two-shard event.
 * Returns 0, or -EAGAIN: nothing that others can see was changed, another shard has to get on first; call
 * again later. EVT_TAKE waits for the parent's shard to have applied this very event. Everything else
 * waits at most for keys below the event's (a thread named by number whose shard lags), so that EVT_GIVE
 * never waits for anybody who waits for it. [worker] */
int state_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx);

/* After the worker had to wait for another shard while evaluating (other pointers were given up):
 * takes ctx's pointers anew. The shard's own state has not moved meanwhile. [worker] */
void state_refresh(struct state_ctx *ctx);
