/* What the probe and its loader (live_*.c) share: sizes, per-CPU state, knobs. No pointers, fixed
 * widths only. */
#pragma once

#ifndef __bpf__
#include <stdint.h>
#endif

#define PROBE_MAX_CPU 1024	/* per-CPU state is a plain array: no look-up on the way */
#define PROBE_MAX_NR 512	/* native syscall numbers; also the size of the jump table */
#define PROBE_SNAPLEN_MAX 32768 /* bytes of payload one event can carry */
#define PROBE_LOSSY_SLOTS 16384 /* power of two */

#define PROBE_BUCKETS 4096	/* power of two */
#define PROBE_NO_NR 0xffff	/* a 32-bit number that has no 64-bit one */

#define PROBE_SOCKETCALL 102	/* 32-bit: one number for all socket calls, with a number of their own */
#define PROBE_SOCKETCALLS 32	/* a power of two above the 20 there are, so that a mask bounds them */

#define PROBE_URING_OPS 64	/* operations of io_uring; a power of two */
/* Descriptors that a ring keeps for itself have no number of the process: they are shown as their slot above this. */
#define PROBE_URING_SLOT 0x40000000

/* Same order as enum live_drop (a static assertion in the loader holds them together). */
enum {
	PD_RING_FULL, /* no room at all */
	PD_CLASS,     /* bulk, and the ring is filled up to where the reserve of critical events begins */
	PD_SHARE,     /* bulk, and its thread group has had its share of the window */
	PD_RATE,      /* a change of state beyond what its thread group may take of the reserve */
	PD_SCRATCH, PD_TOO_BIG, PD_NO_RING, PD_TAIL_CALL, PD_BUG, PD_MAX
};

/* One CPU's state, written by the probe on that CPU only, read by user space at any time. Two cache
 * lines: neighbours do not share. */
struct probe_cpu {
	uint64_t seq;	      /* events produced so far, those dropped included */
	uint64_t dropped[PD_MAX];
	uint64_t dropped_critical;
	uint32_t woken;	      /* a wake-up was sent and the ring has not been below its mark since */
	uint32_t compat;      /* the call under way is a 32-bit one; from the dispatcher to the event's program */
	uint32_t arg[6];      /* then: its arguments */
	uint32_t nr;	      /* native number of the call under way */
	uint32_t pad;
};
_Static_assert(sizeof(struct probe_cpu) == 128, "the probe and the loader agree on the layout");

#define PROBE_TYPES 512	/* event types, rounded up to a power of two */
#define PROBE_SHARES 256 /* power of two */

/* What a thread group has taken of this CPU's window. Two groups in one slot are counted as one. */
struct probe_share {
	uint32_t window, bytes;
};

/* More of one CPU, touched only when room is short: in a map of its own. */
struct probe_short {
	uint64_t lost[PD_MAX][PROBE_TYPES]; /* by cause and event type; type 0: not known which */
	uint64_t lost_critical[PROBE_TYPES];
	uint64_t since;	 /* start of the window, boot time clock, ns */
	uint32_t window; /* its number */
	uint32_t groups, groups_before; /* slots in use in it, and in the one before */
	uint32_t pad;
	struct probe_share share[PROBE_SHARES];
};

/* How much of the reserve a thread group may still take; maps.h has the rule. */
struct probe_bucket {
	uint32_t tgid, tokens;
	uint64_t since; /* boot time clock, ns */
};

/* How the programs are attached and what the kernel offers: constants for the verifier, which then
 * never looks at the branches not taken. */
struct probe_config {
	uint64_t boot_epoch;	/* ns to add to the boot time clock */
	uint64_t bulk_bytes;	/* used bytes of a ring above which bulk is refused, */
	uint64_t fair_bytes;	/* above which thread groups share, */
	uint64_t wake_bytes;	/* and from which the reader is woken */
	uint64_t window_ns;	/* how long shares count */
	uint64_t token_ns;	/* one token of the reserve comes back in this time */
	uint32_t tokens;	/* and so many can be saved up */
	uint32_t pad0;
	uint64_t self_dev, self_ino; /* pid namespace of the loader, when it is not the first one */
	uint32_t self_tgid;	/* in the loader's pid namespace */
	uint32_t snaplen;
	uint8_t btf_args;	/* attached with tp_btf: arguments are typed pointers */
	uint8_t self_nested;
	uint8_t drop_failed;
	uint8_t uring_cqe;	/* io_uring_complete has the completion, else its members */
	uint8_t pad[4];
};
