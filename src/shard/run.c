/* One event through state and rules. See run.h.
 *
 * Waiting happens in two places, and each is safe against cycles because every worker first makes
 * public that it has applied everything below its own event:
 *   before applying an event at key k: threads of other shards are looked up as of the key before k, so
 *   marks below k are needed. EVT_TAKE needs k itself of the parent's shard; that shard's half (EVT_GIVE)
 *   waits for marks below k only, and everybody who stands at k or above has published those;
 *   after applying, while evaluating at key k: needs marks up to k; a worker that stands at a key
 *   above k has published at least k, and one that stands at k before applying (the other half of this
 *   event) waits for this worker's k, which is published by then, or for marks below k.
 * So the worker with the smallest key never waits for one that waits. */
#include "shard/run.h"

#include <errno.h>
#include <string.h>

int run_init(struct run *r, const struct run_opts *o, unsigned worker)
{
	memset(r, 0, sizeof(*r));
	r->o = *o;
	r->worker = worker;
	r->shard = state_table_shard(o->state, worker);
	arena_init(&r->arena);
	r->ctx.arena = &r->arena;
	r->ctx.hostname = o->hostname;
	r->ctx.source = "syscall";
	r->ctx.fs = eval_field_state_new();
	if (r->ctx.fs && o->keep_texts)
		eval_field_state_keep_texts(r->ctx.fs);
	if (r->ctx.fs)
		run_take_set(r);
	return r->ctx.fs ? 0 : -ENOMEM;
}

void run_take_set(struct run *r)
{
	struct run_set *s = atomic_load_explicit(r->o.set, memory_order_acquire);

	r->set = s;
	r->eval = s->eval[r->worker];
	r->shard->viewed = s->types.w;
	eval_field_state_restart(r->ctx.fs); /* what it counts hangs on fields of the old rules */
	r->ctx.static_values = s->static_values;
	r->ctx.buffer_base64 = s->buffer_base64;
	atomic_store_explicit(&r->using, s, memory_order_release); /* partner: pipeline_publish */
}

void run_fini(struct run *r)
{
	if (r->shard)
		r->shard->viewed = NULL;
	eval_field_state_free(r->ctx.fs);
	arena_fini(&r->arena);
}

static void count(_Atomic uint64_t *c)
{
	/* one writer: a plain add that readers see whole */
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void wait_others(struct run *r)
{
	count(&r->stats.waits);
	gate_test_delay(r->o.gate, 2);
	gate_wait(r->o.gate, r->worker);
}

static void raise(struct run *r, const uint32_t *ids, int n)
{
	for (int i = 0; i < n; i++) {
		const struct eval_rule *rule = ruleset_rule(r->set->rules, ids[i]);
		struct alert_meta meta = { .rule = rule->name,
					   .source = rule->source,
					   .tags_json = rule->tags_json,
					   .priority = rule->priority,
					   .rule_id = rule->id,
					   .seq = (uint32_t)i };
		struct alert *a;
		int e;

		while ((e = template_render(&r->ctx, rule->output, &meta, &a)) == -EAGAIN) {
			wait_others(r);
			state_refresh(&r->ctx.st);
		}
		if (e) {
			count(&r->stats.render_failed);
			continue;
		}
		count(&r->stats.alerts);
		hub_submit(r->o.hub, r->worker, a);
	}
}

static void evaluate(struct run *r)
{
	const uint32_t *ids;
	int n;

	count(&r->stats.reported);
	arena_reset(&r->arena);
	r->ctx.first_ts = atomic_load_explicit(r->o.first_ts, memory_order_relaxed);
	r->ctx.in_filter = true;
	while ((n = eval_match(r->eval, &r->ctx, &ids)) == -EAGAIN) {
		wait_others(r);
		state_refresh(&r->ctx.st);
	}
	if (n <= 0)
		return;
	count(&r->stats.matched);
	r->ctx.in_filter = false;
	raise(r, ids, n);
}

void run_event(struct run *r, const struct evt *ev)
{
	count(&r->stats.events);
	hot_count(&r->hot, ev->env->tgid);
	while (state_apply(r->shard, ev, &r->ctx.st) == -EAGAIN) {
		/* everything below this event is done here: say so before waiting */
		gate_set_applied(r->o.gate, r->worker, ev->key.time - 1);
		gate_set_emitted(r->o.gate, r->worker, ev->key.time - 1);
		wait_others(r);
	}
	gate_set_applied(r->o.gate, r->worker, ev->key.time);
	if (ev->report && !r->ctx.st.filtered && evt_set_has(&r->set->types, ev->hdr->type))
		evaluate(r);
	gate_set_emitted(r->o.gate, r->worker, ev->key.time);
}

void run_between(struct run *r)
{
	state_reclaim(r->shard);
}
