/* Fields of every event (gen_event) and of system calls (event), apart from those made of
 * parameters, which field_evtarg.c has. Called through eval_field_get, once per reading. */
#include "eval/field_hosts.h"
#include "eval/field_internal.h"
#include "eval/regex.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS 1000000000ull

struct eval_field_state *eval_field_state_new(void)
{
	struct eval_field_state *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->hosts = hosts_load("/etc/hosts");
	if (!fs->hosts) {
		free(fs);
		return NULL;
	}
	return fs;
}

static void drop_slots(struct eval_field_state *fs)
{
	for (unsigned i = 0; i < FIELD_STATE_SLOTS; i++) {
		regex_free(fs->slots[i].regex);
		free(fs->slots[i].pattern);
	}
	memset(fs->slots, 0, sizeof(fs->slots));
	fs->used = 0;
}

void eval_field_state_free(struct eval_field_state *fs)
{
	if (!fs)
		return;
	drop_slots(fs);
	hosts_free(fs->hosts);
	buf_fini(&fs->text);
	buf_fini(&fs->text2);
	free(fs->texts.p);
	free(fs);
}

void eval_field_share(struct eval_field_state *fs, bool on)
{
	if (!fs)
		return;
	fs->made_name.on = on;
	fs->made_name.rc = -1;
}

void eval_field_state_restart(struct eval_field_state *fs)
{
	drop_slots(fs);
}

void eval_field_state_keep_texts(struct eval_field_state *fs)
{
	fs->texts.on = true;
}

struct field_slot *field_slot(struct eval_ctx *c, const struct field_ref *f)
{
	struct eval_field_state *fs = c->fs;
	size_t h = (uintptr_t)f / 16 * 0x9e3779b97f4a7c15ull >> 56;

	if (!fs)
		return NULL;
	while (fs->slots[h].ref && fs->slots[h].ref != f)
		h = (h + 1) % FIELD_STATE_SLOTS;
	if (!fs->slots[h].ref) {
		if (fs->used >= FIELD_STATE_SLOTS / 2) {
			drop_slots(fs);
			return field_slot(c, f);
		}
		fs->slots[h].ref = f;
		fs->used++;
	}
	return &fs->slots[h];
}

size_t render_ts(char *out, size_t size, uint64_t ts, enum render_time which)
{
	time_t sec = (time_t)(ts / NS);
	unsigned ns = (unsigned)(ts % NS);
	const char *fmt = which == RT_ISO8601 ? "%Y-%m-%dT%H:%M:%S" : which <= RT_TIME_S ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S";
	struct tm tm;
	size_t n;

	if (which == RT_ISO8601 ? !gmtime_r(&sec, &tm) : !localtime_r(&sec, &tm))
		memset(&tm, 0, sizeof(tm));
	n = strftime(out, size, fmt, &tm);
	if (which != RT_TIME_S && which != RT_DATETIME_S && size - n > 10) {
		out[n++] = '.';
		for (unsigned i = 9, v = ns; i--; v /= 10)
			out[n + i] = (char)('0' + v % 10);
		n += 9;
		out[n] = 0;
	}
	if (which == RT_ISO8601 && size - n > 5) {
		memcpy(out + n, "+0000", 6);
		n += 5;
	}
	return n;
}

static int get_time(struct eval_ctx *c, enum render_time which, struct eval_val *ret)
{
	char *s = arena_alloc(c->arena, 64);

	val_str(ret, s, render_ts(s, 64, c->st.ev->hdr->ts, which));
	return 1;
}

/* Name of a generic event's system call. Captures may know calls this table lacks: then the native
 * number decides, which works where the capture comes from this architecture. */
static const char *generic_name(const struct evt *ev)
{
	uint64_t code = 0, native;
	const struct evt_syscall *sc = NULL;

	if (evt_get_u64(ev, 0, &code))
		sc = evt_syscall_by_code((unsigned)code);
	if (!sc && !code && evt_get_u64(ev, 1, &native)) {
		for (size_t i = 0; i < evt_syscall_count; i++)
			if (evt_syscalls[i].nr_x86_64 >= 0 && (uint64_t)evt_syscalls[i].nr_x86_64 == native)
				return evt_syscalls[i].name;
	}
	return sc ? sc->name : "unknown";
}

static void type_name(const struct evt *ev, struct eval_val *ret)
{
	const char *s;
	size_t len;

	if (__builtin_expect(ev->hdr->type == PPME_GENERIC_X, 0)) {
		s = generic_name(ev);
		len = strlen(s);
	} else {
		s = evt_display_name(ev, &len);
	}
	val_str(ret, s, len);
}

static bool is_meta(const struct evt *ev)
{
	return ev->info->origin == EO_METAEVENT;
}

int field_get_gen_event(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	uint64_t ts = ev->hdr->ts;
	/* the run begins with the first event that is no metadata; what stands before it counts from 0 */
	uint64_t rel = ts < c->first_ts ? ts : ts - c->first_ts;

	switch (f->def->id) {
	case FLD_EVT_NUM:
		val_u64(ret, PT_UINT64, ev->num);
		return 1;
	case FLD_EVT_TIME:
		return get_time(c, RT_TIME, ret);
	case FLD_EVT_TIME_S:
		return get_time(c, RT_TIME_S, ret);
	case FLD_EVT_TIME_ISO8601:
		return get_time(c, RT_ISO8601, ret);
	case FLD_EVT_DATETIME:
		return get_time(c, RT_DATETIME, ret);
	case FLD_EVT_DATETIME_S:
		return get_time(c, RT_DATETIME_S, ret);
	case FLD_EVT_RAWTIME:
		val_u64(ret, PT_ABSTIME, ts);
		return 1;
	case FLD_EVT_RAWTIME_S:
		val_u64(ret, PT_ABSTIME, ts / NS);
		return 1;
	case FLD_EVT_RAWTIME_NS:
		val_u64(ret, PT_ABSTIME, ts % NS);
		return 1;
	case FLD_EVT_RELTIME:
		val_u64(ret, PT_RELTIME, rel);
		return 1;
	case FLD_EVT_RELTIME_S:
		val_u64(ret, PT_RELTIME, rel / NS);
		return 1;
	case FLD_EVT_RELTIME_NS:
		val_u64(ret, PT_RELTIME, rel % NS);
		return 1;
	case FLD_EVT_SOURCE:
		if (!c->source)
			return 0;
		val_str(ret, c->source, strlen(c->source));
		return 1;
	case FLD_EVT_IS_ASYNC:
		val_bool(ret, is_meta(ev));
		return 1;
	case FLD_EVT_ASYNCTYPE:
		if (!is_meta(ev))
			return 0;
		type_name(ev, ret);
		return 1;
	case FLD_EVT_HOSTNAME: {
		const char *h = c->machine_hostname;

		/* the reference takes no name from a capture, and another machine's would be wrong */
		if (!h && c->st.shard)
			h = state_table_opts(c->st.shard->table)->live ? c->hostname : "";
		if (!h)
			return 0;
		val_str(ret, h, strlen(h));
		return 1;
	}
	default: /* evt.pluginname, evt.plugininfo: events of plugin sources only */
		return 0;
	}
}

static int get_delta(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	struct field_slot *s = field_slot(c, f);
	uint64_t d;

	/* the same event again (evaluated afresh after a wait) reads the same */
	if (s && s->num != c->st.ev->num) {
		s->delta = s->ts ? c->st.ev->hdr->ts - s->ts : 0;
		s->ts = c->st.ev->hdr->ts;
		s->num = c->st.ev->num;
	}
	d = s ? s->delta : 0;
	val_u64(ret, PT_RELTIME, f->def->id == FLD_EVT_DELTATIME ? d : f->def->id == FLD_EVT_DELTATIME_S ? d / NS : d % NS);
	return 1;
}

static int is_io_category(const struct evt *ev)
{
	return ev->info->category >= EC_IO_READ && ev->info->category <= EC_IO_OTHER;
}

static const char *category(const struct eval_ctx *c)
{
	static const char *const names[] = {
		[EC_UNKNOWN] = "unknown", [EC_OTHER] = "other", [EC_FILE] = "file", [EC_NET] = "net", [EC_IPC] = "IPC",
		[EC_WAIT] = "wait", [EC_SIGNAL] = "signal", [EC_SLEEP] = "sleep", [EC_TIME] = "time", [EC_PROCESS] = "process",
		[EC_SCHEDULER] = "scheduler", [EC_MEMORY] = "memory", [EC_USER] = "user", [EC_SYSTEM] = "system",
		[EC_INTERNAL] = "internal",
	};
	const struct state_fd *fd = c->st.fd;

	if (!is_io_category(c->st.ev))
		return names[c->st.ev->info->category];
	if (!fd)
		return "unknown";
	if (fd_is_file(fd) || fd->type == FD_DIRECTORY)
		return "file";
	if (fd_is_ip(fd))
		return "net";
	switch (fd->type) {
	case FD_FIFO: case FD_UNIX: case FD_EVENT: case FD_SIGNALFD: case FD_INOTIFY: case FD_USERFAULTFD:
		return "ipc";
	default:
		return "unknown";
	}
}

static int get_error_count(const struct eval_ctx *c, enum evt_param_type type, struct eval_val *ret)
{
	if (!c->st.has_res)
		return 0;
	val_u64(ret, type, c->st.res < 0);
	return 1;
}

static bool is_open_family(unsigned type)
{
	return type == PPME_SYSCALL_OPEN_X || type == PPME_SYSCALL_CREAT_X || type == PPME_SYSCALL_OPENAT_2_X ||
	       type == PPME_SYSCALL_OPENAT2_X || type == PPME_SYSCALL_OPEN_BY_HANDLE_AT_X;
}

static bool is_net_family(unsigned type)
{
	return type == PPME_SOCKET_ACCEPT_5_X || type == PPME_SOCKET_ACCEPT4_6_X || type == PPME_SOCKET_CONNECT_X;
}

static int get_error_class(const struct eval_ctx *c, unsigned id, struct eval_val *ret)
{
	const struct state_fd *fd = c->st.fd;
	unsigned type = c->st.ev->hdr->type;
	bool memory = c->st.ev->info->category == EC_MEMORY;
	bool file = fd ? fd_is_file(fd) || fd->type == FD_DIRECTORY : is_open_family(type);
	bool net = fd ? fd_is_ip(fd) || fd->type == FD_UNIX : is_net_family(type);
	bool hit;

	switch (id) {
	case FLD_EVT_COUNT_ERROR_FILE:
		hit = file;
		break;
	case FLD_EVT_COUNT_ERROR_NET:
		hit = net;
		break;
	case FLD_EVT_COUNT_ERROR_MEMORY:
		hit = memory;
		break;
	default: /* a known descriptor makes even a memory event count as other */
		hit = !file && !net && (fd || !memory);
		break;
	}
	return hit ? get_error_count(c, PT_UINT32, ret) : 0;
}

static bool contains(const struct state_str *s, const char *what)
{
	return memmem(s->s, s->len, what, strlen(what)) != NULL;
}

/* Portable open flags and modes (flags.def: file_flags, chmod_mode). */
enum { O_RD = 1 << 0, O_WR = 1 << 1, O_CREATE = 1 << 2, O_TMP = 1 << 13, O_CREATED = 1 << 14, MODE_X = 0111 };

static bool is_open(const struct eval_ctx *c, unsigned id)
{
	const struct evt *ev = c->st.ev;
	unsigned type = ev->hdr->type, flags_at, mode_at;
	uint64_t flags = 0, mode = 0;

	switch (type) {
	case PPME_SYSCALL_OPEN_X:
		flags_at = 2;
		mode_at = 3;
		break;
	case PPME_SYSCALL_OPENAT_2_X: case PPME_SYSCALL_OPENAT2_X:
		flags_at = 3;
		mode_at = 4;
		break;
	case PPME_SYSCALL_OPEN_BY_HANDLE_AT_X:
		flags_at = 2;
		mode_at = EVT_MAX_PARAMS; /* has none */
		break;
	case PPME_SYSCALL_CREAT_X:
		return id == FLD_EVT_IS_OPEN_EXEC && evt_get_u64(ev, 2, &mode) && mode & MODE_X;
	default:
		return false;
	}
	evt_get_u64(ev, flags_at, &flags);
	switch (id) {
	case FLD_EVT_IS_OPEN_READ:
		return flags & O_RD;
	case FLD_EVT_IS_OPEN_WRITE:
		return flags & O_WR;
	case FLD_EVT_IS_OPEN_CREATE:
		return flags & O_CREATED || (flags & O_TMP && c->st.has_res && c->st.res >= 0);
	default:
		return flags & (O_TMP | O_CREATE) && evt_get_u64(ev, mode_at, &mode) && mode & MODE_X;
	}
}

static int get_buflen(const struct eval_ctx *c, unsigned id, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	const struct state_fd *fd = c->st.fd;
	unsigned cat = ev->info->category;

	if (!fd || !is_io_category(ev) || !c->st.has_res || c->st.res < 0)
		return 0;
	switch (id) {
	case FLD_EVT_BUFLEN_IN: case FLD_EVT_BUFLEN_FILE_IN: case FLD_EVT_BUFLEN_NET_IN:
		if (cat != EC_IO_READ)
			return 0;
		break;
	case FLD_EVT_BUFLEN_OUT: case FLD_EVT_BUFLEN_FILE_OUT: case FLD_EVT_BUFLEN_NET_OUT:
		if (cat != EC_IO_WRITE)
			return 0;
		break;
	default:
		break;
	}
	switch (id) {
	case FLD_EVT_BUFLEN_FILE: case FLD_EVT_BUFLEN_FILE_IN: case FLD_EVT_BUFLEN_FILE_OUT:
		if (!fd_is_file(fd))
			return 0;
		break;
	case FLD_EVT_BUFLEN_NET: case FLD_EVT_BUFLEN_NET_IN: case FLD_EVT_BUFLEN_NET_OUT:
		if (!fd_is_ip(fd))
			return 0;
		break;
	default:
		break;
	}
	val_u64(ret, PT_UINT64, (uint64_t)c->st.res);
	return 1;
}

static int get_io(const struct eval_ctx *c, unsigned id, struct eval_val *ret)
{
	unsigned flags = c->st.ev->info->flags;
	bool b;

	switch (id) {
	case FLD_EVT_IS_IO:
		b = flags & (EVF_READS_FROM_FD | EVF_WRITES_TO_FD);
		break;
	case FLD_EVT_IS_IO_READ:
		b = flags & EVF_READS_FROM_FD;
		break;
	case FLD_EVT_IS_IO_WRITE:
		b = flags & EVF_WRITES_TO_FD;
		break;
	case FLD_EVT_IS_WAIT:
		b = flags & EVF_WAITS;
		break;
	default: /* evt.is_syslog */
		b = flags & EVF_WRITES_TO_FD && c->st.fd && contains(c->st.fd->name, "/dev/log");
		break;
	}
	val_bool(ret, b);
	return 1;
}

int field_get_event(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct evt *ev = c->st.ev;
	unsigned id = f->def->id;

	switch (id) {
	case FLD_EVT_TYPE:
		type_name(ev, ret);
		return 1;
	case FLD_SYSCALL_TYPE:
		if (ev->info->origin != EO_SYSCALL)
			return 0;
		type_name(ev, ret);
		return 1;
	case FLD_EVT_TYPE_IS:
		val_u64(ret, PT_UINT32, ev->hdr->type == f->arg_index || (f->param < 0 && ev->hdr->type == f->arg_index + 1));
		return 1;
	case FLD_EVT_IS_OPEN_READ: case FLD_EVT_IS_OPEN_WRITE: case FLD_EVT_IS_OPEN_EXEC: case FLD_EVT_IS_OPEN_CREATE:
		val_bool(ret, is_open(c, id));
		return 1;
	case FLD_EVT_DIR:
		val_str(ret, ev->info->dir == EVT_ENTER ? ">" : "<", 1);
		return 1;
	case FLD_EVT_CATEGORY: {
		const char *s = category(c);

		val_str(ret, s, strlen(s));
		return 1;
	}
	case FLD_EVT_CPU:
		val_i64(ret, PT_INT16, (int16_t)ev->env->cpu);
		return 1;
	case FLD_EVT_RAWRES:
		if (!c->st.has_res)
			return 0;
		val_i64(ret, PT_INT64, c->st.res);
		return 1;
	case FLD_EVT_FAILED:
		return get_error_count(c, PT_BOOL, ret);
	case FLD_EVT_COUNT_ERROR:
		return get_error_count(c, PT_UINT32, ret);
	case FLD_EVT_COUNT_ERROR_FILE: case FLD_EVT_COUNT_ERROR_NET: case FLD_EVT_COUNT_ERROR_MEMORY: case FLD_EVT_COUNT_ERROR_OTHER:
		return get_error_class(c, id, ret);
	case FLD_EVT_IS_IO: case FLD_EVT_IS_IO_READ: case FLD_EVT_IS_IO_WRITE: case FLD_EVT_IS_WAIT: case FLD_EVT_IS_SYSLOG:
		return get_io(c, id, ret);
	case FLD_EVT_IO_DIR:
		if (!(ev->info->flags & (EVF_READS_FROM_FD | EVF_WRITES_TO_FD)))
			return 0;
		if (ev->info->flags & EVF_WRITES_TO_FD)
			val_str(ret, "write", 5);
		else
			val_str(ret, "read", 4);
		return 1;
	case FLD_EVT_BUFLEN: case FLD_EVT_BUFLEN_IN: case FLD_EVT_BUFLEN_OUT: case FLD_EVT_BUFLEN_FILE: case FLD_EVT_BUFLEN_FILE_IN:
	case FLD_EVT_BUFLEN_FILE_OUT: case FLD_EVT_BUFLEN_NET: case FLD_EVT_BUFLEN_NET_IN: case FLD_EVT_BUFLEN_NET_OUT:
		return get_buflen(c, id, ret);
	case FLD_EVT_COUNT:
		val_u64(ret, PT_UINT32, 1);
		return 1;
	case FLD_EVT_COUNT_EXIT:
		val_u64(ret, PT_UINT32, 1);
		return ev->info->dir == EVT_EXIT;
	case FLD_EVT_COUNT_PROCINFO:
		val_u64(ret, PT_UINT32, ev->hdr->type == PPME_PROCINFO_E && c->st.ver && c->st.ver->tid == c->st.ver->pid);
		return 1;
	case FLD_EVT_COUNT_THREADINFO:
		val_u64(ret, PT_UINT32, ev->hdr->type == PPME_PROCINFO_E);
		return 1;
	case FLD_EVT_DELTATIME: case FLD_EVT_DELTATIME_S: case FLD_EVT_DELTATIME_NS:
		return get_delta(c, f, ret);
	case FLD_EVT_OUTPUTTIME:
		return get_time(c, RT_TIME, ret);
	case FLD_EVT_LATENCY: case FLD_EVT_LATENCY_S: case FLD_EVT_LATENCY_NS: case FLD_EVT_WAIT_LATENCY:
		val_u64(ret, PT_RELTIME, 0);
		return 1;
	case FLD_EVT_LATENCY_QUANTIZED:
		val_u64(ret, PT_UINT64, 0);
		return 1;
	case FLD_EVT_LATENCY_HUMAN:
		val_str(ret, "0ns", 3);
		return 1;
	default:
		return field_get_evtarg(c, f, ret);
	}
}
