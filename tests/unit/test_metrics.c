/* The table of metrics: names and Prometheus text; kinds of drops. */
#include "daemon/metrics_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void part_is(const char *name, const char *want)
{
	struct base_buf b = { 0 };

	metrics_part(&b, name);
	assert_string_equal(b.p ? b.p : "", want);
	buf_fini(&b);
}

static void part_has_letters_digits_and_single_underscores(void **state)
{
	(void)state;
	part_is("Read sensitive file (untrusted)", "Read_sensitive_file_untrusted");
	part_is("a__b", "a_b");
	part_is("falco:rules-1.yaml", "falco:rules_1_yaml");
	part_is("\xc3\xa9t\xc3\xa9", "_t");
	part_is("", "");
	part_is("!!!", "");
}

static void prometheus_heads_each_name_once_and_escapes_labels(void **state)
{
	struct metrics m = { 0 };
	struct base_buf out = { 0 };
	struct metric *e;

	(void)state;
	arena_init(&m.arena);
	metric_int(&m, "x_total", true, "x", 18446744073709551615u);
	metric_label(&m, &m.m[0], "a", "say \"hi\"\\\n");
	e = metric_add(&m, "x_total", true, NULL);
	metric_label(&m, e, "a", "2");
	metric_label(&m, e, "b", "");
	metric_int(&m, NULL, true, "only.a.field", 7);
	metric_info(&m, "v_info", "version", "v", "1.2");
	metrics_prometheus(&m, &out);
	assert_string_equal(out.p, "# HELP x_total https://falco.org/docs/metrics/\n# TYPE x_total counter\n"
				   "x_total{a=\"say \\\"hi\\\"\\\\\\n\"} 18446744073709551615\n"
				   "x_total{a=\"2\",b=\"\"} 1\n"
				   "# HELP v_info https://falco.org/docs/metrics/\n# TYPE v_info gauge\nv_info{version=\"1.2\"} 1\n");
	buf_fini(&out);
	metrics_fini(&m);
}

static void drop_kinds_are_those_of_current_exit_events(void **state)
{
	(void)state;
	assert_int_equal(drop_kind(PPME_SYSCALL_OPENAT_2_X), DROP_OPEN);
	assert_int_equal(drop_kind(PPME_SYSCALL_CLONE3_X), DROP_CLONE_FORK);
	assert_int_equal(drop_kind(PPME_PROCEXIT_1_E), DROP_PROC);
	assert_int_equal(drop_kind(PPME_SYSCALL_READ_X), -1);
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		if (drop_kind(t) >= 0)
			assert_false(evt_table[t].flags & EVF_OLD_VERSION);
	}
}

static void host_figures_are_there(void **state)
{
	struct config c = { .metrics = { .to_mb = true } };
	struct metrics m = { 0 };
	bool rss = false, boot = metrics_boot_ts() > 1000000000000000000u;

	(void)state;
	arena_init(&m.arena);
	metrics_host(&m, &c);
	for (uint32_t i = 0; i < m.len; i++) {
		if (!strcmp(m.m[i].field, "falco.memory_rss_mb")) {
			assert_int_equal(m.m[i].kind, METRIC_NUM);
			/* the same figure in bytes, for Prometheus */
			assert_true(m.m[i].field_num > 0 && strtod(m.m[i].value, NULL) / 1048576 < m.m[i].field_num + 0.1);
			rss = true;
		}
	}
	assert_true(rss);
	assert_true(boot);
	metrics_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(part_has_letters_digits_and_single_underscores),
		cmocka_unit_test(prometheus_heads_each_name_once_and_escapes_labels),
		cmocka_unit_test(drop_kinds_are_those_of_current_exit_events),
		cmocka_unit_test(host_figures_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
