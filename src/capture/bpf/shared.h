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

/* Same order as enum live_drop (a static assertion in the loader holds them together). */
enum { PD_RING_FULL, PD_SCRATCH, PD_TOO_BIG, PD_NO_RING, PD_TAIL_CALL, PD_BUG, PD_MAX };

/* One CPU's state, written by the probe on that CPU only, read by user space at any time. Two cache
 * lines: neighbours do not share. */
struct probe_cpu {
	uint64_t seq;	      /* events produced so far, those dropped included */
	uint64_t dropped[PD_MAX];
	uint64_t dropped_critical;
	uint32_t woken;	      /* a wake-up was sent and the ring has not been below its mark since */
	uint32_t compat;      /* the call under way is a 32-bit one; from the dispatcher to the event's program */
	uint32_t arg[6];      /* then: its arguments, */
	uint32_t nr;	      /* and its native number */
	uint32_t pad;
	uint64_t spare[3];
};
_Static_assert(sizeof(struct probe_cpu) == 128, "the probe and the loader agree on the layout");

/* How much of the reserve a thread group may still take; maps.h has the rule. */
struct probe_bucket {
	uint32_t tgid, tokens;
	uint64_t since; /* boot time clock, ns */
};

/* How the programs are attached and what the kernel offers: constants for the verifier, which then
 * never looks at the branches not taken. */
struct probe_config {
	uint64_t boot_epoch;	/* ns to add to the boot time clock */
	uint64_t ring_bytes;
	uint64_t self_dev, self_ino; /* pid namespace of the loader, when it is not the first one */
	uint32_t self_tgid;	/* in the loader's pid namespace */
	uint32_t snaplen;
	uint8_t btf_args;	/* attached with tp_btf: arguments are typed pointers */
	uint8_t self_nested;
	uint8_t drop_failed;
	uint8_t pad[5];
};
