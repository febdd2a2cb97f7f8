/* Builds events by hand for tests: header, envelope, parameters, decoded view.
 *
 *	struct evt_builder b;
 *	evb_init(&b);
 *	struct evt *ev = evb_make(&b, PPME_SYSCALL_OPEN_X, tid, ts, "nsnnnn", 3L, "/etc/passwd", 1L, 0L, 0L, 0L);
 *	state_apply(shard, ev, &ctx);
 *
 * Format: n  number, given as long, written with the size the event table says (8 bytes beyond it)
 *         s  string, written with its NUL; NULL is an empty parameter
 *         b  bytes: const void *, size_t
 *         -  empty parameter
 * The event points into the builder and lives until the next evb_make or evb_start. Keys and event
 * numbers rise by one with every event; change b.ev.key, b.env, b.ev.part ... afterwards as needed.
 * The thread group in the envelope is the thread's own number, unless evb_group says otherwise. */
#pragma once
#include "contract/event.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define EVB_MAX 131072
#define EVB_TIDS 65536 /* threads that evb_group knows */

struct evt_builder {
	struct evt ev;
	struct evt_env env;
	uint64_t num; /* of the last event */
	struct evt_hdr hdr;
	uint32_t group[EVB_TIDS]; /* thread -> thread group, 0 its own number */
	uint32_t len[EVT_MAX_PARAMS];
	uint32_t used; /* bytes in data */
	uint8_t data[EVB_MAX];
	uint8_t raw[EVB_MAX + 512];
};

static inline void evb_init(struct evt_builder *b)
{
	memset(b, 0, sizeof(*b));
}

/* From now on events of tid are of thread group tgid. */
static inline void evb_group(struct evt_builder *b, int64_t tid, int64_t tgid)
{
	if (tid < 0 || tid >= EVB_TIDS)
		abort();
	b->group[tid] = (uint32_t)tgid;
}

static inline void evb_start(struct evt_builder *b, enum evt_type type, int64_t tid, uint64_t ts)
{
	memset(&b->hdr, 0, sizeof(b->hdr));
	b->hdr.type = (uint16_t)type;
	b->hdr.tid = (uint64_t)tid;
	b->hdr.ts = ts;
	b->used = 0;
}

static inline void evb_bytes(struct evt_builder *b, const void *p, size_t len)
{
	if (b->hdr.nparams >= EVT_MAX_PARAMS || len > EVB_MAX - b->used)
		abort(); /* the test asks for what no event can be */
	if (len)
		memcpy(b->data + b->used, p, len);
	b->used += (uint32_t)len;
	b->len[b->hdr.nparams++] = (uint32_t)len;
}

static inline void evb_str(struct evt_builder *b, const char *s)
{
	evb_bytes(b, s, s ? strlen(s) + 1 : 0);
}

static inline void evb_num(struct evt_builder *b, int64_t v)
{
	const struct evt_info *info = &evt_table[b->hdr.type];
	unsigned size = 0;

	if (b->hdr.nparams < info->nparams)
		size = evt_param_fixed_size((enum evt_param_type)info->params[b->hdr.nparams].type);
	evb_bytes(b, &v, size && size <= 8 ? size : 8);
}

/* Lays the event out and decodes it. */
static inline struct evt *evb_end(struct evt_builder *b)
{
	unsigned lensize = evt_table[b->hdr.type].flags & EVF_LARGE_PAYLOAD ? 4 : 2;
	uint8_t *p = b->raw + sizeof(b->hdr);

	for (unsigned i = 0; i < b->hdr.nparams; i++, p += lensize)
		memcpy(p, &b->len[i], lensize);
	memcpy(p, b->data, b->used);
	b->hdr.len = (uint32_t)(p + b->used - b->raw);
	memcpy(b->raw, &b->hdr, sizeof(b->hdr));

	memset(&b->env, 0, sizeof(b->env));
	b->env.size = (uint32_t)((sizeof(b->env) + b->hdr.len + 7) & ~7u);
	b->env.tgid = (uint32_t)b->hdr.tid;
	if (b->hdr.tid < EVB_TIDS && b->group[b->hdr.tid])
		b->env.tgid = b->group[b->hdr.tid];
	b->num++;
	b->env.seq = b->num;
	b->ev = (struct evt){ .env = &b->env,
			      .hdr = (const struct evt_hdr *)b->raw,
			      .key = { b->num, 0 },
			      .num = b->num,
			      .part = EVT_WHOLE,
			      .report = true };
	if (evt_decode(&b->ev, b->hdr.len))
		abort();
	return &b->ev;
}

static inline struct evt *evb_make(struct evt_builder *b, enum evt_type type, int64_t tid, uint64_t ts,
				   const char *fmt, ...)
{
	va_list ap;

	evb_start(b, type, tid, ts);
	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		switch (*fmt) {
		case 'n':
			evb_num(b, va_arg(ap, long));
			break;
		case 's':
			evb_str(b, va_arg(ap, const char *));
			break;
		case 'b': {
			const void *p = va_arg(ap, const void *);

			evb_bytes(b, p, va_arg(ap, size_t));
			break;
		}
		case '-':
			evb_bytes(b, NULL, 0);
			break;
		default:
			abort();
		}
	}
	va_end(ap);
	return evb_end(b);
}
