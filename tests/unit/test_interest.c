/* Which system calls are captured: base_syscalls in all its forms. */
#include "daemon/interest.h"

#include "base/log.h"
#include "eval/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define RULES                                                                                                  \
	"- rule: r\n  desc: d\n  condition: evt.type in (mkdir, connect, read) and proc.name = x\n  output: o\n  priority: ERROR\n"

static struct base_buf missing;

static struct sc_set compute(struct config *c, const char *rules_text)
{
	struct rules_opts o = { .min_priority = 7, .plugins = (const char *const[]){ NULL } };
	struct base_buf report = { 0 };
	struct base_err err = { 0 };
	struct rules *r = rules_new(&o);
	struct ruleset *set;
	struct sc_set ret;

	assert_non_null(r);
	rules_load_text(r, "r.yaml", rules_text, strlen(rules_text));
	set = rules_compile(r, &err);
	if (!set)
		fail_msg("%s", err.msg);
	rules_free(r);
	buf_reset(&missing);
	interest_compute(c, set, &ret, &missing);
	ruleset_free(set);
	buf_fini(&report);
	return ret;
}

static bool has(const struct sc_set *s, const char *name)
{
	const struct evt_syscall *sc = evt_syscall_by_name(name, strlen(name));

	assert_non_null(sc);
	return sc_set_has(s, sc->code);
}

static void default_is_rules_and_state_without_reads(void **state)
{
	struct config c = { 0 };
	struct sc_set s = compute(&c, RULES);

	(void)state;
	assert_true(has(&s, "mkdir") && has(&s, "connect"));
	/* for state */
	assert_true(has(&s, "clone") && has(&s, "openat") && has(&s, "close") && has(&s, "chdir") && has(&s, "dup"));
	assert_false(has(&s, "read")); /* a rule names it, and it is left out */
	assert_false(has(&s, "chmod"));
	assert_string_equal(missing.p, "read");
}

static void all_brings_the_reads_back(void **state)
{
	struct config c = { .base_all = true };
	struct sc_set s = compute(&c, RULES);

	(void)state;
	assert_true(has(&s, "read"));
	assert_int_equal(missing.len, 0);
}

static void custom_set_replaces_state_and_takes_out(void **state)
{
	char *custom[] = { "chmod", "!mkdir", "no_such_call" };
	struct config c = { .base_syscalls = custom, .nbase_syscalls = 3 };
	struct sc_set s = compute(&c, RULES);

	(void)state;
	assert_true(has(&s, "chmod") && has(&s, "connect"));
	assert_false(has(&s, "mkdir") || has(&s, "openat") || has(&s, "chdir"));
	assert_true(has(&s, "sched_process_exit")); /* always */
	assert_true(strstr(missing.p, "mkdir") && strstr(missing.p, "read"));
}

static void only_negative_names_keep_the_state_set(void **state)
{
	char *custom[] = { "!dup" };
	struct config c = { .base_syscalls = custom, .nbase_syscalls = 1 };
	struct sc_set s = compute(&c, RULES);

	(void)state;
	assert_true(has(&s, "openat") && has(&s, "mkdir"));
	assert_false(has(&s, "dup"));
}

static void repair_adds_what_the_rules_calls_need(void **state)
{
	struct config c = { .base_repair = true };
	struct sc_set s = compute(&c, RULES);

	(void)state;
	assert_true(has(&s, "mkdir") && has(&s, "connect") && has(&s, "clone") && has(&s, "execve") && has(&s, "setuid"));
	assert_true(has(&s, "socket") && has(&s, "close") && has(&s, "getsockopt")); /* a NET call is in it */
	assert_false(has(&s, "openat") || has(&s, "bind") || has(&s, "dup"));
	s = compute(&c, "- rule: r\n  desc: d\n  condition: evt.type = accept4\n  output: o\n  priority: ERROR\n");
	assert_true(has(&s, "bind"));
}

static void repair_with_a_custom_set_closes_over_it(void **state)
{
	char *custom[] = { "listen" };
	struct config c = { .base_repair = true, .base_syscalls = custom, .nbase_syscalls = 1 };
	struct sc_set s = compute(&c, RULES);

	(void)state;
	assert_true(has(&s, "listen") && has(&s, "bind") && has(&s, "socket") && has(&s, "execve"));
	assert_false(has(&s, "openat"));
}

static int setup(void **state)
{
	const struct log_opts quiet = { .level = LOG_L_EMERG };

	(void)state;
	log_setup(&quiet);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_fini(&missing);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_is_rules_and_state_without_reads),
		cmocka_unit_test(all_brings_the_reads_back),
		cmocka_unit_test(custom_set_replaces_state_and_takes_out),
		cmocka_unit_test(only_negative_names_keep_the_state_set),
		cmocka_unit_test(repair_adds_what_the_rules_calls_need),
		cmocka_unit_test(repair_with_a_custom_set_closes_over_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
