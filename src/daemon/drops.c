/* Watches the share of dropped events once a second and does what syscall_event_drops asks for. Called
 * by run.c on main. */
#include "daemon/run_internal.h"

#include "base/thread.h"
#include "sink/internal.h"

#include <assert.h>
#include <stdio.h>
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

/* The figures under Falco's names, sorted by name, as text. Per class of system call Saker does not count. */
struct figure {
	const char *name;
	uint64_t value;
};

static void send_alert(struct daemon *d, const char *msg, const struct figure *f, size_t n)
{
	struct internal_field field[8];
	char text[8][24];
	struct alert *a;

	for (size_t i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%llu", (unsigned long long)f[i].value);
		field[i] = (struct internal_field){ .name = f[i].name, .text = text[i] };
	}
	a = internal_alert_new(RULE, LOG_L_DEBUG, base_now_ns(), d->hostname, msg, field, n);
	if (a)
		hub_submit_internal(d->hub, a);
}

static uint64_t probe_drops(const struct live_stats *now, const struct live_stats *before, enum live_drop cause)
{
	return now->dropped[cause] - before->dropped[cause];
}

bool drops_check(struct drops *w, struct daemon *d)
{
	struct live_stats live = { 0 };
	uint64_t total = stats_dropped(d, &live), events = stats_events(d), dropped, produced;
	char msg[128];
	bool go_on = true;

	dropped = total - w->dropped + (d->c->drops.simulate ? 1 : 0);
	produced = events - w->events + dropped;
	const struct figure figures[] = {
		{ "ebpf_enabled", 1 },
		{ "n_drops", dropped },
		{ "n_drops_bug", probe_drops(&live, &w->live, LIVE_DROP_BUG) },
		{ "n_drops_buffer_total", probe_drops(&live, &w->live, LIVE_DROP_RING_FULL) },
		{ "n_drops_scratch_map", probe_drops(&live, &w->live, LIVE_DROP_SCRATCH) },
		{ "n_evts", produced },
	};

	static_assert(sizeof(figures) / sizeof(figures[0]) <= 8, "as many as send_alert takes");
	w->dropped = total;
	w->events = events;
	w->live = live;
	if (!dropped || (double)dropped / (double)produced <= (d->c->drops.simulate ? 0 : d->c->drops.threshold))
		return true;
	w->seen++;
	if (!d->c->drops.actions || !take_token(w, d->c))
		return true;
	w->acted++;
	snprintf(msg, sizeof(msg), RULE ". %llu system calls dropped in last second.", (unsigned long long)dropped);
	if (d->c->drops.actions & DROP_LOG)
		log_debug("%s", msg);
	if (d->c->drops.actions & DROP_ALERT)
		send_alert(d, msg, figures, sizeof(figures) / sizeof(figures[0]));
	if (d->c->drops.actions & DROP_EXIT) {
		log_msg(LOG_L_CRIT, "%s", msg);
		log_msg(LOG_L_CRIT, "stopping: syscall_event_drops.actions has exit");
		go_on = false;
	}
	return go_on;
}
