/* Read-copy-update: the QSBR flavour of liburcu behind six names.
 *
 * Thread-safety
 *   rcu_enter, rcu_leave           once per worker thread, at start and end
 *   rcu_quiescent                  by a worker between two events: it holds no borrowed pointer now
 *   rcu_park_begin, rcu_park_end   around any sleep: the worker counts as quiescent meanwhile
 *   rcu_later                      any registered worker: calls fn(head) on liburcu's own thread after
 *                                  every worker has been quiescent or parked once since
 *   rcu_flush                      waits until everything given to rcu_later before has run; by a thread that
 *                                  has not entered
 *
 * ThreadSanitizer cannot see liburcu's barriers, which are compiled into the library. The two
 * annotations below tell it the one edge that a grace period is: what a reader did before its
 * quiescent state happens before the callback. */
#pragma once
#include <urcu/urcu-qsbr.h>

#if defined(SAKER_TSAN)
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
extern char rcu_tsan_edge;
#define RCU_EDGE_RELEASE() __tsan_release(&rcu_tsan_edge)
#define RCU_EDGE_ACQUIRE() __tsan_acquire(&rcu_tsan_edge)
#else
#define RCU_EDGE_RELEASE() ((void)0)
#define RCU_EDGE_ACQUIRE() ((void)0)
#endif

static inline void rcu_enter(void)
{
	urcu_qsbr_register_thread();
}

static inline void rcu_leave(void)
{
	RCU_EDGE_RELEASE();
	urcu_qsbr_unregister_thread();
}

static inline void rcu_quiescent(void)
{
	RCU_EDGE_RELEASE();
	urcu_qsbr_quiescent_state();
}

static inline void rcu_park_begin(void)
{
	RCU_EDGE_RELEASE();
	urcu_qsbr_thread_offline();
}

static inline void rcu_park_end(void)
{
	urcu_qsbr_thread_online();
}

void rcu_later(struct rcu_head *head, void (*fn)(struct rcu_head *head));
void rcu_flush(void);
