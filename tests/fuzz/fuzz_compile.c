/* Rules and events drawn from the input: the compiled rules must say what the interpreter says. */
#include "../unit/lang_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gen g = { data, size, 0 };
	struct base_buf why = { 0 };

	if (size > 1 << 14)
		return 0;
	if (!gen_compare(&g, 12, &why)) {
		fprintf(stderr, "%s", why.p);
		abort();
	}
	buf_fini(&why);
	return 0;
}
