/* Writers of single parameters into the scratch, and the arguments of the syscall.
 *
 * Every put_ function writes exactly one parameter and its length. A string or buffer that cannot be
 * read is an empty parameter, as in the reference. Functions are kept out of line where they are
 * called often: the verifier and the instruction cache are both better off. */
#pragma once
#include "capture/bpf/emit.h"

#define PATH_LIMIT 4096 /* bytes of one string, its NUL included */

static __always_inline void put_u8(struct scratch *s, uint8_t v)
{
	uint64_t p = s->pos;

	if (p > BUF_LIMIT)
		return;
	*buf_at(s, p) = v;
	s->pos = p + 1;
	put_len(s, 1);
}

static __always_inline void put_u16(struct scratch *s, uint16_t v)
{
	uint64_t p = s->pos;

	if (p > BUF_LIMIT)
		return;
	ST16(buf_at(s, p), v);
	s->pos = p + 2;
	put_len(s, 2);
}

static __always_inline void put_u32(struct scratch *s, uint32_t v)
{
	uint64_t p = s->pos;

	if (p > BUF_LIMIT)
		return;
	ST32(buf_at(s, p), v);
	s->pos = p + 4;
	put_len(s, 4);
}

static __always_inline void put_u64(struct scratch *s, uint64_t v)
{
	uint64_t p = s->pos;

	if (p > BUF_LIMIT)
		return;
	ST64(buf_at(s, p), v);
	s->pos = p + 8;
	put_len(s, 8);
}

static __always_inline void put_empty(struct scratch *s)
{
	put_len(s, 0);
}

/* Text of user space up to its NUL; a NULL or unreadable pointer is an empty parameter. Returns the
 * bytes written. */
static __noinline uint32_t put_user_str(struct scratch *s, uint64_t ptr)
{
	uint64_t p = s->pos;
	long n = 0;

	if (p > BUF_LIMIT)
		return 0;
	if (ptr) {
		n = bpf_probe_read_user_str(buf_at(s, p), PATH_LIMIT, (void *)ptr);
		if (n < 0) {
			n = 0;
		} else if (n == 0) { /* 5.8 gives 0 for "" */
			*buf_at(s, p) = 0;
			n = 1;
		}
	}
	s->pos = p + n;
	put_len(s, n);
	return n;
}

static __noinline uint32_t put_kernel_str(struct scratch *s, uint64_t ptr)
{
	uint64_t p = s->pos;
	long n = 0;

	if (p > BUF_LIMIT)
		return 0;
	if (ptr) {
		n = bpf_probe_read_kernel_str(buf_at(s, p), PATH_LIMIT, (void *)ptr);
		if (n < 0) {
			n = 0;
		} else if (n == 0) {
			*buf_at(s, p) = 0;
			n = 1;
		}
	}
	s->pos = p + n;
	put_len(s, n);
	return n;
}

/* Bytes without their length: the caller adds up. Returns 0 when they cannot be read. */
static __noinline uint32_t raw_user_bytes(struct scratch *s, uint64_t ptr, uint64_t len)
{
	uint64_t p = s->pos;

	if (p > BUF_LIMIT || !ptr || !len)
		return 0;
	if (len > PROBE_SNAPLEN_MAX)
		len = PROBE_SNAPLEN_MAX;
	if (bpf_probe_read_user(buf_at(s, p), len, (void *)ptr))
		return 0;
	s->pos = p + len;
	return len;
}

static __always_inline void put_user_bytes(struct scratch *s, uint64_t ptr, uint64_t len)
{
	put_len(s, raw_user_bytes(s, ptr, len));
}

/* NUL-separated strings as they lie in memory (arguments, environment), at most `max` bytes, and then
 * the last byte is made a NUL. */
static __noinline int put_user_strings(struct scratch *s, uint64_t start, uint64_t len, uint64_t max)
{
	uint64_t p = s->pos, end;

	if (len > max)
		len = max;
	if (len > PATH_LIMIT || p > BUF_LIMIT)
		len = 0;
	len = raw_user_bytes(s, start, len);
	end = s->pos - 1;
	if (len && end <= BUF_LIMIT)
		*buf_at(s, end) = 0;
	put_len(s, len);
	return 0;
}

/* ---- the syscall -------------------------------------------------------------------------- */

#define ARGS_REGS(ctx) ((struct pt_regs *)(ctx)[0])
#define ARGS_RET(ctx) ((int64_t)(ctx)[1])

/* A member of the registers: typed pointers are read directly, else through the helper. The branch
 * not taken is dead code to the verifier. */
#define REG(regs, member)                                                                                      \
	({                                                                                                     \
		typeof((regs)->member) r_ = 0;                                                                 \
		if (config.btf_args)                                                                           \
			r_ = (regs)->member;                                                                   \
		else                                                                                           \
			bpf_core_read(&r_, sizeof(r_), &(regs)->member);                                       \
		(uint64_t) r_;                                                                                 \
	})

/* Arguments 0 to 5. Those of a 32-bit caller, which has them elsewhere, the dispatcher has put by. `compat_` is
 * in scope wherever these are used. */
#if defined(__TARGET_ARCH_x86)
#define ARG_(ctx, reg, n)                                                                                      \
	(compat_ ? (uint64_t)cpu_state(bpf_get_smp_processor_id())->arg[n] : REG(ARGS_REGS(ctx), reg))
#define ARG0(ctx) ARG_(ctx, di, 0)
#define ARG1(ctx) ARG_(ctx, si, 1)
#define ARG2(ctx) ARG_(ctx, dx, 2)
#define ARG3(ctx) ARG_(ctx, r10, 3)
#define ARG4(ctx) ARG_(ctx, r8, 4)
#define ARG5(ctx) ARG_(ctx, r9, 5)
#define SYSCALL_NR(ctx) ((int32_t)REG(ARGS_REGS(ctx), orig_ax))
#else
#define ARG_(ctx, reg) ((void)compat_, REG(ARGS_REGS(ctx), reg))
#define ARG0(ctx) ARG_(ctx, orig_x0)
#define ARG1(ctx) ARG_(ctx, regs[1])
#define ARG2(ctx) ARG_(ctx, regs[2])
#define ARG3(ctx) ARG_(ctx, regs[3])
#define ARG4(ctx) ARG_(ctx, regs[4])
#define ARG5(ctx) ARG_(ctx, regs[5])
#define SYSCALL_NR(ctx) ((int32_t)REG(ARGS_REGS(ctx), syscallno))
#endif

/* Descriptors are 32 bits wide and signed, whatever the upper half of the register holds. */
#define FD(x) ((int64_t)(int32_t)(x))

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/* Since 5.11 the task can be had as a typed pointer: members are then loads and not calls of a helper. Used
 * where it is worth two ways of reading. */
enum bpf_func_id___since511 { BPF_FUNC_get_current_task_btf___since511 = 158 };
#define HAVE_TYPED_TASK() \
	bpf_core_enum_value_exists(enum bpf_func_id___since511, BPF_FUNC_get_current_task_btf___since511)

static __always_inline struct task_struct *typed_task(void)
{
	return (struct task_struct *)bpf_get_current_task_btf();
}

/* One program per event type, entered by tail call from the dispatcher. The section name is handled by
 * the loader, which decides between tp_btf and raw_tp. */
#define SYSCALL_EXIT(NAME)                                                                                     \
	static __always_inline int NAME##_exit(uint64_t *ctx, int64_t ret, bool compat_);                      \
	SEC("saker/exit")                                                                                      \
	int NAME(uint64_t *ctx)                                                                                \
	{                                                                                                      \
		bool compat_ = cpu_state(bpf_get_smp_processor_id())->compat;                                  \
                                                                                                               \
		return NAME##_exit(ctx, ARGS_RET(ctx), compat_);                                               \
	}                                                                                                      \
	static __always_inline int NAME##_exit(uint64_t *ctx, int64_t ret, bool compat_)
