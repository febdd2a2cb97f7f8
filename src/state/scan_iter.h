/* Fills the table at start from the kernel's iterators (contract/scan_record.h). The daemon joins them to capture. */
#pragma once
#include "contract/scan_record.h"
#include "state/scan.h"

struct scan_source {
	void *ctx;
	bool texts;	     /* SCAN_TEXTS can be run; else /proc is asked for arguments and environment */
	uint64_t boot_epoch; /* ns since the epoch at zero of the boot time clock */
	/* Hands every record of the pass to fn until it returns a negative value. 0 or -errno. */
	int (*run)(void *ctx, enum scan_pass pass, int (*fn)(void *arg, const void *rec, size_t size), void *arg);
};

/* 0 or -errno; then the table may have been filled in part and has to be emptied (scan_reset). Each record is stamped
 * with the moment it was read at; processes that the kernel shows in /proc only, with scan_key. One thread, before any worker runs. */
int scan_iter(struct state_table *t, const struct scan_source *src, struct okey scan_key);

/* One record, as scan_iter takes it: 0, or -errno when it is not one. For tests. */
int scan_iter_record(struct state_table *t, uint64_t boot_epoch, const void *rec, size_t size);
