/* Lifting of old event records: the engine behind converter.def.
 *
 * Called by the capture reader (scap.c) for every event it has read. A record passes, is dropped,
 * or is rewritten in rounds until it is one of the current table: probes once wrote an enter and
 * an exit event per system call, today the exit event carries everything. A round works on the
 * list of parameters only; the bytes are put together once, at the end.
 *
 * Source of the rules: the capture format's notes on event versions, schema 4.3.0. */
#include "capture/converter.h"

#include "capture/converter_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest chain of rows is 13 (execve with 8 parameters); beyond this the table has a ring. */
#define MAX_ROUNDS 50
/* What an event may have when it is put together: the queues carry EVT_MAX_SIZE; events with large
 * payload were limited by whoever read them, and only get longer by their JSON frame. */
#define OUT_FIRST (2 * EVT_MAX_SIZE)

enum conv_action { CA_STORE, CA_STORE_PASS, CA_PASS, CA_ADD, CA_CHANGE };

enum {
	OP_OLD = 0x00, /* | index */
	OP_ENTER = 0x40,
	OP_ENTER_OR_EMPTY = 0x80,
	OP_EMPTY = 0xc0,
	OP_DEFAULT,
	OP_JSON,
	OP_END = 0xff,
};

struct conv {
	uint16_t from, to;
	uint8_t nparams, action, count;
	const uint8_t *ops; /* ops[0] is OP_END, so that the array is never empty; count follow */
};

#define O(i) (OP_OLD | (i))
#define N(i) (OP_ENTER | (i))
#define NE(i) (OP_ENTER_OR_EMPTY | (i))
#define Z OP_EMPTY
#define D OP_DEFAULT
#define J OP_JSON
#define CONV(from_, n_, action_, to_, ...)                                                         \
	{ .from = from_, .to = to_, .nparams = n_, .action = CA_##action_,                         \
	  .count = sizeof((const uint8_t[]){ OP_END, ##__VA_ARGS__ }) - 1,                         \
	  .ops = (const uint8_t[]){ OP_END, ##__VA_ARGS__ } },
static const struct conv table[] = {
#include "capture/converter.def"
};
#undef CONV
#undef O
#undef N
#undef NE
#undef Z
#undef D
#undef J
#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

struct converter {
	struct kept_store *kept; /* owned */
	uint8_t *out;		 /* owned: envelope and event */
	size_t out_cap;
	char json[EVT_MAX_SIZE]; /* text of OP_JSON */
};

/* An event between two rounds. Parameters point into the event read, a kept one, or constants. */
struct draft {
	uint16_t type;
	unsigned n;
	struct evt_param p[EVT_MAX_PARAMS];
	bool used_enter;
};

static const uint8_t zeros[16];
static const uint8_t ones[4] = { 0xff, 0xff, 0xff, 0xff };

struct converter *converter_new(void)
{
	struct converter *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->kept = kept_store_new();
	c->out = malloc(OUT_FIRST);
	c->out_cap = OUT_FIRST;
	if (!c->kept || !c->out) {
		converter_free(c);
		return NULL;
	}
	return c;
}

void converter_free(struct converter *c)
{
	if (!c)
		return;
	kept_store_free(c->kept);
	free(c->out);
	free(c);
}

void converter_reset(struct converter *c)
{
	kept_store_reset(c->kept);
}

size_t converter_kept(const struct converter *c, size_t *ret_bytes)
{
	return kept_count(c->kept, ret_bytes);
}

static const struct conv *find_row(uint16_t type, unsigned nparams)
{
	size_t lo = 0, hi = TABLE_LEN;
	uint32_t want = (uint32_t)type << 8 | nparams;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (((uint32_t)table[mid].from << 8 | table[mid].nparams) < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < TABLE_LEN && table[lo].from == type && table[lo].nparams == nparams ? &table[lo] : NULL;
}

/* What to do with an event of this type and number of parameters: 1 show, 0 drop, 2 convert,
 * -EBADMSG. */
static int judge(uint16_t type, unsigned nparams, char *why, size_t why_size)
{
	const struct evt_info *info = &evt_table[type];

	if (info->flags & EVF_UNUSED)
		return 0;
	if (!(info->flags & EVF_CONVERTER_MANAGED)) {
		if (info->flags & EVF_OLD_VERSION)
			return 0; /* only enter events: see test_scap.c */
	} else if (info->dir == EVT_ENTER) {
		return 2;
	}
	if (nparams > info->nparams) {
		snprintf(why, why_size, "event type %u (%s) has %u parameters, more than the %u known", type,
			 info->id, nparams, info->nparams);
		return -EBADMSG;
	}
	if (!(info->flags & EVF_CONVERTER_MANAGED))
		return 1;
	return info->flags & EVF_OLD_VERSION || nparams != info->nparams ? 2 : 1;
}

static struct evt_param default_value(enum evt_param_type type)
{
	if (type == PT_UID || type == PT_GID)
		return (struct evt_param){ ones, sizeof(ones) };
	return (struct evt_param){ zeros, evt_param_fixed_size(type) };
}

/* A text parameter of an old container event, written as the content of a JSON string. */
static bool json_text(char **at, const char *end, const struct evt_param *p)
{
	size_t len = strnlen((const char *)p->p, p->len);

	for (size_t i = 0; i < len; i++) {
		uint8_t ch = p->p[i];

		if (end - *at < 8)
			return false;
		if (ch == '"' || ch == '\\')
			*(*at)++ = '\\', *(*at)++ = (char)ch;
		else if (ch < 0x20)
			*at += sprintf(*at, "\\u%04x", ch);
		else
			*(*at)++ = (char)ch;
	}
	return true;
}

/* Old container events (id, type, name, image) become the JSON text of the later ones. False when
 * a parameter is not there. */
static bool container_json(struct converter *c, const struct draft *d, struct evt_param *ret)
{
	char *at = c->json, *end = c->json + sizeof(c->json) - 64;
	uint32_t type;

	if (d->n < 4 || !d->p[0].len || d->p[1].len != sizeof(type) || !d->p[2].len || !d->p[3].len)
		return false;
	memcpy(&type, d->p[1].p, sizeof(type));
	at += sprintf(at, "{\"id\":\"");
	if (!json_text(&at, end, &d->p[0]))
		return false;
	at += sprintf(at, "\",\"type\":%u,\"name\":\"", type);
	if (!json_text(&at, end, &d->p[2]))
		return false;
	at += sprintf(at, "\",\"image\":\"");
	if (!json_text(&at, end, &d->p[3]))
		return false;
	at += sprintf(at, "\"}");
	*ret = (struct evt_param){ (const uint8_t *)c->json, (uint32_t)(at - c->json + 1) };
	return true;
}

/* One instruction: the value of parameter i of the new event. */
static bool fill(struct converter *c, const struct draft *old, struct draft *new, unsigned i, uint8_t op, uint64_t tid)
{
	enum evt_param_type type = evt_table[new->type].params[i].type;
	bool large = evt_table[new->type].flags & EVF_LARGE_PAYLOAD;
	uint32_t max = evt_param_fixed_size(type);
	unsigned index = op & 0x3f;
	const struct kept *k;

	switch (op < OP_EMPTY ? op & 0xc0 : op) {
	case OP_OLD:
		if (index >= old->n)
			return false;
		new->p[i] = old->p[index];
		break;
	case OP_ENTER:
	case OP_ENTER_OR_EMPTY:
		k = kept_get(c->kept, tid);
		/* A lossy capture may hold the enter event of another call: no better than none. */
		if (k && k->type == old->type - 1 && index < k->nparams) {
			new->p[i] = kept_param(k, index);
			new->used_enter = true;
		} else if ((op & 0xc0) == OP_ENTER_OR_EMPTY) {
			new->p[i] = (struct evt_param){ zeros, 0 };
		} else {
			new->p[i] = default_value(type);
		}
		break;
	case OP_JSON:
		if (!container_json(c, old, &new->p[i]))
			new->p[i] = (struct evt_param){ zeros, 0 };
		break;
	case OP_DEFAULT:
		new->p[i] = default_value(type);
		break;
	default:
		new->p[i] = (struct evt_param){ zeros, 0 };
		break;
	}
	if (!max)
		max = large ? UINT32_MAX : UINT16_MAX;
	if (new->p[i].len > max)
		new->p[i].len = max;
	return true;
}

/* One round: d becomes what its row says. */
static bool rewrite(struct converter *c, const struct conv *row, struct draft *d, uint64_t tid)
{
	struct draft old = *d;
	unsigned first = row->action == CA_ADD ? old.n : 0;
	const struct evt_info *to = &evt_table[row->to];

	if (first + row->count > to->nparams)
		return false;
	d->type = row->to;
	d->n = first + row->count;
	for (unsigned i = 0; i < row->count; i++)
		if (!fill(c, &old, d, first + i, row->ops[1 + i], tid))
			return false;
	return true;
}

/* Puts the bytes of d together behind a copy of ev's envelope, and lets ev look at them. */
static int put_together(struct converter *c, const struct draft *d, struct evt *ev)
{
	size_t lensize = evt_table[d->type].flags & EVF_LARGE_PAYLOAD ? 4 : 2;
	size_t len = sizeof(struct evt_hdr) + d->n * lensize, need;
	struct evt_env env = *ev->env;
	struct evt_hdr hdr = *ev->hdr;
	uint8_t *lens, *data;

	for (unsigned i = 0; i < d->n; i++)
		len += d->p[i].len;
	if (lensize == 2 && len > EVT_MAX_SIZE)
		return -E2BIG;
	need = (sizeof(env) + len + 7) & ~(size_t)7;
	if (need > c->out_cap) {
		uint8_t *more = realloc(c->out, need);

		if (!more)
			return -ENOMEM;
		c->out = more;
		c->out_cap = need;
	}
	env.size = (uint32_t)need;
	hdr.len = (uint32_t)len;
	hdr.type = d->type;
	hdr.nparams = d->n;
	memcpy(c->out, &env, sizeof(env));
	memcpy(c->out + sizeof(env), &hdr, sizeof(hdr));
	lens = c->out + sizeof(env) + sizeof(hdr);
	data = lens + d->n * lensize;
	for (unsigned i = 0; i < d->n; i++, lens += lensize) {
		memcpy(lens, &d->p[i].len, lensize); /* little endian, as the format */
		if (d->p[i].len)
			memcpy(data, d->p[i].p, d->p[i].len);
		data += d->p[i].len;
	}
	memset(data, 0, c->out + need - data);
	ev->env = (const struct evt_env *)c->out;
	ev->hdr = (const struct evt_hdr *)(c->out + sizeof(env));
	return evt_decode(ev, len);
}

static int end_of_draft(struct converter *c, const struct draft *d, struct evt *ev, bool changed, char *why, size_t why_size)
{
	uint64_t tid = ev->hdr->tid;
	int r = changed ? put_together(c, d, ev) : 0;

	if (r)
		snprintf(why, why_size, "event type %u cannot be brought up to date: %s", d->type, strerror(-r));
	if (d->used_enter)
		kept_drop(c->kept, tid); /* its bytes have been copied by now */
	return r ? -EBADMSG : 1;
}

int converter_run(struct converter *c, struct evt *ev, char *why, size_t why_size)
{
	struct draft d;
	bool changed = false;
	int r = judge(ev->hdr->type, ev->nparams, why, why_size);

	if (r != 2)
		return r;
	d.type = ev->hdr->type;
	d.n = ev->nparams;
	d.used_enter = false;
	memcpy(d.p, ev->param, d.n * sizeof(d.p[0]));
	for (unsigned round = 0; round < MAX_ROUNDS && r == 2; round++) {
		const struct conv *row = find_row(d.type, d.n);

		if (!row) {
			snprintf(why, why_size, "event type %u (%s) with %u parameters was never written", d.type,
				 evt_table[d.type].id, d.n);
			return -EBADMSG;
		}
		if (row->action == CA_STORE || row->action == CA_STORE_PASS)
			kept_put(c->kept, ev->hdr->tid, d.type, d.p, d.n);
		if (row->action == CA_STORE)
			return 0;
		if (row->action == CA_PASS || row->action == CA_STORE_PASS)
			return end_of_draft(c, &d, ev, changed, why, why_size);
		if (!rewrite(c, row, &d, ev->hdr->tid)) {
			snprintf(why, why_size, "event type %u (%s) does not have the parameters its version had",
				 row->from, evt_table[row->from].id);
			return -EBADMSG;
		}
		changed = true;
		r = judge(d.type, d.n, why, why_size);
	}
	if (r == 2) {
		snprintf(why, why_size, "event type %u has no current version", ev->hdr->type);
		return -EBADMSG;
	}
	return r == 1 ? end_of_draft(c, &d, ev, changed, why, why_size) : r;
}
