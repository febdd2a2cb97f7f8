/* Names and descriptions of rules in two columns (-L, -l without JSON). Called by the commands that describe
 * rules. Widths and breaks are Falco's. */
#include "eval/rules_internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define NAME_WIDTH 50
#define LINE_WIDTH 110
#define ROW_MAX 4094 /* Falco cuts what would be longer */

static void row(struct base_buf *out, const char *left, const struct base_buf *right)
{
	size_t start = out->len, pad = strlen(left);

	buf_str(out, left);
	if (pad < NAME_WIDTH)
		buf_pad(out, ' ', NAME_WIDTH - pad);
	buf_chr(out, ' ');
	buf_add(out, right->p, right->len);
	if (!out->failed && out->len - start > ROW_MAX) {
		out->len = start + ROW_MAX;
		out->p[out->len] = 0;
	}
	buf_chr(out, '\n');
}

static void row_text(struct base_buf *out, const char *left, const char *right)
{
	struct base_buf b = { 0 };

	buf_str(&b, right);
	if (!b.failed)
		row(out, left, &b);
	buf_fini(&b);
}

/* Words, each with a blank behind, in lines that fit the second column. */
static void wrap(struct base_buf *out, const char *s)
{
	size_t room = LINE_WIDTH - NAME_WIDTH - 1, len = 0;

	for (;;) {
		size_t n = 0;

		while (isspace((unsigned char)*s))
			s++;
		if (!*s)
			return;
		while (s[n] && !isspace((unsigned char)s[n]))
			n++;
		if (len + n + 1 > room) {
			buf_chr(out, '\n');
			buf_pad(out, ' ', NAME_WIDTH + 1);
			len = 0;
		}
		len += n + 1;
		buf_add(out, s, n);
		buf_chr(out, ' ');
		s += n;
	}
}

static void rule_text(struct base_buf *out, const struct rule_info *i)
{
	struct base_buf b = { 0 };

	wrap(&b, i->desc.s);
	buf_chr(&b, '\n');
	if (!b.failed)
		row(out, i->name, &b);
	buf_fini(&b);
}

int rules_describe_text(const struct rules *r, const char *rule, struct base_buf *out)
{
	const struct rule_info *one = rule ? rules_described(r, rule) : NULL;

	if (rule && !one)
		return -ENOENT;
	row_text(out, "Rule", "Description");
	row_text(out, "----", "-----------");
	if (one)
		rule_text(out, one);
	for (uint32_t i = 0; !one && i < r->nrules; i++)
		if (r->rules[i]->tree)
			rule_text(out, r->rules[i]);
	return out->failed ? -ENOMEM : 0;
}
