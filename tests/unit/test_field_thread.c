/* Fields of threads, ancestors, users and descriptors, on state made by events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "field_fixture.h"

/* init(1) <- sshd(100) <- bash(200) <- child(300), with a thread 301 */
static struct field_fixture *family(void)
{
	struct field_fixture *f = ff_new();

	ff_clone(f, 1, 1, 0, "init", "/sbin/init", "", 0, 0, 10);
	ff_clone(f, 100, 100, 1, "sshd", "sshd", "-D", 2, 0, 20);
	ff_clone(f, 200, 200, 100, "bash", "-bash", "", 0, 0, 30);
	ff_clone(f, 300, 300, 200, "child", "/bin/child", "a\0\0bc", 5, 0, 40);
	return f;
}

static void any_event(struct field_fixture *f, int64_t tid, uint64_t ts)
{
	evb_make(&f->b, PPME_SYSCALL_SETSID_X, tid, ts, "n", -1L);
	ff_apply(f);
}

static void thread_own_fields_read(void **state)
{
	struct field_fixture *f = family();

	(void)state;
	any_event(f, 300, 100);
	assert_string_equal(ff_text(f, "proc.name"), "child");
	assert_string_equal(ff_text(f, "proc.exe"), "/bin/child");
	assert_string_equal(ff_text(f, "proc.args"), "a  bc");
	assert_string_equal(ff_text(f, "proc.args[0]"), "a");
	assert_string_equal(ff_text(f, "proc.args[1]"), "");
	assert_string_equal(ff_text(f, "proc.args[2]"), "bc");
	assert_string_equal(ff_text(f, "proc.args[3]"), "");
	assert_string_equal(ff_text(f, "proc.cmdline"), "child a  bc");
	assert_string_equal(ff_text(f, "proc.exeline"), "/bin/child a  bc");
	assert_string_equal(ff_text(f, "proc.cmdnargs"), "3");
	assert_string_equal(ff_text(f, "proc.cmdlenargs"), "3");
	assert_string_equal(ff_text(f, "proc.pid"), "300");
	assert_string_equal(ff_text(f, "thread.tid"), "300");
	assert_string_equal(ff_text(f, "thread.ismain"), "true");
	assert_string_equal(ff_text(f, "proc.duration"), "60");
	assert_string_equal(ff_text(f, "thread.cgroups"), "cpu=/a memory=/b");
	assert_string_equal(ff_text(f, "thread.cgroup.memory"), "/b");
	assert_string_equal(ff_text(f, "thread.cgroup.mem"), "(none)");
	assert_string_equal(ff_text(f, "proc.nthreads"), "1");
	assert_string_equal(ff_text(f, "proc.nchilds"), "0");
	assert_string_equal(ff_text(f, "user.uid"), "54321");
	assert_string_equal(ff_text(f, "user.name"), "<NA>");
	assert_string_equal(ff_json(f, "proc.pid"), "300");
	assert_string_equal(ff_json(f, "proc.fdusage"), "0.0");
	ff_free(f);
}

static void ancestor_fields_by_level_and_chain(void **state)
{
	struct field_fixture *f = family();

	(void)state;
	any_event(f, 300, 100);
	assert_string_equal(ff_text(f, "proc.pname"), "bash");
	assert_string_equal(ff_text(f, "proc.ppid"), "200");
	assert_string_equal(ff_text(f, "proc.aname[0]"), "child");
	assert_string_equal(ff_text(f, "proc.aname[2]"), "sshd");
	assert_string_equal(ff_text(f, "proc.aname[3]"), "init");
	assert_string_equal(ff_text(f, "proc.aname[4]"), "(none)");
	assert_string_equal(ff_text(f, "proc.aname[4294967295]"), "bash sshd init"); /* reads as -1 */
	assert_string_equal(ff_text(f, "proc.aname[2000000000]"), "(none)");
	assert_string_equal(ff_text(f, "proc.aname"), "bash sshd init");
	assert_string_equal(ff_text(f, "proc.aexe"), "-bash sshd /sbin/init");
	assert_string_equal(ff_text(f, "proc.acmdline"), "bash sshd -D init");
	assert_string_equal(ff_text(f, "proc.aargs"), "-D ");
	assert_string_equal(ff_text(f, "proc.apid"), "300");
	assert_string_equal(ff_text(f, "proc.apid[1]"), "200");
	assert_string_equal(ff_text(f, "proc.loginshellid"), "200");
	assert_string_equal(ff_text(f, "proc.ppid.ts"), "30");
	assert_string_equal(ff_text(f, "proc.ppid.duration"), "70");
	ff_free(f);
}

static int name_is(const struct eval_val *v, enum cond_op op, const void *data)
{
	bool same = v->len == strlen(data) && !memcmp(v->s, data, v->len);

	return op == OP_NE ? !same : same;
}

static int compare(struct field_fixture *f, const char *field, enum cond_op op, const char *name)
{
	const char *texts[] = { name };
	struct cond_rhs rhs = { .count = 1, .texts = texts };
	struct field_ref ref;
	struct base_err err;
	int r;

	assert_int_equal(eval_field_parse(field, strlen(field), "syscall", NULL, &ref, &err), 0);
	r = eval_field_compare(&f->c, &ref, op, &rhs, name_is, name);
	field_ref_fini(&ref);
	return r;
}

static void compare_ancestors_any_of_the_chain_matches(void **state)
{
	struct field_fixture *f = family();

	(void)state;
	any_event(f, 300, 100);
	assert_int_equal(compare(f, "proc.aname", OP_EQ, "sshd"), 1);
	assert_int_equal(compare(f, "proc.aname", OP_EQ, "child"), 0); /* itself is no ancestor */
	assert_int_equal(compare(f, "proc.aname", OP_NE, "sshd"), 1);  /* some other is not sshd */
	assert_int_equal(compare(f, "proc.aname", OP_EXISTS, ""), 1);
	assert_int_equal(compare(f, "proc.aname[1]", OP_EQ, "sshd"), 0);
	assert_int_equal(compare(f, "proc.aname[2]", OP_EQ, "sshd"), 1);
	any_event(f, 1, 101);
	assert_int_equal(compare(f, "proc.aname", OP_EXISTS, ""), 0);
	assert_int_equal(compare(f, "proc.aname", OP_NE, "x"), 0);
	ff_free(f);
}

static void fd_file_fields_follow_the_descriptor(void **state)
{
	struct field_fixture *f = family();

	(void)state;
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 300, 50, "nnsnnnn", 3L, -100L, "/etc//ssl/../passwd", 1L, 0L, 0x10302L, 77L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "fd.name"), "/etc/passwd");
	assert_string_equal(ff_text(f, "fd.nameraw"), "/etc/ssl/../passwd");
	assert_string_equal(ff_text(f, "fd.directory"), "/etc");
	assert_string_equal(ff_text(f, "fd.filename"), "passwd");
	assert_string_equal(ff_text(f, "fd.num"), "3");
	assert_string_equal(ff_text(f, "fd.type"), "file");
	assert_string_equal(ff_text(f, "fd.typechar"), "f");
	assert_string_equal(ff_text(f, "fd.dev"), "10302");
	assert_string_equal(ff_text(f, "fd.dev.major"), "259");
	assert_string_equal(ff_text(f, "fd.dev.minor"), "2");
	assert_string_equal(ff_text(f, "fd.ino"), "77");
	assert_string_equal(ff_text(f, "fd.uid"), "3003");
	assert_string_equal(ff_text(f, "fd.l4proto"), "<NA>");
	assert_string_equal(ff_text(f, "fd.cip"), "(none)");
	assert_string_equal(ff_text(f, "fd.types"), "(file)");
	assert_string_equal(ff_json(f, "fd.types[3]"), "[\"file\"]");
	assert_string_equal(ff_text(f, "fd.types[9]"), "(none)");
	assert_string_equal(ff_text(f, "evt.arg.fd"), "<f>/etc/passwd");
	assert_string_equal(ff_text(f, "fs.path.name"), "/etc/passwd");
	assert_string_equal(ff_text(f, "fs.path.nameraw"), "/etc//ssl/../passwd");
	assert_string_equal(ff_text(f, "fs.path.source"), "(none)");
	evb_make(&f->b, PPME_SYSCALL_READ_X, 300, 51, "nbnn", 4L, "ab\0\n", (size_t)4, 3L, 4L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "fd.name"), "/etc/passwd");
	assert_string_equal(ff_text(f, "evt.buffer"), "ab..");
	assert_string_equal(ff_text(f, "evt.buflen"), "4");
	assert_string_equal(ff_text(f, "evt.category"), "file");
	assert_string_equal(ff_text(f, "evt.io_dir"), "read");
	any_event(f, 300, 52); /* not about descriptors */
	assert_string_equal(ff_text(f, "fd.name"), "(none)");
	ff_free(f);
}

static void fspath_two_paths_source_and_target(void **state)
{
	struct field_fixture *f = family();

	(void)state;
	evb_make(&f->b, PPME_SYSCALL_RENAMEAT2_X, 300, 50, "nnsnsn", 0L, -100L, "/a/../b", 7L, "rel", 0L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "fs.path.source"), "/b");
	assert_string_equal(ff_text(f, "fs.path.sourceraw"), "/a/../b");
	assert_string_equal(ff_text(f, "fs.path.target"), "<UNKNOWN>rel");
	assert_string_equal(ff_text(f, "fs.path.name"), "(none)");
	assert_string_equal(ff_text(f, "evt.abspath"), "/b");
	assert_string_equal(ff_text(f, "evt.abspath.dst"), "<UNKNOWN>/rel");
	evb_make(&f->b, PPME_SYSCALL_RENAMEAT2_X, 300, 51, "nnsnsn", -2L, -100L, "/a", 7L, "rel", 0L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "fs.path.source"), "(none)");
	ff_free(f);
}

static int ip_is(const struct eval_val *v, enum cond_op op, const void *data)
{
	bool same = v->type == PT_PORT ? v->u == *(const uint16_t *)data : v->len == 4 && !memcmp(v->s, data, 4);

	return op == OP_NE ? !same : same;
}

static void sock_fields_by_role(void **state)
{
	static const uint8_t tuple[13] = { 2, 10, 0, 0, 1, 0x90, 0x1f, 10, 0, 0, 2, 0xbb, 0x01 };
	static const uint8_t other[4] = { 9, 9, 9, 9 };
	const uint16_t port = 443, no_port = 1;
	struct field_fixture *f = family();
	struct field_ref ref;
	struct cond_rhs rhs = { 0 };
	struct base_err err;

	(void)state;
	evb_make(&f->b, PPME_SOCKET_SOCKET_X, 300, 50, "nnnnn", 4L, 2L, 1L, 0L, 0L);
	ff_apply(f);
	evb_make(&f->b, PPME_SOCKET_CONNECT_X, 300, 51, "nbn-", 0L, tuple, sizeof(tuple), 4L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "fd.name"), "10.0.0.1:8080->10.0.0.2:443");
	assert_string_equal(ff_text(f, "fd.cip"), "10.0.0.1");
	assert_string_equal(ff_text(f, "fd.sip"), "10.0.0.2");
	assert_string_equal(ff_text(f, "fd.cport"), "8080");
	assert_string_equal(ff_text(f, "fd.sport"), "443");
	assert_string_equal(ff_text(f, "fd.sproto"), "443");
	assert_string_equal(ff_text(f, "fd.l4proto"), "tcp");
	assert_string_equal(ff_text(f, "fd.sockfamily"), "ip");
	assert_string_equal(ff_text(f, "fd.connected"), "true");
	/* no interface of this machine has either address */
	assert_string_equal(ff_text(f, "fd.lip"), "10.0.0.2");
	assert_string_equal(ff_text(f, "fd.rip"), "10.0.0.1");
	assert_string_equal(ff_text(f, "fd.rport"), "8080");
	assert_string_equal(ff_text(f, "fd.is_server"), "false");
	assert_string_equal(ff_text(f, "fd.ip"), "(none)");
	assert_int_equal(eval_field_parse("fd.ip", 5, "syscall", NULL, &ref, &err), 0);
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_EQ, &rhs, ip_is, tuple + 7), 1);
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_EQ, &rhs, ip_is, other), 0);
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_NE, &rhs, ip_is, tuple + 1), 0);
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_NE, &rhs, ip_is, other), 1);
	field_ref_fini(&ref);
	assert_int_equal(eval_field_parse("fd.port", 7, "syscall", NULL, &ref, &err), 0);
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_EQ, &rhs, ip_is, &port), 1);
	assert_int_equal(eval_field_compare(&f->c, &ref, OP_EQ, &rhs, ip_is, &no_port), 0);
	field_ref_fini(&ref);
	ff_free(f);
}

static void fdlist_of_poll_lists_descriptors(void **state)
{
	static const uint8_t fds[] = { 2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 4, 0 };
	struct field_fixture *f = family();

	(void)state;
	evb_make(&f->b, PPME_SYSCALL_OPENAT_2_X, 300, 50, "nnsnnnn", 3L, -100L, "/f", 1L, 0L, 0L, 0L);
	ff_apply(f);
	evb_make(&f->b, PPME_SYSCALL_POLL_X, 300, 51, "nb", 1L, fds, sizeof(fds));
	ff_apply(f);
	assert_string_equal(ff_text(f, "fdlist.nums"), "3,9");
	assert_string_equal(ff_text(f, "fdlist.names"), "/f,<NA>");
	assert_string_equal(ff_text(f, "fdlist.cips"), "(none)");
	assert_string_equal(ff_text(f, "evt.arg.fds"), "3:f1 9:?4");
	/* a list that promises more than it holds */
	evb_make(&f->b, PPME_SYSCALL_POLL_X, 300, 52, "nb", 1L, "\xff\xff\3\0\0\0\0\0\0\0\1\0", (size_t)12);
	ff_apply(f);
	assert_string_equal(ff_text(f, "fdlist.nums"), "3");
	ff_free(f);
}

static void container_host_entry_has_values(void **state)
{
	struct field_fixture *f = family();

	(void)state;
	any_event(f, 300, 60);
	assert_string_equal(ff_text(f, "container.id"), "host");
	assert_string_equal(ff_text(f, "container.name"), "host");
	assert_string_equal(ff_text(f, "container.type"), "host");
	assert_string_equal(ff_text(f, "container.image.repository"), "");
	assert_string_equal(ff_text(f, "container.privileged"), "false");
	assert_string_equal(ff_text(f, "container.mount[0]"), "(none)");
	assert_string_equal(ff_text(f, "container.mount[*]"), "(none)");
	assert_string_equal(ff_text(f, "container.label[x]"), "(none)");
	assert_string_equal(ff_text(f, "k8s.pod.name"), "(none)");
	assert_string_equal(ff_text(f, "k8s.rc.name"), "(none)");
	ff_free(f);
}

/* An exit whose heir nobody knows: an empty entry is made for it after the event (replay; the envelope says so). */
static void exit_unknown_heir_becomes_known(void **state)
{
	struct field_fixture *f = family();

	(void)state;
	for (int i = 0; i < 2; i++) {
		evb_make(&f->b, PPME_PROCEXIT_1_E, i ? 100 : 200, (uint64_t)(60 + i), "nnnnn", 0L, 0L, 0L, 0L, 77L);
		f->b.env.peer_tgid = i ? 0 : 77;
		ff_apply(f);
		assert_string_equal(ff_text(f, "evt.arg.reaper_tid"), i ? "<NA>" : "77");
	}
	ff_free(f);
}

/* eval_field_state_keep_texts: the bytes behind "NULL" are those of texts shown before. */
static void buffer_left_overs_as_in_the_reference(void **state)
{
	static const char left[] = "NULL\0fgh";
	struct field_fixture *f = family();
	struct field_ref ref;
	struct eval_val v;

	(void)state;
	evb_make(&f->b, PPME_SYSCALL_READ_X, 300, 51, "nbnn", 4L, "abcdefgh", (size_t)8, 3L, 4L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.buffer"), "abcdefgh");
	evb_make(&f->b, PPME_SYSCALL_READ_X, 300, 52, "nbnn", 0L, "", (size_t)0, 3L, 4L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.buffer"), "NULL"); /* not asked for */

	eval_field_state_keep_texts(f->c.fs);
	assert_int_equal(ff_read(f, "evt.buffer", &ref, &v), 1);
	assert_int_equal(v.len, 0); /* no payload yet */
	field_ref_fini(&ref);
	evb_make(&f->b, PPME_SYSCALL_READ_X, 300, 53, "nbnn", 4L, "abcdefgh", (size_t)8, 3L, 4L);
	ff_apply(f);
	assert_string_equal(ff_text(f, "evt.buffer"), "abcdefgh");
	evb_make(&f->b, PPME_SYSCALL_READ_X, 300, 54, "nbnn", 0L, "", (size_t)0, 3L, 4L);
	ff_apply(f);
	assert_int_equal(ff_read(f, "evt.buffer", &ref, &v), 1);
	assert_int_equal(v.len, 8);
	assert_memory_equal(v.s, left, 8);
	field_ref_fini(&ref);
	ff_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thread_own_fields_read),
		cmocka_unit_test(ancestor_fields_by_level_and_chain),
		cmocka_unit_test(compare_ancestors_any_of_the_chain_matches),
		cmocka_unit_test(fd_file_fields_follow_the_descriptor),
		cmocka_unit_test(fspath_two_paths_source_and_target),
		cmocka_unit_test(sock_fields_by_role),
		cmocka_unit_test(fdlist_of_poll_lists_descriptors),
		cmocka_unit_test(container_host_entry_has_values),
		cmocka_unit_test(buffer_left_overs_as_in_the_reference),
		cmocka_unit_test(exit_unknown_heir_becomes_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
