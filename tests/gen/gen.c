/* Random event streams. See gen.h.
 *
 * The model is a small system: processes with threads, a parent each, a few descriptors, a directory.
 * Thread ids come from a small range, so that they are used again soon after an exit.
 *
 * A clone has two events, one of the parent and one of the child, in either order. Between them anything may
 * happen, but nothing that the one who still has to return would do: a parent may be gone when its child's
 * event comes, a child when its parent's comes. Some processes are not seen to be made. */
#include "gen.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TASKS = 64, TID_BASE = 100, TID_RANGE = 120, MAX_FDS = 8, CPUS = 8 };

struct task {
	int64_t tid, pid, ptid;
	int fds[MAX_FDS]; /* leader's; 0 = free */
	unsigned name;	  /* comm "pN" */
	uint32_t uid;
	unsigned cpu;
	int64_t in_clone; /* parent: has not returned from making this thread; 0 not */
	bool unborn;	  /* child: its event has not come */
	uint32_t flags;	  /* of the clone that made it */
	int64_t peer;	  /* process that made it */
	bool vforked;	  /* its maker stands still until it execs or exits */
};

/* The parent's event of a clone that the child returned from first. */
struct late {
	struct task parent; /* as it was */
	int64_t child, child_pid;
	bool vfork;
	bool waits; /* vfork: until the child has made an exec or an exit */
};

struct model {
	struct gen *g;
	uint32_t x;
	struct task task[MAX_TASKS];
	unsigned n;
	struct late late[MAX_TASKS];
	unsigned nlate;
	uint64_t ts;
	unsigned char par[4096]; /* parameters of the event being built */
	uint16_t len[EVT_MAX_PARAMS];
	unsigned npar;
	size_t used;
};

static uint32_t rnd(struct model *m, uint32_t n)
{
	m->x = m->x * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(m->x >> 8) * n) >> 24);
}

/* ---- one event ------------------------------------------------------------------------------- */

static void p_raw(struct model *m, const void *p, size_t len)
{
	memcpy(m->par + m->used, p, len);
	m->len[m->npar++] = (uint16_t)len;
	m->used += len;
}

static void p_int(struct model *m, int64_t v, unsigned len)
{
	p_raw(m, &v, len);
}

static void p_str(struct model *m, const char *s)
{
	p_raw(m, s, strlen(s) + 1);
}

static void begin(struct model *m)
{
	m->npar = 0;
	m->used = 0;
}

static unsigned char *room(struct gen *g, size_t total)
{
	if (g->used + total > g->cap) {
		g->cap = (g->used + total) * 2;
		g->bytes = realloc(g->bytes, g->cap);
	}
	if (g->count == g->cap_ev) {
		g->cap_ev = g->cap_ev ? g->cap_ev * 2 : 1024;
		g->ev = realloc(g->ev, g->cap_ev * sizeof(*g->ev));
	}
	if (!g->bytes || !g->ev)
		abort();
	g->ev[g->count++] = (struct gen_event){ .off = g->used, .report = true };
	g->used += total;
	return memset(g->bytes + g->used - total, 0, total);
}

void gen_add(struct gen *g, const struct evt *ev)
{
	size_t total = (sizeof(*ev->env) + ev->hdr->len + 7) & ~(size_t)7;
	unsigned char *p = room(g, total);

	memcpy(p, ev->env, sizeof(*ev->env));
	((struct evt_env *)p)->size = (uint32_t)total;
	memcpy(p + sizeof(*ev->env), ev->hdr, ev->hdr->len);
	g->ev[g->count - 1].report = ev->report;
}

static void emit(struct model *m, uint16_t type, const struct task *t, int64_t peer, uint16_t flags)
{
	struct evt_hdr h = { .ts = m->ts += 1 + rnd(m, 1000), .tid = (uint64_t)t->tid, .type = type, .nparams = m->npar };
	struct evt_env e = { .tgid = (uint32_t)t->pid, .peer_tgid = (uint32_t)(peer == t->pid ? 0 : peer),
			     .cpu = (uint16_t)t->cpu, .flags = flags };
	size_t total;
	unsigned char *p;

	h.len = (uint32_t)(sizeof(h) + 2 * m->npar + m->used);
	total = (sizeof(e) + h.len + 7) & ~(size_t)7;
	e.size = (uint32_t)total;
	p = room(m->g, total);
	memcpy(p, &e, sizeof(e));
	memcpy(p + sizeof(e), &h, sizeof(h));
	memcpy(p + sizeof(e) + sizeof(h), m->len, 2 * m->npar);
	memcpy(p + sizeof(e) + sizeof(h) + 2 * m->npar, m->par, m->used);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static bool tid_free(const struct model *m, int64_t tid)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->task[i].tid == tid || m->task[i].pid == tid)
			return false;
	return true;
}

static struct task *by_tid(struct model *m, int64_t tid)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->task[i].tid == tid)
			return &m->task[i];
	return NULL;
}

static void clone_params(struct model *m, int64_t res, const struct task *t, uint32_t flags)
{
	char name[16] = "p";

	name[1] = (char)('0' + t->name);
	begin(m);
	p_int(m, res, 8);
	p_str(m, name);
	p_raw(m, "a\0b", 4);
	p_int(m, t->tid, 8);
	p_int(m, t->pid, 8);
	p_int(m, t->ptid, 8);
	p_str(m, "");
	p_int(m, 1024, 8);
	p_int(m, 0, 8);
	p_int(m, 0, 8);
	p_int(m, 100, 4);
	p_int(m, 10, 4);
	p_int(m, 0, 4);
	p_str(m, name);
	p_raw(m, "cpu=/", 6);
	p_int(m, flags, 4);
	p_int(m, t->uid, 4);
	p_int(m, 0, 4);
	p_int(m, t->tid, 8);
	p_int(m, t->pid, 8);
	p_int(m, 0, 8);
}

static void child_event(struct model *m, struct task *c)
{
	c->unborn = false;
	clone_params(m, 0, c, c->flags);
	emit(m, c->vforked ? PPME_SYSCALL_VFORK_20_X : PPME_SYSCALL_CLONE_20_X, c, c->peer, EVT_ENV_FORK | EVT_ENV_CRITICAL);
}

static void parent_event(struct model *m, const struct late *l, uint32_t flags)
{
	struct task *t = by_tid(m, l->parent.tid);

	if (t && t->in_clone == l->child)
		t->in_clone = 0;
	clone_params(m, l->child, &l->parent, flags);
	emit(m, l->vfork ? PPME_SYSCALL_VFORK_20_X : PPME_SYSCALL_CLONE_20_X, &l->parent, l->child_pid, EVT_ENV_CRITICAL);
}

/* The second events of clones, some time later. */
static void do_late(struct model *m)
{
	unsigned i;

	if (m->nlate && rnd(m, 2)) {
		i = rnd(m, m->nlate);
		if (m->late[i].waits)
			return;
		parent_event(m, &m->late[i], m->late[i].parent.flags);
		m->late[i] = m->late[--m->nlate];
		return;
	}
	for (i = 0; i < m->n && !m->task[i].unborn; i++)
		;
	if (i < m->n)
		child_event(m, &m->task[i]);
}

static bool in_late(const struct model *m, int64_t tid)
{
	for (unsigned i = 0; i < m->nlate; i++)
		if (m->late[i].parent.tid == tid || m->late[i].child == tid)
			return true;
	return false;
}

/* The child of a vfork has left its parent's memory. */
static void vfork_done(struct model *m, const struct task *c)
{
	for (unsigned i = 0; i < m->nlate; i++)
		if (m->late[i].child == c->tid)
			m->late[i].waits = false;
}

static void do_clone(struct model *m, unsigned who)
{
	struct task *t = &m->task[who], c = *t;
	bool thread = rnd(m, 5) == 0, vfork = !thread && rnd(m, 6) == 0, child_first = vfork || rnd(m, 3) != 0;
	bool sibling = !thread && !vfork && t->ptid && rnd(m, 12) == 0;
	struct late l;

	if (m->n == MAX_TASKS)
		return;
	for (unsigned tries = 0;; tries++) {
		c.tid = TID_BASE + rnd(m, TID_RANGE);
		if (tid_free(m, c.tid) && !in_late(m, c.tid))
			break;
		if (tries > 50)
			return;
	}
	c.flags = thread ? 1u << 13 | 1u << 15 | 1 : sibling ? 1u << 8 : 0;
	c.pid = thread ? t->pid : c.tid;
	c.ptid = thread || sibling ? t->ptid : t->tid;
	c.peer = t->pid;
	c.cpu = rnd(m, CPUS);
	c.in_clone = 0;
	c.vforked = vfork;
	if (!thread && !vfork && rnd(m, 20) == 0) { /* not seen */
		m->task[m->n++] = c;
		return;
	}
	l = (struct late){ .parent = *t, .child = c.tid, .child_pid = c.pid, .vfork = vfork, .waits = vfork };
	l.parent.flags = c.flags;
	c.unborn = true;
	t->in_clone = c.tid;
	if (child_first)
		child_event(m, &c);
	else
		parent_event(m, &l, c.flags);
	m->task[m->n] = c;
	if (!vfork && rnd(m, 3)) { /* the other one at once */
		if (child_first)
			parent_event(m, &l, c.flags);
		else
			child_event(m, &m->task[m->n]);
	} else if (child_first) {
		m->late[m->nlate++] = l;
	}
	m->n++;
}

/* Exit event of a thread, without taking it out of the model. */
static void exit_event(struct model *m, const struct task *t, int64_t heir)
{
	begin(m);
	p_int(m, 0, 8);
	p_int(m, 0, 8);
	p_int(m, 0, 1);
	p_int(m, 0, 1);
	p_int(m, heir, 8);
	emit(m, PPME_PROCEXIT_1_E, t, 0, EVT_ENV_CRITICAL);
}

/* A thread that is not the leader executes: it ends the others, the leader last, and takes the leader's number.
 * Returns what it is now. */
static struct task *become_leader(struct model *m, struct task *t)
{
	struct task *l = by_tid(m, t->pid);

	if (t->in_clone || !l || l->in_clone || l->unborn || in_late(m, t->tid) || in_late(m, l->tid))
		return NULL;
	for (unsigned i = 0; i < m->n; i++)
		if (m->task[i].pid == t->pid && &m->task[i] != t && &m->task[i] != l) {
			if (m->task[i].in_clone || m->task[i].unborn || in_late(m, m->task[i].tid))
				return NULL;
			exit_event(m, &m->task[i], 0);
		}
	exit_event(m, l, t->tid);
	l->cpu = t->cpu;
	l->uid = t->uid;
	return l;
}

static void do_exec(struct model *m, struct task *t)
{
	char name[16] = "p", path[32] = "/bin/p";

	if (t->tid != t->pid && (rnd(m, 3) || !(t = become_leader(m, t))))
		return;
	vfork_done(m, t);
	t->vforked = false;
	t->name = rnd(m, 10);
	name[1] = path[6] = (char)('0' + t->name);
	path[7] = '\0';
	begin(m);
	p_int(m, 0, 8);
	p_str(m, name);
	p_raw(m, "x\0y y", 6);
	p_int(m, t->tid, 8);
	p_int(m, t->pid, 8);
	p_int(m, t->ptid, 8);
	p_str(m, "");
	p_int(m, 1024, 8);
	for (int i = 0; i < 2; i++)
		p_int(m, 0, 8);
	for (int i = 0; i < 3; i++)
		p_int(m, 5, 4);
	p_str(m, name);
	p_raw(m, "cpu=/", 6);
	p_raw(m, "A=1\0B=2", 8);
	p_int(m, 0, 4);
	p_int(m, 1, 8);
	p_int(m, 1000, 4);
	p_int(m, 0, 4);
	for (int i = 0; i < 3; i++)
		p_int(m, 0, 8);
	p_int(m, 77, 8);
	p_int(m, 1, 8);
	p_int(m, 1, 8);
	p_int(m, t->uid, 4);
	p_str(m, path);
	p_int(m, 1, 8);
	p_int(m, 0, 4);
	p_str(m, path);
	/* the other threads of the group are gone */
	for (unsigned i = 0; i < m->n;) {
		if (m->task[i].pid == t->pid && m->task[i].tid != t->tid) {
			for (unsigned k = 0; k < m->nlate; k++)
				if (m->late[k].parent.tid == m->task[i].tid)
					m->late[k] = m->late[--m->nlate], k--; /* never returns */
			for (unsigned k = 0; k < m->n; k++)
				if (m->task[k].ptid == m->task[i].tid)
					m->task[k].ptid = t->tid;
			if (t == &m->task[m->n - 1])
				t = &m->task[i];
			m->task[i] = m->task[--m->n];
		} else {
			i++;
		}
	}
	emit(m, PPME_SYSCALL_EXECVE_19_X, t, 0, EVT_ENV_CRITICAL);
}

static bool group_has_others(const struct model *m, const struct task *t)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->task[i].pid == t->pid && m->task[i].tid != t->tid)
			return true;
	return false;
}

static void do_exit(struct model *m, unsigned who)
{
	struct task t = m->task[who];
	int64_t heir = 1;

	/* init stays; a leader mostly waits for its threads */
	if (t.tid == 1 || (t.tid == t.pid && group_has_others(m, &t) && rnd(m, 3)))
		return;
	for (unsigned i = 0; i < m->n; i++) /* children of a thread stay in its process */
		if (m->task[i].pid == t.pid && m->task[i].tid != t.tid && (heir == 1 || m->task[i].tid == t.pid))
			heir = m->task[i].tid;
	for (unsigned i = 0; i < m->n; i++)
		if (m->task[i].ptid == t.tid)
			m->task[i].ptid = heir;
	if (rnd(m, 4) == 0)
		heir = 0; /* a kernel that does not tell */
	exit_event(m, &t, heir);
	vfork_done(m, &t);
	m->task[who] = m->task[--m->n];
}

static void do_open(struct model *m, struct task *t)
{
	static const char *const names[] = { "/a", "/etc/a/b", "rel/a", "../a", "/tmp/x", "a" };
	struct task *l = by_tid(m, t->pid);
	int fd;

	if (!l)
		return;
	for (fd = 0; fd < MAX_FDS && l->fds[fd]; fd++)
		;
	if (fd == MAX_FDS) {
		fd = (int)rnd(m, MAX_FDS);
		l->fds[fd] = 0;
		begin(m);
		p_int(m, 0, 8);
		p_int(m, fd + 3, 8);
		emit(m, PPME_SYSCALL_CLOSE_X, t, 0, 0);
		return;
	}
	l->fds[fd] = 1;
	begin(m);
	p_int(m, fd + 3, 8);
	p_str(m, names[rnd(m, 6)]);
	p_int(m, 1, 4);
	p_int(m, 0, 4);
	p_int(m, 0x801, 4);
	p_int(m, 99, 8);
	emit(m, PPME_SYSCALL_OPEN_X, t, 0, 0);
}

static void do_chdir(struct model *m, struct task *t)
{
	static const char *const names[] = { "/", "/home", "sub", "..", "/var/a" };

	begin(m);
	p_int(m, 0, 8);
	p_str(m, names[rnd(m, 5)]);
	emit(m, PPME_SYSCALL_CHDIR_X, t, 0, EVT_ENV_CRITICAL);
}

static void do_setuid(struct model *m, struct task *t)
{
	t->uid = rnd(m, 3) * 1000;
	begin(m);
	p_int(m, 0, 8);
	p_int(m, t->uid, 4);
	emit(m, PPME_SYSCALL_SETUID_X, t, 0, EVT_ENV_CRITICAL);
}

static void do_setsid(struct model *m, struct task *t)
{
	begin(m);
	p_int(m, t->pid, 8);
	emit(m, PPME_SYSCALL_SETSID_X, t, 0, EVT_ENV_CRITICAL);
}

static void do_subreaper(struct model *m, struct task *t)
{
	begin(m);
	p_int(m, 0, 8);
	p_int(m, 36, 4); /* PR_SET_CHILD_SUBREAPER */
	p_str(m, "<NA>");
	p_int(m, rnd(m, 2), 8);
	emit(m, PPME_SYSCALL_PRCTL_X, t, 0, EVT_ENV_CRITICAL);
}

/* prlimit on any process: it is the other's shard that must know. */
static void do_prlimit(struct model *m, struct task *t)
{
	const struct task *o = &m->task[rnd(m, m->n)];

	begin(m);
	p_int(m, 0, 8);
	p_int(m, 100 + rnd(m, 1000), 8);
	p_int(m, 5000, 8);
	p_int(m, 64, 8);
	p_int(m, 128, 8);
	p_int(m, o->unborn ? 0 : o->tid, 8);
	p_int(m, 7, 1); /* NOFILE */
	emit(m, PPME_SYSCALL_PRLIMIT_X, t, o->unborn ? 0 : o->pid, 0);
}

static void do_dup(struct model *m, struct task *t)
{
	struct task *l = by_tid(m, t->pid);
	unsigned from = rnd(m, MAX_FDS), to = rnd(m, MAX_FDS);

	if (!l || !l->fds[from])
		return;
	l->fds[to] = 1;
	begin(m);
	p_int(m, to + 3, 8);
	p_int(m, from + 3, 8);
	p_int(m, to + 3, 8);
	emit(m, PPME_SYSCALL_DUP2_X, t, 0, 0);
}

void gen_make(struct gen *g, uint32_t seed, uint32_t events)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	memset(g, 0, sizeof(*g));
	m->g = g;
	m->x = seed * 2654435761u + 12345;
	m->ts = 1700000000000000000ull;
	m->n = 1;
	m->task[0] = (struct task){ .tid = 1, .pid = 1 };
	while (g->count < events) {
		unsigned who = rnd(m, m->n);
		struct task *t = &m->task[who];

		if (rnd(m, 4) == 0)
			t->cpu = rnd(m, CPUS);
		if (rnd(m, 16) == 0) {
			do_late(m);
			continue;
		}
		if (t->unborn || t->in_clone)
			continue;
		switch (rnd(m, 12)) {
		case 0:
		case 1:
			do_clone(m, who);
			break;
		case 2:
			do_exec(m, t);
			break;
		case 3:
			do_exit(m, who);
			break;
		case 4:
			do_chdir(m, t);
			break;
		case 6:
			if (rnd(m, 3))
				do_dup(m, t);
			else
				do_prlimit(m, t);
			break;
		case 5:
			if (rnd(m, 3))
				do_setuid(m, t);
			else if (rnd(m, 2))
				do_setsid(m, t);
			else
				do_subreaper(m, t);
			break;
		default:
			do_open(m, t);
		}
	}
	free(m);
}

void gen_fini(struct gen *g)
{
	free(g->bytes);
	free(g->ev);
	memset(g, 0, sizeof(*g));
}

void gen_at(const struct gen *g, uint32_t i, struct evt *ret)
{
	ret->env = (const struct evt_env *)(g->bytes + g->ev[i].off);
	ret->hdr = (const struct evt_hdr *)(ret->env + 1);
	ret->key = (struct okey){ i + 1, 0 };
	ret->num = i + 1;
	ret->handover = NULL;
	ret->part = EVT_WHOLE;
	ret->report = g->ev[i].report;
	if (evt_decode(ret, ret->hdr->len))
		abort();
}
