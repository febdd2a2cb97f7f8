/* state/users.c, userfile.c, ifaces.c: tables of a shard, the machine's files, interface addresses. */
#include "state/ifaces.h"
#include "state/userfile.h"
#include "state/users.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define ROOT TEST_SOURCE_DIR "/tests/unit/data/root"

static int setup(void **state)
{
	struct state_opts o = { .shards = 1, .max_tasks = 10, .max_fds = 16, .host_root = ROOT };

	*state = state_table_new(&o);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	state_table_free(*state);
	return 0;
}

static struct state_shard *shard(void **state)
{
	return state_table_shard(*state, 0);
}

static void add(struct state_shard *s, const char *cid, uint32_t uid, const char *name)
{
	users_add(s, cid, uid, 1, name, strlen(name), "/h", 2, "/s", 2);
}

static void users_added_are_found_by_container_and_id(void **state)
{
	struct state_shard *s = shard(state);

	add(s, "", 1000, "host");
	add(s, "abc", 1000, "inside");
	groups_add(s, "", 1000, "grp", 3);
	assert_string_equal(users_get(s->users, "", 1000)->name->s, "host");
	assert_string_equal(users_get(s->users, "abc", 1000)->name->s, "inside");
	assert_string_equal(groups_get(s->users, "", 1000)->s, "grp");
	assert_null(groups_get(s->users, "abc", 1000));
	assert_null(users_get(s->users, "ab", 1000));
	users_del(s, "abc", 1000);
	assert_null(users_get(s->users, "abc", 1000));
	assert_non_null(users_get(s->users, "", 1000));
	groups_del(s, "", 1000);
	assert_null(groups_get(s->users, "", 1000));
	users_del(s, "abc", 1000);
}

static void users_added_again_change_but_keep_their_group(void **state)
{
	struct state_shard *s = shard(state);

	users_add(s, "", 5, 50, "a", 1, "/a", 2, "/s", 2);
	users_add(s, "", 5, 60, "b", 1, "/b", 2, "/t", 2);
	assert_string_equal(users_get(s->users, "", 5)->name->s, "b");
	assert_string_equal(users_get(s->users, "", 5)->home->s, "/b");
	assert_int_equal(users_get(s->users, "", 5)->gid, 50);
}

static void users_service_entries_are_ignored_and_long_names_cut(void **state)
{
	struct state_shard *s = shard(state);
	char name[3000];

	memset(name, 'n', sizeof(name));
	add(s, "", 5, "+nis");
	add(s, "", 5, "-nis");
	groups_add(s, "", 5, "+", 1);
	assert_null(users_get(s->users, "", 5));
	assert_null(groups_get(s->users, "", 5));
	users_add(s, "", 5, 5, name, sizeof(name), name, sizeof(name), name, sizeof(name));
	assert_int_equal(users_get(s->users, "", 5)->name->len, 255);
	assert_int_equal(users_get(s->users, "", 5)->home->len, 1023);
}

static void users_needed_come_from_the_machines_files(void **state)
{
	struct state_shard *s = shard(state);

	users_need(s, "", 1, 5);
	assert_string_equal(users_get(s->users, "", 5)->name->s, "five"); /* the first of two */
	assert_string_equal(users_get(s->users, "", 5)->home->s, "/home/five");
	assert_string_equal(users_get(s->users, "", 5)->shell->s, "/bin/zsh");
	assert_int_equal(users_get(s->users, "", 5)->gid, 50);
	users_need(s, "", 1, 8);
	assert_string_equal(users_get(s->users, "", 8)->shell->s, "/s");
	users_need(s, "", 1, 4294967294u);
	assert_string_equal(users_get(s->users, "", 4294967294u)->name->s, "big");
	groups_need(s, "", 1, 8);
	assert_string_equal(groups_get(s->users, "", 8)->s, "eight");
}

static void users_needed_but_unknown_stay_unknown(void **state)
{
	struct state_shard *s = shard(state);

	users_need(s, "", 1, 6);
	users_need(s, "", 1, 7);
	users_need(s, "", 1, UINT32_MAX);
	users_need(s, "abc", 1, 5);
	groups_need(s, "", 1, 5);
	groups_need(s, "", 1, UINT32_MAX);
	assert_null(users_get(s->users, "", 6)); /* a broken line */
	assert_null(users_get(s->users, "", 7)); /* a service entry */
	assert_null(users_get(s->users, "", UINT32_MAX));
	assert_null(users_get(s->users, "abc", 5));
	assert_null(groups_get(s->users, "", 5));
	assert_null(groups_get(s->users, "", UINT32_MAX));
}

static void users_root_is_known_without_files(void **state)
{
	struct state_shard *s = shard(state);

	users_need(s, "", 1, 0);
	groups_need(s, "", 1, 0);
	assert_string_equal(users_get(s->users, "", 0)->name->s, "root");
	assert_string_equal(users_get(s->users, "", 0)->home->s, "/root");
	assert_string_equal(users_get(s->users, "", 0)->shell->s, "<NA>"); /* not the file's */
	assert_string_equal(groups_get(s->users, "", 0)->s, "root");
}

static void users_known_are_not_looked_up_again(void **state)
{
	struct state_shard *s = shard(state);

	add(s, "", 5, "told");
	users_need(s, "", 1, 5);
	assert_string_equal(users_get(s->users, "", 5)->name->s, "told");
}

static void users_many_are_all_found(void **state)
{
	struct state_shard *s = shard(state);
	char name[16];

	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		add(s, i % 2 ? "c" : "", i, name);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		assert_string_equal(users_get(s->users, i % 2 ? "c" : "", i)->name->s, name);
		assert_null(users_get(s->users, i % 2 ? "" : "c", i));
	}
	users_import(s);
	assert_string_equal(users_get(s->users, "", 5 + 1)->name->s, "u6");
	users_clear(s->users);
	assert_null(users_get(s->users, "", 0));
}

static void userfile_is_read_again_when_it_changes(void **state)
{
	char dir[] = "/tmp/saker-users-XXXXXX", path[64], etc[64];
	struct userfile *f;
	FILE *out;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(etc, sizeof(etc), "%s/etc", dir);
	snprintf(path, sizeof(path), "%s/etc/passwd", dir);
	f = userfile_new(dir); /* no files at all */
	assert_non_null(f);
	assert_null(userfile_user(f, 3));
	assert_false(userfile_refresh(f)); /* asked again too early */
	assert_int_equal(mkdir(etc, 0700), 0);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs("x:x:3:4:::", out);
	fclose(out);
	usleep(1100000);
	assert_true(userfile_refresh(f));
	assert_string_equal(userfile_user(f, 3)->name, "x");
	assert_string_equal(userfile_user(f, 3)->shell, "");
	assert_null(userfile_group(f, 3));
	usleep(1100000);
	assert_false(userfile_refresh(f));
	userfile_free(f);
	unlink(path);
	rmdir(etc);
	rmdir(dir);
}

static const uint8_t *ip(const char *text)
{
	static uint8_t buf[4][16];
	static unsigned n;
	uint8_t *p = buf[n++ % 4];

	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, p), 1);
	return p;
}

static void ifaces_answer_which_address_is_near(void **state)
{
	struct state_ifaces *i = ifaces_new();
	uint8_t r[16];

	(void)state;
	ifaces_near_v4(i, ip("1.2.3.4"), r);
	assert_memory_equal(r, ip("0.0.0.0"), 4);
	ifaces_add(i, AF_INET, ip("127.0.0.1"), ip("255.0.0.0"));
	ifaces_add(i, AF_INET, ip("10.0.0.5"), ip("255.255.255.0"));
	ifaces_add(i, AF_INET, ip("192.168.7.1"), ip("255.255.0.0"));
	ifaces_add(i, AF_INET6, ip("::1"), NULL);
	ifaces_add(i, AF_INET6, ip("fe80::1"), NULL);
	ifaces_add(i, AF_INET6, ip("2001:db8::1"), NULL);
	ifaces_add(i, 99, ip("9.9.9.9"), NULL);
	assert_true(ifaces_has_v4(i, ip("10.0.0.5")));
	assert_false(ifaces_has_v4(i, ip("10.0.0.6")));
	assert_true(ifaces_has_v6_net(i, ip("fe80::abcd")));
	assert_false(ifaces_has_v6_net(i, ip("2001:db9::1")));
	ifaces_near_v4(i, ip("192.168.7.1"), r); /* its own */
	assert_memory_equal(r, ip("192.168.7.1"), 4);
	ifaces_near_v4(i, ip("192.168.200.9"), r); /* the same subnet */
	assert_memory_equal(r, ip("192.168.7.1"), 4);
	ifaces_near_v4(i, ip("8.8.8.8"), r); /* the first that is not loopback */
	assert_memory_equal(r, ip("10.0.0.5"), 4);
	ifaces_near_v6(i, ip("2001:db8::77"), r);
	assert_memory_equal(r, ip("2001:db8::1"), 16);
	ifaces_near_v6(i, ip("2a00::1"), r);
	assert_memory_equal(r, ip("fe80::1"), 16);
	ifaces_near_v6(i, ip("::1"), r);
	assert_memory_equal(r, ip("::1"), 16);
	ifaces_clear(i);
	assert_false(ifaces_has_v4(i, ip("10.0.0.5")));
	ifaces_free(i);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(users_added_are_found_by_container_and_id),
		T(users_added_again_change_but_keep_their_group),
		T(users_service_entries_are_ignored_and_long_names_cut),
		T(users_needed_come_from_the_machines_files),
		T(users_needed_but_unknown_stay_unknown),
		T(users_root_is_known_without_files),
		T(users_known_are_not_looked_up_again),
		T(users_many_are_all_found),
		cmocka_unit_test(userfile_is_read_again_when_it_changes),
		cmocka_unit_test(ifaces_answer_which_address_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
