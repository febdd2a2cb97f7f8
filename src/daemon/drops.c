/* Watches the share of dropped events once a second and does what syscall_event_drops asks for. Called
 * by run.c on main. */
#include "daemon/run_internal.h"

#include "base/thread.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* The figures under Falco's names, sorted by name. Per class of system call Saker does not count. */
struct figure {
	const char *name;
	uint64_t value;
};

static void send_alert(struct daemon *d, const char *msg, const struct figure *f, size_t n)
{
	uint64_t ts = base_now_ns();
	time_t sec = (time_t)(ts / 1000000000u);
	struct base_buf line = { 0 }, fields = { 0 }, escaped = { 0 };
	struct alert *a = NULL;
	char when[32];
	struct tm tm;

	localtime_r(&sec, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	buf_fmt(&line, "%s.%09u: Debug %s (", when, (unsigned)(ts % 1000000000u), msg);
	for (size_t i = 0; i < n; i++) {
		buf_fmt(&line, "%s%s=\"%llu\"", i ? " " : "", f[i].name, (unsigned long long)f[i].value);
		buf_fmt(&fields, "%c\"%s\":\"%llu\"", i ? ',' : '{', f[i].name, (unsigned long long)f[i].value);
	}
	buf_chr(&line, ')');
	buf_chr(&fields, '}');
	if (line.p)
		buf_json_escape(&escaped, line.p, line.len);
	if (!line.failed && !fields.failed && !escaped.failed) {
		struct alert_text t = { .rule = RULE, .source = "internal", .hostname = d->hostname, .line = line.p,
					.output = escaped.p, .fields_json = fields.p };

		a = alert_new(&t);
	}
	if (a) {
		a->ts = ts;
		a->priority = LOG_L_DEBUG;
		a->flags = ALERT_INTERNAL;
		a->rule_id = UINT32_MAX;
		hub_submit_internal(d->hub, a);
	}
	buf_fini(&line);
	buf_fini(&fields);
	buf_fini(&escaped);
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
