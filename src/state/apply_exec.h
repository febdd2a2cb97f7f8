/* Between apply.c and apply_exec.c. */
#pragma once
#include "state/apply_task.h"

static inline bool evt_is_exec(const struct evt *ev)
{
	return ev->hdr->type == PPME_SYSCALL_EXECVE_19_X || ev->hdr->type == PPME_SYSCALL_EXECVEAT_X;
}
/* Look-ups before anything is changed: 0, or -EAGAIN. t: the event's thread, may be NULL. */
int exec_prepare(struct state_shard *s, const struct evt *ev, const struct state_task *t, struct task_ref *parent);
int exit_prepare(struct state_shard *s, const struct evt *ev, const struct state_task *t, struct task_ref *heir);

void exec_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct task_ref *parent);
/* Publishes the end of the thread as of after the event. The rest is done by exit_flush before the shard's
 * next event. */
void exit_apply(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx, const struct task_ref *heir);
void exit_flush(struct state_shard *s);
/* The event names an heir that nobody knows (replay, env->peer_tgid): an empty entry is made for it, as of after the
 * event, as the reference does. By the shard that the heir belongs to. */
void exit_heir(struct state_shard *s, const struct evt *ev);
