/* Text for libyaml, and positions in the user's text. Called by yaml.c; see yaml_internal.h. */
#include "base/yaml_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP 64 /* characters between remembered offsets */

/* Bytes of the character at s that libyaml may see as it is, 0 when its first byte must be hidden.
 * Valid means: well-formed UTF-8, printable by YAML's rules, no line break but \n and \r, and not
 * itself of the private range U+10FF00 to U+10FFFF. */
static size_t visible(const unsigned char *s, size_t len)
{
	uint32_t c;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 ? s[0] != 0x7f : s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < 0xa0 || (n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10feff)
		return 0;
	if ((c >= 0xd800 && c < 0xe000) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff)
		return 0;
	return n;
}

static void hide(struct base_buf *out, unsigned char byte)
{
	char c[4] = { '\xf4', '\x8f', (char)(0xbc | byte >> 6), (char)(0x80 | (byte & 0x3f)) };

	buf_add(out, c, sizeof(c));
}

size_t yaml_text_decode(char *s, size_t len)
{
	char *in = memchr(s, 0xf4, len), *out = in, *end = s + len;

	if (!in)
		return len;
	while (in < end) {
		const unsigned char *u = (const unsigned char *)in;

		if (end - in >= 4 && u[0] == 0xf4 && u[1] == 0x8f && u[2] >= 0xbc) {
			*out++ = (char)((u[2] & 3) << 6 | (u[3] & 0x3f));
			in += 4;
		} else {
			*out++ = *in++;
		}
	}
	*out = 0;
	return (size_t)(out - s);
}

static int find_lines(struct yaml_text *t)
{
	size_t n = 1;

	for (const char *p = t->src, *end = p + t->len; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		n++;
	t->line = malloc(n * sizeof(*t->line));
	if (!t->line)
		return -ENOMEM;
	t->line[t->nline++] = 0;
	for (const char *p = t->src, *end = p + t->len; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		t->line[t->nline++] = (uint32_t)(p + 1 - t->src);
	return 0;
}

int yaml_text_init(struct yaml_text *t, const char *src, size_t len)
{
	const unsigned char *s;
	size_t plain = 0, chars = 0;

	*t = (struct yaml_text){ 0 };
	if (len >= 3 && !memcmp(src, "\xef\xbb\xbf", 3)) {
		src += 3;
		len -= 3;
	}
	t->src = src;
	t->len = len;
	s = (const unsigned char *)src;
	t->at = malloc((len / STEP + 1) * sizeof(*t->at));
	if (!t->at)
		return -ENOMEM;
	for (size_t i = 0, n; i < len; i += n) {
		if (chars++ % STEP == 0)
			t->at[t->nat++] = (uint32_t)i;
		n = visible(s + i, len - i);
		if (n)
			continue;
		buf_add(&t->enc, src + plain, i - plain);
		hide(&t->enc, s[i]);
		n = 1;
		plain = i + 1;
	}
	buf_add(&t->enc, src + plain, len - plain);
	if (t->enc.failed || find_lines(t)) {
		yaml_text_fini(t);
		return -ENOMEM;
	}
	return 0;
}

void yaml_text_fini(struct yaml_text *t)
{
	buf_fini(&t->enc);
	free(t->at);
	free(t->line);
	*t = (struct yaml_text){ 0 };
}

size_t yaml_text_offset(const struct yaml_text *t, size_t index)
{
	const unsigned char *s = (const unsigned char *)t->src;
	size_t off;

	if (index / STEP >= t->nat)
		return t->len;
	off = t->at[index / STEP];
	for (size_t i = index % STEP; i && off < t->len; i--) {
		size_t n = visible(s + off, t->len - off);

		off += n ? n : 1;
	}
	return off;
}

struct yaml_mark yaml_text_mark(const struct yaml_text *t, size_t offset)
{
	size_t lo = 0, hi = t->nline;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->line[mid] <= offset)
			lo = mid;
		else
			hi = mid;
	}
	return (struct yaml_mark){ (uint32_t)lo, (uint32_t)(offset - t->line[lo]), (uint32_t)offset };
}
