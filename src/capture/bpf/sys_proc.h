/* Exit events of the syscalls on processes, credentials, namespaces, modules, signals, and of those that
 * make descriptors of special kinds. Parameters and order: contract/events.def. */
#pragma once
#include "capture/bpf/sys_net.h"

/* ---- credentials and groups --------------------------------------------------------------- */

#define IDS1(NAME, TYPE)                                                                                       \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 2, 12, STATE_IF(ret >= 0), 0);                                                               \
		F64(ret);                                                                                      \
		F32(ARG0(ctx));                                                                                \
		FIXED_END();                                                                                   \
	}
#define IDS2(NAME, TYPE)                                                                                       \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 3, 16, STATE_IF(ret >= 0), 0);                                                               \
		F64(ret);                                                                                      \
		F32(ARG0(ctx));                                                                                \
		F32(ARG1(ctx));                                                                                \
		FIXED_END();                                                                                   \
	}
#define IDS3(NAME, TYPE)                                                                                       \
	SYSCALL_EXIT(NAME)                                                                                     \
	{                                                                                                      \
		FIXED(TYPE, 4, 20, STATE_IF(ret >= 0), 0);                                                               \
		F64(ret);                                                                                      \
		F32(ARG0(ctx));                                                                                \
		F32(ARG1(ctx));                                                                                \
		F32(ARG2(ctx));                                                                                \
		FIXED_END();                                                                                   \
	}

IDS1(x_setuid, PPME_SYSCALL_SETUID_X)
IDS1(x_setgid, PPME_SYSCALL_SETGID_X)
IDS2(x_setreuid, PPME_SYSCALL_SETREUID_X)
IDS2(x_setregid, PPME_SYSCALL_SETREGID_X)
IDS3(x_setresuid, PPME_SYSCALL_SETRESUID_X)
IDS3(x_setresgid, PPME_SYSCALL_SETRESGID_X)

SYSCALL_EXIT(x_setsid)
{
	FIXED(PPME_SYSCALL_SETSID_X, 1, 8, STATE_IF(ret >= 0), 0);
	F64(ret);
	FIXED_END();
}

SYSCALL_EXIT(x_setpgid)
{
	FIXED(PPME_SYSCALL_SETPGID_X, 3, 24, STATE_IF(ret >= 0), 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F64(FD(ARG1(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_capset)
{
	const struct cred *cred = BPF_CORE_READ(current_task(), cred);
	uint64_t inh = 0, perm = 0, eff = 0;

	BPF_CORE_READ_INTO(&inh, cred, cap_inheritable);
	BPF_CORE_READ_INTO(&perm, cred, cap_permitted);
	BPF_CORE_READ_INTO(&eff, cred, cap_effective);
	FIXED(PPME_SYSCALL_CAPSET_X, 4, 32, STATE_IF(ret >= 0), 0);
	F64(ret);
	F64(inh & CAP_KNOWN);
	F64(perm & CAP_KNOWN);
	F64(eff & CAP_KNOWN);
	FIXED_END();
}

SYSCALL_EXIT(x_prctl)
{
	uint32_t option = ARG0(ctx);
	uint64_t arg = ARG1(ctx);
	int32_t attr = 0;

	VAR(4, BULK);
	put_u64(s, ret);
	put_u32(s, option);
	if (option == 15 || option == 16) { /* PR_SET_NAME, PR_GET_NAME */
		put_user_str(s, arg);
		put_u64(s, 0);
	} else if (option == 37) { /* PR_GET_CHILD_SUBREAPER */
		bpf_probe_read_user(&attr, sizeof(attr), (void *)arg);
		put_empty(s);
		put_u64(s, (int64_t)attr);
	} else {
		put_empty(s);
		put_u64(s, arg);
	}
	VAR_END(PPME_SYSCALL_PRCTL_X);
}

/* A limit that cannot be read (a NULL pointer: not set, not asked for) is 0. */
static __always_inline struct u_rlimit user_rlimit(uint64_t ptr)
{
	struct u_rlimit r = {};

	bpf_probe_read_user(&r, sizeof(r), (void *)ptr);
	return r;
}

/* A 32-bit caller's limits; all ones is "none" for it too. */
static __always_inline struct u_rlimit narrow_rlimit(uint64_t ptr)
{
	struct u_rlimit r;
	uint32_t v[2] = {};

	bpf_probe_read_user(v, sizeof(v), (void *)ptr);
	r.cur = v[0] == (uint32_t)-1 ? (uint64_t)-1 : v[0];
	r.max = v[1] == (uint32_t)-1 ? (uint64_t)-1 : v[1];
	return r;
}

SYSCALL_EXIT(x_setrlimit)
{
	struct u_rlimit r = compat_ ? narrow_rlimit(ARG1(ctx)) : user_rlimit(ARG1(ctx));

	FIXED(PPME_SYSCALL_SETRLIMIT_X, 4, 25, BULK, 0);
	F64(ret);
	F64(r.cur);
	F64(r.max);
	F8(rlimit_resource(ARG0(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_prlimit64)
{
	struct u_rlimit new = user_rlimit(ARG2(ctx)), old = { -1, -1 };

	if (!ret)
		old = user_rlimit(ARG3(ctx));
	FIXED(PPME_SYSCALL_PRLIMIT_X, 7, 49, BULK, 0);
	F64(ret);
	F64(new.cur);
	F64(new.max);
	F64(old.cur);
	F64(old.max);
	F64(FD(ARG0(ctx)));
	F8(rlimit_resource(ARG1(ctx)));
	FIXED_END();
}

/* ---- namespaces, tracing, modules --------------------------------------------------------- */

SYSCALL_EXIT(x_setns)
{
	FIXED(PPME_SYSCALL_SETNS_X, 3, 20, STATE_IF(ret >= 0), 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(clone_flags(ARG1(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_unshare)
{
	FIXED(PPME_SYSCALL_UNSHARE_X, 2, 12, STATE_IF(ret >= 0), 0);
	F64(ret);
	F32(clone_flags(ARG0(ctx)));
	FIXED_END();
}

/* A variant parameter: its index, then the value. */
static __always_inline void put_dyn_u64(struct scratch *s, uint64_t v)
{
	uint64_t p = s->pos;

	if (p > BUF_LIMIT)
		return;
	*buf_at(s, p) = 0;
	ST64(buf_at(s, p) + 1, v);
	s->pos = p + 9;
	put_len(s, 9);
}

static __always_inline void put_dyn_sig(struct scratch *s, uint8_t sig)
{
	uint64_t p = s->pos;

	if (p > BUF_LIMIT)
		return;
	*buf_at(s, p) = 1;
	buf_at(s, p)[1] = sig;
	s->pos = p + 2;
	put_len(s, 2);
}

SYSCALL_EXIT(x_ptrace)
{
	uint32_t req = ptrace_request(ARG0(ctx));
	uint64_t data = ARG3(ctx), word = 0;

	VAR(5, STATE_IF(ret >= 0));
	put_u64(s, ret);
	put_dyn_u64(s, ret < 0 ? 0 : ARG2(ctx));
	if (ret < 0) {
		put_dyn_u64(s, 0);
	} else if (req >= 2 && req <= 4) { /* PEEKTEXT, PEEKDATA, PEEKUSR: the word read */
		bpf_probe_read_user(&word, sizeof(word), (void *)data);
		put_dyn_u64(s, word);
	} else if (req == 8 || req == 10 || req == 12 || req == 13) { /* CONT, SINGLESTEP, DETACH, SYSCALL */
		put_dyn_sig(s, data);
	} else {
		put_dyn_u64(s, data);
	}
	put_u16(s, req);
	put_u64(s, FD(ARG1(ctx)));
	VAR_END(PPME_SYSCALL_PTRACE_X);
}

SYSCALL_EXIT(x_init_module)
{
	uint64_t len = ARG1(ctx);

	VAR(4, STATE_IF(ret >= 0));
	put_u64(s, ret);
	put_user_bytes(s, ARG0(ctx), len);
	put_u64(s, len);
	put_user_str(s, ARG2(ctx));
	VAR_END(PPME_SYSCALL_INIT_MODULE_X);
}

SYSCALL_EXIT(x_finit_module)
{
	VAR(4, STATE_IF(ret >= 0));
	put_u64(s, ret);
	put_u64(s, FD(ARG0(ctx)));
	put_user_str(s, ARG1(ctx));
	put_u32(s, ARG2(ctx) & 7);
	VAR_END(PPME_SYSCALL_FINIT_MODULE_X);
}

SYSCALL_EXIT(x_bpf)
{
	FIXED(PPME_SYSCALL_BPF_2_X, 2, 12, BULK, 0);
	F64(ret);
	F32(ARG0(ctx));
	FIXED_END();
}

/* ---- signals ------------------------------------------------------------------------------ */

SYSCALL_EXIT(x_kill)
{
	FIXED(PPME_SYSCALL_KILL_X, 3, 17, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F8(ARG1(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_tkill)
{
	FIXED(PPME_SYSCALL_TKILL_X, 3, 17, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F8(ARG1(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_tgkill)
{
	FIXED(PPME_SYSCALL_TGKILL_X, 4, 25, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F64(FD(ARG1(ctx)));
	F8(ARG2(ctx));
	FIXED_END();
}

/* ---- descriptors of special kinds --------------------------------------------------------- */

SYSCALL_EXIT(x_memfd_create)
{
	VAR(3, BULK);
	put_u64(s, ret);
	put_user_str(s, ARG0(ctx));
	put_u32(s, ARG1(ctx) & 7);
	VAR_END(PPME_SYSCALL_MEMFD_CREATE_X);
}

SYSCALL_EXIT(x_userfaultfd)
{
	FIXED(PPME_SYSCALL_USERFAULTFD_X, 2, 12, BULK, 0);
	F64(ret);
	F32(ARG0(ctx)); /* native bits: the reference does not convert them */
	FIXED_END();
}

SYSCALL_EXIT(x_io_uring_setup)
{
	struct u_uring_params p = {};

	bpf_probe_read_user(&p, sizeof(p), (void *)ARG1(ctx));
	FIXED(PPME_SYSCALL_IO_URING_SETUP_X, 8, 36, BULK, 0);
	F64(ret);
	F32(ARG0(ctx));
	F32(p.sq_entries);
	F32(p.cq_entries);
	F32(uring_flags(p.flags));
	F32(p.sq_thread_cpu);
	F32(p.sq_thread_idle);
	F32(p.features & 0x7ff);
	FIXED_END();
}

SYSCALL_EXIT(x_eventfd)
{
	FIXED(PPME_SYSCALL_EVENTFD_X, 3, 20, BULK, 0);
	F64(ret);
	F64(ARG0(ctx));
	F32(0);
	FIXED_END();
}

SYSCALL_EXIT(x_eventfd2)
{
	FIXED(PPME_SYSCALL_EVENTFD2_X, 3, 18, BULK, 0);
	F64(ret);
	F16(fd_flags(ARG1(ctx)));
	F64(ARG0(ctx) & 0xffffffff);
	FIXED_END();
}

SYSCALL_EXIT(x_timerfd_create)
{
	FIXED(PPME_SYSCALL_TIMERFD_CREATE_X, 3, 10, BULK, 0);
	F64(ret);
	F8(ARG0(ctx));
	F8(fd_flags(ARG1(ctx))); /* eight bits: the close-on-exec bit does not fit, as in the reference */
	FIXED_END();
}

SYSCALL_EXIT(x_inotify_init)
{
	FIXED(PPME_SYSCALL_INOTIFY_INIT_X, 2, 9, BULK, 0);
	F64(ret);
	F8(0);
	FIXED_END();
}

SYSCALL_EXIT(x_inotify_init1)
{
	FIXED(PPME_SYSCALL_INOTIFY_INIT1_X, 2, 10, BULK, 0);
	F64(ret);
	F16(fd_flags(ARG0(ctx)));
	FIXED_END();
}

SYSCALL_EXIT(x_epoll_create)
{
	FIXED(PPME_SYSCALL_EPOLL_CREATE_X, 2, 12, BULK, 0);
	F64(ret);
	F32(ARG0(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_epoll_create1)
{
	FIXED(PPME_SYSCALL_EPOLL_CREATE1_X, 2, 12, BULK, 0);
	F64(ret);
	F32(MOVE(ARG0(ctx), O_CLOEXEC, 1));
	FIXED_END();
}

SYSCALL_EXIT(x_signalfd)
{
	FIXED(PPME_SYSCALL_SIGNALFD_X, 4, 21, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(0); /* the mask is not recorded */
	F8(0);
	FIXED_END();
}

SYSCALL_EXIT(x_signalfd4)
{
	FIXED(PPME_SYSCALL_SIGNALFD4_X, 4, 22, BULK, 0);
	F64(FD(ret));
	F16(fd_flags(ARG3(ctx)));
	F64(FD(ARG0(ctx)));
	F32(0);
	FIXED_END();
}

SYSCALL_EXIT(x_pidfd_open)
{
	FIXED(PPME_SYSCALL_PIDFD_OPEN_X, 3, 20, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F32(MOVE(ARG1(ctx), O_NONBLOCK, 1));
	FIXED_END();
}

SYSCALL_EXIT(x_pidfd_getfd)
{
	FIXED(PPME_SYSCALL_PIDFD_GETFD_X, 4, 28, BULK, 0);
	F64(ret);
	F64(FD(ARG0(ctx)));
	F64(FD(ARG1(ctx)));
	F32(ARG2(ctx));
	FIXED_END();
}

SYSCALL_EXIT(x_generic)
{
	uint32_t nr = SYSCALL_NR(ctx);

	if (compat_)
		nr = cpu_state(bpf_get_smp_processor_id())->nr;
	FIXED(PPME_GENERIC_X, 2, 4, BULK, 0);
	F16(nr < PROBE_MAX_NR ? portable[nr] : 0);
	F16(nr);
	FIXED_END();
}
