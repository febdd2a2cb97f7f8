/* Capture reader, the head of a capture: every version of every block. */
#include <sys/socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scap_run.h"

static void one_task(struct seen *s, uint32_t block, unsigned v, unsigned tail)
{
	struct sb b = { 0 };

	sb_section(&b);
	sb_begin(&b, block);
	task_entry(&b, v, tail);
	task_entry(&b, v, tail);
	sb_end(&b);
	chdir_event(&b, 0x216, -1, 1);
	run(b.p, b.len, s);
	sb_free(&b);
	if (s->end)
		print_error("block %x: %s\n", block, s->err.msg);
	assert_int_equal(s->end, 0);
	assert_int_equal(s->tasks, 2);
	assert_int_equal(s->events, 1);
}

static void scap_process_list_every_version_read(void **state)
{
	static const struct { uint32_t block; unsigned v; } kinds[] = {
		{ 0x202, 1 }, { 0x8000abcd, 1 }, { 0x207, 2 }, { 0x8013abcd, 2 }, { 0x209, 3 }, { 0x8014abcd, 3 },
		{ 0x210, 4 }, { 0x211, 5 }, { 0x212, 6 }, { 0x213, 7 }, { 0x214, 8 }, { 0x215, 9 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned v = kinds[i].v;
		struct seen s;

		one_task(&s, kinds[i].block, v, 76);
		assert_int_equal(s.task.tid, 7);
		assert_int_equal(s.task.ptid, 5);
		assert_int_equal(s.task.sid, v >= 6 ? 44 : -1);
		assert_int_equal(s.task.vpgid, v >= 8 ? 55 : -1);
		assert_int_equal(s.task.gid, 1001);
		assert_int_equal(s.task.pfminor, v >= 2 ? 15 : 0);
		assert_int_equal(s.task.vpid, v >= 4 ? 60 : -1);
		assert_int_equal(s.task.args.len, 4);
		assert_int_equal(s.task.env.len, v >= 3 ? 4 : 0);
		assert_int_equal(s.task.cgroups.len, v >= 4 ? 7 : 0);
		assert_int_equal(s.task.loginuid, v >= 9 ? 23 : UINT32_MAX);
		assert_int_equal(s.task.pgid, v >= 9 ? 66 : -1);
		assert_int_equal(s.task.exe_ino_mtime, v >= 9 ? 29 : 0);
		assert_string_equal(s.text, v >= 7 ? "comm|exe|/exepath|a|/cwd|E=1|cpu=/x|/root" :
					    v >= 5 ? "comm|exe||a|/cwd|E=1|cpu=/x|/root" :
					    v >= 4 ? "comm|exe||a|/cwd|E=1|cpu=/x|" :
					    v >= 3 ? "comm|exe||a|/cwd|E=1||" : "comm|exe||a|/cwd|||");
	}
}

static void scap_process_tail_shorter_or_longer_read(void **state)
{
	struct seen s;

	(void)state;
	/* Before tty and the namespace's start were put in front. */
	one_task(&s, 0x215, 9, 29);
	assert_int_equal(s.task.pidns_init_start_ts, 0);
	assert_int_equal(s.task.tty, 0);
	assert_int_equal(s.task.loginuid, 23);
	assert_int_equal(s.task.cap_effective, 26);
	assert_int_equal(s.task.exe_ino, 0);
	/* Ends before exe_from_memfd. */
	one_task(&s, 0x215, 9, 66);
	assert_int_equal(s.task.pidns_init_start_ts, 21);
	assert_int_equal(s.task.exe_ino_mtime, 29);
	assert_int_equal(s.task.exe_from_memfd, 0);
	assert_int_equal(s.task.pgid, -1);
	/* Fields of a later writer. */
	one_task(&s, 0x215, 9, 84);
	assert_int_equal(s.task.pgid, 66);
}

static void scap_fd_list_every_type_read(void **state)
{
	static const uint32_t blocks[] = { 0x203, 0x8001abcd, 0x218 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		int v2 = blocks[i] == 0x218;
		struct sb b = { 0 };
		struct seen s;

		sb_section(&b);
		sb_begin(&b, blocks[i]);
		sb_64(&b, 4321);
		fd_list(&b, v2);
		sb_end(&b);
		chdir_event(&b, 0x216, -1, 1);
		run(b.p, b.len, &s);
		sb_free(&b);
		assert_int_equal(s.end, 0);
		assert_int_equal(s.fds, v2 ? 23 : 21);
		assert_int_equal(s.fd_tid, 4321);
		assert_int_equal(s.fd[0].fd, 11);
		assert_int_equal(s.fd[2].sip[0], 127);
		assert_int_equal(s.fd[2].dip[3], 2);
		assert_int_equal(s.fd[2].dport, 2);
		assert_int_equal(s.fd[2].l4, 3);
		assert_int_equal(s.fd[3].dip[0], 3);
		assert_int_equal(s.fd[3].sport, 5);
		assert_int_equal(s.fd[4].sport, 80);
		assert_int_equal(s.fd[5].sport, 81);
		assert_int_equal(s.fd[7].dest, 222);
		assert_int_equal(s.fd[15].open_flags, 0x41);
		assert_int_equal(s.fd[15].dev, v2 ? 77 : 0);
		assert_int_equal(s.fd[20].type, 21);
		if (v2)
			assert_int_equal(s.fd[22].type, 10);
		assert_string_equal(s.text, v2 ? "|n|n|||||n|/sock|n|n|n|n|n|n|n|/file|n|n|n|n|n|"
						 "unknown-type:[22]|unknown-type:[23]" :
						 "|n|n|||||n|/sock|n|n|n|n|n|n|n|/file|n|n|n|n|n");
	}
}

static void scap_users_and_interfaces_both_versions_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sb b = { 0 };
		struct seen s;

		sb_section(&b);
		users_and_ifaces(&b, i == 2, i == 0 ? 0x206 : i == 1 ? 0x8012abcd : 0x220,
				 i == 0 ? 0x205 : i == 1 ? 0x8011abcd : 0x219);
		chdir_event(&b, 0x216, -1, 1);
		run(b.p, b.len, &s);
		sb_free(&b);
		assert_int_equal(s.end, 0);
		assert_int_equal(s.users, 1);
		assert_int_equal(s.groups, 1);
		assert_int_equal(s.ifaces, 4);
		assert_int_equal(s.family, AF_INET6);
		assert_int_equal(s.addr[15], 55);
		assert_string_equal(s.text, "1000 100 ann /home/ann /bin/sh/100 users/eth0 14 18/eth0 36 52/eth0 34 38/eth0 56 72");
	}
}

static void scap_machine_any_length_read(void **state)
{
	static const struct { uint32_t type; size_t body; uint64_t boot; } t[] = {
		{ 0x201, 180, TS }, { 0x8002abcd, 156, TS }, { 0x201, 148, 0 }, { 0x201, 200, TS },
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct sb b = { 0 };
		struct seen s;

		sb_section(&b);
		machine_block(&b, t[i].type, t[i].body);
		chdir_event(&b, 0x216, -1, 1);
		run(b.p, b.len, &s);
		sb_free(&b);
		assert_int_equal(s.end, 0);
		assert_int_equal(s.machines, 1);
		assert_int_equal(s.ncpus, 8);
		assert_int_equal(s.boot, t[i].boot);
		assert_string_equal(s.text, "host");
	}
}

static void scap_unknown_head_blocks_skipped(void **state)
{
	struct sb b = { 0 };
	struct seen s;

	(void)state;
	sb_section(&b);
	sb_begin(&b, 0x999), sb_raw(&b, "whatever", 8), sb_end(&b);
	sb_begin(&b, 0x201), sb_end(&b); /* empty body */
	chdir_event(&b, 0x216, -1, 1);
	run(b.p, b.len, &s);
	sb_free(&b);
	assert_int_equal(s.end, 0);
	assert_int_equal(s.events, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scap_process_list_every_version_read),
		cmocka_unit_test(scap_process_tail_shorter_or_longer_read),
		cmocka_unit_test(scap_fd_list_every_type_read),
		cmocka_unit_test(scap_users_and_interfaces_both_versions_read),
		cmocka_unit_test(scap_machine_any_length_read),
		cmocka_unit_test(scap_unknown_head_blocks_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
