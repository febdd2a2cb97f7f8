/* Between apply.c and apply_clone.c. */
#pragma once
#include "state/apply_task.h"

struct clone_prep { /* what is looked up before anything is changed */
	struct task_ref base; /* EVT_TAKE: parent as of the event */
	const struct state_ver *base_leader; /* its leader, NULL unknown */
	struct task_ref parent; /* thread with the number that the event gives as parent */
	bool fresh;		/* EVT_GIVE of the child's event: the child exists already, so there is nothing to do */
};

static inline bool evt_is_clone(const struct evt *ev)
{
	unsigned type = ev->hdr->type;

	return type == PPME_SYSCALL_CLONE_20_X || type == PPME_SYSCALL_CLONE3_X || type == PPME_SYSCALL_FORK_20_X ||
	       type == PPME_SYSCALL_VFORK_20_X;
}
/* own: the event's thread if this shard has it. 0, or -EAGAIN when another shard is not there yet. */
int clone_prepare(struct state_shard *s, const struct evt *ev, const struct state_task *own, struct clone_prep *prep);
/* given: the hand-over of an EVT_TAKE is filled. */
void clone_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct clone_prep *prep,
		 bool given);
