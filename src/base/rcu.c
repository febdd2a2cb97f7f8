/* The out-of-line part of rcu.h. */
#include "base/rcu.h"

#include <semaphore.h>
#include <stddef.h>

#if defined(SAKER_TSAN)
char rcu_tsan_edge;
#endif

void rcu_later(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	RCU_EDGE_RELEASE();
	urcu_qsbr_call_rcu(head, fn);
}

struct flush {
	struct rcu_head rcu;
	sem_t done;
};

static void flushed(struct rcu_head *head)
{
	sem_post(&((struct flush *)((char *)head - offsetof(struct flush, rcu)))->done);
}

/* liburcu runs callbacks in the order in which they were given, on one thread: the last one to run
 * is ours. (Its own barrier function would do, but keeps its work item in memory that
 * ThreadSanitizer then sees freed without a lock.) */
void rcu_flush(void)
{
	struct flush f;

	sem_init(&f.done, 0, 0);
	rcu_enter();
	rcu_later(&f.rcu, flushed);
	rcu_park_begin();
	while (sem_wait(&f.done))
		;
	rcu_park_end();
	rcu_leave();
	sem_destroy(&f.done);
}
