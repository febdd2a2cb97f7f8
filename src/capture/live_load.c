/* Programs of the probe into the kernel: which are needed, how they are typed, how they are attached.
 *
 * Called by live.c. The interest in syscalls flows in; out go a filled jump table and four links. Only needed
 * programs are loaded, for loading is what start-up time is made of. When the interest grows, a second
 * object is opened on the first one's maps and only the missing programs are loaded from it. */
#include "capture/live_internal.h"
#include "base/log.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "probe.skel.h"
#pragma GCC diagnostic pop

#define LOG_SIZE (64 * 1024)  /* one byte stays free: a full log has no NUL */
#define PROGRAM_PREFIX "x_"
#define GENERIC "x_generic"
#ifndef LIVE_TYPED
#define LIVE_TYPED 1 /* 0 in test_probe.sh, so that the other way of attaching has its turn too */
#endif

/* The attached programs; sections name what they sit on. */
static const struct {
	const char *section, *tracepoint, *program;
} points[LIVE_LINKS] = {
	{ "saker/death", "sched_process_exit", "on_exit" },
	{ "saker/fork", "sched_process_fork", "on_fork" },
	{ "saker/exec", "sched_process_exec", "on_exec" },
	{ "saker/exit", "sys_exit", "on_sys_exit" },
	{ "saker/uring_submit", NULL, "on_uring_submit" }, /* live.uring_submit */
	{ "saker/uring_done", "io_uring_complete", "on_uring_done" },
};

static unsigned points_used(const struct live *l)
{
	return l->uring ? LIVE_LINKS : LIVE_URING;
}

static const char *tracepoint_of(const struct live *l, unsigned i)
{
	return points[i].tracepoint ? points[i].tracepoint : l->uring_submit;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

/* libbpf calls this for each program about to be loaded: which tracepoint's types it is checked against. */
static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct live *l = (const struct live *)cookie;

	if (!l->typed)
		return 0;
	for (unsigned i = 0; i < LIVE_LINKS; i++) {
		if (!strcmp(bpf_program__section_name(prog), points[i].section))
			opts->attach_btf_id = (__u32)l->btf_id[i];
	}
	return 0;
}

/* Makes our section names known to libbpf, as typed or raw tracepoints, for the time of one load. As the
 * handler of all unknown names: removing a handler of one name corrupts the heap in libbpf 1.1. */
static int register_sections(struct live *l)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare, .cookie = (long)l);

	return libbpf_register_prog_handler(NULL, l->typed ? BPF_PROG_TYPE_TRACING : BPF_PROG_TYPE_RAW_TRACEPOINT,
					    l->typed ? BPF_TRACE_RAW_TP : 0, &opts);
}

static bool find_btf_ids(struct live *l)
{
	struct btf *btf = btf__load_vmlinux_btf();
	char name[64];
	bool all = btf;

	for (unsigned i = 0; all && i < points_used(l); i++) {
		snprintf(name, sizeof(name), "btf_trace_%s", tracepoint_of(l, i));
		l->btf_id[i] = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
		all = l->btf_id[i] > 0;
	}
	btf__free(btf);
	return all;
}

/* Arguments of a tracepoint, the one the kernel puts in front of them included. NULL: there is none of this name. */
static const struct btf_type *arguments_of(const struct btf *btf, const char *tracepoint)
{
	const struct btf_type *t;
	char name[64];
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	t = id > 0 ? btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type) : NULL; /* a pointer to the function */
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? t : NULL;
}

static bool points_to(const struct btf *btf, const struct btf_type *proto, unsigned arg, const char *name)
{
	const struct btf_type *t = arg < btf_vlen(proto) ? btf__type_by_id(btf, btf_params(proto)[arg].type) : NULL;

	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	while (t && btf_is_mod(t))
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_struct(t) && !strcmp(btf__name_by_offset(btf, t->name_off), name);
}

/* Requests of io_uring are followed from submission to completion where both tracepoints name the request: since 5.19.
 * Completions come with the entry of the ring since 6.15, before with its members one by one. */
static void find_uring(struct live *l)
{
	static const char *const submit[] = { "io_uring_submit_req", "io_uring_submit_sqe" };
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *done = btf ? arguments_of(btf, "io_uring_complete") : NULL;

	l->uring = false;
	for (unsigned i = 0; done && !l->uring && i < sizeof(submit) / sizeof(submit[0]); i++) {
		const struct btf_type *t = arguments_of(btf, submit[i]);

		if (!t || !points_to(btf, t, 1, "io_kiocb"))
			continue;
		l->config.uring_cqe = points_to(btf, done, 3, "io_uring_cqe");
		l->uring = l->config.uring_cqe || btf_vlen(done) == 8;
		l->uring_submit = submit[i];
	}
	btf__free(btf);
}

static bool in_interest(const uint64_t interest[LIVE_SC_MAX / 64], unsigned code)
{
	return code < LIVE_SC_MAX && interest[code / 64] >> code % 64 & 1;
}

static int native_nr(const struct evt_syscall *sc)
{
#if defined(__aarch64__)
	int nr = sc->nr_aarch64;
#else
	int nr = sc->nr_x86_64;
#endif
	return nr < PROBE_MAX_NR ? nr : -1;
}

static struct bpf_program *program_of(struct probe *p, const struct evt_syscall *sc)
{
	char name[64];
	struct bpf_program *prog;

	snprintf(name, sizeof(name), PROGRAM_PREFIX "%s", sc->name);
	prog = bpf_object__find_program_by_name(p->obj, name);
	return prog ? prog : bpf_object__find_program_by_name(p->obj, GENERIC);
}

/* Selects the programs that the interest needs and the kernel does not have. Returns their number. */
static unsigned select_programs(struct live *l, struct probe *p, const uint64_t interest[LIVE_SC_MAX / 64], bool first)
{
	struct bpf_program *prog;
	unsigned n = 0;

	bpf_object__for_each_program(prog, p->obj)
		bpf_program__set_autoload(prog, false);
	for (unsigned i = 0; first && i < points_used(l); i++)
		bpf_program__set_autoload(bpf_object__find_program_by_name(p->obj, points[i].program), true);
	for (size_t i = 0; i < evt_syscall_count; i++) {
		int nr = native_nr(&evt_syscalls[i]);

		if (nr < 0 || l->loaded[nr] || !in_interest(interest, evt_syscalls[i].code))
			continue;
		bpf_program__set_autoload(program_of(p, &evt_syscalls[i]), true);
		n++;
	}
	return n;
}

static int fill_jump(struct live *l, struct probe *p, const uint64_t interest[LIVE_SC_MAX / 64])
{
	for (size_t i = 0; i < evt_syscall_count; i++) {
		int nr = native_nr(&evt_syscalls[i]), fd;
		uint32_t key = (uint32_t)nr;

		if (nr < 0 || l->loaded[nr] || !in_interest(interest, evt_syscalls[i].code))
			continue;
		fd = bpf_program__fd(program_of(p, &evt_syscalls[i]));
		if (fd < 0 || bpf_map_update_elem(live_map_fd(l, "jump"), &key, &fd, BPF_ANY))
			return fd < 0 ? fd : -errno;
		l->loaded[nr] = true;
	}
	return 0;
}

/* What operations of io_uring do, as system calls: op is the number of the kernel's interface. */
static void set_uring(struct probe *p)
{
	static const struct {
		uint8_t op;
		const char *name;
	} same[] = {
		{ 1, "preadv" }, { 2, "pwritev" }, { 4, "pread" }, { 5, "pwrite" }, { 9, "sendmsg" }, { 10, "recvmsg" },
		{ 13, "accept4" }, { 16, "connect" }, { 18, "openat" }, { 19, "close" }, { 22, "pread" }, { 23, "pwrite" },
		{ 26, "sendto" }, { 27, "recvfrom" }, { 28, "openat2" }, { 34, "shutdown" }, { 35, "renameat2" },
		{ 36, "unlinkat" }, { 37, "mkdirat" }, { 38, "symlinkat" }, { 39, "linkat" }, { 45, "socket" },
		{ 47, "sendto" }, { 48, "sendmsg" }, { 56, "bind" }, { 57, "listen" },
	};
	uint16_t *table = (uint16_t *)p->rodata->uring_nr;

	for (unsigned i = 0; i < PROBE_URING_OPS; i++)
		table[i] = PROBE_NO_NR;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		for (size_t k = 0; k < evt_syscall_count; k++) {
			int nr = native_nr(&evt_syscalls[k]);

			if (nr >= 0 && !strcmp(evt_table[evt_syscalls[k].exit_event].name, same[i].name) && table[same[i].op] == PROBE_NO_NR)
				table[same[i].op] = (uint16_t)nr;
		}
}

static void set_constants(struct live *l, struct probe *p)
{
	static_assert(sizeof(p->rodata->config) == sizeof(l->config), "constants of the probe");
	static_assert(sizeof(p->bss->cpus) == PROBE_MAX_CPU * sizeof(struct probe_cpu), "per-CPU state of the probe");

	l->config.btf_args = l->typed;
	memcpy((void *)&p->rodata->config, &l->config, sizeof(l->config));
	for (size_t i = 0; i < evt_syscall_count; i++) {
		int nr = native_nr(&evt_syscalls[i]);

		if (nr < 0)
			continue;
		((uint16_t *)p->rodata->portable)[nr] = evt_syscalls[i].code;
		((uint16_t *)p->rodata->exit_type)[nr] = (uint16_t)evt_syscalls[i].exit_event;
	}
	set_uring(p);
	memcpy((void *)p->rodata->from32, l->from32, sizeof(l->from32));
	memcpy((void *)p->rodata->from_socketcall, l->from_socketcall, sizeof(l->from_socketcall));
	bpf_map__set_max_entries(p->maps.scratches, l->cpus);
	bpf_map__set_max_entries(p->maps.rings, l->cpus);
	bpf_map__set_max_entries(p->maps.shorts, l->cpus);
	/* The first ring is the pattern the kernel holds the others against; before 5.10 their size counts. */
	if (!l->objects)
		bpf_map__set_inner_map_fd(p->maps.rings, l->spare_ring);
}

/* The later object uses the first one's maps: same rings, same counters, same constants. */
static int share_maps(struct live *l, struct probe *p)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, p->obj) {
		int fd = live_map_fd(l, bpf_map__name(map)), rc;

		if (fd < 0)
			return -ENOENT;
		rc = bpf_map__reuse_fd(map, fd);
		if (rc)
			return rc;
	}
	return 0;
}

/* Opens, selects and loads one object. *ret NULL with 0: nothing was missing. */
static int load_object(struct live *l, const uint64_t interest[LIVE_SC_MAX / 64], struct base_err *err)
{
	bool first = !l->objects;
	char *log = calloc(1, LOG_SIZE);
	/* The kernel's types by name: libbpf would find them by itself, but then goes on to those of all modules for a type
	 * that another kernel has, and that takes CAP_SYS_ADMIN. */
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_SIZE - 1, .btf_custom_path = LIVE_BTF_PATH);
	libbpf_print_fn_t old;
	struct probe *p;
	int rc = -ENOMEM, handler;

	if (!log)
		return live_explain(err, rc, "the probe", NULL);
	old = libbpf_set_print(quiet);
	handler = register_sections(l);
	p = probe__open_opts(&opts);
	if (!p) {
		rc = live_explain(err, -errno, "the probe's object", NULL);
		goto out;
	}
	rc = 0;
	if (!select_programs(l, p, interest, first) && !first)
		goto close;
	set_constants(l, p);
	if (!first)
		rc = share_maps(l, p);
	if (!rc)
		rc = probe__load(p);
	if (rc) {
		rc = live_explain(err, rc, "the probe", log);
		goto close;
	}
	l->object[l->objects++] = p;
	if (first)
		l->shared = (struct live_shared){ p->bss->interest, p->bss->interest32, (_Atomic uint32_t *)&p->bss->enabled,
						  (struct probe_cpu *)p->bss->cpus };
	rc = fill_jump(l, p, interest);
	if (rc)
		live_explain(err, rc, "the probe's jump table", NULL);
	p = NULL;
close:
	if (p)
		probe__destroy(p);
out:
	if (handler >= 0)
		libbpf_unregister_prog_handler(handler);
	libbpf_set_print(old);
	free(log);
	return rc;
}

static int load_first(struct live *l, struct base_err *err)
{
	struct base_err second;
	int rc = -ENOTSUP;

	l->typed = LIVE_TYPED && find_btf_ids(l);
	if (l->typed) {
		rc = load_object(l, l->opts.interest, err);
		if (!rc || rc == -EPERM || rc == -ENOMEM)
			return rc;
	}
	/* The typed form is refused: the raw one may do. Its own failure says less than the first one's. */
	l->typed = false;
	if (!load_object(l, l->opts.interest, &second))
		return 0;
	if (rc == -ENOTSUP && err)
		*err = second;
	return rc;
}

int live_load(struct live *l, struct base_err *err)
{
	struct base_err why;
	int rc;

	find_uring(l);
	if (!l->uring)
		return load_first(l, err);
	rc = load_first(l, &why);
	if (!rc)
		return 0;
	/* Perhaps a kernel whose io_uring is not as we know it: everything else works. */
	l->uring = false;
	if (rc == -EPERM || rc == -ENOMEM || load_first(l, err))
		return base_err_set(err, NULL, 0, 0, "%s", why.msg), rc;
	log_warn("Requests of io_uring are not seen on this kernel: %s", why.msg);
	return 0;
}

int live_load_missing(struct live *l, const uint64_t interest[LIVE_SC_MAX / 64], struct base_err *err)
{
	bool missing = false;

	for (size_t i = 0; i < evt_syscall_count; i++) {
		int nr = native_nr(&evt_syscalls[i]);

		missing |= nr >= 0 && !l->loaded[nr] && in_interest(interest, evt_syscalls[i].code);
	}
	if (!missing)
		return 0;
	if (l->objects == LIVE_OBJECTS)
		return -ENOSPC;
	return load_object(l, interest, err);
}

int live_link(struct live *l, struct base_err *err)
{
	for (unsigned i = 0; i < points_used(l); i++) {
		int fd = bpf_program__fd(bpf_object__find_program_by_name(l->object[0]->obj, points[i].program));
		char what[64];

		l->link[i] = bpf_raw_tracepoint_open(l->typed ? NULL : tracepoint_of(l, i), fd);
		if (l->link[i] < 0) {
			int rc = -errno;

			l->link[i] = -1;
			snprintf(what, sizeof(what), "attaching to %s", tracepoint_of(l, i));
			return live_explain(err, rc, what, NULL);
		}
	}
	return 0;
}

void live_unload(struct live *l)
{
	while (l->objects)
		probe__destroy(l->object[--l->objects]);
}

int live_map_fd(struct live *l, const char *name)
{
	return bpf_object__find_map_fd_by_name(l->object[0]->obj, name);
}

static bool program_info(struct live *l, unsigned i, struct bpf_prog_info *ret)
{
	int fd = bpf_program__fd(bpf_object__find_program_by_name(l->object[0]->obj, points[i].program));
	__u32 len = sizeof(*ret);

	*ret = (struct bpf_prog_info){ 0 };
	return !bpf_obj_get_info_by_fd(fd, ret, &len);
}

uint64_t live_misses(struct live *l)
{
	struct bpf_prog_info info;
	uint64_t sum = 0;

	for (unsigned i = 0; i < points_used(l) && l->objects; i++) {
		if (program_info(l, i, &info))
			sum += info.recursion_misses;
	}
	return sum;
}

unsigned live_programs(struct live *l, struct live_program ret[LIVE_PROGRAMS])
{
	static_assert((int)LIVE_PROGRAMS == (int)LIVE_LINKS, "one entry for each attached program");
	struct bpf_prog_info info;
	unsigned n = 0;

	for (unsigned i = 0; i < points_used(l) && l->objects; i++) {
		if (program_info(l, i, &info) && info.run_cnt)
			ret[n++] = (struct live_program){ tracepoint_of(l, i), info.run_cnt, info.run_time_ns };
	}
	return n;
}
