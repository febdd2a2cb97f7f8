/* Named threads with a role. Debug builds assert the role where a function is bound to one. */
#pragma once
#include <pthread.h>
#include <stdint.h>

enum base_role { ROLE_NONE, ROLE_MAIN, ROLE_READER, ROLE_WORKER, ROLE_HUB, ROLE_STORE, ROLE_SINK, ROLE_META, ROLE_ADMIN };

extern _Thread_local enum base_role base_role; /* set by base_thread_start, ROLE_NONE in tests */

/* Starts a thread called name (at most 15 bytes) with all signals blocked.
 * Returns 0 or -errno. [main] */
int base_thread_start(pthread_t *ret, enum base_role role, const char *name, void *(*fn)(void *), void *arg);

uint64_t base_now_ns(void);	 /* CLOCK_REALTIME */
uint64_t base_mono_ns(void);	 /* CLOCK_MONOTONIC */
