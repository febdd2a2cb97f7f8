/* The out-of-line part of rcu.h. */
#include "base/rcu.h"

#if defined(SAKER_TSAN)
char rcu_tsan_edge;
#endif

void rcu_later(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	RCU_EDGE_RELEASE();
	urcu_qsbr_call_rcu(head, fn);
}

void rcu_flush(void)
{
	urcu_qsbr_barrier();
}
