/* Watches the share of dropped events once a second and does what syscall_event_drops asks for. Called
 * by run.c on main. */
#include "daemon/run_internal.h"

#include "base/thread.h"
#include "sink/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE "Falco internal: syscall event drop"

void drops_init(struct drops *w, struct daemon *d)
{
	memset(w, 0, sizeof(*w));
	w->tokens = d->c->drops.max_burst;
	w->token_ns = base_mono_ns();
}

static bool take_token(struct drops *w, const struct config *c)
{
	uint64_t now = base_mono_ns();

	w->tokens += (double)(now - w->token_ns) / 1e9 * c->drops.rate;
	if (w->tokens > c->drops.max_burst)
		w->tokens = c->drops.max_burst;
	w->token_ns = now;
	if (w->tokens < 1)
		return false;
	w->tokens -= 1;
	return true;
}

/* The figures under Falco's names, sorted by name, as text. */
#define FIGURES 24

struct figures {
	struct internal_field field[FIGURES];
	char name[FIGURES][48], text[FIGURES][24];
	size_t n;
};

static void figure(struct figures *f, const char *name, uint64_t value)
{
	if (f->n == FIGURES)
		return;
	snprintf(f->name[f->n], sizeof(f->name[0]), "%s", name);
	snprintf(f->text[f->n], sizeof(f->text[0]), "%llu", (unsigned long long)value);
	f->field[f->n] = (struct internal_field){ .name = f->name[f->n], .text = f->text[f->n] };
	f->n++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct internal_field *)a)->name, ((const struct internal_field *)b)->name);
}

static void send_alert(struct daemon *d, const char *msg, struct figures *f)
{
	struct alert *a;

	qsort(f->field, f->n, sizeof(f->field[0]), by_name);
	a = internal_alert_new(RULE, LOG_L_DEBUG, base_now_ns(), d->hostname, msg, f->field, f->n);
	if (a)
		hub_submit_internal(d->hub, a);
}

static uint64_t probe_drops(const struct live_stats *now, const struct live_stats *before, enum live_drop cause)
{
	return now->dropped[cause] - before->dropped[cause];
}

/* By kind of event since the last alert: asking the probe by type is for when there is something to tell. */
static void figures_by_kind(struct figures *f, struct drops *w, struct daemon *d)
{
	uint64_t kind[DROP_KINDS];
	char name[48];

	drop_kinds(d->live, kind);
	for (unsigned k = 0; k < DROP_KINDS; k++) {
		snprintf(name, sizeof(name), "n_drops_buffer_%s_exit", drop_kind_name[k]);
		/* the name of exits of processes has no second exit */
		figure(f, k == DROP_PROC ? "n_drops_buffer_proc_exit" : name, kind[k] - w->kind[k]);
	}
	memcpy(w->kind, kind, sizeof(kind));
}

static void act(struct drops *w, struct daemon *d, uint64_t dropped, uint64_t produced, const struct live_stats *live)
{
	struct figures f = { .n = 0 };
	char msg[128];

	w->acted++;
	snprintf(msg, sizeof(msg), RULE ". %llu system calls dropped in last second.", (unsigned long long)dropped);
	if (d->c->drops.actions & DROP_LOG)
		log_debug("%s", msg);
	if (d->c->drops.actions & DROP_ALERT) {
		figure(&f, "ebpf_enabled", 1);
		figure(&f, "n_drops", dropped);
		figure(&f, "n_drops_bug", probe_drops(live, &w->live, LIVE_DROP_BUG) + probe_drops(live, &w->live, LIVE_DROP_TAIL_CALL));
		figure(&f, "n_drops_buffer_total", drop_buffer_total(live) - drop_buffer_total(&w->live));
		figure(&f, "n_drops_page_faults", 0); /* a parameter that is paged out is empty; the event is there */
		figure(&f, "n_drops_scratch_map",
		       probe_drops(live, &w->live, LIVE_DROP_SCRATCH) + probe_drops(live, &w->live, LIVE_DROP_TOO_BIG));
		figure(&f, "n_evts", produced);
		figures_by_kind(&f, w, d);
		send_alert(d, msg, &f);
	}
	if (d->c->drops.actions & DROP_EXIT) {
		log_msg(LOG_L_CRIT, "%s", msg);
		log_msg(LOG_L_CRIT, "stopping: syscall_event_drops.actions has exit");
	}
}

bool drops_check(struct drops *w, struct daemon *d)
{
	struct live_stats live = { 0 };
	uint64_t total = stats_dropped(d, &live), events = stats_events(d), dropped, produced;
	bool taken = false;

	dropped = total - w->dropped + (d->c->drops.simulate ? 1 : 0);
	produced = events - w->events + dropped;
	if (dropped && (double)dropped / (double)produced > (d->c->drops.simulate ? 0 : d->c->drops.threshold)) {
		w->seen++;
		taken = d->c->drops.actions && take_token(w, d->c);
		if (taken)
			act(w, d, dropped, produced, &live);
	}
	w->dropped = total;
	w->events = events;
	w->live = live;
	return !(taken && d->c->drops.actions & DROP_EXIT);
}
