/* path_join: every example of the specification, then the model: a slow and obvious second
 * implementation over all short texts of an alphabet that matters. */
#include "state/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void expect(const char *base, const char *path, const char *want)
{
	char out[PATH_JOIN_MAX + 64];
	size_t n = path_join(out, base, strlen(base), path, strlen(path));

	if (strcmp(out, want) || n != strlen(want))
		fail_msg("(%s, %s) gives %s, not %s", base, path, out, want);
}

static void join_examples_of_the_specification_hold(void **state)
{
	(void)state;
	expect("/foo/", "..//a", "/a");
	expect("foo/", "..//a", "a");
	expect("/app", "x/y", "/appx/y");
	expect("a", "../", "a..");
	expect("app//", "c//t", "app//c/t");
	expect("/", "../", "/");
	expect("", "./", "");
}

static void join_absolute_or_empty_path_ignores_the_base(void **state)
{
	(void)state;
	expect("/base/", "/etc/passwd", "/etc/passwd");
	expect("/base/", "", "");
	expect("/base/", "/", "/");
	expect("/base/", "//", "/");
	expect("/base/", "///a///b/", "/a/b");
	expect("/base/", "/..", "/");
	expect("/base/", "/../../x", "/x");
	expect("/base/", "/./a/./b/.", "/a/b");
	expect("/base/", "/a/b/..", "/a");
	expect("/base/", "/a/b/../", "/a");
	expect("/base/", "/.hidden/..x/...", "/.hidden/..x/...");
}

static void join_relative_path_is_normalised_onto_the_base(void **state)
{
	(void)state;
	expect("/a/b/", "c", "/a/b/c");
	expect("/a/b/", "./c", "/a/b/c");
	expect("/a/b/", "../c", "/a/c");
	expect("/a/b/", "../../c", "/c");
	expect("/a/b/", "../../../c", "/c");
	expect("/a/b/", ".", "/a/b");
	expect("/a/b/", "..", "/a");
	expect("/a//b/", "..", "/a/");
	expect("/", "a", "/a");
	expect("/", ".", "/");
	expect("/", "..", "/");
	expect("<UNKNOWN>", "file", "<UNKNOWN>file");
	expect("<UNKNOWN>", "../file", "<UNKNOWN>../file");
	expect("", "a/../b", "b");
	expect("", "a/..", "");
	expect("", "../a", "a");
	expect("./", "x", "./x");
	expect("./", "../x", "x");
	expect("a/", "../../b", "b");
	expect("/a/../", "b", "/a/../b");
	expect("/a/", "b/c/../../d/", "/a/d");
}

static void join_too_long_gives_the_fixed_text(void **state)
{
	static char a[PATH_JOIN_MAX], b[PATH_JOIN_MAX + 1];
	char out[PATH_JOIN_MAX + 64];

	(void)state;
	memset(a, 'a', sizeof(a));
	a[0] = '/';
	a[511] = '/';
	memset(b, 'b', sizeof(b));
	assert_int_equal(path_join(out, a, 512, b, 511), 1023);
	assert_int_equal(out[1022], 'b');
	assert_int_equal(out[1023], 0);
	path_join(out, a, 512, b, 512);
	assert_string_equal(out, "/DIR_TOO_LONG/FILENAME_TOO_LONG");
	/* the base counts though the path is absolute */
	b[0] = '/';
	path_join(out, a, 512, b, 512);
	assert_string_equal(out, "/DIR_TOO_LONG/FILENAME_TOO_LONG");
	path_join(out, a, SIZE_MAX / 2, b, 1024);
	assert_string_equal(out, "/DIR_TOO_LONG/FILENAME_TOO_LONG");
}

/* Character by character, with the rules in the order in which the specification lists them. */
static void model(char *out, const char *base, const char *path)
{
	size_t n = 0, based = *path && *path != '/' ? strlen(base) : 0;

	memcpy(out, base, based);
	n = based;
	for (const char *p = path; *p;) {
		int start = n == 0 || out[n - 1] == '/';

		if (start && p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2])) {
			if (n > 1) {
				n--;
				while (n > 0 && out[n - 1] != '/')
					n--;
			}
			p += p[2] ? 3 : 2;
		} else if (start && p[0] == '.' && (p[1] == '/' || !p[1])) {
			p += p[1] ? 2 : 1;
		} else if (*p == '/' && ((n && out[n - 1] == '/') || (!n && based))) {
			p++;
		} else {
			out[n++] = *p++;
		}
	}
	if (n > 1 && out[n - 1] == '/')
		n--;
	out[n] = 0;
}

static void join_all_short_texts_agree_with_the_model(void **state)
{
	static const char letters[] = "/.a";
	static const char *const bases[] = { "", "/", "./", "a", "a/", "/a", "/a/", "//", "/a//", "/a/b/", "..", "../", "x/../" };
	char path[16], want[64], got[PATH_JOIN_MAX + 64];
	unsigned total = 1;

	(void)state;
	for (unsigned len = 0; len <= 8; len++, total *= 3) {
		for (unsigned v = 0; v < total; v++) {
			unsigned x = v;

			for (unsigned i = 0; i < len; i++, x /= 3)
				path[i] = letters[x % 3];
			path[len] = 0;
			for (unsigned b = 0; b < sizeof(bases) / sizeof(bases[0]); b++) {
				size_t n = path_join(got, bases[b], strlen(bases[b]), path, len);

				model(want, bases[b], path);
				if (strcmp(want, got) || n != strlen(want))
					fail_msg("(%s, %s) gives %s, not %s", bases[b], path, got, want);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(join_examples_of_the_specification_hold),
		cmocka_unit_test(join_absolute_or_empty_path_ignores_the_base),
		cmocka_unit_test(join_relative_path_is_normalised_onto_the_base),
		cmocka_unit_test(join_too_long_gives_the_fixed_text),
		cmocka_unit_test(join_all_short_texts_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
