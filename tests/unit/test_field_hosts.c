/* The table of host names behind fd.*ip.name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "eval/field_hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hosts *table(const char *text)
{
	char path[] = "/tmp/hosts.XXXXXX";
	int fd = mkstemp(path);
	struct hosts *h;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	h = hosts_load(path);
	unlink(path);
	assert_non_null(h);
	return h;
}

static const uint8_t lo4[4] = { 127, 0, 0, 1 }, ten[4] = { 10, 0, 0, 1 }, lo6[16] = { [15] = 1 };

static void match_names_of_the_file_by_address(void **state)
{
	struct hosts *h = table("127.0.0.1\tlocalhost lh # not this\n::1 localhost\n\n# 10.0.0.1 off\nnonsense a b\n10.0.0.1 box.example BOX\r\n10.0.0.1");

	(void)state;
	assert_true(hosts_match(h, "localhost", lo4, 4));
	assert_true(hosts_match(h, "localhost", lo6, 16));
	assert_true(hosts_match(h, "lh", lo4, 4));
	assert_false(hosts_match(h, "lh", lo6, 16));
	assert_true(hosts_match(h, "box", ten, 4)); /* names have no case */
	assert_true(hosts_match(h, "box.example", ten, 4));
	assert_false(hosts_match(h, "not", lo4, 4));
	assert_false(hosts_match(h, "off", ten, 4));
	assert_false(hosts_match(h, "a", ten, 4));
	assert_false(hosts_match(h, "", ten, 4));
	hosts_free(h);
}

static void match_address_literals_without_a_table(void **state)
{
	(void)state;
	assert_true(hosts_match(NULL, "127.0.0.1", lo4, 4));
	assert_true(hosts_match(NULL, "::1", lo6, 16));
	assert_false(hosts_match(NULL, "127.0.0.2", lo4, 4));
	assert_false(hosts_match(NULL, "::1", lo4, 4));
}

static void load_missing_or_huge_file_is_harmless(void **state)
{
	struct hosts *h = hosts_load("/nonexistent/hosts");
	char *big = malloc(600000), *p = big;

	(void)state;
	assert_non_null(h);
	assert_false(hosts_match(h, "localhost", lo4, 4));
	hosts_free(h);
	assert_non_null(big);
	while (p < big + 590000)
		p += sprintf(p, "10.0.0.1 a b c d e f g h\n");
	h = table(big);
	assert_true(hosts_match(h, "h", ten, 4));
	hosts_free(h);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(match_names_of_the_file_by_address),
		cmocka_unit_test(match_address_literals_without_a_table),
		cmocka_unit_test(load_missing_or_huge_file_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
