/* The start-up iterators: what runs now, read from the kernel in a few passes. [main], for the time of the scan. */
#pragma once
#include "contract/scan_record.h"
#include <stdbool.h>
#include <stddef.h>

struct live;
struct live_scan;

/* 0, or -errno when this kernel, or this place (another pid namespace than the first, whose iterators see but their
 * own), has none: read /proc then. l: whose clock stamps shall agree with, NULL of nobody. */
int live_scan_open(const struct live *l, struct live_scan **ret);
/* SCAN_TEXTS needs 5.18; the other passes are always there. */
bool live_scan_has(const struct live_scan *s, enum scan_pass pass);
uint64_t live_scan_epoch(const struct live_scan *s); /* ns since the epoch at zero of the boot time clock */
/* Hands every record of the pass to fn, 8-byte aligned, until it returns a negative value, which is returned. */
int live_scan_run(struct live_scan *s, enum scan_pass pass, int (*fn)(void *arg, const void *rec, size_t size), void *arg);
void live_scan_close(struct live_scan *s); /* NULL allowed */
