/* The probe: what runs in the kernel.
 *
 * One program sits on sys_exit. It asks the interest table first, so that a syscall nobody needs costs a
 * few loads, and then jumps to the program of the event (jump, by native number). Three more programs sit on
 * fork, exec and exit, two on the submission and the completion of requests of io_uring. Events go to the ring of the CPU they happened on.
 *
 * The parts, each including the one before it:
 *   kernel.h  types     shared.h  with the loader   maps.h    maps, globals, losses
 *   emit.h    records   params.h  parameters        task.h    file.h  sock.h  what the kernel knows
 *   flags.h   portable values                       sys_*.h   one program per event    life.h
 *   uring.h   requests of io_uring, kept             uring_done.h  and their events
 * Loaded and attached by live_load.c, which also chooses between typed (tp_btf) and raw tracepoints: the
 * section names mean something to it alone. Needs Linux 5.8. */
#include "capture/bpf/uring_done.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* A 32-bit call has other numbers and other registers; it must never be taken for a 64-bit one. */
static __always_inline bool compat_call(void)
{
	struct task_struct *t = current_task();

#if defined(__TARGET_ARCH_x86)
	if (HAVE_TYPED_TASK())
		return typed_task()->thread_info.status & TS_COMPAT;
	return BPF_CORE_READ(t, thread_info.status) & TS_COMPAT;
#else
	return BPF_CORE_READ(t, thread_info.flags) & TIF_32BIT_ARM64;
#endif
}

#if defined(__TARGET_ARCH_x86)
/* Takes a 32-bit call's arguments and finds its native number, PROBE_NO_NR none. */
static __always_inline uint32_t compat_open(uint64_t *ctx, uint32_t nr, struct probe_cpu *c)
{
	struct pt_regs *regs = ARGS_REGS(ctx);
	uint32_t call = REG(regs, bx), vec = REG(regs, cx), native;

	if (nr == PROBE_SOCKETCALL) {
		if (call >= PROBE_SOCKETCALLS)
			return PROBE_NO_NR;
		native = from_socketcall[call & (PROBE_SOCKETCALLS - 1)];
		/* send and recv have four arguments; the others find nothing in what lies behind theirs. */
		c->arg[4] = c->arg[5] = 0;
		if (call == 9 || call == 10)
			bpf_probe_read_user(c->arg, 4 * sizeof(uint32_t), (void *)(uint64_t)vec);
		else if (bpf_probe_read_user(c->arg, sizeof(c->arg), (void *)(uint64_t)vec))
			bpf_probe_read_user(c->arg, 3 * sizeof(uint32_t), (void *)(uint64_t)vec);
	} else {
		native = from32[nr];
		c->arg[0] = call;
		c->arg[1] = vec;
		c->arg[2] = REG(regs, dx);
		c->arg[3] = REG(regs, si);
		c->arg[4] = REG(regs, di);
		c->arg[5] = REG(regs, bp);
	}
	return native;
}
#else
static __always_inline uint32_t compat_open(uint64_t *ctx, uint32_t nr, struct probe_cpu *c)
{
	return PROBE_NO_NR;
}
#endif

/* x32 calls have the 64-bit numbers with a bit set and the same registers. Only the calls from 512 on, a second set for
 * structures of pointers, have no native number. */
static __always_inline uint32_t native_of_x32(uint32_t nr)
{
#if defined(__TARGET_ARCH_x86)
	if (nr >> 30 == 1)
		return nr & ~(1U << 30);
#endif
	return PROBE_NO_NR;
}

SEC("saker/exit")
int on_sys_exit(uint64_t *ctx)
{
	uint64_t nr = (uint32_t)SYSCALL_NR(ctx);
	struct probe_cpu *c;
	bool compat;

	if (!enabled)
		return 0;
	if (nr >= PROBE_MAX_NR) {
		nr = native_of_x32(nr);
		if (nr >= PROBE_MAX_NR)
			return 0;
	}
	asm volatile("%0 &= 511" : "+r"(nr)); /* bounded already, but the verifier does not follow it through both ways */
	/* Cheapest first: whose number is in neither table is of no interest either way. */
	if (!interest[nr] && !interest32[nr])
		return 0;
	compat = compat_call();
	if (compat) {
		if (!interest32[nr])
			return 0;
	} else if (!interest[nr]) {
		return 0;
	}
	if (config.drop_failed && ARGS_RET(ctx) < 0)
		return 0;
	if (own_call())
		return 0;
	c = cpu_state(bpf_get_smp_processor_id());
	c->compat = compat;
	if (compat) {
		nr = compat_open(ctx, nr, c);
		if (nr >= PROBE_MAX_NR || !interest[nr])
			return 0;
	}
	c->nr = nr;
	bpf_tail_call(ctx, &jump, nr);
	count_drop(bpf_get_smp_processor_id(), PD_TAIL_CALL, exit_type[nr & (PROBE_MAX_NR - 1)], false);
	return 0;
}
