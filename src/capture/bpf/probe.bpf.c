/* The probe: what runs in the kernel.
 *
 * One program sits on sys_exit. It asks the interest table first, so that a syscall nobody needs costs a
 * few loads, and then jumps to the program of the event (jump, by native number). Three more programs sit on
 * fork, exec and exit. Events go to the ring of the CPU they happened on.
 *
 * The parts, each including the one before it:
 *   kernel.h  types     shared.h  with the loader   maps.h    maps, globals, losses
 *   emit.h    records   params.h  parameters        task.h    file.h  sock.h  what the kernel knows
 *   flags.h   portable values                       sys_*.h   one program per event    life.h
 * Loaded and attached by live_load.c, which also chooses between typed (tp_btf) and raw tracepoints: the
 * section names mean something to it alone. Needs Linux 5.8. */
#include "capture/bpf/life.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct bpf_pidns_info {
	uint32_t pid, tgid;
};

/* The daemon's own calls are not watched: it would feed on itself. */
static __always_inline bool own_call(void)
{
	struct bpf_pidns_info ids = {};

	if (!config.self_nested)
		return bpf_get_current_pid_tgid() >> 32 == config.self_tgid;
	if (bpf_get_ns_current_pid_tgid(config.self_dev, config.self_ino, (void *)&ids, sizeof(ids)))
		return false;
	return ids.tgid == config.self_tgid;
}

/* A 32-bit call has other numbers and other registers; it must never be taken for a 64-bit one. */
static __always_inline bool compat_call(void)
{
	struct task_struct *t = current_task();

#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(t, thread_info.status) & TS_COMPAT;
#else
	return BPF_CORE_READ(t, thread_info.flags) & TIF_32BIT_ARM64;
#endif
}

SEC("saker/exit")
int on_sys_exit(uint64_t *ctx)
{
	uint32_t nr = SYSCALL_NR(ctx);
	bool compat = false;

	if (!enabled || nr >= PROBE_MAX_NR)
		return 0;
	/* Cheapest first: whose number is in neither table is of no interest either way. */
	if (!interest[nr] && !interest32[nr])
		return 0;
	compat = compat_call();
	if (compat) {
		if (!interest32[nr])
			return 0;
		nr = from32[nr];
	} else if (!interest[nr]) {
		return 0;
	}
	if (config.drop_failed && ARGS_RET(ctx) < 0)
		return 0;
	if (own_call())
		return 0;
	cpu_state(bpf_get_smp_processor_id())->compat = compat;
	bpf_tail_call(ctx, &jump, nr);
	count_drop(bpf_get_smp_processor_id(), PD_TAIL_CALL, false);
	return 0;
}
