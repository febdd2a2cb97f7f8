/* See repair.h. */
#include "state/repair.h"
#include "state/apply_task.h"
#include "state/scan.h"
#include "state/scan_fd.h"
#include "state/userfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKS 256u /* powers of two */
#define ANSWERS 1024u
#define ASK_FDS 253u

enum kind { ASK_TASK, ASK_FDS_OF, TELL_USERS };

struct ask {
	enum kind kind;
	int64_t pid, tid;
	uint64_t ts; /* of the event */
	uint32_t nfds;
	int32_t fds[ASK_FDS];
};

struct answer {
	enum kind kind;
	struct scan_copy *process, *thread; /* owned; NULL: not asked for, or not there */
	int64_t pid, num;
	struct scan_fd *fd;	     /* owned */
	struct userfile *users;	     /* owned */
};

/* head: release by the producer, acquire by the consumer; tail the other way round. */
struct lane {
	_Atomic uint32_t ask_head, ask_tail, answer_head, answer_tail;
	struct ask ask[ASKS];
	struct answer *answer[ANSWERS];
};

struct repair {
	unsigned shards;
	struct lane *lane; /* owned array */
	char root[512], proc_root[600];
	struct scan_reader *reader; /* owned by meta, made at the first question */
	struct scan_fds *fds;
	struct userfile *users; /* meta's own: tells when the files have changed */
	_Atomic uint64_t asked, dropped, answered, gone, stale, users_read;
};

static void add(_Atomic uint64_t *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

struct repair *repair_new(unsigned shards, const char *host_root)
{
	struct repair *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->shards = shards;
	r->lane = calloc(shards, sizeof(*r->lane));
	snprintf(r->root, sizeof(r->root), "%s", host_root ? host_root : "");
	snprintf(r->proc_root, sizeof(r->proc_root), "%s/proc", r->root);
	r->users = userfile_new(r->root);
	if (!r->lane || !r->users) {
		repair_free(r);
		return NULL;
	}
	return r;
}

static void answer_free(struct answer *a)
{
	if (!a)
		return;
	scan_copy_free(a->process);
	scan_copy_free(a->thread);
	free(a->fd);
	userfile_free(a->users);
	free(a);
}

void repair_free(struct repair *r)
{
	if (!r)
		return;
	for (unsigned i = 0; r->lane && i < r->shards; i++) {
		struct lane *l = &r->lane[i];

		for (uint32_t t = l->answer_tail; t != l->answer_head; t++)
			answer_free(l->answer[t % ANSWERS]);
	}
	scan_reader_free(r->reader);
	scan_fds_free(r->fds);
	userfile_free(r->users);
	free(r->lane);
	free(r);
}

/* ---- questions --------------------------------------------------------------------------- */

/* Room for one more, NULL none. */
static struct ask *ask_open(struct repair *r, unsigned shard)
{
	struct lane *l = &r->lane[shard];
	uint32_t head = atomic_load_explicit(&l->ask_head, memory_order_relaxed);

	add(&r->asked);
	if (head - atomic_load_explicit(&l->ask_tail, memory_order_acquire) == ASKS) {
		add(&r->dropped);
		return NULL;
	}
	return &l->ask[head % ASKS];
}

static void ask_close(struct repair *r, unsigned shard)
{
	struct lane *l = &r->lane[shard];

	atomic_store_explicit(&l->ask_head, atomic_load_explicit(&l->ask_head, memory_order_relaxed) + 1, memory_order_release);
}

static void ask_fds(void *ctx, unsigned shard, int64_t pid, const int32_t *fds, unsigned count)
{
	struct ask *a = ask_open(ctx, shard);

	if (!a)
		return;
	a->kind = ASK_FDS_OF;
	a->pid = a->tid = pid;
	a->nfds = count < ASK_FDS ? count : ASK_FDS;
	memcpy(a->fds, fds, a->nfds * sizeof(*fds));
	ask_close(ctx, shard);
}

static void ask_task(void *ctx, unsigned shard, int64_t pid, int64_t tid, uint64_t ts)
{
	struct ask *a = ask_open(ctx, shard);

	if (!a)
		return;
	a->kind = ASK_TASK;
	a->pid = pid;
	a->tid = tid;
	a->ts = ts;
	ask_close(ctx, shard);
}

struct state_repair repair_for_state(struct repair *r)
{
	return (struct state_repair){ .ctx = r, .fds = ask_fds, .task = ask_task, .take = repair_take };
}

/* ---- answers: meta ----------------------------------------------------------------------- */

static void send_answer(struct repair *r, unsigned shard, struct answer *a)
{
	struct lane *l = &r->lane[shard];
	uint32_t head = atomic_load_explicit(&l->answer_head, memory_order_relaxed);

	if (head - atomic_load_explicit(&l->answer_tail, memory_order_acquire) == ANSWERS) {
		add(&r->dropped);
		answer_free(a);
		return;
	}
	l->answer[head % ANSWERS] = a;
	atomic_store_explicit(&l->answer_head, head + 1, memory_order_release);
	add(&r->answered);
}

static void answer_task(struct repair *r, unsigned shard, const struct ask *q)
{
	struct answer *a;

	if (!r->reader)
		r->reader = scan_reader_new(r->root);
	a = r->reader ? calloc(1, sizeof(*a)) : NULL;
	if (!a)
		return;
	a->kind = ASK_TASK;
	a->process = scan_reader_process(r->reader, q->pid);
	if (a->process && a->process->task.clone_ts > q->ts) {
		add(&r->stale);
		answer_free(a);
		return;
	}
	if (a->process && q->tid != q->pid)
		a->thread = scan_reader_thread(r->reader, a->process, q->tid);
	/* The same process still? Else what was read may be a mixture of two. */
	if (!a->process || !scan_reader_same(r->reader, a->process)) {
		add(&r->gone);
		answer_free(a);
		return;
	}
	send_answer(r, shard, a);
}

static void answer_fds(struct repair *r, unsigned shard, const struct ask *q)
{
	if (!r->fds)
		r->fds = scan_fds_new(r->proc_root);
	for (uint32_t i = 0; r->fds && i < q->nfds; i++) {
		struct answer *a = calloc(1, sizeof(*a));

		if (a)
			a->fd = malloc(sizeof(*a->fd));
		if (!a || !a->fd || scan_fds_read(r->fds, q->pid, q->fds[i], a->fd) != 1) {
			add(&r->gone);
			answer_free(a);
			continue;
		}
		a->kind = ASK_FDS_OF;
		a->pid = q->pid;
		a->num = q->fds[i];
		send_answer(r, shard, a);
	}
	/* Sockets are remembered per namespace: the next question is about later ones. */
	scan_fds_free(r->fds);
	r->fds = NULL;
}

static void tell_users(struct repair *r)
{
	if (!userfile_refresh(r->users))
		return;
	add(&r->users_read);
	for (unsigned i = 0; i < r->shards; i++) {
		struct answer *a = calloc(1, sizeof(*a));

		if (!a)
			return;
		a->kind = TELL_USERS;
		a->users = userfile_new(r->root);
		if (a->users)
			send_answer(r, i, a);
		else
			free(a);
	}
}

unsigned repair_serve(struct repair *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->shards; i++) {
		struct lane *l = &r->lane[i];
		uint32_t tail = atomic_load_explicit(&l->ask_tail, memory_order_relaxed);

		while (tail != atomic_load_explicit(&l->ask_head, memory_order_acquire)) {
			const struct ask *q = &l->ask[tail % ASKS];

			if (q->kind == ASK_TASK)
				answer_task(r, i, q);
			else
				answer_fds(r, i, q);
			atomic_store_explicit(&l->ask_tail, ++tail, memory_order_release);
			n++;
		}
	}
	tell_users(r);
	return n;
}

/* ---- answers: worker --------------------------------------------------------------------- */

/* A thread that is not known, or known by its number alone, becomes what /proc says. */
static void learn(struct state_shard *s, const struct scan_task *st, struct okey now)
{
	struct state_task *old = state_own_in(s, st->tid, st->pid), *t, *parent = NULL;
	const struct state_ver *pv;

	if (old && !task_ver(old)->invalid)
		return; /* an event has told it meanwhile */
	t = state_task_new_in(s, st->tid, st->pid);
	if (!t)
		return;
	scan_fill(s, t, st);
	/* Of the parent only what is at hand: nobody is waited for. */
	if (state_find_task_at(s, st->ptid, st->ptid, okey_before(now), &parent, &pv) == 1 && !pv->invalid)
		task_set_parent(s, t, task_ver(t), parent);
	ver_set_container(s, task_ver(t));
	task_join(s, t, task_ver(t));
	if (old) {
		struct state_fdtab *fds = old->fds; /* what events have told of them is newer */

		old->fds = NULL;
		t->fds = fds;
		t->last_access_ts = old->last_access_ts;
	}
	state_task_add(s, t, now);
	if (old)
		task_replace(s, old, now, t);
}

void repair_take(struct state_shard *s, struct okey now)
{
	struct repair *r = state_table_opts(s->table)->repair.ctx;
	struct lane *l = &r->lane[s->index];
	uint32_t tail = atomic_load_explicit(&l->answer_tail, memory_order_relaxed);

	while (tail != atomic_load_explicit(&l->answer_head, memory_order_acquire)) {
		struct answer *a = l->answer[tail % ANSWERS];

		arena_reset(&s->tmp);
		if (a->kind == ASK_TASK) {
			learn(s, &a->process->task, now);
			if (a->thread && state_own_in(s, a->process->task.pid, a->process->task.pid))
				learn(s, &a->thread->task, now);
		} else if (a->kind == ASK_FDS_OF) {
			state_fd_learned(s, a->pid, a->num, a->fd);
		} else {
			users_replace(s, a->users);
			a->users = NULL;
		}
		answer_free(a);
		atomic_store_explicit(&l->answer_tail, ++tail, memory_order_release);
	}
}

void repair_stats(const struct repair *r, struct repair_stats *ret)
{
#define GET(m) atomic_load_explicit(&r->m, memory_order_relaxed)
	*ret = (struct repair_stats){ GET(asked), GET(dropped), GET(answered), GET(gone), GET(stale), GET(users_read) };
#undef GET
}
