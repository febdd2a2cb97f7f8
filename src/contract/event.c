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

const uint8_t evt_fixed_size[PT_MAX] = {
	[PT_INT8] = 1, [PT_UINT8] = 1, [PT_FLAGS8] = 1, [PT_ENUMFLAGS8] = 1, [PT_SIGTYPE] = 1, [PT_L4PROTO] = 1, [PT_SOCKFAMILY] = 1,
	[PT_INT16] = 2, [PT_UINT16] = 2, [PT_FLAGS16] = 2, [PT_ENUMFLAGS16] = 2, [PT_SYSCALLID] = 2, [PT_PORT] = 2,
	[PT_INT32] = 4, [PT_UINT32] = 4, [PT_FLAGS32] = 4, [PT_ENUMFLAGS32] = 4, [PT_UID] = 4, [PT_GID] = 4, [PT_MODE] = 4,
	[PT_BOOL] = 4, [PT_IPV4ADDR] = 4, [PT_SIGSET] = 4, [PT_FD32] = 4, [PT_PID32] = 4,
	[PT_INT64] = 8, [PT_UINT64] = 8, [PT_ERRNO] = 8, [PT_FD] = 8, [PT_PID] = 8, [PT_RELTIME] = 8, [PT_ABSTIME] = 8, [PT_DOUBLE] = 8,
	[PT_IPV6ADDR] = 16,
};

unsigned evt_param_fixed_size(enum evt_param_type type)
{
	return (unsigned)type < PT_MAX ? evt_fixed_size[type] : 0;
}

bool evt_param_is_string(enum evt_param_type type)
{
	return type == PT_CHARBUF || type == PT_FSPATH || type == PT_FSRELPATH;
}

/* Lengths and values from base + off on; false when the values pass len. Sums cannot overflow: 32 times 4 GiB. */
static bool split16(struct evt *ev, const uint8_t *base, size_t n, size_t off, size_t len)
{
	const uint8_t *lp = base + sizeof(struct evt_hdr);

	for (size_t i = 0; i < n; i++) {
		uint16_t l;

		memcpy(&l, lp + 2 * i, sizeof(l)); /* little endian, as the format */
		ev->param[i].p = base + off;
		ev->param[i].len = l;
		off += l;
	}
	return off <= len;
}

static bool split32(struct evt *ev, const uint8_t *base, size_t n, size_t off, size_t len)
{
	const uint8_t *lp = base + sizeof(struct evt_hdr);

	for (size_t i = 0; i < n; i++) {
		uint32_t l;

		memcpy(&l, lp + 4 * i, sizeof(l));
		if (l > len - off)
			return false;
		ev->param[i].p = base + off;
		ev->param[i].len = l;
		off += l;
	}
	return true;
}

int evt_decode(struct evt *ev, size_t avail)
{
	const struct evt_hdr *h = ev->hdr;
	const uint8_t *base = (const uint8_t *)h;
	size_t n, off, len;
	bool large;

	if (avail < sizeof(*h))
		return -EBADMSG;
	len = h->len;
	if (h->type >= EVT_TYPE_MAX || len < sizeof(*h) || len > avail)
		return -EBADMSG;
	ev->info = &evt_table[h->type];
	n = h->nparams;
	if (n > EVT_MAX_PARAMS)
		return -EBADMSG;
	large = ev->info->flags & EVF_LARGE_PAYLOAD;
	off = sizeof(*h) + n * (large ? 4 : 2);
	if (off > len || !(large ? split32 : split16)(ev, base, n, off, len))
		return -EBADMSG;
	ev->nparams = (uint8_t)n;
	return 0;
}

bool evt_get_odd(const struct evt *ev, unsigned i, bool is_signed, uint64_t *ret)
{
	unsigned want = i < ev->info->nparams ? evt_fixed_size[ev->info->params[i].type] : 0;
	size_t len = ev->param[i].len;
	uint64_t v = 0;

	if (!len)
		return false;
	/* A known fixed-size type must have all its bytes; extra bytes are ignored. */
	if (want) {
		if (len < want || want > 8)
			return false;
		len = want;
	}
	if (len > 8)
		len = 8;
	memcpy(&v, ev->param[i].p, len);
	if (is_signed && len < 8) {
		unsigned shift = 64 - 8 * (unsigned)len;

		v = (uint64_t)((int64_t)(v << shift) >> shift);
	}
	*ret = v;
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
