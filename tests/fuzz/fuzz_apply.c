/* Any bytes as events, applied to an empty table with a few threads: no crash, no leak, no endless loop.
 * The table is emptied as a new section of a capture does it, and made anew now and then: that waits for
 * a grace period.
 *
 * Input: records of { u16 type, u8 thread, u8 parameters, parameters }. A parameter is a length byte and
 * that many bytes; lengths from 250 on stand for values that random bytes would rarely hit:
 *   250 a small number (one byte follows), 251 -1, 252 -100 (AT_FDCWD), 253 a huge number, 254 a long
 *   path (one byte: components), 255 a two-byte length and bytes. */
#include "state/scan.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 400

struct input {
	const uint8_t *p;
	size_t len;
};

struct event {
	uint8_t buf[EVT_MAX_SIZE];
	uint32_t lens[EVT_MAX_PARAMS];
	size_t used; /* of data */
	uint8_t data[32768];
};

static uint8_t take(struct input *in)
{
	if (!in->len)
		return 0;
	in->len--;
	return *in->p++;
}

static size_t room(const struct event *e, size_t want)
{
	size_t left = sizeof(e->data) - e->used;

	return want < left ? want : left;
}

static void add(struct event *e, unsigned i, const void *p, size_t len)
{
	len = room(e, len);
	if (len)
		memcpy(e->data + e->used, p, len);
	e->used += len;
	e->lens[i] = (uint32_t)len;
}

static void add_path(struct event *e, unsigned i, unsigned components)
{
	static const char *const part[] = { "a/", "../", "/", "./", "long-component-name/", "x" };
	size_t start = e->used;

	for (unsigned k = 0; k < components * 8; k++) {
		const char *s = part[k * 7 % 6];
		size_t n = room(e, strlen(s));

		memcpy(e->data + e->used, s, n);
		e->used += n;
	}
	e->lens[i] = (uint32_t)(e->used - start);
}

static void add_param(struct event *e, unsigned i, struct input *in)
{
	int64_t special[] = { (int8_t)0, -1, -100, INT64_MAX };
	unsigned n = take(in);
	size_t len = n;

	if (n == 250)
		special[0] = (int8_t)take(in);
	if (n >= 250 && n < 254) {
		add(e, i, &special[n - 250], 8);
		return;
	}
	if (n == 254) {
		add_path(e, i, take(in));
		return;
	}
	if (n == 255) {
		len = take(in);
		len |= (size_t)take(in) << 8;
	}
	if (len > in->len)
		len = in->len;
	add(e, i, in->p, len);
	in->p += len;
	in->len -= len;
}

/* Lays out one event in e->buf; false when it is not one that a reader would let through. */
static bool next_event(struct input *in, struct event *e, struct evt *ev, uint64_t num)
{
	unsigned type = take(in), nparams, lensize;
	struct evt_hdr h = { .ts = 1000000000ull * num };
	uint8_t *p = e->buf + sizeof(h);

	type |= (unsigned)take(in) << 8;
	h.type = (uint16_t)(type % EVT_TYPE_MAX);
	h.tid = 95 + take(in) % 12;
	nparams = take(in) % (EVT_MAX_PARAMS + 1);
	h.nparams = nparams;
	e->used = 0;
	for (unsigned i = 0; i < nparams; i++)
		add_param(e, i, in);
	lensize = evt_table[h.type].flags & EVF_LARGE_PAYLOAD ? 4 : 2;
	for (unsigned i = 0; i < nparams; i++, p += lensize)
		memcpy(p, &e->lens[i], lensize);
	memcpy(p, e->data, e->used);
	h.len = (uint32_t)(p + e->used - e->buf);
	memcpy(e->buf, &h, sizeof(h));
	ev->hdr = (const struct evt_hdr *)e->buf;
	return !evt_decode(ev, h.len);
}

static void add_task(struct state_table *t, int64_t tid, int64_t pid)
{
	struct scan_task st;

	scan_task_init(&st);
	st.tid = st.vtid = tid;
	st.pid = st.vpid = pid;
	st.ptid = 1;
	if (tid != pid)
		st.flags = TASK_F_CLONE_THREAD | TASK_F_CLONE_FILES;
	st.cwd = (struct scan_text){ "/home/", 6 };
	st.comm = (struct scan_text){ "c", 1 };
	scan_add_task(t, &st);
}

static struct state_table *empty_table(void)
{
	static struct state_table *t;
	static unsigned uses;
	struct state_opts o = { .shards = 1, .max_tasks = 64, .max_fds = 32, .host_root = "", .self_pid = -1 };

	if (t && uses++ % 64) {
		scan_reset(t);
		return t;
	}
	state_table_free(t);
	t = state_table_new(&o);
	if (!t)
		abort();
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct state_table *t = empty_table();
	struct state_shard *s = state_table_shard(t, 0);
	struct event *e = malloc(sizeof(*e));

	if (!e)
		abort();
	for (int64_t tid = 100; tid < 104; tid++)
		add_task(t, tid, tid < 102 ? 100 : tid);
	scan_finish(t);
	for (uint64_t num = 1; in.len && num <= EVENTS_MAX; num++) {
		struct evt_env env = { .seq = num };
		struct evt ev = { .env = &env, .key = { num, 0 }, .num = num, .part = EVT_WHOLE, .report = true };
		struct state_ctx ctx;

		if (!next_event(&in, e, &ev, num))
			continue;
		env.tgid = (uint32_t)ev.hdr->tid;
		env.size = (uint32_t)((sizeof(env) + ev.hdr->len + 7) & ~7u);
		if (state_apply(s, &ev, &ctx))
			abort(); /* one shard never waits */
	}
	free(e);
	return 0;
}
