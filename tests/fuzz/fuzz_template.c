/* Output templates from hostile rules: compile any text, then render it for an event made of the rest of
 * the input. Input: text up to the first NUL, then event type (2 bytes) and parameters, each with a
 * length of one byte. */
#include "eval/template.h"
#include "state/apply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct raw {
	struct evt_env env;
	struct evt_hdr hdr;
	uint8_t rest[EVT_MAX_PARAMS * 4 + EVT_MAX_PARAMS * 256];
} __attribute__((packed, aligned(8)));

/* Event out of the bytes that follow the text. False when they are no event. */
static bool make_event(struct raw *raw, const uint8_t *p, size_t size, struct evt *ev)
{
	uint8_t bodies[EVT_MAX_PARAMS * 256];
	uint32_t lens[EVT_MAX_PARAMS], n = 0, used = 0;
	unsigned lensize, type;

	if (size < 2)
		return false;
	type = (p[0] | (unsigned)p[1] << 8) % EVT_TYPE_MAX;
	p += 2;
	size -= 2;
	while (size && n < EVT_MAX_PARAMS) {
		uint32_t len = *p++;

		size--;
		if (len > size)
			len = (uint32_t)size;
		memcpy(bodies + used, p, len);
		lens[n++] = len;
		used += len;
		p += len;
		size -= len;
	}
	lensize = evt_table[type].flags & EVF_LARGE_PAYLOAD ? 4 : 2;
	memset(&raw->env, 0, sizeof(raw->env));
	raw->env.tgid = 7;
	raw->hdr = (struct evt_hdr){ .ts = 1650000000000000000ull, .tid = 7, .type = (uint16_t)type, .nparams = n,
				     .len = (uint32_t)sizeof(raw->hdr) + n * lensize + used };
	for (uint32_t i = 0; i < n; i++)
		memcpy(raw->rest + i * lensize, &lens[i], lensize);
	memcpy(raw->rest + n * lensize, bodies, used);
	*ev = (struct evt){ .env = &raw->env, .hdr = &raw->hdr, .key = { 1, 0 }, .num = 1, .part = EVT_WHOLE, .report = true };
	return evt_decode(ev, sizeof(*raw) - offsetof(struct raw, hdr)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const statics[] = { "a", NULL }, *const values[] = { "v" };
	static const struct template_field extra[] = { { (char *)"proc.name", NULL }, { (char *)"f", (char *)"%5evt.type" } };
	struct template_opts o = { .priority_name = "Debug", .source = "syscall", .static_names = statics, .extra = extra, .nextra = 2 };
	const uint8_t *nul = memchr(data, 0, size);
	size_t text = nul ? (size_t)(nul - data) : size;
	struct state_opts so = { .shards = 1, .max_tasks = 16, .max_fds = 16, .host_root = "" };
	struct template *t = NULL;
	struct base_err err;
	struct raw raw;
	struct evt ev;

	if (text > 4096 || template_compile((const char *)data, text, &o, &t, &err))
		return 0;
	if (nul && make_event(&raw, nul + 1, size - text - 1, &ev)) {
		struct state_table *table = state_table_new(&so);
		struct base_arena arena;
		struct eval_ctx c = { .arena = &arena, .hostname = "h", .source = "syscall", .static_values = values, .fs = eval_field_state_new() };
		struct alert_meta m = { .rule = "r", .source = "syscall", .tags_json = "[]" };
		struct alert *a = NULL;

		if (!table || !c.fs)
			abort();
		arena_init(&arena);
		if (!state_apply(state_table_shard(table, 0), &ev, &c.st) && !template_render(&c, t, &m, &a)) {
			/* whatever the event holds, the parts are JSON: no raw control characters */
			for (const char *s = a->fields_json; *s; s++)
				if ((unsigned char)*s < 0x20)
					abort();
			alert_unref(a);
		}
		eval_field_state_free(c.fs);
		arena_fini(&arena);
		state_table_free(table);
	}
	template_free(t);
	return 0;
}
