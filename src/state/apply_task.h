/* Records and groups of threads: joining, leaving, removal. For apply_clone.c, apply_exec.c,
 * apply_exit.c, scan.c; all by the owning worker. */
#pragma once
#include "state/apply_internal.h"

/* Another thread by its number, found before anything is changed. */
struct task_ref {
	struct state_task *task; /* NULL: not in the table, or not valid */
	const struct state_ver *ver;
};

/* A placeholder for a thread of group tgid nothing more is known of. NULL when the table is full. */
struct state_task *task_placeholder(struct state_shard *s, int64_t tid, int64_t tgid, struct okey from);

/* Live: forgets placeholders every few minutes, and threads whose numbers are in use elsewhere by now. A few at
 * a time, before the event ev is looked at. */
void task_purge(struct state_shard *s, const struct evt *ev);

/* Puts t, which v describes, into the group of v->pid. Does nothing for invalid ones and for members. A leader's
 * v takes over what the group says; v must not be published yet (or be open for change). */
void task_join(struct state_shard *s, struct state_task *t, struct state_ver *v);

/* Counts t as exited (live or not makes no difference to who finds it). */
void task_mark_exited(struct state_task *t);
/* And as live again: exec in the place of a leader that had exited. */
void task_mark_live(struct state_task *t);

/* Takes t out as of `from`: its own record unless it leads other live threads, and the leader's with the
 * last live thread. `heir`: who inherits children, a thread of another process; NULL not known. The private part goes at once, so the
 * event must not need it any more; see task_die for exits. */
void task_remove(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *heir);
/* First half of a removal: publishes that t is gone from `from` on, leaves the rest as it is. */
void task_die(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *heir);
/* Second half. */
void task_clear(struct state_shard *s, struct state_task *t, struct okey from);
/* t makes room for `by`, which has the same number: links to t lead there. */
void task_replace(struct state_shard *s, struct state_task *t, struct okey from, struct state_task *by);

/* Links must not go in a circle: records that refer to each other would never be freed. Damaged captures hold
 * such families. True when following links from t leads to `to` (or does not end within reason). */
bool task_leads_to(const struct state_task *t, const struct state_task *to);
/* ver_set_parent, for a t that others may refer to already; a parent that leads back to t counts as none. */
void task_set_parent(struct state_shard *s, const struct state_task *t, struct state_ver *v, struct state_task *parent);

/* A live thread of t's group other than t, NULL none. */
struct state_task *task_sibling(const struct state_task *t);

/* Thread by number as it is before the event at k, in any shard. tgid_hint: its group, -1 not known. 0, or
 * -EAGAIN. *ret is empty for unknown and invalid ones. */
int task_resolve(struct state_shard *s, int64_t tid, int64_t tgid_hint, struct okey k, struct task_ref *ret);
/* The last key before k. */
static inline struct okey okey_before(struct okey k)
{
	return (struct okey){ k.time ? k.time - 1 : 0, 1 };
}

/* Recent exits: the last 8192, for two seconds of event time. A process is known by its parent's thread, a
 * thread by its process: both are what its maker's late event can tell. (In the reference threads are
 * entered under their process's parent, whom no such event names, and so come back to life.) */
struct exit_ring;
struct exit_ring *exit_ring_new(void);
void exit_ring_free(struct exit_ring *r);
void exit_ring_clear(struct exit_ring *r);
void exit_ring_add(struct exit_ring *r, int64_t maker, int64_t tid, bool thread, uint64_t ts);
bool exit_ring_has(const struct exit_ring *r, int64_t maker, int64_t tid, bool thread, uint64_t ts);

/* ---- text of versions -------------------------------------------------------------------- */

/* Elements of a NUL separated list whose one trailing NUL is dropped. */
uint32_t text_elements(const char *s, size_t *len);
/* args and cmdline (from the comm that v has by now). */
void ver_set_args(struct state_shard *s, struct state_ver *v, const char *args, size_t len);
void ver_set_env(struct state_shard *s, struct state_ver *v, const char *env, size_t len);
/* false: not a list of cgroups, nothing changed. */
bool ver_set_cgroups(struct state_shard *s, struct state_ver *v, const char *cgroups, size_t len);
/* " (deleted)" is left out. */
void ver_set_exepath(struct state_shard *s, struct state_ver *v, const char *path, size_t len);
void ver_set_text(struct state_shard *s, struct state_str **member, const char *p, size_t len);
/* Container id from the cgroups. */
void ver_set_container(struct state_shard *s, struct state_ver *v);
