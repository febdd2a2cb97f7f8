/* Fields of the event's own thread and process. Called through eval_field_get. The common ones
 * are pointer reads of the thread's version. */
#include "eval/field_internal.h"

#include <string.h>

void field_join(struct eval_ctx *c, const struct state_str *s, uint32_t count, char sep, struct eval_val *ret)
{
	char *out, *p;

	/* an element of a list never contains a NUL, so the separators are exactly its NULs */
	if (count <= 1) {
		val_str(ret, s->s, count ? s->len : 0);
		return;
	}
	out = arena_strn(c->arena, s->s, s->len);
	for (p = out; (p = memchr(p, 0, (size_t)(out + s->len - p))); p++)
		*p = sep;
	val_str(ret, out, s->len);
}

/* Element i of a NUL separated list; "" beyond the end. */
static void element(const struct state_str *s, uint32_t count, int64_t i, struct eval_val *ret)
{
	const char *p = s->s, *end = s->s + s->len, *nul;

	if (i < 0 || i >= count) {
		val_str(ret, "", 0);
		return;
	}
	while (i--) {
		nul = memchr(p, 0, (size_t)(end - p));
		p = nul ? nul + 1 : end;
	}
	nul = memchr(p, 0, (size_t)(end - p));
	val_str(ret, p, (size_t)((nul ? nul : end) - p));
}

int field_env(struct eval_ctx *c, const struct state_ver *v, const struct state_str **ret, uint32_t *ret_count)
{
	const struct state_ver *l = NULL;
	int r = 1;

	if (v->tid == v->pid)
		l = v;
	else if (v == c->st.ver)
		l = c->st.leader;
	else
		r = state_read_leader(&c->st, v, &l);
	if (r < 0)
		return r;
	if (!r || !l)
		l = v;
	*ret = l->env;
	*ret_count = l->nenv;
	return 0;
}

void field_env_find(const struct state_str *env, uint32_t count, const char *name, size_t name_len, struct eval_val *ret)
{
	const char *p = env->s, *end = env->s + env->len;

	val_str(ret, "", 0);
	for (uint32_t i = 0; i < count && p <= end; i++) {
		const char *nul = memchr(p, 0, (size_t)(end - p)), *stop = nul ? nul : end;
		size_t len = (size_t)(stop - p);

		if (len > name_len + 1 && p[name_len] == '=' && !memcmp(p, name, name_len)) {
			p += name_len + 1;
			while (p < stop && *p == ' ')
				p++;
			while (stop > p && stop[-1] == ' ')
				stop--;
			val_str(ret, p, (size_t)(stop - p));
			return;
		}
		p = stop + 1;
	}
}

static int get_env(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct state_str *env;
	uint32_t count;
	int r = field_env(c, c->st.ver, &env, &count);

	if (r)
		return r;
	if (f->arg && f->arg[0] && f->arg_index == -1)
		field_env_find(env, count, f->arg, strlen(f->arg), ret);
	else
		field_join(c, env, count, ' ', ret);
	return 1;
}

static void get_exeline(struct eval_ctx *c, const struct state_ver *v, struct eval_val *ret)
{
	struct eval_val args;
	char *out;

	field_join(c, v->args, v->nargs, ' ', &args);
	out = arena_alloc(c->arena, v->exe->len + 1 + args.len);
	memcpy(out, v->exe->s, v->exe->len);
	out[v->exe->len] = ' ';
	if (args.len)
		memcpy(out + v->exe->len + 1, args.s, args.len);
	val_str(ret, out, v->exe->len + 1 + args.len);
}

static void get_caps(struct eval_ctx *c, uint64_t caps, struct eval_val *ret)
{
	static const char *const names[] = {
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
		"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
		"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
		"CHECKPOINT_RESTORE",
	};
	enum { COUNT = sizeof(names) / sizeof(names[0]), LONGEST = 24 };
	char *out, *p;

	_Static_assert(COUNT == 41, "capabilities up to Linux 5.9");
	caps &= (1ull << COUNT) - 1;
	if (!caps) {
		val_str(ret, "", 0);
		return;
	}
	out = p = arena_alloc(c->arena, COUNT * LONGEST);
	for (unsigned i = 0; i < COUNT; i++) {
		if (!(caps >> i & 1))
			continue;
		if (p != out)
			*p++ = ' ';
		p = stpcpy(stpcpy(p, "CAP_"), names[i]);
	}
	val_str(ret, out, (size_t)(p - out));
}

static int get_cgroup(const struct state_ver *v, const char *subsys, struct eval_val *ret)
{
	size_t n = strlen(subsys);

	for (uint32_t i = 0; i < v->ncgroups; i++) {
		struct eval_val e;

		element(v->cgroups, v->ncgroups, i, &e);
		if (e.len <= n || memcmp(e.s, subsys, n) || e.s[n] != '=')
			continue;
		val_str(ret, e.s + n + 1, e.len - n - 1);
		return 1;
	}
	return 0;
}

static int get_std(const struct eval_ctx *c, int64_t num, bool name, struct eval_val *ret)
{
	const struct state_fd *fd = fdtab_get(c->st.fds, num);
	const char *s;

	if (!fd)
		return 0;
	if (name) {
		val_str(ret, fd->name->s, strnlen(fd->name->s, fd->name->len));
		return 1;
	}
	s = fd_typename(fd);
	val_str(ret, s, strlen(s));
	return 1;
}

static bool is_leader(const struct state_ver *v)
{
	return v->tid == v->pid || v->flags & TASK_F_IS_MAIN_THREAD;
}

static int get_fd_usage(const struct eval_ctx *c, struct eval_val *ret)
{
	int64_t limit = c->st.leader ? c->st.leader->fdlimit : 0;
	uint32_t n = state_read_fdcount(&c->st);

	*ret = (struct eval_val){ .type = PT_DOUBLE };
	if (limit > 0)
		ret->d = n <= (uint64_t)limit ? (double)n * 100 / (double)limit : 100;
	return 1;
}

/* thread.cpu*: procinfo events of old captures carry running totals, which are shown as increments.
 * The first one of a thread reads 0, and so does each that is read a second time. */
static int get_cpu(const struct eval_ctx *c, struct eval_val *ret)
{
	if (c->st.ev->hdr->type != PPME_PROCINFO_E)
		return 0;
	*ret = (struct eval_val){ .type = PT_DOUBLE };
	return 1;
}

static int num(struct eval_val *ret, enum evt_param_type type, int64_t i)
{
	val_i64(ret, type, i);
	return 1;
}

static int str(struct eval_val *ret, const struct state_str *s)
{
	field_str(ret, s);
	return 1;
}

static int flag(struct eval_val *ret, bool b)
{
	val_bool(ret, b);
	return 1;
}

/* Numbers for which 0 means "not known". */
static int nonzero(struct eval_val *ret, enum evt_param_type type, uint64_t u)
{
	val_u64(ret, type, u);
	return u != 0;
}

static int get_counter(const struct eval_ctx *c, unsigned id, struct eval_val *ret)
{
	const struct state_task *t = c->st.task;
	bool leader = is_leader(c->st.ver);
	uint64_t u = 0;

	if (!t)
		return 0;
	switch (id) {
	case FLD_PROC_VMSIZE:
		u = t->vmsize_kb;
		break;
	case FLD_PROC_VMRSS:
		u = t->vmrss_kb;
		break;
	case FLD_PROC_VMSWAP:
		u = t->vmswap_kb;
		break;
	case FLD_THREAD_PFMAJOR:
		u = t->pfmajor;
		break;
	case FLD_THREAD_PFMINOR:
		u = t->pfminor;
		break;
	case FLD_THREAD_VMSIZE: case FLD_THREAD_VMSIZE_B:
		u = leader ? t->vmsize_kb : 0;
		break;
	default:
		u = leader ? t->vmrss_kb : 0;
		break;
	}
	if (id == FLD_THREAD_VMSIZE_B || id == FLD_THREAD_VMRSS_B)
		u *= 1024;
	val_u64(ret, PT_UINT64, u);
	return 1;
}

static int get_identity(struct eval_ctx *c, const struct state_ver *v, unsigned id, struct eval_val *ret)
{
	switch (id) {
	case FLD_PROC_PID:
		return num(ret, PT_INT64, v->pid) && v->pid >= -1 && v->pid <= UINT32_MAX;
	case FLD_PROC_VPID:
		return num(ret, PT_INT64, v->vpid) && v->vpid != -1;
	case FLD_THREAD_VTID:
		return num(ret, PT_INT64, v->vtid) && v->vtid != -1;
	case FLD_PROC_SID:
		return num(ret, PT_INT64, v->sid);
	case FLD_PROC_VPGID:
		return num(ret, PT_INT64, v->vpgid);
	case FLD_PROC_PGID:
		return num(ret, PT_INT64, v->pgid);
	case FLD_PROC_TTY:
		val_u64(ret, PT_UINT32, v->tty);
		return 1;
	case FLD_THREAD_ISMAIN:
		return flag(ret, is_leader(v));
	case FLD_PROC_IS_SID_LEADER:
		return flag(ret, v->sid == v->vpid);
	case FLD_PROC_IS_VPGID_LEADER:
		return flag(ret, v->vpgid == v->vpid);
	case FLD_PROC_IS_PGID_LEADER:
		return flag(ret, v->pgid == v->pid);
	case FLD_PROC_NTHREADS: case FLD_PROC_NCHILDS: {
		uint32_t n = state_read_nthreads(&c->st);

		if (id == FLD_PROC_NCHILDS && n && state_read_leader_alive(&c->st))
			n--;
		val_u64(ret, PT_UINT64, n);
		return 1;
	}
	default: { /* thread.nametid */
		char *s = arena_fmt(c->arena, "%s%lld", v->comm->s, (long long)c->st.ev->hdr->tid);

		val_str(ret, s, strlen(s));
		return 1;
	}
	}
}

static int get_exe_info(const struct state_ver *v, unsigned id, struct eval_val *ret)
{
	switch (id) {
	case FLD_PROC_IS_EXE_WRITABLE:
		return flag(ret, v->exe_flags & EXE_WRITABLE);
	case FLD_PROC_IS_EXE_UPPER_LAYER:
		return flag(ret, v->exe_flags & EXE_UPPER_LAYER);
	case FLD_PROC_IS_EXE_LOWER_LAYER:
		return flag(ret, v->exe_flags & EXE_LOWER_LAYER);
	case FLD_PROC_IS_EXE_FROM_MEMFD:
		return flag(ret, v->exe_flags & EXE_FROM_MEMFD);
	case FLD_PROC_EXE_INO:
		return nonzero(ret, PT_INT64, v->exe_ino);
	case FLD_PROC_EXE_INO_CTIME:
		return nonzero(ret, PT_ABSTIME, v->exe_ino_ctime);
	case FLD_PROC_EXE_INO_MTIME:
		return nonzero(ret, PT_ABSTIME, v->exe_ino_mtime);
	case FLD_PROC_EXE_INO_CTIME_DURATION_PROC_START:
		return nonzero(ret, PT_ABSTIME, v->exe_ino_ctime_duration_clone_ts);
	default:
		return nonzero(ret, PT_ABSTIME, v->exe_ino_ctime_duration_pidns_start);
	}
}

static int get_rest(struct eval_ctx *c, const struct field_ref *f, const struct state_ver *v, struct eval_val *ret)
{
	unsigned id = f->def->id;

	switch (id) {
	case FLD_PROC_ARGS:
		if (f->arg_index >= 0)
			element(v->args, v->nargs, f->arg_index, ret);
		else
			field_join(c, v->args, v->nargs, ' ', ret);
		return 1;
	case FLD_PROC_CMDNARGS:
		val_u64(ret, PT_UINT64, v->nargs);
		return 1;
	case FLD_PROC_CMDLENARGS:
		val_u64(ret, PT_UINT64, v->nargs ? v->args->len - (v->nargs - 1) : 0);
		return 1;
	case FLD_PROC_EXELINE:
		get_exeline(c, v, ret);
		return 1;
	case FLD_PROC_ENV:
		return get_env(c, f, ret);
	case FLD_PROC_DURATION:
		val_u64(ret, PT_RELTIME, c->st.ev->hdr->ts - v->clone_ts);
		return v->clone_ts != 0;
	case FLD_PROC_PID_TS:
		return nonzero(ret, PT_RELTIME, v->clone_ts);
	case FLD_PROC_PIDNS_INIT_START_TS:
		return nonzero(ret, PT_UINT64, v->pidns_init_start_ts);
	case FLD_THREAD_CAP_PERMITTED:
		get_caps(c, v->cap_permitted, ret);
		return 1;
	case FLD_THREAD_CAP_INHERITABLE:
		get_caps(c, v->cap_inheritable, ret);
		return 1;
	case FLD_THREAD_CAP_EFFECTIVE:
		get_caps(c, v->cap_effective, ret);
		return 1;
	case FLD_PROC_FDOPENCOUNT:
		val_u64(ret, PT_UINT64, state_read_fdcount(&c->st));
		return 1;
	case FLD_PROC_FDLIMIT:
		return num(ret, PT_INT64, c->st.leader ? c->st.leader->fdlimit : 0);
	case FLD_PROC_FDUSAGE:
		return get_fd_usage(c, ret);
	case FLD_THREAD_TOTEXECTIME:
		val_u64(ret, PT_RELTIME, c->st.task ? c->st.task->exec_time_total : 0);
		return 1;
	case FLD_THREAD_CGROUPS:
		field_join(c, v->cgroups, v->ncgroups, ' ', ret);
		return v->ncgroups != 0;
	case FLD_THREAD_CGROUP:
		return get_cgroup(v, f->arg, ret);
	case FLD_THREAD_CPU: case FLD_THREAD_CPU_USER: case FLD_THREAD_CPU_SYSTEM:
		return get_cpu(c, ret);
	case FLD_PROC_STDIN_TYPE: case FLD_PROC_STDIN_NAME:
		return get_std(c, 0, id == FLD_PROC_STDIN_NAME, ret);
	case FLD_PROC_STDOUT_TYPE: case FLD_PROC_STDOUT_NAME:
		return get_std(c, 1, id == FLD_PROC_STDOUT_NAME, ret);
	case FLD_PROC_STDERR_TYPE: case FLD_PROC_STDERR_NAME:
		return get_std(c, 2, id == FLD_PROC_STDERR_NAME, ret);
	default:
		return field_get_ancestor(c, f, ret);
	}
}

int field_get_thread(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct state_ver *v = c->st.ver;
	unsigned id = f->def->id;

	if (id == FLD_THREAD_TID) {
		int64_t tid = (int64_t)c->st.ev->hdr->tid;

		return num(ret, PT_INT64, tid) && tid >= -1 && tid <= UINT32_MAX;
	}
	if (id == FLD_THREAD_EXECTIME) {
		/* time since the CPU's last switch: a CPU's switches are spread over the workers, and a
		 * capture does not say how many CPUs there were; the reference then reads 0 as well */
		val_u64(ret, PT_RELTIME, 0);
		return 1;
	}
	if (!v)
		return 0;
	switch (id) {
	case FLD_PROC_NAME:
		return str(ret, v->comm);
	case FLD_PROC_EXE:
		return str(ret, v->exe);
	case FLD_PROC_EXEPATH:
		return str(ret, v->exepath);
	case FLD_PROC_CMDLINE:
		return str(ret, v->cmdline);
	case FLD_PROC_CWD:
		if (!c->st.leader) {
			val_str(ret, "./", 2);
			return 1;
		}
		return str(ret, c->st.leader->cwd);
	case FLD_PROC_PID: case FLD_PROC_VPID: case FLD_THREAD_VTID: case FLD_PROC_SID: case FLD_PROC_VPGID: case FLD_PROC_PGID:
	case FLD_PROC_TTY: case FLD_THREAD_ISMAIN: case FLD_PROC_IS_SID_LEADER: case FLD_PROC_IS_VPGID_LEADER:
	case FLD_PROC_IS_PGID_LEADER: case FLD_PROC_NTHREADS: case FLD_PROC_NCHILDS: case FLD_THREAD_NAMETID:
		return get_identity(c, v, id, ret);
	case FLD_PROC_IS_EXE_WRITABLE: case FLD_PROC_IS_EXE_UPPER_LAYER: case FLD_PROC_IS_EXE_LOWER_LAYER: case FLD_PROC_IS_EXE_FROM_MEMFD:
	case FLD_PROC_EXE_INO: case FLD_PROC_EXE_INO_CTIME: case FLD_PROC_EXE_INO_MTIME:
	case FLD_PROC_EXE_INO_CTIME_DURATION_PROC_START: case FLD_PROC_EXE_INO_CTIME_DURATION_PIDNS_START:
		return get_exe_info(v, id, ret);
	case FLD_PROC_VMSIZE: case FLD_PROC_VMRSS: case FLD_PROC_VMSWAP: case FLD_THREAD_PFMAJOR: case FLD_THREAD_PFMINOR:
	case FLD_THREAD_VMSIZE: case FLD_THREAD_VMRSS: case FLD_THREAD_VMSIZE_B: case FLD_THREAD_VMRSS_B:
		return get_counter(c, id, ret);
	default:
		return get_rest(c, f, v, ret);
	}
}
