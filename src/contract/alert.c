/* Alert records: one block each, reference counted. */
#include "contract/alert.h"

#include <stdlib.h>
#include <string.h>

const char *const alert_priority_name[8] = { "Emergency", "Alert",  "Critical",	     "Error",
					     "Warning",	  "Notice", "Informational", "Debug" };

struct alert *alert_new(const struct alert_text *t)
{
	const char *in[] = { t->rule,	 t->source,  t->hostname,    t->line,
			     t->output, t->message, t->fields_json, t->tags_json };
	enum { N = sizeof(in) / sizeof(in[0]) };
	size_t len[N], total = sizeof(struct alert);
	const char *out[N];
	struct alert *a;

	for (size_t i = 0; i < N; i++) {
		if (!in[i] && i != N - 1)
			in[i] = "";
		len[i] = in[i] ? strlen(in[i]) + 1 : 0;
		total += len[i];
	}
	if (total > UINT32_MAX || !(a = malloc(total)))
		return NULL;
	memset(a, 0, sizeof(*a));
	atomic_init(&a->refs, 1);
	a->size = (uint32_t)total;
	char *p = a->buf;

	for (size_t i = 0; i < N; i++) {
		out[i] = in[i] ? memcpy(p, in[i], len[i]) : NULL;
		p += len[i];
	}
	a->rule = out[0];
	a->source = out[1];
	a->hostname = out[2];
	a->line = out[3];
	a->output = out[4];
	a->message = out[5];
	a->fields_json = out[6];
	a->tags_json = out[7];
	return a;
}

struct alert *alert_ref(struct alert *a)
{
	/* relaxed: the caller holds a reference, so the count cannot reach zero meanwhile */
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void alert_unref(struct alert *a)
{
	/* acq_rel: the last holder sees every other holder's reads finished before it frees */
	if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
		free(a);
}
