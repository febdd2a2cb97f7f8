/* The thread `meta`: what workers must not do because it blocks. Answers questions about threads and descriptors from /proc,
 * reads passwd and group again when they have changed (state/repair.h). Started by run.c in live mode before workers run,
 * ended after they have. */
#include "daemon/run_internal.h"

#include "base/thread.h"
#include "state/repair.h"

#include <errno.h>
#include <time.h>

#define NAP_MS 20 /* between two looks: questions are rare, and nobody waits for the answer */

static void *meta_main(void *arg)
{
	struct daemon *d = arg;

	while (!atomic_load_explicit(&d->meta_stop, memory_order_relaxed)) {
		if (!repair_serve(d->repair))
			nanosleep(&(struct timespec){ .tv_nsec = NAP_MS * 1000000 }, NULL);
	}
	return NULL;
}

int meta_start(struct daemon *d, struct base_err *err)
{
	int r = base_thread_start(&d->meta, ROLE_META, "meta", meta_main, d);

	if (r < 0)
		return base_err_set(err, NULL, 0, 0, "cannot start the thread meta");
	d->meta_runs = true;
	return 0;
}

void meta_stop(struct daemon *d)
{
	if (!d->meta_runs)
		return;
	atomic_store_explicit(&d->meta_stop, true, memory_order_relaxed);
	pthread_join(d->meta, NULL);
	d->meta_runs = false;
}
