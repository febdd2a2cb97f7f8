/* Shared by the groups of calls of probe_calls: how a call is made, and how what must be seen is written down. */
#pragma once
#include <stddef.h>

/* One line of what must be seen; probe_calls.c has the form. */
__attribute__((format(printf, 1, 2))) void want(const char *fmt, ...);

/* The raw call, with the result as the kernel returns it. */
long sys(long nr, long a, long b, long c, long d, long e);
#define SYS(NR, A, B, C, D, E) sys(SYS_##NR, (long)(A), (long)(B), (long)(C), (long)(D), (long)(E))

/* Bytes in hex. Two results are good at the same time. */
const char *hex(const void *p, size_t n);

void rare(void);
void wide_numbers(void);
void uring(void);
void plain(void);

/* What a process inherits, as events of births and execs say it: working directory (never sent), limit of descriptors,
 * faults and memory (of which only the order of size is known), control groups. Of the calling process. */
const char *inherited(void);
/* Start of the first process of the caller's pid namespace: pidns_init_start_ts, to the clock's tick. */
const char *pidns_start(void);
/* dev parameter of a file. */
unsigned dev_of(long fd);
