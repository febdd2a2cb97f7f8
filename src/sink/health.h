/* State of an output: works, fails and is tried again, or has failed for long. One writer (the output's
 * thread), read by anyone. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum sink_state { SINK_UP, SINK_RETRYING, SINK_DOWN };

#define SINK_DOWN_AFTER_NS 30000000000ull /* failing for so long: down */

struct sink_health {
	/* relaxed: figures */
	_Atomic uint8_t state;	      /* enum sink_state */
	_Atomic uint64_t since_ns;    /* wall clock of the last change, 0 = never */
	_Atomic uint64_t failed_mono; /* monotonic time of the first failure of this row, 0 none */
};

extern const char *const sink_state_name[3];

/* Each returns true when the state has changed, so that the caller logs it. [sink] */
bool sink_health_ok(struct sink_health *h);
bool sink_health_fail(struct sink_health *h);
/* How long it has been failing, ns. */
uint64_t sink_health_failing_ns(const struct sink_health *h);
