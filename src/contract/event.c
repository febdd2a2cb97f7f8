/* The tables of event.h, and decoding of one event. Pure functions over immutable data: any
 * thread may call any of them. */
#include "contract/event.h"

#include <errno.h>
#include <string.h>

#define P(n, t, f, tab, d) { n, PT_##t, PF_##f, tab, d }
#define EVT(num, id_, name_, dir_, cat_, org_, flags_, em_, np_, ...)                              \
	[num] = { .id = #id_, .name = name_, .dir = EVT_##dir_, .category = EC_##cat_,                 \
		  .origin = EO_##org_, .emitted = em_, .flags = flags_, .nparams = np_,              \
		  .params = (const struct evt_param_info[]){ __VA_ARGS__ } },
const struct evt_info evt_table[EVT_TYPE_MAX] = {
#include "contract/events.def"
};
#undef EVT
#undef P

#define SYSC(code_, name_, x_, a_, ev_, st_, io_, rp_) { code_, name_, x_, a_, ev_, st_, io_, rp_ },
const struct evt_syscall evt_syscalls[] = {
#include "contract/syscalls.def"
};
#undef SYSC
const size_t evt_syscall_count = sizeof(evt_syscalls) / sizeof(evt_syscalls[0]);

#define F(n, v) { n, v }
#define FLAG_TABLE(t, ...) static const struct evt_flag t_##t[] = { __VA_ARGS__ };
#include "contract/flags.def"
#undef FLAG_TABLE
#undef F

static const struct {
	const struct evt_flag *entries;
	size_t count;
} flag_tables[T_FLAG_TABLES] = {
#define F(...)
#define FLAG_TABLE(t, ...) [T_##t] = { t_##t, sizeof(t_##t) / sizeof(t_##t[0]) },
#include "contract/flags.def"
#undef FLAG_TABLE
#undef F
};

const struct evt_flag *evt_flag_table(enum evt_table table, size_t *ret_count)
{
	if (table <= T_NONE || table >= T_FLAG_TABLES) {
		*ret_count = 0;
		return NULL;
	}
	*ret_count = flag_tables[table].count;
	return flag_tables[table].entries;
}

static const struct evt_param_info dyn_ptrace[] = {
	{ "", PT_UINT64, PF_HEX, T_NONE, -1 },
	{ "", PT_SIGTYPE, PF_DEC, T_NONE, -1 },
};
static const struct evt_param_info dyn_sockopt[] = {
	{ "", PT_BYTEBUF, PF_HEX, T_NONE, -1 },	{ "", PT_ERRNO, PF_DEC, T_NONE, -1 },
	{ "", PT_UINT32, PF_DEC, T_NONE, -1 },	{ "", PT_UINT64, PF_DEC, T_NONE, -1 },
	{ "", PT_RELTIME, PF_DEC, T_NONE, -1 },
};
static const struct evt_param_info dyn_keyctl[] = {
	{ "", PT_INT64, PF_DEC, T_NONE, -1 },
	{ "", PT_CHARBUF, PF_NA, T_NONE, -1 },
};
static const struct evt_param_info dyn_bpf[] = {
	{ "", PT_FD, PF_DEC, T_NONE, -1 },
	{ "", PT_ERRNO, PF_DEC, T_NONE, -1 },
};

const struct evt_param_info *evt_dyn_variant(enum evt_table table, unsigned v)
{
	switch (table) {
	case T_ptrace_dynamic_param:
		return v < 2 ? &dyn_ptrace[v] : NULL;
	case T_sockopt_dynamic_param:
		return v < 5 ? &dyn_sockopt[v] : NULL;
	case T_bpf_dynamic_param:
		return v < 2 ? &dyn_bpf[v] : NULL;
	case T_keyctl_dynamic_param:
		return v < 2 ? &dyn_keyctl[v] : NULL;
	default:
		return NULL;
	}
}

const struct evt_syscall *evt_syscall_by_code(unsigned code)
{
	/* Codes are nearly dense and sorted: start at the place where it would be. */
	size_t lo = 0, hi = evt_syscall_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (evt_syscalls[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < evt_syscall_count && evt_syscalls[lo].code == code ? &evt_syscalls[lo] : NULL;
}

const struct evt_syscall *evt_syscall_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < evt_syscall_count; i++)
		if (strlen(evt_syscalls[i].name) == len && !memcmp(evt_syscalls[i].name, name, len))
			return &evt_syscalls[i];
	return NULL;
}

unsigned evt_param_fixed_size(enum evt_param_type type)
{
	switch (type) {
	case PT_INT8: case PT_UINT8: case PT_FLAGS8: case PT_ENUMFLAGS8: case PT_SIGTYPE:
	case PT_L4PROTO: case PT_SOCKFAMILY:
		return 1;
	case PT_INT16: case PT_UINT16: case PT_FLAGS16: case PT_ENUMFLAGS16: case PT_SYSCALLID:
	case PT_PORT:
		return 2;
	case PT_INT32: case PT_UINT32: case PT_FLAGS32: case PT_ENUMFLAGS32: case PT_UID:
	case PT_GID: case PT_MODE: case PT_BOOL: case PT_IPV4ADDR: case PT_SIGSET: case PT_FD32:
	case PT_PID32:
		return 4;
	case PT_INT64: case PT_UINT64: case PT_ERRNO: case PT_FD: case PT_PID: case PT_RELTIME:
	case PT_ABSTIME: case PT_DOUBLE:
		return 8;
	case PT_IPV6ADDR:
		return 16;
	default:
		return 0;
	}
}

bool evt_param_is_string(enum evt_param_type type)
{
	return type == PT_CHARBUF || type == PT_FSPATH || type == PT_FSRELPATH;
}

int evt_decode(struct evt *ev, size_t avail)
{
	const struct evt_hdr *h = ev->hdr;
	const uint8_t *base = (const uint8_t *)h;
	size_t n, lensize, off, len;

	if (avail < sizeof(*h))
		return -EBADMSG;
	len = h->len;
	if (h->type >= EVT_TYPE_MAX || len < sizeof(*h) || len > avail)
		return -EBADMSG;
	ev->info = &evt_table[h->type];
	n = h->nparams;
	if (n > EVT_MAX_PARAMS)
		return -EBADMSG;
	lensize = ev->info->flags & EVF_LARGE_PAYLOAD ? 4 : 2;
	off = sizeof(*h) + n * lensize;
	if (off > len)
		return -EBADMSG;
	const uint8_t *lp = base + sizeof(*h);

	for (size_t i = 0; i < n; i++, lp += lensize) {
		uint32_t l = 0;

		memcpy(&l, lp, lensize); /* little endian, as the format */
		if (l > len - off)
			return -EBADMSG;
		ev->param[i].p = base + off;
		ev->param[i].len = l;
		off += l;
	}
	ev->nparams = (uint8_t)n;
	return 0;
}

bool evt_get_u64(const struct evt *ev, unsigned i, uint64_t *ret)
{
	uint64_t v = 0;
	size_t len;

	if (i >= ev->nparams || !(len = ev->param[i].len))
		return false;
	/* A known fixed-size type must have all its bytes; extra bytes are ignored. */
	if (i < ev->info->nparams) {
		unsigned want = evt_param_fixed_size(ev->info->params[i].type);

		if (want) {
			if (len < want || want > 8)
				return false;
			len = want;
		}
	}
	memcpy(&v, ev->param[i].p, len > 8 ? 8 : len);
	*ret = v;
	return true;
}

bool evt_get_i64(const struct evt *ev, unsigned i, int64_t *ret)
{
	uint64_t v;
	unsigned len;

	if (!evt_get_u64(ev, i, &v))
		return false;
	len = i < ev->info->nparams ? evt_param_fixed_size(ev->info->params[i].type) : 0;
	if (!len)
		len = ev->param[i].len > 8 ? 8 : ev->param[i].len;
	if (len < 8) {
		unsigned shift = 64 - 8 * len;

		v = (uint64_t)((int64_t)(v << shift) >> shift);
	}
	*ret = (int64_t)v;
	return true;
}

bool evt_get_str(const struct evt *ev, unsigned i, const char **ret, size_t *ret_len)
{
	const char *s;
	size_t len;

	if (i >= ev->nparams)
		return false;
	s = (const char *)ev->param[i].p;
	len = strnlen(s, ev->param[i].len);
	if (!ev->param[i].len || (len == 6 && !memcmp(s, "(NULL)", 6))) {
		s = "<NA>";
		len = 4;
	}
	*ret = s;
	*ret_len = len;
	return true;
}

bool evt_result(const struct evt *ev, int64_t *ret)
{
	if (ev->info->dir != EVT_EXIT || ev->info->origin != EO_SYSCALL ||
	    ev->hdr->type == PPME_GENERIC_X)
		return false;
	return evt_get_i64(ev, 0, ret);
}

const char *evt_display_name(const struct evt *ev, size_t *ret_len)
{
	const char *name = ev->info->name;

	if (ev->hdr->type == PPME_GENERIC_X || ev->hdr->type == PPME_GENERIC_E) {
		uint64_t code;
		const struct evt_syscall *sc = NULL;

		if (evt_get_u64(ev, 0, &code))
			sc = evt_syscall_by_code((unsigned)code);
		name = sc ? sc->name : "<unknown syscall>";
	} else if (ev->hdr->type == PPME_ASYNCEVENT_E) {
		const char *s;

		if (evt_get_str(ev, 1, &s, ret_len))
			return s;
	}
	*ret_len = strlen(name);
	return name;
}
