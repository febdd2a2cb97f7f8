/* See health.h. */
#include "sink/health.h"

#include "base/thread.h"

const char *const sink_state_name[3] = { "up", "retrying", "down" };

static bool enter(struct sink_health *h, enum sink_state to)
{
	if (atomic_load_explicit(&h->state, memory_order_relaxed) == to)
		return false;
	atomic_store_explicit(&h->state, (uint8_t)to, memory_order_relaxed);
	/* "down since" is when it began to fail, so going from retrying to down keeps the time. */
	if (to != SINK_DOWN)
		atomic_store_explicit(&h->since_ns, base_now_ns(), memory_order_relaxed);
	return true;
}

bool sink_health_ok(struct sink_health *h)
{
	if (!enter(h, SINK_UP))
		return false;
	atomic_store_explicit(&h->failed_mono, 0, memory_order_relaxed);
	return true;
}

uint64_t sink_health_failing_ns(const struct sink_health *h)
{
	uint64_t since = atomic_load_explicit(&h->failed_mono, memory_order_relaxed);

	return since ? base_mono_ns() - since : 0;
}

bool sink_health_fail(struct sink_health *h)
{
	if (!atomic_load_explicit(&h->failed_mono, memory_order_relaxed))
		atomic_store_explicit(&h->failed_mono, base_mono_ns(), memory_order_relaxed);
	return enter(h, sink_health_failing_ns(h) >= SINK_DOWN_AFTER_NS ? SINK_DOWN : SINK_RETRYING);
}
