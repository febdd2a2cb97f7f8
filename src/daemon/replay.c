/* Capture file -> state table and pipeline. Main opens the file (head into the table), then the thread
 * reader/0 reads events and hands them to the pipeline, waiting for room. Events of capture files do not
 * say which thread group a thread belongs to, which is what events are routed by: routes.c works it out. */
#include "daemon/replay.h"

#include "base/thread.h"
#include "capture/scap.h"
#include "daemon/routes.h"
#include "shard/pipeline.h"
#include "state/scan_fd.h"
#include "state/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATERMARK_EVENTS 1024

struct replay {
	struct scap_reader *scap; /* owned */
	struct state_opts opts;
	struct state_table *table; /* borrowed once handed to the caller */
	struct routes routes;
	struct scan_fd fd; /* 4 KiB of name: not on the stack */

	struct pipeline *pipeline; /* borrowed */
	const struct evt_consumer *consumer;
	uint64_t last_key;
	bool head_only; /* no event at all */
	bool new_section; /* its head has been read, and must be finished before its first event */
	bool failed;	/* no memory for the table */
	int done_fd;
	_Atomic bool stop; /* relaxed: looked at before every event */
	pthread_t thread;
	bool started;

	/* written by the thread, read after it was joined */
	int result;
	struct base_err err;
	struct replay_stats stats;
};

/* ---- head -------------------------------------------------------------------------------- */

static bool have_table(struct replay *r)
{
	if (!r->table && !r->failed) {
		r->table = state_table_new(&r->opts);
		r->failed = !r->table;
	}
	return !r->failed;
}

static void on_machine(void *arg, uint32_t num_cpus, uint64_t boot_ts, const char *hostname)
{
	struct replay *r = arg;

	(void)num_cpus;
	(void)hostname;
	if (!r->table)
		r->opts.boot_ts = boot_ts;
	have_table(r);
}

static struct scan_text text(struct cap_text t)
{
	return (struct scan_text){ .s = t.s, .len = t.len };
}

static void on_task(void *arg, const struct cap_task *c)
{
	struct replay *r = arg;
	struct scan_task t;

	if (!have_table(r))
		return;
	scan_task_init(&t);
	t.tid = c->tid;
	t.pid = c->pid;
	t.ptid = c->ptid;
	t.vtid = c->vtid;
	t.vpid = c->vpid;
	t.sid = c->sid;
	t.vpgid = c->vpgid;
	t.pgid = c->pgid;
	t.flags = c->flags;
	t.tty = c->tty;
	t.uid = c->uid;
	t.gid = c->gid;
	t.loginuid = c->loginuid;
	t.exe_flags = (c->exe_writable ? EXE_WRITABLE : 0u) | (c->exe_upper_layer ? EXE_UPPER_LAYER : 0u) |
		      (c->exe_from_memfd ? EXE_FROM_MEMFD : 0u) | (c->exe_lower_layer ? EXE_LOWER_LAYER : 0u);
	t.cap_inheritable = c->cap_inheritable;
	t.cap_permitted = c->cap_permitted;
	t.cap_effective = c->cap_effective;
	t.exe_ino = c->exe_ino;
	t.exe_ino_ctime = c->exe_ino_ctime;
	t.exe_ino_mtime = c->exe_ino_mtime;
	t.pidns_init_start_ts = c->pidns_init_start_ts;
	t.fdlimit = c->fdlimit;
	t.vmsize_kb = c->vmsize_kb;
	t.vmrss_kb = c->vmrss_kb;
	t.vmswap_kb = c->vmswap_kb;
	t.pfmajor = c->pfmajor;
	t.pfminor = c->pfminor;
	t.comm = text(c->comm);
	t.exe = text(c->exe);
	t.exepath = text(c->exepath);
	t.args = text(c->args);
	t.env = text(c->env);
	t.cwd = text(c->cwd);
	t.root = text(c->root);
	t.cgroups = text(c->cgroups);
	if (!scan_add_task(r->table, &t))
		routes_known(&r->routes, c->tid, c->pid, c->ptid);
}

static void on_fd(void *arg, uint64_t tid, const struct cap_fd *c)
{
	struct replay *r = arg;
	struct scan_fd *f = &r->fd;
	struct slab *slab = have_table(r) ? scan_slab(r->table, (int64_t)tid) : NULL;

	if (!slab)
		return;
	memset(f, 0, offsetof(struct scan_fd, name));
	f->type = c->type;
	f->open_flags = c->open_flags;
	f->dev = c->dev;
	f->ino = c->ino;
	if (c->type == FD_UNIX) {
		f->unix_sock.source = c->source;
		f->unix_sock.dest = c->dest;
	} else {
		memcpy(f->sock.sip, c->sip, sizeof(f->sock.sip));
		memcpy(f->sock.dip, c->dip, sizeof(f->sock.dip));
		f->sock.sport = c->sport;
		f->sock.dport = c->dport;
		f->sock.l4 = c->l4;
	}
	f->name_len = (uint32_t)(c->name.len < sizeof(f->name) - 1 ? c->name.len : sizeof(f->name) - 1);
	if (f->name_len)
		memcpy(f->name, c->name.s, f->name_len);
	f->name[f->name_len] = '\0';
	scan_add_fd(r->table, (int64_t)tid, c->fd, scan_fd_make(slab, f));
}

static void on_user(void *arg, uint32_t uid, uint32_t gid, const char *name, size_t name_len, const char *home, size_t home_len,
		    const char *shell, size_t shell_len)
{
	struct replay *r = arg;

	if (have_table(r))
		scan_add_user(r->table, uid, gid, (struct scan_text){ name, name_len }, (struct scan_text){ home, home_len },
			      (struct scan_text){ shell, shell_len });
}

static void on_group(void *arg, uint32_t gid, const char *name, size_t name_len)
{
	struct replay *r = arg;

	if (have_table(r))
		scan_add_group(r->table, gid, (struct scan_text){ name, name_len });
}

static void on_iface(void *arg, int family, const uint8_t *addr, const uint8_t *netmask, const uint8_t *bcast, const char *name, size_t name_len)
{
	struct replay *r = arg;

	if (have_table(r))
		scan_add_iface(r->table, family, addr, netmask, bcast, (struct scan_text){ name, name_len });
}

/* A new section: what follows is another machine's, or another time's, state. The workers must have
 * finished everything before and be asleep, as they own what is thrown away here. */
static void on_restart(void *arg)
{
	struct replay *r = arg;

	if (!r->table)
		return;
	if (r->consumer) {
		r->consumer->watermark(r->consumer->ctx, 0, r->last_key);
		if (r->pipeline)
			pipeline_wait_idle(r->pipeline, r->last_key);
	}
	scan_reset(r->table);
	routes_clear(&r->routes);
	r->new_section = true;
}

static const struct scap_head_ops head_ops = {
	.machine = on_machine,
	.task = on_task,
	.fd = on_fd,
	.user = on_user,
	.group = on_group,
	.iface = on_iface,
	.restart = on_restart,
};

int replay_open(const char *path, const struct state_opts *opts, struct replay **ret, struct state_table **ret_table,
		struct base_err *err)
{
	struct replay *r = calloc(1, sizeof(*r));
	int e;

	if (!r || routes_init(&r->routes)) {
		free(r);
		return base_err_set(err, NULL, 0, 0, "no memory for the replay");
	}
	r->opts = *opts;
	r->done_fd = -1;
	e = scap_open(path, &r->scap, err);
	if (!e)
		e = scap_read_head(r->scap, &head_ops, r, err);
	if (e == -ENODATA) {
		r->head_only = true;
		e = 0;
	}
	if (!e && !have_table(r))
		e = base_err_set(err, NULL, 0, 0, "no memory for the process table");
	if (e) {
		state_table_free(r->table);
		replay_free(r);
		return e;
	}
	scan_finish(r->table);
	r->new_section = false;
	*ret = r;
	*ret_table = r->table;
	return 0;
}

/* ---- events ------------------------------------------------------------------------------ */

/* One event. False at the end. [reader] */
static bool step(struct replay *r)
{
	struct evt ev;
	int n = scap_next(r->scap, &ev, &head_ops, r, &r->err);

	if (n <= 0) {
		r->result = n;
		return false;
	}
	if (r->new_section) {
		scan_finish(r->table);
		r->new_section = false;
	}
	routes_event(&r->routes, &ev, scap_env(r->scap));
	if (!r->stats.events++)
		r->stats.first_ts = ev.hdr->ts;
	r->stats.last_ts = ev.hdr->ts;
	r->last_key = ev.key.time;
	n = r->consumer->event(r->consumer->ctx, 0, &ev, true);
	if (n < 0) {
		base_err_set(&r->err, NULL, 0, 0, "event %llu could not be handed over: %s", (unsigned long long)ev.num,
			     strerror(-n));
		r->result = n;
		return false;
	}
	if (r->stats.events % WATERMARK_EVENTS == 0)
		r->consumer->watermark(r->consumer->ctx, 0, r->last_key);
	return true;
}

/* [reader] */
static void *replay_main(void *arg)
{
	struct replay *r = arg;
	struct timespec cpu;
	uint64_t one = 1;

	while (!r->head_only && !atomic_load_explicit(&r->stop, memory_order_relaxed) && step(r))
		;
	r->consumer->end(r->consumer->ctx, 0);
	r->stats.bytes = scap_offset(r->scap);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	r->stats.cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;

	ssize_t w = write(r->done_fd, &one, sizeof(one)); /* main joins anyway */

	(void)w;
	return NULL;
}

void replay_run(struct replay *r, const struct evt_consumer *c)
{
	r->consumer = c;
	while (!r->head_only && !atomic_load_explicit(&r->stop, memory_order_relaxed) && step(r))
		;
	c->end(c->ctx, 0);
}

int replay_start(struct replay *r, struct pipeline *p, int done_fd, struct base_err *err)
{
	int e;

	r->pipeline = p;
	r->consumer = pipeline_consumer(p);
	r->done_fd = done_fd;
	e = base_thread_start(&r->thread, ROLE_READER, "reader/0", replay_main, r);
	if (e < 0) {
		base_err_set(err, NULL, 0, 0, "cannot start the replay: %s", strerror(-e));
		return e;
	}
	r->started = true;
	return 0;
}

void replay_request_stop(struct replay *r)
{
	atomic_store_explicit(&r->stop, true, memory_order_relaxed);
}

int replay_finish(struct replay *r, struct base_err *err)
{
	if (r->started)
		pthread_join(r->thread, NULL);
	r->started = false;
	if (r->result < 0)
		*err = r->err;
	return r->result;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	scap_close(r->scap);
	routes_fini(&r->routes);
	free(r);
}

void replay_stats(const struct replay *r, struct replay_stats *ret)
{
	*ret = r->stats;
}
