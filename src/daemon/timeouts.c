/* See timeouts.h. Readers do not time out one by one: the time since the last event is divided. */
#include "daemon/timeouts.h"

#include "base/thread.h"
#include "daemon/run_internal.h"
#include "sink/internal.h"

#include <stdio.h>
#include <time.h>

#define RULE "Falco internal: timeouts notification"

uint64_t timeouts_due(struct timeouts *t, uint64_t now, uint64_t event_ns, uint64_t max)
{
	uint64_t n;

	if (event_ns > t->from)
		t->from = event_ns;
	if (!t->from)
		t->from = now;
	n = (now - t->from) / TIMEOUT_NS;
	if (n < max)
		return 0;
	t->from = now;
	return n;
}

static void put_time(char *buf, size_t size, uint64_t ns)
{
	time_t s = (time_t)(ns / 1000000000u);
	struct tm tm;
	size_t n;

	localtime_r(&s, &tm);
	n = strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%09u", (unsigned)(ns % 1000000000u));
}

void timeouts_check(struct timeouts *t, struct daemon *d, uint64_t now)
{
	/* relaxed: written by main, too */
	uint64_t event = atomic_load_explicit(&d->health.event_ns, memory_order_relaxed), n;
	char msg[128], when[64] = "none";
	struct internal_field f = { .name = "last_event_time", .text = when };
	struct alert *a;

	n = timeouts_due(t, now, event, d->c->max_timeouts);
	if (!n)
		return;
	if (event)
		put_time(when, sizeof(when), base_now_ns() - (now - event));
	snprintf(msg, sizeof(msg), RULE ". %llu consecutive timeouts without event.", (unsigned long long)n);
	log_debug("%s", msg);
	a = internal_alert_new(RULE, LOG_L_DEBUG, base_now_ns(), d->hostname, msg, &f, 1);
	if (a)
		hub_submit_internal(d->hub, a);
}
