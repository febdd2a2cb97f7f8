/* Reading values out of YAML trees, with yaml-cpp's idea of booleans and numbers. Called by all who
 * read rules and configuration. */
#include "base/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct yaml_node *yaml_get(const struct yaml_node *n, const char *key)
{
	size_t len = strlen(key);

	if (!n || n->kind != YAML_MAP)
		return NULL;
	for (uint32_t i = 0; i < n->count; i++)
		if (n->key[i]->kind == YAML_SCALAR && n->key[i]->len == len && !memcmp(n->key[i]->s, key, len))
			return n->item[i];
	return NULL;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* word, Word or WORD. */
static bool one_case(const char *s, size_t len)
{
	size_t lower = 0, upper = 0;

	for (size_t i = 1; i < len; i++) {
		lower += is_lower(s[i]);
		upper += is_upper(s[i]);
	}
	if (is_lower(s[0]))
		return lower == len - 1;
	return is_upper(s[0]) && (lower == len - 1 || upper == len - 1);
}

bool yaml_bool(const struct yaml_node *n, bool *ret)
{
	static const char *const yes[] = { "y", "yes", "true", "on" }, *const no[] = { "n", "no", "false", "off" };
	char low[8];

	if (!n || n->kind != YAML_SCALAR || !n->len || n->len >= sizeof(low) || !one_case(n->s, n->len))
		return false;
	for (size_t i = 0; i <= n->len; i++)
		low[i] = is_upper(n->s[i]) ? (char)(n->s[i] | 0x20) : n->s[i];
	for (size_t i = 0; i < 4; i++) {
		if (strcmp(low, yes[i]) && strcmp(low, no[i]))
			continue;
		*ret = !strcmp(low, yes[i]);
		return true;
	}
	return false;
}

/* Digits with optional sign and base prefix, then nothing but blanks. */
static bool number(const struct yaml_node *n, bool *negative, uint64_t *ret)
{
	const char *s, *end;
	char *stop;

	if (!n || n->kind != YAML_SCALAR || !n->len)
		return false;
	s = n->s;
	end = s + n->len;
	*negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*ret = strtoull(s, &stop, 0);
	if (errno)
		return false;
	while (stop < end && *stop && strchr(" \t\n\r\f\v", *stop))
		stop++;
	return stop == end;
}

bool yaml_i64(const struct yaml_node *n, int64_t *ret)
{
	bool negative;
	uint64_t v;

	if (!number(n, &negative, &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool yaml_u32(const struct yaml_node *n, uint32_t *ret)
{
	bool negative;
	uint64_t v;

	if (!number(n, &negative, &v) || negative || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

size_t yaml_err_offset(const char *text, size_t len, const struct base_err *err)
{
	const char *p = text, *end = text + len;

	for (int line = 1; line < err->line; line++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return len;
		p++;
	}
	p += err->col > 0 ? err->col - 1 : 0;
	return p < end ? (size_t)(p - text) : len;
}
