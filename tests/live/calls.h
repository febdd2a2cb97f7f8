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
