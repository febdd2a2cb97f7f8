/* Health as it is judged, and what the admin server answers to whom. */
#include "daemon/admin.h"
#include "daemon/run_internal.h"

#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECOND 1000000000ull

static struct daemon d;

static int set_up(void **state)
{
	struct hub_opts ho = { .producers = 1 };

	(void)state;
	memset(&d, 0, sizeof(d));
	pthread_mutex_init(&d.swap, NULL);
	d.hub = hub_new(&ho);
	strcpy(d.hostname, "test");
	return d.hub ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	hub_free(d.hub);
	pthread_mutex_destroy(&d.swap);
	return 0;
}

static void report_is(bool ok, const char *want)
{
	struct base_buf b = { 0 };

	assert_int_equal(health_report(&d, &b), ok);
	assert_non_null(strstr(b.p, want));
	assert_int_equal(!strncmp(b.p, "{\"status\":\"ok\"", 14), ok);
	buf_fini(&b);
}

static void health_is_degraded_until_an_event_has_come(void **state)
{
	(void)state;
	report_is(false, "\"reasons\":[\"starting: no event has come yet\"]");
	d.up = true;
	report_is(false, "starting");
	d.health.ready = true;
	report_is(true, "{\"status\":\"ok\"}");
}

static void health_asks_for_an_event_after_quiet_and_degrades_when_none_comes(void **state)
{
	struct health h = { 0 };

	(void)state;
	assert_false(health_look(&h, 100 * SECOND, 0, 0));
	assert_false(health_look(&h, 104 * SECOND, 0, 0));
	assert_true(health_look(&h, 105 * SECOND, 0, 0));
	assert_true(health_look(&h, 106 * SECOND, 0, 0));
	assert_false(health_look(&h, 107 * SECOND, 1, 0));
	assert_false(health_look(&h, 111 * SECOND, 1, 0));
	assert_true(health_look(&h, 112 * SECOND, 1, 0));

	d.up = d.health.ready = true;
	d.live = (struct live *)&d; /* not looked into */
	d.health.main_ns = base_mono_ns();
	d.health.event_ns = base_mono_ns() - 16 * SECOND;
	report_is(false, "no event has come for 16 s");
	d.health.event_ns = base_mono_ns() - 14 * SECOND;
	report_is(true, "{\"status\":\"ok\"}");
	d.health.main_ns = base_mono_ns() - 40 * SECOND;
	report_is(false, "main has not come round for 40 s");
	d.health.main_ns = base_mono_ns();
	d.health.stuck_ns = base_mono_ns() - 20 * SECOND;
	d.health.stuck_worker = 3;
	report_is(false, "worker 3 has not moved for 20 s");
}

static void losses_are_warned_of_for_a_while(void **state)
{
	(void)state;
	d.up = d.health.ready = true;
	d.live = (struct live *)&d;
	d.health.main_ns = d.health.event_ns = base_mono_ns();
	d.health.drop_ns = base_mono_ns() - SECOND;
	report_is(true, "\"warnings\":[\"events are dropped\"]");
	d.health.drop_ns = base_mono_ns() - 11 * SECOND;
	report_is(true, "{\"status\":\"ok\"}");
}

static void timeouts_are_told_once_per_row(void **state)
{
	struct timeouts t = { 0 };

	(void)state;
	assert_int_equal(timeouts_due(&t, 100 * SECOND, 0, 100), 0); /* counts from the first look */
	assert_int_equal(timeouts_due(&t, 102 * SECOND, 0, 100), 0);
	assert_int_equal(timeouts_due(&t, 103 * SECOND, 0, 100), 100);
	assert_int_equal(timeouts_due(&t, 105 * SECOND, 0, 100), 0);
	assert_int_equal(timeouts_due(&t, 107 * SECOND, 0, 100), 133);
	assert_int_equal(timeouts_due(&t, 110 * SECOND, 109 * SECOND, 100), 0);
	assert_int_equal(timeouts_due(&t, 111 * SECOND, 109 * SECOND, 100), 0);
	assert_int_equal(timeouts_due(&t, 113 * SECOND, 109 * SECOND, 100), 133);
}

static void page_is(const struct admin_rules *r, const char *method, const char *path, bool here, unsigned want)
{
	struct admin_page p;

	admin_page(&d, r, method, path, here, &p);
	assert_int_equal(p.status, want);
	assert_non_null(p.type);
	assert_true(p.body.len > 0);
	buf_fini(&p.body);
}

static void strangers_get_health_and_learn_nothing_else(void **state)
{
	char path[] = "/healthz";
	struct admin_rules r = { .healthz = path, .metrics = true };

	(void)state;
	page_is(&r, "GET", "/healthz", false, 503);
	page_is(&r, "GET", "/metrics", false, 403);
	page_is(&r, "GET", "/versions", false, 403);
	page_is(&r, "GET", "/nothing", false, 403);
	page_is(&r, "GET", "/metrics", true, 200);
	page_is(&r, "GET", "/nothing", true, 404);
	page_is(&r, "HEAD", "/versions", true, 200);
	page_is(&r, "DELETE", "/versions", true, 405);
	r.remote_all = true;
	page_is(&r, "GET", "/metrics", false, 200);
	page_is(&r, "GET", "/nothing", false, 404);
	r.metrics = false;
	page_is(&r, "GET", "/metrics", false, 404);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(health_is_degraded_until_an_event_has_come, set_up, tear_down),
		cmocka_unit_test_setup_teardown(health_asks_for_an_event_after_quiet_and_degrades_when_none_comes, set_up, tear_down),
		cmocka_unit_test(timeouts_are_told_once_per_row),
		cmocka_unit_test_setup_teardown(losses_are_warned_of_for_a_while, set_up, tear_down),
		cmocka_unit_test_setup_teardown(strangers_get_health_and_learn_nothing_else, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
