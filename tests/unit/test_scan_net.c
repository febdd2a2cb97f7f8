/* Socket tables of /proc/PID/net, from made-up files: every kind of line, headers, damage. */
#include "state/scan_net.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
	char root[32];
	int dir;
	struct net_table n;
};

static void put(const struct fixture *f, const char *name, const char *text)
{
	char path[64];
	FILE *out;

	snprintf(path, sizeof(path), "%s/net/%s", f->root, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[64];

	strcpy(f->root, "/tmp/scan_net_XXXXXX");
	if (!mkdtemp(f->root))
		return -1;
	snprintf(path, sizeof(path), "%s/net", f->root);
	if (mkdir(path, 0700))
		return -1;
	f->dir = open(f->root, O_DIRECTORY | O_RDONLY);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "tcp", "udp", "raw", "unix", "netlink", "tcp6", "udp6", "raw6" };
	struct fixture *f = *state;
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/net/%s", f->root, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/net", f->root);
	rmdir(path);
	rmdir(f->root);
	close(f->dir);
	net_table_fini(&f->n);
	free(f);
	return 0;
}

static void tables_of_all_kinds_are_found_by_inode(void **state)
{
	struct fixture *f = *state;
	const struct net_sock *s;

	put(f, "tcp",
	    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 500 1 0 100 0\n"
	    "   1: 0500000A:9C40 08080808:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 499 1 0 20 4\n");
	put(f, "udp6",
	    "  sl  local_address                         remote_address                        st\n"
	    "  10: 0000000000000000FFFF00000500000A:0035 0000000000000000FFFF000001010101:1388 01 0:0 00:0 0 0 0 77 2 0\n"
	    "  11: 000080FE00000000000000000100000A:0222 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 78 2 0\n");
	put(f, "unix",
	    "Num       RefCount Protocol Flags    Type St Inode Path\n"
	    "ffff8800deadbeef: 00000002 00000000 00010000 0001 01 9001 /run/a b.sock\n"
	    "0000000000000000: 00000003 00000000 00000000 0001 03 9002\n");
	put(f, "netlink",
	    "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
	    "0000000000000000 0   1          00000000 0        0        0     2        0        12\n");
	assert_int_equal(net_table_read(&f->n, f->dir), 0);
	assert_int_equal(f->n.count, 7);
	s = net_table_find(&f->n, 500);
	assert_int_equal(s->type, FD_IPV4_SERVER);
	assert_memory_equal(s->sock.sip, "\x7f\0\0\1", 4);
	assert_int_equal(s->sock.sport, 8080);
	assert_int_equal(s->sock.l4, FD_L4_TCP);
	s = net_table_find(&f->n, 499);
	assert_int_equal(s->type, FD_IPV4);
	assert_memory_equal(s->sock.sip, "\x0a\0\0\5", 4);
	assert_memory_equal(s->sock.dip, "\x08\x08\x08\x08", 4);
	assert_int_equal(s->sock.sport, 40000);
	assert_int_equal(s->sock.dport, 443);
	s = net_table_find(&f->n, 77);
	assert_int_equal(s->type, FD_IPV6);
	assert_memory_equal(s->sock.sip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\5", 16);
	assert_int_equal(s->sock.dport, 5000);
	assert_int_equal(s->sock.l4, FD_L4_UDP);
	s = net_table_find(&f->n, 78);
	assert_int_equal(s->type, FD_IPV6_SERVER);
	assert_memory_equal(s->sock.sip, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\x0a\0\0\1", 16);
	assert_int_equal(s->sock.sport, 546);
	s = net_table_find(&f->n, 9001);
	assert_int_equal(s->type, FD_UNIX);
	assert_int_equal(s->source, 0xffff8800deadbeef);
	assert_int_equal(s->name_len, 13);
	assert_memory_equal(f->n.names.p + s->name_at, "/run/a b.sock", 13);
	assert_int_equal(net_table_find(&f->n, 9002)->name_len, 0);
	assert_int_equal(net_table_find(&f->n, 12)->type, FD_NETLINK);
	assert_null(net_table_find(&f->n, 13));
}

static void tables_missing_or_damaged_are_skipped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(net_table_read(&f->n, f->dir), 0);
	assert_int_equal(f->n.count, 0);
	assert_null(net_table_find(&f->n, 0));
	put(f, "tcp",
	    "\n:\n 0:\n 0: 0100007F\n 0: 0100007F:1F90 0100007F:1F90\n"
	    " 0: XXXXXXXX:1F90 0100007F:1F90 0 0 0 0 0 0 1\n 0: 01:1F90 0100007F:1F90 01 0:0 00:0 0 0 0 5 1\n");
	put(f, "tcp6", " 0: 0100007F:1F90 0100007F:1F90 01 0:0 00:0 0 0 0 5 1\n");
	put(f, "unix", "zz: 0 0 0 0 0 4 /x\n1 0 0 0 0 0 4 /x\n1:\n");
	put(f, "netlink", "0 0 0\n");
	net_table_fini(&f->n);
	assert_int_equal(net_table_read(&f->n, f->dir), 0);
	assert_int_equal(f->n.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_of_all_kinds_are_found_by_inode, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_missing_or_damaged_are_skipped, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
