/* From "this event shall be produced" to a record in the ring: admission, envelope, header, hand-over.
 *
 * Two ways. Fixed: every parameter has a constant size; the record is reserved in the ring and filled in
 * place. Variable: built in this CPU's scratch, then copied. Both give every parameter in the order
 * of the event table; the count of parameters is checked when the event is closed (variable) or by
 * the compiler (fixed). */
#pragma once
#include "capture/bpf/maps.h"

#define ENV_SIZE 24
#define HDR_SIZE 26
#define LENS_AT (ENV_SIZE + HDR_SIZE)

/* The ring takes unaligned stores; one wide store instead of the byte stores that packed types give. */
#define ST16(p, v) (*(uint16_t *)(p) = (v))
#define ST32(p, v) (*(uint32_t *)(p) = (v))
#define ST64(p, v) (*(uint64_t *)(p) = (v))

/* How much an event matters when room is short. */
enum { BULK, STATE, LIFE }; /* LIFE: fork, exec, exit. STATE: a change that succeeded */

/* Counts an event of this CPU that was not given to the ring. */
PART lost(uint32_t cause, uint32_t type, uint32_t critical)
{
	count_drop(bpf_get_smp_processor_id(), cause, type, critical);
	return 0;
}

/* The ring is filled beyond config.fair_bytes. 1: this event may go in, 0: it is refused (and counted). */
PART squeeze(uint64_t used, uint32_t weight, uint32_t type, uint32_t size)
{
	uint32_t cpu = bpf_get_smp_processor_id(), tgid = bpf_get_current_pid_tgid() >> 32, cause;
	struct probe_short *more;

	if (used > config.bulk_bytes) {
		if (weight == LIFE || (weight == STATE && take_token(tgid)))
			return 1;
		cause = weight == BULK ? PD_CLASS : PD_RATE;
	} else {
		more = bpf_map_lookup_elem(&shorts, &cpu);
		if (weight != BULK || !more || take_share(more, tgid, size))
			return 1;
		cause = PD_SHARE;
	}
	count_drop(cpu, cause, type, false);
	return 0;
}

/* May the current CPU's ring take an event of `size` bytes now? Bulk may fill three quarters, above half of the ring
 * within its thread group's share; the others have the rest, changes of state by token. *wake becomes the flags of
 * the hand-over: one wake-up when the ring passes a quarter. */
static __always_inline void *admit(uint32_t cpu, uint32_t weight, uint32_t type, uint32_t size, uint64_t *wake)
{
	struct probe_cpu *c = cpu_state(cpu);
	void *ring = bpf_map_lookup_elem(&rings, &cpu);
	uint64_t used;

	if (!ring) {
		lost(PD_NO_RING, type, weight != BULK);
		return NULL;
	}
	used = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	if (used > config.fair_bytes && !squeeze(used, weight, type, size))
		return NULL;
	*wake = BPF_RB_NO_WAKEUP;
	if (used >= config.wake_bytes) {
		if (!c->woken) {
			c->woken = 1;
			*wake = BPF_RB_FORCE_WAKEUP;
		}
	} else if (c->woken) {
		c->woken = 0;
	}
	return ring;
}

/* Whose event it is; of the task on the CPU unless a fork writes for its child. */
struct subject {
	uint32_t tid, tgid, peer;
	uint16_t flags;
};

static __always_inline struct subject subject_current(bool critical)
{
	uint64_t id = bpf_get_current_pid_tgid();
	struct subject s = { (uint32_t)id, id >> 32, 0, critical ? EVT_ENV_CRITICAL : 0 };

	if (cpu_state(bpf_get_smp_processor_id())->compat)
		s.flags |= EVT_ENV_COMPAT;
	return s;
}

static __always_inline void put_head(uint8_t *p, uint32_t cpu, uint32_t type, uint32_t nparams, uint32_t size,
				     uint32_t len, const struct subject *who)
{
	struct probe_cpu *c = cpu_state(cpu);
	uint32_t flags = who->flags, slot = who->tgid & (PROBE_LOSSY_SLOTS - 1);

	if (lossy[slot] == who->tgid) {
		lossy[slot] = 0;
		flags |= EVT_ENV_LOSSY;
	}
	/* A child inherits what is known of its parent, so also that it is not to be trusted. The parent's mark stays
	 * for its own next event. */
	if (who->flags & EVT_ENV_FORK && lossy[who->peer & (PROBE_LOSSY_SLOTS - 1)] == who->peer)
		flags |= EVT_ENV_LOSSY;
	ST32(p, size);
	ST32(p + 4, who->tgid);
	ST32(p + 8, who->peer);
	ST32(p + 12, (cpu & 0xffff) | flags << 16);
	ST64(p + 16, ++c->seq);
	ST64(p + 24, config.boot_epoch + bpf_ktime_get_boot_ns());
	ST64(p + 32, who->tid);
	ST32(p + 40, len);
	ST16(p + 44, type);
	ST32(p + 46, nparams);
}

/* ---- fixed events ------------------------------------------------------------------------- */

/* Reserves a record of `size` bytes (a constant) and writes its head. NULL: refused and counted. */
static __always_inline uint8_t *fixed_open(uint32_t type, uint32_t nparams, uint32_t size, uint32_t len, uint32_t weight,
					   uint32_t peer, uint64_t *wake)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct subject who = subject_current(weight);
	void *ring = admit(cpu, weight, type, size, wake);
	uint8_t *p;

	if (!ring)
		return NULL;
	p = bpf_ringbuf_reserve(ring, size, 0);
	if (!p) {
		lost(PD_RING_FULL, type, weight != BULK);
		return NULL;
	}
	who.peer = peer;
	put_head(p, cpu, type, nparams, size, len, &who);
	return p;
}

/* FIXED(type, nparams, bytes of parameters, weight, peer) opens; F8..F64 write the parameters in order;
 * FIXED_END() submits. All offsets fold to constants. */
#define FIXED(TYPE, NPARAMS, BYTES, WEIGHT, PEER)                                                              \
	enum { f_len_ = HDR_SIZE + 2 * (NPARAMS) + (BYTES), f_size_ = (ENV_SIZE + f_len_ + 7) & ~7,           \
	       f_lens_end_ = LENS_AT + 2 * (NPARAMS) };                                                        \
	uint64_t f_wake_;                                                                                      \
	uint8_t *f_ = fixed_open(TYPE, NPARAMS, f_size_, f_len_, WEIGHT, PEER, &f_wake_);                      \
	uint32_t f_lp_ = LENS_AT, f_pp_ = f_lens_end_;                                                         \
	if (!f_)                                                                                               \
		return 0;
#define F_PUT_(BYTES, ST, V)                                                                                   \
	do {                                                                                                   \
		ST16(f_ + f_lp_, BYTES);                                                                       \
		ST(f_ + f_pp_, V);                                                                             \
		f_lp_ += 2;                                                                                    \
		f_pp_ += BYTES;                                                                                \
	} while (0)
#define ST8(p, v) (*(p) = (v))
#define F8(V) F_PUT_(1, ST8, V)
#define F16(V) F_PUT_(2, ST16, V)
#define F32(V) F_PUT_(4, ST32, V)
#define F64(V) F_PUT_(8, ST64, V)
/* The test is decided by the compiler: parameters that do not add up are an error of the build. */
void fixed_parameters_do_not_add_up(void) __attribute__((error("parameters do not add up")));
#define FIXED_END()                                                                                            \
	if (f_lp_ != f_lens_end_ || f_pp_ != ENV_SIZE + f_len_)                                                \
		fixed_parameters_do_not_add_up();                                                              \
	bpf_ringbuf_submit(f_, f_wake_);                                                                       \
	return 0

/* ---- variable events ---------------------------------------------------------------------- */

/* Takes this CPU's scratch for an event of nparams parameters. NULL: in use (counted). type: for counting. */
static __always_inline struct scratch *var_open_as(uint32_t type, uint32_t nparams, bool critical)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&scratches, &cpu);

	if (!s) {
		lost(PD_BUG, type, critical);
		return NULL;
	}
	if (s->nest++) {
		s->nest--;
		lost(PD_SCRATCH, type, critical);
		return NULL;
	}
	s->owner = bpf_get_current_pid_tgid();
	s->len_pos = LENS_AT;
	s->pos = LENS_AT + 2 * nparams;
	return s;
}

/* For the event of the system call under way. */
static __always_inline struct scratch *var_open(uint32_t nparams, bool critical)
{
	uint32_t nr = cpu_state(bpf_get_smp_processor_id())->nr;

	return var_open_as(exit_type[nr & (PROBE_MAX_NR - 1)], nparams, critical);
}

/* Gives the event to the ring and the scratch back. */
static __always_inline int var_close_as(struct scratch *s, uint32_t type, uint32_t nparams, uint32_t weight,
					const struct subject *who)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	bool critical = weight;
	uint64_t end = s->pos, size, wake;
	void *ring;

	if (s->len_pos != LENS_AT + 2 * nparams || s->owner != bpf_get_current_pid_tgid()) {
		lost(s->len_pos == LENS_AT + 2 * nparams ? PD_SCRATCH : PD_BUG, type, critical);
		goto out;
	}
	if (end > BUF_LIMIT - 8) {
		lost(PD_TOO_BIG, type, critical);
		goto out;
	}
	size = (end + 7) & ~7ULL;
	ring = admit(cpu, weight, type, size, &wake);
	if (!ring)
		goto out;
	put_head(s->buf, cpu, type, nparams, size, end - ENV_SIZE, who);
	if (bpf_ringbuf_output(ring, s->buf, size, wake)) {
		/* Numbered already: the gap in the sequence is where it would have been. */
		cpu_state(cpu)->seq--;
		lost(PD_RING_FULL, type, critical);
	}
out:
	s->nest--;
	return 0;
}

static __always_inline int var_close(struct scratch *s, uint32_t type, uint32_t nparams, uint32_t weight)
{
	struct subject who = subject_current(weight);

	return var_close_as(s, type, nparams, weight, &who);
}

static __always_inline void put_len(struct scratch *s, uint32_t len)
{
	uint64_t p = s->len_pos;

	if (p < LENS_AT + 2 * EVT_MAX_PARAMS) {
		ST16(buf_at(s, p), len);
		s->len_pos = p + 2;
	}
}
