/* See grpc_internal.h. Every message goes behind five bytes: not compressed, length in network order. */
#include "sink/grpc_internal.h"

#include "falco.pb-c.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only false without memory; then out is marked as failed. */
static void add_frame(struct base_buf *out, const ProtobufCMessage *m)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	const char head[5] = { 0, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len };

	if (!buf_reserve(out, sizeof(head) + len))
		return;
	buf_add(out, head, sizeof(head));
	protobuf_c_message_pack(m, (uint8_t *)out->p + out->len);
	out->len += len;
	out->p[out->len] = '\0';
}

static int source_number(const char *source)
{
	static const char *const names[] = { "syscall", "k8s_audit", "internal" };

	for (int i = 0; i < 3; i++) {
		if (!strcmp(source, names[i]))
			return i;
	}
	return 3; /* a plugin's */
}

/* Strings as they are, everything else as JSON. */
static char *field_text(json_t *v)
{
	return json_is_string(v) ? strdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void fill_fields(FalcoWire__Output *m, json_t *fields, FalcoWire__Entry *entry, FalcoWire__Entry **list)
{
	const char *key;
	json_t *v;

	json_object_foreach(fields, key, v) {
		FalcoWire__Entry *e = &entry[m->n_output_fields];

		falco_wire__entry__init(e);
		e->key = (char *)key;
		e->value = field_text(v);
		if (e->value)
			list[m->n_output_fields++] = e;
	}
	m->output_fields = list;
}

static void fill_tags(FalcoWire__Output *m, json_t *tags, char **list)
{
	size_t i;
	json_t *v;

	json_array_foreach(tags, i, v) {
		if (json_is_string(v))
			list[m->n_tags++] = (char *)json_string_value(v);
	}
	m->tags = list;
}

void grpc_add_alert(struct base_buf *out, const struct alert *a)
{
	json_t *fields = json_loads(a->fields_json, JSON_ALLOW_NUL, NULL), *tags = a->tags_json ? json_loads(a->tags_json, 0, NULL) : NULL;
	FalcoWire__Timestamp time = FALCO_WIRE__TIMESTAMP__INIT;
	FalcoWire__Output m = FALCO_WIRE__OUTPUT__INIT;
	FalcoWire__Entry *entry = calloc(json_object_size(fields) + 1, sizeof(*entry));
	FalcoWire__Entry **list = calloc(json_object_size(fields) + 1, sizeof(*list));
	char **tag = calloc(json_array_size(tags) + 1, sizeof(*tag));

	time.seconds = (int64_t)(a->ts / 1000000000u);
	time.nanos = (int32_t)(a->ts % 1000000000u);
	m.time = &time;
	m.priority = a->priority;
	m.source_deprecated = source_number(a->source);
	m.rule = (char *)a->rule;
	m.output = (char *)a->line;
	m.hostname = (char *)a->hostname;
	m.source = (char *)a->source;
	if (entry && list && tag) {
		fill_fields(&m, fields, entry, list);
		fill_tags(&m, tags, tag);
		add_frame(out, &m.base);
	} else {
		out->failed = true;
	}
	for (size_t i = 0; i < m.n_output_fields; i++)
		free(list[i]->value);
	free(entry);
	free(list);
	free(tag);
	json_decref(fields);
	json_decref(tags);
}

void grpc_add_version(struct base_buf *out, const struct grpc_opts *o)
{
	FalcoWire__Version m = FALCO_WIRE__VERSION__INIT;
	char engine[48];

	snprintf(engine, sizeof(engine), "%u.%u.%u", o->engine_major, o->engine_minor, o->engine_patch);
	m.version = (char *)o->version;
	sscanf(o->version, "%u.%u.%u", &m.major, &m.minor, &m.patch);
	m.engine_major = o->engine_major;
	m.engine_minor = o->engine_minor;
	m.engine_patch = o->engine_patch;
	m.engine_version = engine;
	add_frame(out, &m.base);
}
