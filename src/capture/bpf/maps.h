/* Maps and globals of the probe, and the access to them. */
#pragma once
#include "capture/bpf/kernel.h"
#include "capture/bpf/shared.h"

/* Scratch of one CPU, where events of variable size are built.
 *   buf   the event from its envelope on; every writer checks pos first, so that nothing is written
 *         past BUF_LIMIT + the largest single write
 *   tmp   paths are assembled here from their end, and structures of user space are read to here */
#define BUF_LIMIT 65536
#define BUF_SLACK PROBE_SNAPLEN_MAX
#define TMP_SIZE 8192

struct scratch {
	uint64_t owner; /* pid_tgid of the task that builds an event here */
	uint64_t nest;	/* how deep the CPU is inside event programs */
	uint64_t pos;	/* next byte of buf */
	uint64_t len_pos; /* where in buf the next parameter's length goes */
	uint64_t turn;	/* what a loop carries from turn to turn: where in tmp a path begins so far, bytes still
			 * to copy. Here and not in a register, as pos is: the verifier then knows nothing of it
			 * and finds every turn like the last */
	uint64_t plain;	/* a pointer goes through here to become a plain number */
	uint8_t buf[BUF_LIMIT + BUF_SLACK];
	uint8_t tmp[TMP_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, uint32_t);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct ring_template {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536); /* set by the loader */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, uint32_t);
	__array(values, struct ring_template);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PROBE_MAX_NR);
	__uint(key_size, sizeof(uint32_t));
	__uint(value_size, sizeof(uint32_t));
} jump SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, uint32_t);
	__type(value, struct probe_short);
} shorts SEC(".maps");

/* Forks by callers inside a pid namespace: parent's tid -> child's tgid, from the fork tracepoint to the
 * parent's return, which only knows the child's number inside the namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, uint32_t);
	__type(value, uint32_t);
} forked SEC(".maps");

/* A request of io_uring, from its submission to its completion: what it is about is gone by then. */
#define URING_TEXT 4096
#define URING_SECOND 2048 /* where the second of two paths begins */
struct uring_req {
	uint32_t tid, tgid;
	uint16_t nr;	/* of the system call that would do the same */
	uint8_t op;
	uint8_t slot;	/* the new descriptor is the ring's own, slot_at says where */
	uint32_t slot_at;
	int64_t fd;	/* that it works on */
	uint64_t v[4];	/* by operation: uring.h */
	char text[URING_TEXT]; /* paths, or an address */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024); /* set by the loader: requests under way */
	__type(key, uint64_t);
	__type(value, struct uring_req);
} uring_reqs SEC(".maps");

const volatile struct probe_config config;
/* Native number of the system call that does what an operation of io_uring does, PROBE_NO_NR none. */
const volatile uint16_t uring_nr[PROBE_URING_OPS];
/* Portable code of a native number, 0 unknown. */
const volatile uint16_t portable[PROBE_MAX_NR];
/* The event of a native number. */
const volatile uint16_t exit_type[PROBE_MAX_NR];
/* Native number of a 32-bit caller's, PROBE_NO_NR none. */
const volatile uint16_t from32[PROBE_MAX_NR];
const volatile uint16_t from_socketcall[PROBE_SOCKETCALLS]; /* likewise, by the sub-number */

/* Written by the loader while the probe runs: 1 = produce this syscall's events. */
uint8_t interest[PROBE_MAX_NR];
uint8_t interest32[PROBE_MAX_NR]; /* the same by the numbers of 32-bit callers */
uint32_t enabled; /* 0: nothing is produced (before attach is complete, after detach) */
struct probe_cpu cpus[PROBE_MAX_CPU];
/* Thread groups that had an event refused: the group's id in its slot. */
uint32_t lossy[PROBE_LOSSY_SLOTS];

/* A function marked PART is verified once per program and by itself, not once per call and path: that is what
 * keeps loading fast. Its arguments are plain numbers (all that 5.8 allows), so it finds the scratch anew. */
#define PART __attribute__((noinline)) int

static __always_inline struct scratch *scratch_here(void)
{
	uint32_t cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&scratches, &cpu);
}

/* Where in buf the next byte goes. Callers have refused what is beyond BUF_LIMIT; kernels before 6.5 forget that
 * when the compiler keeps the position on the stack, so it is cut to the size once more, in a way that the compiler
 * cannot take apart. (At BUF_LIMIT itself this writes to the beginning; such an event is thrown away as too big.) */
static __always_inline uint8_t *buf_at(struct scratch *s, uint64_t p)
{
	uint8_t *at;

	asm volatile("%0 = %1\n%0 &= 65535\n%0 += %2" : "=&r"(at) : "r"(p), "r"(s->buf));
	return at;
}

/* What a thread group may take of the last quarter of a ring for changes of its state: so many at once, then
 * one per interval. A flood of them is then like any other flood, and leaves room for forks, execs and exits. */
struct probe_bucket buckets[PROBE_BUCKETS];

/* Called only when a ring is more than three quarters full. Two CPUs may count one token twice: no harm. */
static __always_inline bool take_token(uint32_t tgid)
{
	struct probe_bucket *b = &buckets[tgid & (PROBE_BUCKETS - 1)];
	uint64_t now = bpf_ktime_get_boot_ns(), earned = (now - b->since) / config.token_ns;

	if (b->tgid != tgid || earned >= config.tokens) {
		b->tgid = tgid;
		b->tokens = config.tokens;
		b->since = now;
	} else if (earned) {
		b->tokens = b->tokens + earned > config.tokens ? config.tokens : b->tokens + earned;
		b->since += earned * config.token_ns;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

static __always_inline struct probe_cpu *cpu_state(uint32_t cpu)
{
	return &cpus[cpu & (PROBE_MAX_CPU - 1)];
}

/* The next event of this group will carry EVT_ENV_LOSSY. Two groups in one slot: the later one wins. */
static __always_inline void mark_lossy(uint32_t tgid)
{
	lossy[tgid & (PROBE_LOSSY_SLOTS - 1)] = tgid;
}

/* An event of this type was not given to the ring. critical: it was of a kind that has the reserve. Counters are
 * added to atomically: on kernels where a program can be preempted by another, nothing is lost of them. */
static __always_inline void count_drop(uint32_t cpu, uint32_t cause, uint32_t type, bool critical)
{
	struct probe_cpu *c = cpu_state(cpu);
	struct probe_short *more = bpf_map_lookup_elem(&shorts, &cpu);

	c->seq++;
	if (cause >= PD_MAX)
		return;
	__sync_fetch_and_add(&c->dropped[cause], 1);
	if (critical)
		__sync_fetch_and_add(&c->dropped_critical, 1);
	if (more) {
		__sync_fetch_and_add(&more->lost[cause][type & (PROBE_TYPES - 1)], 1);
		if (critical)
			__sync_fetch_and_add(&more->lost_critical[type & (PROBE_TYPES - 1)], 1);
	}
	mark_lossy(bpf_get_current_pid_tgid() >> 32);
}

/* Bulk above half of the ring: only of thread groups that have had less than their share of the room between
 * there and the reserve. A window is a few drain intervals long, so that who floods finds the door shut
 * most of the time, and who makes an event now and then finds it open. One share more is kept than there are groups:
 * for the next one to come. Called on the CPU that `m` belongs to. */
static __always_inline bool take_share(struct probe_short *m, uint32_t tgid, uint32_t size)
{
	uint64_t now = bpf_ktime_get_boot_ns(), groups;
	struct probe_share *s;

	if (now - m->since >= config.window_ns) {
		/* a window that was not followed by the next tells nothing about it */
		m->groups_before = now - m->since < 2 * config.window_ns ? m->groups : 0;
		m->groups = 0;
		m->since = now;
		m->window++;
	}
	s = &m->share[(tgid * 2654435761U) >> 24 & (PROBE_SHARES - 1)];
	if (s->window != m->window) {
		s->window = m->window;
		s->bytes = 0;
		m->groups++;
	}
	groups = (m->groups > m->groups_before ? m->groups : m->groups_before) + 1;
	if ((uint64_t)(s->bytes + size) * groups > config.bulk_bytes - config.fair_bytes)
		return false;
	s->bytes += size;
	return true;
}
