/* What the probe and the state tables have counted ("scap."). Called by metrics.c. */
#include "daemon/metrics_internal.h"

#include "state/memory.h"
#include "state/repair.h"

#include <stdlib.h>
#include <string.h>

#define SCAP "falcosecurity_scap_"
#define DEPRECATED METRICS_HELP " (DEPRECATED: enter events are no longer tracked in falcosecurity/libs)"

/* ---- drops by kind of event -------------------------------------------------------------- */

const char *const drop_kind_name[DROP_KINDS] = { "clone_fork", "execve", "connect", "open", "dir_file", "other_interest",
						 "close", "proc" };

int drop_kind(unsigned type)
{
	switch (type) {
	case PPME_SYSCALL_CLONE_20_X: case PPME_SYSCALL_CLONE3_X: case PPME_SYSCALL_FORK_20_X: case PPME_SYSCALL_VFORK_20_X:
		return DROP_CLONE_FORK;
	case PPME_SYSCALL_EXECVE_19_X: case PPME_SYSCALL_EXECVEAT_X:
		return DROP_EXECVE;
	case PPME_SOCKET_CONNECT_X:
		return DROP_CONNECT;
	case PPME_SYSCALL_OPEN_X: case PPME_SYSCALL_CREAT_X: case PPME_SYSCALL_OPENAT_2_X: case PPME_SYSCALL_OPENAT2_X:
	case PPME_SYSCALL_OPEN_BY_HANDLE_AT_X:
		return DROP_OPEN;
	case PPME_SYSCALL_DUP_1_X: case PPME_SYSCALL_DUP2_X: case PPME_SYSCALL_DUP3_X: case PPME_SYSCALL_CHMOD_X:
	case PPME_SYSCALL_FCHMOD_X: case PPME_SYSCALL_FCHMODAT_X: case PPME_SYSCALL_CHOWN_X: case PPME_SYSCALL_LCHOWN_X:
	case PPME_SYSCALL_FCHOWN_X: case PPME_SYSCALL_FCHOWNAT_X: case PPME_SYSCALL_LINK_2_X: case PPME_SYSCALL_LINKAT_2_X:
	case PPME_SYSCALL_MKDIR_2_X: case PPME_SYSCALL_MKDIRAT_X: case PPME_SYSCALL_RENAME_X: case PPME_SYSCALL_RENAMEAT_X:
	case PPME_SYSCALL_RENAMEAT2_X: case PPME_SYSCALL_RMDIR_2_X: case PPME_SYSCALL_SYMLINK_X:
	case PPME_SYSCALL_SYMLINKAT_X: case PPME_SYSCALL_UNLINK_2_X: case PPME_SYSCALL_UNLINKAT_2_X:
		return DROP_DIR_FILE;
	case PPME_SYSCALL_BPF_2_X: case PPME_SYSCALL_SETPGID_X: case PPME_SYSCALL_PTRACE_X: case PPME_SYSCALL_SECCOMP_X:
	case PPME_SYSCALL_SETNS_X: case PPME_SYSCALL_SETRESGID_X: case PPME_SYSCALL_SETRESUID_X: case PPME_SYSCALL_SETSID_X:
	case PPME_SYSCALL_UNSHARE_X: case PPME_SYSCALL_CAPSET_X:
		return DROP_OTHER_INTEREST;
	case PPME_SYSCALL_CLOSE_X:
		return DROP_CLOSE;
	case PPME_PROCEXIT_1_E:
		return DROP_PROC;
	default:
		return -1;
	}
}

static bool is_buffer(unsigned cause)
{
	return cause == LIVE_DROP_RING_FULL || cause == LIVE_DROP_CLASS || cause == LIVE_DROP_SHARE || cause == LIVE_DROP_RATE ||
	       cause == LIVE_DROP_NO_RING;
}

void drop_kinds(struct live *l, uint64_t ret[DROP_KINDS])
{
	struct live_losses *all = calloc(1, sizeof(*all));

	memset(ret, 0, DROP_KINDS * sizeof(*ret));
	if (!all || live_losses(l, -1, all)) {
		free(all);
		return;
	}
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		int kind = drop_kind(t);

		for (unsigned c = 0; kind >= 0 && c < LIVE_DROP_MAX; c++)
			ret[kind] += is_buffer(c) ? all->n[c][t] : 0;
	}
	free(all);
}

uint64_t drop_buffer_total(const struct live_stats *s)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < LIVE_DROP_MAX; c++)
		n += is_buffer(c) ? s->dropped[c] : 0;
	return n;
}

/* ---- events and drops -------------------------------------------------------------------- */

static void add_kind(struct metrics *m, const char *dir, const char *kind, uint64_t v)
{
	bool enter = dir[1] == 'n';
	/* the field has the direction at its end; that of exits of processes is always exit */
	const char *field = !strcmp(kind, "proc") ? "scap.n_drops_buffer_proc_exit" :
						   arena_fmt(&m->arena, "scap.n_drops_buffer_%s_%s", kind, dir);
	struct metric *e = metric_add(m, SCAP "n_drops_buffer_total", true, field);

	if (enter)
		e->help = DEPRECATED;
	e->field_int = v;
	e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)v);
	metric_label(m, e, "dir", dir);
	metric_label(m, e, "drop", kind);
}

static void add_per_cpu(struct metrics *m, struct daemon *d)
{
	struct live_stats s;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < live_cpu_count(d->live); i++) {
			struct metric *e = metric_add(m, pass ? SCAP "n_drops_cpu_total" : SCAP "n_evts_cpu_total", true,
						      arena_fmt(&m->arena, pass ? "scap.n_drops_cpu_%u" : "scap.n_evts_cpu_%u", i));

			live_cpu_stats(d->live, i, &s);
			e->field_int = s.produced;
			if (pass) {
				e->field_int = 0;
				for (unsigned c = 0; c < LIVE_DROP_MAX; c++)
					e->field_int += s.dropped[c];
			}
			e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)e->field_int);
			metric_label(m, e, "cpu", arena_fmt(&m->arena, "%u", i));
		}
	}
}

/* Ours: every loss by cause, and the class that must not lose. */
static void add_causes(struct metrics *m, const struct live_stats *s, const struct pipeline_stats *p)
{
	static const char name[] = "saker_dropped_events_total";
	const struct { const char *cause; uint64_t n; } more[] = {
		{ "recursion", s->recursion_misses }, { "worker_full_bulk", p->dropped_bulk },
		{ "worker_full_critical", p->dropped_critical }
	};

	for (unsigned c = 0; c < LIVE_DROP_MAX + 3; c++) {
		struct metric *e = metric_add(m, name, true, NULL);

		metric_label(m, e, "cause", c < LIVE_DROP_MAX ? live_drop_name[c] : more[c - LIVE_DROP_MAX].cause);
		e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)(c < LIVE_DROP_MAX ? s->dropped[c] : more[c - LIVE_DROP_MAX].n));
		e->help = "Events produced and not handed over, by cause.";
	}
	metric_int(m, "saker_dropped_critical_events_total", true, NULL, s->dropped_critical);
	m->m[m->len - 1].help = "Forks, execs, exits and changes of state among the events the probe dropped.";
}

static void add_events(struct metrics *m, struct daemon *d)
{
	struct live_stats s;
	struct pipeline_stats p;
	uint64_t kind[DROP_KINDS], dropped = 0;

	live_stats(d->live, &s);
	pipeline_stats(d->pipeline, &p);
	for (unsigned c = 0; c < LIVE_DROP_MAX; c++)
		dropped += s.dropped[c];
	metric_int(m, SCAP "n_evts_total", true, "scap.n_evts", s.produced);
	m->m[m->len - 1].always = true;
	metric_int(m, SCAP "n_drops_total", true, "scap.n_drops", dropped);
	m->m[m->len - 1].always = true;
	metric_int(m, NULL, true, "scap.n_drops_buffer_total", drop_buffer_total(&s));
	drop_kinds(d->live, kind);
	for (unsigned k = 0; k < DROP_KINDS; k++)
		add_kind(m, "exit", drop_kind_name[k], kind[k]);
	for (unsigned k = 0; k < DROP_PROC; k++)
		add_kind(m, "enter", drop_kind_name[k], 0);
	metric_int(m, SCAP "n_drops_scratch_map_total", true, "scap.n_drops_scratch_map",
		   s.dropped[LIVE_DROP_SCRATCH] + s.dropped[LIVE_DROP_TOO_BIG]);
	/* Memory that is paged out makes a parameter empty and costs no event. */
	metric_int(m, SCAP "n_drops_page_faults_total", true, "scap.n_drops_page_faults", 0);
	metric_int(m, SCAP "n_drops_bug_total", true, "scap.n_drops_bug", s.dropped[LIVE_DROP_BUG] + s.dropped[LIVE_DROP_TAIL_CALL]);
	if (d->c->metrics.per_cpu)
		add_per_cpu(m, d);
	add_causes(m, &s, &p);
}

/* ---- libbpf statistics ------------------------------------------------------------------- */

static void add_program(struct metrics *m, const struct live_program *p)
{
	const struct { const char *what, *suffix; uint64_t v; } row[] = {
		{ "run_cnt", "_run_cnt_total", p->runs },
		{ "run_time_ns", "_run_time_nanoseconds_total", p->run_ns },
		{ "avg_time_ns", "_avg_time_nanoseconds", p->runs ? p->run_ns / p->runs : 0 },
	};

	for (unsigned i = 0; i < 3; i++)
		metric_int(m, arena_fmt(&m->arena, SCAP "%s%s", p->name, row[i].suffix), i < 2,
			   arena_fmt(&m->arena, "scap.%s.%s", p->name, row[i].what), row[i].v);
}

void metrics_probe(struct metrics *m, struct daemon *d)
{
	struct live_program prog[LIVE_PROGRAMS];
	unsigned n;

	if (!d->live)
		return;
	if (d->c->metrics.kernel)
		add_events(m, d);
	if (!d->c->metrics.libbpf)
		return;
	n = live_programs(d->live, prog);
	for (unsigned i = 0; i < n; i++)
		add_program(m, &prog[i]);
}

/* ---- state ------------------------------------------------------------------------------- */

static void add_limit(struct metrics *m, struct daemon *d, const struct state_sums *s)
{
	metric_int(m, "saker_memory_limit_bytes", false, NULL, d->c->memory_limit);
	m->m[m->len - 1].help = "memory.limit, 0 none.";
	metric_int(m, "saker_state_budget_bytes", false, NULL, state_budget(d->state));
	m->m[m->len - 1].help = "What of it is left for the tables, 0 no limit.";
	for (unsigned i = 0; i < STATE_GIVE_MAX; i++) {
		struct metric *e = metric_add(m, "saker_memory_given_up_total", true, NULL);

		e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)s->given[i]);
		e->help = "Entries of caches given up to stay below memory.limit.";
		metric_label(m, e, "cache", state_give_name[i]);
	}
	metric_int(m, "saker_memory_refused_total", true, NULL, s->refused_memory);
	m->m[m->len - 1].help = "Threads, descriptors and texts not taken in at memory.limit.";
}

static void add_worker(struct metrics *m, const char *name, bool counter, const char *help, unsigned worker, uint64_t v)
{
	struct metric *e = metric_add(m, name, counter, NULL);

	e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)v);
	e->help = help;
	metric_label(m, e, "worker", arena_fmt(&m->arena, "%u", worker));
}

static void add_workers(struct metrics *m, struct daemon *d)
{
	struct hot_group hot[5];
	unsigned n = pipeline_hot(d->pipeline, hot, sizeof(hot) / sizeof(hot[0])), workers = d->nworkers ? d->nworkers : 1;
	struct pipeline_worker w[64];

	if (workers > sizeof(w) / sizeof(w[0]))
		workers = sizeof(w) / sizeof(w[0]);
	for (unsigned i = 0; i < workers; i++)
		pipeline_worker_stats(d->pipeline, i, &w[i]);
	for (unsigned i = 0; i < workers; i++)
		add_worker(m, "saker_worker_events_total", true, "Events a worker has run.", i, w[i].events);
	for (unsigned i = 0; i < workers; i++)
		add_worker(m, "saker_worker_stale_reads_total", true, "Reads a worker made of others that lagged.", i, w[i].stale_reads);
	for (unsigned i = 0; i < n; i++) {
		struct metric *e = metric_add(m, "saker_busy_process_events", false, NULL);

		e->value = arena_fmt(&m->arena, "%llu", (unsigned long long)(hot[i].count - hot[i].error));
		e->help = "Events of the busiest processes.";
		metric_label(m, e, "pid", arena_fmt(&m->arena, "%u", hot[i].tgid));
		metric_label(m, e, "worker", arena_fmt(&m->arena, "%u", hot[i].worker));
	}
}

static void add_repair(struct metrics *m, struct daemon *d)
{
	struct repair_stats s;

	if (!d->repair)
		return;
	repair_stats(d->repair, &s);
	metric_int(m, "saker_repair_asked_total", true, NULL, s.asked);
	m->m[m->len - 1].help = "Questions about threads and descriptors that no event told of.";
	metric_int(m, "saker_repair_answered_total", true, NULL, s.answered);
	m->m[m->len - 1].help = "Answers from /proc.";
	metric_int(m, "saker_repair_dropped_total", true, NULL, s.dropped);
	m->m[m->len - 1].help = "Questions and answers that found no room.";
	metric_int(m, "saker_repair_gone_total", true, NULL, s.gone + s.stale);
	m->m[m->len - 1].help = "Questions about what had gone, or was another process by then.";
}

static void add_jemalloc(struct metrics *m)
{
	struct memory_jemalloc j;

	if (!memory_jemalloc(&j))
		return;
	metric_int(m, "saker_jemalloc_allocated_bytes", false, NULL, j.allocated);
	m->m[m->len - 1].help = "Bytes the program has allocated.";
	metric_int(m, "saker_jemalloc_active_bytes", false, NULL, j.active);
	m->m[m->len - 1].help = "Bytes in pages the program uses.";
	metric_int(m, "saker_jemalloc_resident_bytes", false, NULL, j.resident);
	m->m[m->len - 1].help = "Bytes in pages the allocator keeps in memory.";
	metric_int(m, "saker_jemalloc_mapped_bytes", false, NULL, j.mapped);
	m->m[m->len - 1].help = "Bytes in extents the allocator has mapped.";
}

void metrics_state(struct metrics *m, struct daemon *d)
{
	struct state_sums s;

	state_table_sums(d->state, &s);
	metric_int(m, SCAP "n_threads_total", false, "scap.n_threads", state_task_count(d->state));
	metric_int(m, SCAP "n_fds_total", false, "scap.n_fds", s.fds);
	/* Nothing is looked up outside the tables, so all look-ups are of the cached kind. */
	metric_int(m, SCAP "n_noncached_fd_lookups_total", true, "scap.n_noncached_fd_lookups", 0);
	metric_int(m, SCAP "n_cached_fd_lookups_total", true, "scap.n_cached_fd_lookups", s.fd_lookups);
	metric_int(m, SCAP "n_failed_fd_lookups_total", true, "scap.n_failed_fd_lookups", s.fd_misses);
	metric_int(m, SCAP "n_added_fds_total", true, "scap.n_added_fds", s.fds_added);
	metric_int(m, SCAP "n_removed_fds_total", true, "scap.n_removed_fds", s.fds_removed);
	metric_int(m, SCAP "n_noncached_thread_lookups_total", true, "scap.n_noncached_thread_lookups", 0);
	metric_int(m, SCAP "n_cached_thread_lookups_total", true, "scap.n_cached_thread_lookups", s.lookups);
	metric_int(m, SCAP "n_failed_thread_lookups_total", true, "scap.n_failed_thread_lookups", s.misses);
	metric_int(m, SCAP "n_added_threads_total", true, "scap.n_added_threads", s.added);
	metric_int(m, SCAP "n_removed_threads_total", true, "scap.n_removed_threads", s.removed);
	metric_int(m, SCAP "n_drops_full_threadtable_total", true, "scap.n_drops_full_threadtable", s.full);
	metric_int(m, "saker_lossy_groups_total", true, NULL, s.lossy);
	m->m[m->len - 1].help = "Thread groups whose descriptors became unknown because events of theirs were lost.";
	metric_int(m, "saker_state_bytes", false, NULL, state_table_bytes(d->state));
	m->m[m->len - 1].help = "Memory of the process and descriptor tables.";
	metric_int(m, "saker_state_live_bytes", false, NULL, state_live_bytes(d->state));
	m->m[m->len - 1].help = "The part of it that is in use.";
	add_limit(m, d, &s);
	add_workers(m, d);
	add_repair(m, d);
	add_jemalloc(m);
}
