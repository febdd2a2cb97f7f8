/* See runset.h. */
#include "shard/runset.h"

#include <stdlib.h>

struct run_set *run_set_new(struct ruleset *rules, const char *const *static_values, bool buffer_base64, unsigned workers)
{
	struct run_set *s = calloc(1, sizeof(*s));

	if (!s) {
		ruleset_free(rules);
		return NULL;
	}
	s->rules = rules;
	s->static_values = static_values;
	s->buffer_base64 = buffer_base64;
	ruleset_events(rules, &s->types);
	s->eval = calloc(workers, sizeof(struct eval_worker *));
	for (; s->eval && s->workers < workers; s->workers++)
		if (!(s->eval[s->workers] = eval_worker_new(rules)))
			break;
	if (s->workers == workers)
		return s;
	run_set_free(s);
	return NULL;
}

void run_set_free(struct run_set *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->workers; i++)
		eval_worker_free(s->eval[i]);
	free(s->eval);
	ruleset_free(s->rules);
	free(s);
}
