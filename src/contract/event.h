/* Events as they travel from the kernel to disk.
 *
 * An event is a scap event: the 26 byte header, the array of parameter lengths, the parameters.
 * On the way it carries an envelope in front, which never reaches disk. The probe writes both;
 * queues carry them, state parses them, capture files store the event without the envelope.
 *
 * This header is shared with the BPF programs: fixed-width types only in its first part. */
#pragma once

#ifndef __bpf__
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* ---- shared with the probe ------------------------------------------------------------- */

enum evt_type {
#define P(...)
#define EVT(num, id, ...) id = num,
#include "contract/events.def"
#undef EVT
#undef P
	EVT_TYPE_MAX = 454
};

#define EVT_MAX_PARAMS 32
#define EVT_MAX_SIZE 65536 /* bytes of one event without its envelope, LARGE_PAYLOAD types apart */

/* Envelope flags. */
enum {
	EVT_ENV_CRITICAL = 1 << 0,   /* belongs to the class that has the last quarter of the ring */
	EVT_ENV_LOSSY = 1 << 1,      /* an event of this thread group was refused before this one */
	EVT_ENV_SNAPSHOT = 1 << 2,   /* describes a task the probe had not marked; not a syscall */
	EVT_ENV_COMPAT = 1 << 3,     /* 32-bit caller */
	EVT_ENV_STATE_ONLY = 1 << 4, /* apply to state, never show to rules (EVF blocks of captures) */
	EVT_ENV_FORK = 1 << 5,       /* child side of a fork, written by the parent before the child ran */
};

/* In front of every event in ring buffers and queues. 24 bytes. */
struct evt_env {
	uint32_t size;	    /* bytes of envelope and event, a multiple of 8 */
	uint32_t tgid;	    /* thread group of hdr.tid (the child's on EVT_ENV_FORK) */
	uint32_t peer_tgid; /* other thread group concerned (the parent's on EVT_ENV_FORK), else 0 */
	uint16_t cpu;
	uint16_t flags; /* EVT_ENV_* */
	uint64_t seq;	/* per CPU, counts produced events from 1; gaps are drops */
};

/* Source: capture file format, block EV_V2. 26 bytes. Followed by nparams lengths (u16, u32 for
 * LARGE_PAYLOAD types), then the parameters without padding. */
struct evt_hdr {
	uint64_t ts; /* ns since the epoch */
	uint64_t tid;
	uint32_t len; /* header, lengths and parameters */
	uint16_t type;
	uint32_t nparams;
} __attribute__((packed));

#ifndef __bpf__
/* ---- user space ------------------------------------------------------------------------ */

_Static_assert(sizeof(struct evt_env) == 24, "envelope layout is shared with the probe");
_Static_assert(sizeof(struct evt_hdr) == 26, "header layout is that of capture files");

enum evt_param_type {
	PT_NONE, PT_INT8, PT_INT16, PT_INT32, PT_INT64, PT_UINT8, PT_UINT16, PT_UINT32, PT_UINT64,
	PT_CHARBUF, PT_BYTEBUF, PT_ERRNO, PT_SOCKADDR, PT_SOCKTUPLE, PT_FD, PT_PID, PT_FDLIST,
	PT_FSPATH, PT_SYSCALLID, PT_SIGTYPE, PT_RELTIME, PT_ABSTIME, PT_PORT, PT_L4PROTO,
	PT_SOCKFAMILY, PT_BOOL, PT_IPV4ADDR, PT_DYN, PT_FLAGS8, PT_FLAGS16, PT_FLAGS32, PT_UID,
	PT_GID, PT_DOUBLE, PT_SIGSET, PT_CHARBUFARRAY, PT_CHARBUF_PAIR_ARRAY, PT_IPV4NET,
	PT_IPV6ADDR, PT_IPV6NET, PT_IPADDR, PT_IPNET, PT_MODE, PT_FSRELPATH, PT_ENUMFLAGS8,
	PT_ENUMFLAGS16, PT_ENUMFLAGS32, PT_FD32, PT_PID32,
	PT_MAX
};

enum evt_param_fmt { PF_NA, PF_DEC, PF_HEX, PF_PADDED, PF_ID, PF_DIR, PF_OCT };

enum evt_dir { EVT_ENTER, EVT_EXIT };

enum evt_category {
	EC_UNKNOWN, EC_OTHER, EC_FILE, EC_NET, EC_IPC, EC_WAIT, EC_SIGNAL, EC_SLEEP, EC_TIME,
	EC_PROCESS, EC_SCHEDULER, EC_MEMORY, EC_USER, EC_SYSTEM, EC_IO_READ, EC_IO_WRITE,
	EC_IO_OTHER, EC_INTERNAL
};

enum evt_origin { EO_NONE, EO_SYSCALL, EO_TRACEPOINT, EO_METAEVENT, EO_PLUGIN, EO_ITER };

enum {
	EVF_CREATES_FD = 1 << 0,
	EVF_DESTROYS_FD = 1 << 1,
	EVF_USES_FD = 1 << 2,
	EVF_READS_FROM_FD = 1 << 3,
	EVF_WRITES_TO_FD = 1 << 4,
	EVF_MODIFIES_STATE = 1 << 5,
	EVF_WAITS = 1 << 6,
	EVF_SKIPPARSERESET = 1 << 7,
	EVF_LARGE_PAYLOAD = 1 << 8,
	EVF_UNUSED = 1 << 9,
	EVF_OLD_VERSION = 1 << 10,
	EVF_CONVERTER_MANAGED = 1 << 11,
};

/* Flag tables; the T_*_dynamic_param ones describe DYN variants (evt_dyn_variant). */
enum evt_table {
	T_NONE,
#define F(...)
#define FLAG_TABLE(name, ...) T_##name,
#include "contract/flags.def"
#undef FLAG_TABLE
#undef F
	T_FLAG_TABLES, /* number of the above */
	T_ptrace_dynamic_param = T_FLAG_TABLES,
	T_sockopt_dynamic_param,
	T_bpf_dynamic_param,
	T_keyctl_dynamic_param,
};

struct evt_flag {
	const char *name;
	int64_t value;
};

/* Entries in printing order. Returns NULL and *ret_count 0 for T_NONE and variant tables. */
const struct evt_flag *evt_flag_table(enum evt_table table, size_t *ret_count);

struct evt_param_info {
	const char *name;
	uint8_t type;  /* enum evt_param_type */
	uint8_t fmt;   /* enum evt_param_fmt */
	uint8_t table; /* enum evt_table */
	int8_t dirfd;  /* FSRELPATH: index of the directory's parameter, else -1 */
};

/* Variant of a DYN parameter, NULL when out of range. */
const struct evt_param_info *evt_dyn_variant(enum evt_table table, unsigned variant);

struct evt_info {
	const char *id;	  /* "PPME_..." */
	const char *name; /* "NA" for unused numbers */
	uint8_t dir, category, origin, emitted;
	uint16_t flags; /* EVF_* */
	uint8_t nparams;
	const struct evt_param_info *params;
};

extern const struct evt_info evt_table[EVT_TYPE_MAX];

struct evt_syscall {
	uint16_t code; /* portable number */
	const char *name;
	int16_t nr_x86_64, nr_aarch64; /* native, -1 none */
	uint16_t exit_event;
	uint8_t state, io, repair;
};

extern const struct evt_syscall evt_syscalls[];
extern const size_t evt_syscall_count;

/* By portable number; NULL when unknown. */
const struct evt_syscall *evt_syscall_by_code(unsigned code);
const struct evt_syscall *evt_syscall_by_name(const char *name, size_t len);

/* Smallest number of bytes a non-empty value of this type has; fixed-size types have exactly that
 * many. 0 for variable ones. */
unsigned evt_param_fixed_size(enum evt_param_type type);
bool evt_param_is_string(enum evt_param_type type); /* CHARBUF, FSPATH, FSRELPATH */

/* ---- order key ------------------------------------------------------------------------- */

/* The place of an event in the one order all workers agree on. `time` is unique in the node. Live: the
 * reader's key time, ns since the epoch with the lowest bits replaced by the reader's index, rising
 * by reader. Replay: the event's number in the file. `sub` is 0 for events; 1 marks "after this event,
 * before the next" (okey_after), where exits take effect. {0,0} is before every event. */
struct okey {
	uint64_t time;
	uint64_t sub;
};

#define OKEY_MIN ((struct okey){ 0, 0 })
#define OKEY_MAX ((struct okey){ UINT64_MAX, UINT64_MAX })

static inline bool okey_less(struct okey a, struct okey b)
{
	return a.time != b.time ? a.time < b.time : a.sub < b.sub;
}

static inline bool okey_equal(struct okey a, struct okey b)
{
	return a.time == b.time && a.sub == b.sub;
}

static inline struct okey okey_after(struct okey k)
{
	k.sub = 1;
	return k;
}

static inline struct okey okey_min(struct okey a, struct okey b)
{
	return okey_less(a, b) ? a : b;
}

/* ---- one decoded event ----------------------------------------------------------------- */

struct evt_param {
	const uint8_t *p; /* borrowed from the event's buffer */
	uint32_t len;
};

/* An event that concerns two thread groups (env->peer_tgid != 0: fork and clone, on either side)
 * is delivered to the shards of both when they differ:
 *   EVT_GIVE  to the parent's shard: apply what concerns the parent, fill the hand-over; waits for earlier keys only
 *   EVT_TAKE  to the child's shard: create the child; may have to wait for the parent's shard
 * With one shard for both, one delivery EVT_WHOLE does both. */
enum evt_part { EVT_WHOLE, EVT_GIVE, EVT_TAKE };

/* Made by the router (zeroed), filled by the parent's worker, taken and freed by the child's worker. Normally
 * the child's worker reads it after the parent's shard has applied the event. When a live child's worker
 * gives up waiting for a lagging parent's shard, `state` decides who comes last: that one frees. The
 * exchanges on it are acq_rel, so the plain members are visible to the other side. */
struct evt_handover {
	void *fds;  /* owned reference to the parent's descriptor table, NULL none */
	bool valid; /* the parent was known before this event */
	_Atomic uint32_t state; /* enum evt_handover_state */
};

enum evt_handover_state { EVT_HANDOVER_OPEN, EVT_HANDOVER_GIVEN, EVT_HANDOVER_LEFT };

/* View of one event; everything points into the buffer that holds it and is valid until the
 * consumer returns. hdr may be unaligned: it is packed. */
struct evt {
	const struct evt_env *env;
	const struct evt_hdr *hdr;
	const struct evt_info *info;
	struct okey key;
	uint64_t num;	/* evt.num: 1-based number of the event in the run */
	struct evt_handover *handover; /* with EVT_GIVE and EVT_TAKE, else NULL */
	uint8_t part;	 /* enum evt_part */
	bool report;	 /* evaluate rules here: this is the shard of hdr->tid, and not state-only */
	uint8_t nparams; /* as found in the event, at most EVT_MAX_PARAMS */
	struct evt_param param[EVT_MAX_PARAMS];
};

/* Fills info, nparams and param from hdr. avail is the number of bytes readable at hdr.
 * Returns 0, or -EBADMSG when lengths do not fit or the type is unknown: then only hdr and env
 * may be used. [any] */
int evt_decode(struct evt *ev, size_t avail);

/* Typed reads of one parameter. Return false (and leave *ret) when the event has no such
 * parameter or it is too short. Signed ones sign-extend, others zero-extend. [any] */
extern const uint8_t evt_fixed_size[]; /* by type; evt_param_fixed_size */
/* The general case; i < ev->nparams. */
bool evt_get_odd(const struct evt *ev, unsigned i, bool is_signed, uint64_t *ret);

static inline bool evt_get_any(const struct evt *ev, unsigned i, bool is_signed, uint64_t *ret)
{
	if (i >= ev->nparams)
		return false;
	if (i < ev->info->nparams && ev->param[i].len == evt_fixed_size[ev->info->params[i].type]) { /* nearly always */
		uint32_t v;

		if (ev->param[i].len == 8) {
			__builtin_memcpy(ret, ev->param[i].p, 8);
			return true;
		}
		if (ev->param[i].len == 4) {
			__builtin_memcpy(&v, ev->param[i].p, 4);
			*ret = is_signed ? (uint64_t)(int64_t)(int32_t)v : v;
			return true;
		}
	}
	return evt_get_odd(ev, i, is_signed, ret);
}

static inline bool evt_get_i64(const struct evt *ev, unsigned i, int64_t *ret) /* any integer type of 1..8 bytes */
{
	uint64_t v;

	if (!evt_get_any(ev, i, true, &v))
		return false;
	*ret = (int64_t)v;
	return true;
}

static inline bool evt_get_u64(const struct evt *ev, unsigned i, uint64_t *ret)
{
	return evt_get_any(ev, i, false, ret);
}

/* String parameter without its NUL. An absent, empty or "(NULL)" one reads as "<NA>".
 * Returns false when the event has no parameter i. [any] */
bool evt_get_str(const struct evt *ev, unsigned i, const char **ret, size_t *ret_len);

/* True when parameter i exists and has at least one byte. */
static inline bool evt_has(const struct evt *ev, unsigned i)
{
	return i < ev->nparams && ev->param[i].len > 0;
}

/* Return value of a syscall exit event: its first parameter, sign extended. False for generic
 * events, for enter events, for other origins and where the first parameter is missing. */
static inline bool evt_result(const struct evt *ev, int64_t *ret)
{
	return ev->info->dir == EVT_EXIT && ev->info->origin == EO_SYSCALL && ev->hdr->type != PPME_GENERIC_X &&
	       evt_get_i64(ev, 0, ret);
}

/* The table's name of type t is this one. Most are told apart by their first byte. */
static inline bool evt_is_named(unsigned t, const char *name)
{
	return evt_table[t].name[0] == name[0] && !__builtin_strcmp(evt_table[t].name, name);
}

/* Name users see: for generic events the syscall's (parameter 0), for async events theirs. */
const char *evt_display_name(const struct evt *ev, size_t *ret_len);

static inline bool evt_is(const struct evt *ev, enum evt_type type)
{
	return ev->hdr->type == type;
}
#endif /* !__bpf__ */
