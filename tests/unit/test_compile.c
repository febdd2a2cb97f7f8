/* Compiled rules against the interpreter, and what the compiled form promises beyond its answers. */
#include "lang_gen.h"
#include "eval/ast.h"
#include "eval/compile_internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct ruleset *compile(const char *const *texts, unsigned n, bool all)
{
	struct eval_rule *rules = calloc(n, sizeof(*rules));
	struct cond_error err;
	struct ruleset *rs;

	for (unsigned i = 0; i < n; i++) {
		struct cond *c = fake_cond(texts[i], &err);

		if (!c)
			fail_msg("%s: %s", texts[i], err.msg);
		rules[i] = fake_rule(c, i);
	}
	rs = ruleset_compile(rules, n, all, false);
	assert_non_null(rs);
	return rs;
}

static void compile_random_rules_agree_with_interpreter(void **state)
{
	uint8_t data[4096];
	struct base_buf why = { 0 };
	uint64_t x = 88172645463325252ull;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		struct gen g = { data, sizeof(data), 0 };

		for (size_t i = 0; i < sizeof(data); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			data[i] = (uint8_t)(x >> 32);
		}
		if (!gen_compare(&g, 40, &why))
			fail_msg("round %u: %s", round, why.p);
	}
	buf_fini(&why);
}

static void match_first_stops_at_first_rule_in_order(void **state)
{
	static const char *const texts[] = { "f.s1 = a", "f.s2 = b", "f.s1 exists" };
	struct ruleset *rs = compile(texts, 3, false);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	fake_str(&e, FK_S1, "z");
	fake_str(&e, FK_S2, "b");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(ids[0], 1);
	fake_str(&e, FK_S2, NULL);
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(ids[0], 2);
	assert_int_equal(eval_worker_stats(w)[2].matches, 1);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void match_order_follows_order_not_position(void **state)
{
	static const char *const texts[] = { "f.s1 exists", "f.s1 = a" };
	struct eval_rule *rules = calloc(2, sizeof(*rules));
	struct cond_error err;
	struct eval_worker *w;
	struct ruleset *rs;
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		rules[i] = fake_rule(fake_cond(texts[i], &err), i);
	rules[0].order = 5;
	rs = ruleset_compile(rules, 2, true, false);
	w = eval_worker_new(rs);
	fake_event_init(&e);
	fake_str(&e, FK_S1, "a");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 2);
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1], 0);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void match_shared_value_is_fetched_once(void **state)
{
	static const char *const texts[] = {
		"f.s1 = a", "f.s1 startswith b", "f.s1 contains c and f.s1 endswith c", "not f.s1 in (d, e)", "f.s1 = a and f.i = 1",
	};
	struct ruleset *rs = compile(texts, 5, true);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	fake_str(&e, FK_S1, "zz");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(e.world.gets[FK_S1], 1);
	assert_int_equal(e.world.gets[FK_I], 0);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void match_event_type_is_not_read_where_it_is_known(void **state)
{
	static const char *const texts[] = { "evt.type in (open, openat) and f.s1 = a", "evt.type = close", "not evt.type = openat" };
	struct ruleset *rs = compile(texts, 3, true);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	fake_str(&e, FK_S1, "a");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(ids[0], 0);
	assert_int_equal(e.world.gets[FK_TYPE], 0);
	fake_set_type(&e, PPME_SYSCALL_CLOSE_X, "close");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 2);
	assert_int_equal(e.world.gets[FK_TYPE], 0);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void match_rules_without_their_keys_are_not_tried(void **state)
{
	static const char *const texts[] = {
		"(f.s1 in (a, b) or f.path pmatch (/etc)) and f.i > 1", "f.s1 startswith /usr/ and f.i > 1", "f.i > 1 and f.s1 endswith .conf",
	};
	struct ruleset *rs = compile(texts, 3, true);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	fake_str(&e, FK_S1, "/home/x");
	fake_str(&e, FK_PATH, "/home/x");
	fake_num(&e, FK_I, 5);
	assert_int_equal(eval_match(w, &e.ctx, &ids), 0);
	assert_int_equal(e.world.gets[FK_I], 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(eval_worker_stats(w)[i].evals, 0);
	fake_str(&e, FK_PATH, "//etc//passwd");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	fake_str(&e, FK_S1, "/usr/lib/a.conf");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 3);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void match_process_checks_are_cached_on_the_version(void **state)
{
	static const char *const texts[] = { "p.s1 contains a" };
	struct ruleset *rs = compile(texts, 1, true);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	fake_str(&e, FK_P1, "cat");
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(e.world.gets[FK_P1], 1);
	/* a new version knows nothing */
	e.ver = (struct state_ver){ 0 };
	fake_str(&e, FK_P1, "vim");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 0);
	assert_int_equal(e.world.gets[FK_P1], 2);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void match_unknown_value_matters_only_when_needed(void **state)
{
	static const char *const texts[] = { "a.s1 = x and f.s1 = a", "f.s2 = b or a.s1 = x" };
	struct ruleset *rs = compile(texts, 2, true);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	e.world.rc[FK_A1] = -EAGAIN;
	fake_str(&e, FK_S1, "z");
	fake_str(&e, FK_S2, "b");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(ids[0], 1);
	fake_str(&e, FK_S2, "c");
	assert_int_equal(eval_match(w, &e.ctx, &ids), -EAGAIN);
	fake_str(&e, FK_A1, "x");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void match_other_source_sees_only_its_rules(void **state)
{
	struct eval_rule *rules = calloc(2, sizeof(*rules));
	struct cond_error err;
	struct eval_worker *w;
	struct ruleset *rs;
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	rules[0] = fake_rule(fake_cond("f.s1 exists", &err), 0);
	rules[1] = fake_rule(fake_cond("f.s1 exists", &err), 1);
	free(rules[1].source);
	rules[1].source = strdup("k8s_audit");
	rs = ruleset_compile(rules, 2, true, false);
	w = eval_worker_new(rs);
	fake_event_init(&e);
	fake_str(&e, FK_S1, "a");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(ids[0], 0);
	e.ctx.source = "k8s_audit";
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(ids[0], 1);
	e.ctx.source = "nothing";
	assert_int_equal(eval_match(w, &e.ctx, &ids), 0);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void ruleset_without_enabled_rules_matches_nothing(void **state)
{
	struct ruleset *rs = ruleset_compile(calloc(1, sizeof(struct eval_rule)), 0, true, false);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	struct evt_set events;
	struct sc_set calls;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	assert_int_equal(eval_match(w, &e.ctx, &ids), 0);
	ruleset_events(rs, &events);
	ruleset_syscalls(rs, &calls);
	assert_false(evt_set_has(&events, PPME_ASYNCEVENT_E));
	assert_false(sc_set_has(&calls, 5));
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void ruleset_many_rules_use_every_word(void **state)
{
	enum { N = 300 };
	struct eval_rule *rules = calloc(N, sizeof(*rules));
	struct cond_error err;
	struct eval_worker *w;
	struct ruleset *rs;
	struct fake_event e;
	const uint32_t *ids;
	char text[64];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), i % 3 ? "f.s1 = name%u" : "f.s1 contains me%u", i);
		rules[i] = fake_rule(fake_cond(text, &err), i);
	}
	rs = ruleset_compile(rules, N, true, false);
	w = eval_worker_new(rs);
	fake_event_init(&e);
	fake_str(&e, FK_S1, "name299");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1); /* me299 is no rule: 299 % 3 != 0 */
	assert_int_equal(ids[0], 299);
	fake_str(&e, FK_S1, "name297");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	assert_int_equal(ids[0], 297);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void explain_names_keys_and_scanned_types(void **state)
{
	static const char *const texts[] = {
		"evt.type in (open, openat) and (f.s1 = abc or f.path pmatch (/etc))", "evt.type = openat and f.s1 icontains abc", "evt.type = openat and f.s1 in ()",
	};
	static const char *const want[] = { "looked up by f.s1, f.path", "tried on every event (", "looked up by f.s1" };
	struct ruleset *rs = compile(texts, 3, true);
	struct base_buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		buf_reset(&b);
		ruleset_explain(rs, i, &b);
		if (!b.p || !strstr(b.p, want[i]))
			fail_msg("%s: %s", texts[i], b.p ? b.p : "(nothing)");
	}
	buf_fini(&b);
	ruleset_free(rs);
}

static void compile_deep_tree_is_no_danger(void **state)
{
	enum { DEPTH = COND_TREE_DEPTH_MAX / 2 };
	struct eval_rule *rules = calloc(1, sizeof(*rules));
	struct cond_error err;
	struct eval_worker *w;
	struct ruleset *rs;
	struct fake_event e;
	const uint32_t *ids;
	struct cond *c;

	(void)state;
	c = fake_cond("f.s1 = a", &err);
	for (unsigned i = 0; i < DEPTH; i++) {
		struct cond *n = cond_new(COND_NOT, c->pos), *both = cond_new(COND_AND, c->pos);

		assert_int_equal(cond_add_child(both, c), 0);
		assert_int_equal(cond_add_child(both, fake_cond("f.i exists", &err)), 0);
		assert_int_equal(cond_add_child(n, both), 0);
		c = n;
	}
	rules[0] = fake_rule(c, 0);
	rs = ruleset_compile(rules, 1, true, false);
	assert_non_null(rs);
	w = eval_worker_new(rs);
	fake_event_init(&e);
	fake_str(&e, FK_S1, "a");
	fake_num(&e, FK_I, 1);
	assert_int_equal(eval_match(w, &e.ctx, &ids), cond_interpret(&e.ctx, ruleset_rule(rs, 0)->cond));
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1);
	e.world.rc[FK_I] = -EAGAIN;
	assert_int_equal(eval_match(w, &e.ctx, &ids), -EAGAIN);
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

static void worker_generation_wrap_forgets_old_results(void **state)
{
	static const char *const texts[] = { "f.s1 contains a", "f.s1 exists" };
	struct ruleset *rs = compile(texts, 2, true);
	struct eval_worker *w = eval_worker_new(rs);
	struct fake_event e;
	const uint32_t *ids;

	(void)state;
	fake_event_init(&e);
	fake_str(&e, FK_S1, "a");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 2); /* results of generation 1 */
	w->gen = (1u << 31) - 1;
	fake_str(&e, FK_S1, "b");
	assert_int_equal(eval_match(w, &e.ctx, &ids), 1); /* generation 1 again */
	eval_worker_free(w);
	ruleset_free(rs);
	fake_event_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compile_random_rules_agree_with_interpreter),
		cmocka_unit_test(match_first_stops_at_first_rule_in_order),
		cmocka_unit_test(match_order_follows_order_not_position),
		cmocka_unit_test(match_shared_value_is_fetched_once),
		cmocka_unit_test(match_event_type_is_not_read_where_it_is_known),
		cmocka_unit_test(match_rules_without_their_keys_are_not_tried),
		cmocka_unit_test(match_process_checks_are_cached_on_the_version),
		cmocka_unit_test(match_unknown_value_matters_only_when_needed),
		cmocka_unit_test(match_other_source_sees_only_its_rules),
		cmocka_unit_test(ruleset_without_enabled_rules_matches_nothing),
		cmocka_unit_test(ruleset_many_rules_use_every_word),
		cmocka_unit_test(explain_names_keys_and_scanned_types),
		cmocka_unit_test(compile_deep_tree_is_no_danger),
		cmocka_unit_test(worker_generation_wrap_forgets_old_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
