/* The rules loader's entry points, its reports and its memory. Called by the daemon at start, at every
 * reload and by the commands that validate and describe rules. Texts and files flow in; a collection and
 * one report per file flow out. */
#include "eval/rules_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES (64ull << 20)

/* ---- memory -------------------------------------------------------------------------------------- */

const char *rules_str(struct rules *r, const char *s, size_t len)
{
	return arena_strn(&r->mem, s, len);
}

const char *rules_fmt(struct rules *r, const char *fmt, ...)
{
	char *s, *ret;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return "";
	ret = arena_strn(&r->mem, s, (size_t)n);
	free(s);
	return ret;
}

int rules_grow(void **array, uint32_t *cap, uint32_t n, size_t size)
{
	uint32_t c = *cap ? *cap * 2 : 8;
	void *p;

	if (n < *cap)
		return 0;
	p = realloc(*array, c * size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*cap = c;
	return 0;
}

/* ---- places ---------------------------------------------------------------------------------------- */

const struct rules_ctx *rules_ctx_keep(struct rules *r, const struct rules_ctx *c)
{
	struct rules_ctx *k;

	if (!c)
		return NULL;
	k = arena_alloc(&r->mem, sizeof(*k));
	*k = *c;
	k->up = rules_ctx_keep(r, c->up); /* as deep as the file is nested: limited by the YAML reader */
	return k;
}

/* A condition is named by its first characters, on one line. */
static const char *cond_name(struct rules *r, const char *cond, size_t len)
{
	size_t n = len > 20 ? 17 : len;
	char name[32];

	name[0] = '"';
	memcpy(name + 1, cond, n);
	for (size_t i = 1; i <= n; i++)
		if (name[i] == '\n' || name[i] == '\r')
			name[i] = ' ';
	snprintf(name + 1 + n, sizeof(name) - 1 - n, "%s\"", len > 20 ? "..." : "");
	return rules_str(r, name, strlen(name));
}

const struct rules_ctx *rules_ctx_cond(struct rules *r, const struct cond_pos *pos, const char *cond, size_t len, const struct rules_ctx *up)
{
	struct rules_ctx *k = arena_alloc(&r->mem, sizeof(*k));

	/* The reference adds the place in the condition to the place of the condition, whatever lies
	 * between (block scalars, escapes); it counts lines and columns of conditions from 1. */
	*k = (struct rules_ctx){
		.up = rules_ctx_keep(r, up),
		.type = IT_CONDITION_EXPRESSION,
		.item = "",
		.file = cond_name(r, cond, len),
		.mark = { up->mark.line + pos->line + 1, up->mark.col + pos->col + 1, up->mark.offset + pos->idx },
		.alt = cond,
		.alt_len = len,
	};
	return k;
}

/* ---- reports --------------------------------------------------------------------------------------- */

static void report(struct rules *r, bool error, enum load_code code, const struct rules_ctx *c, const char *msg, const char *field)
{
	struct rules_file *f = r->cur;
	struct rules_report rep = { code, msg, NULL, field };

	if (!error && f->nwarnings >= RULES_MAX_REPORTS) {
		f->suppressed++;
		return;
	}
	rep.ctx = rules_ctx_keep(r, c);
	if (error) {
		if (!RULES_GROW(f->errors, f->cap_errors, f->nerrors))
			f->errors[f->nerrors++] = rep;
	} else if (!RULES_GROW(f->warnings, f->cap_warnings, f->nwarnings)) {
		f->warnings[f->nwarnings++] = rep;
	}
}

int rules_fail(struct rules *r, enum load_code code, const struct rules_ctx *c, const char *msg)
{
	report(r, true, code, c, rules_str(r, msg, strlen(msg)), NULL);
	return -EINVAL;
}

int rules_failf(struct rules *r, enum load_code code, const struct rules_ctx *c, const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return rules_fail(r, code, c, "out of memory");
	rules_fail(r, code, c, s);
	free(s);
	return -EINVAL;
}

void rules_warn(struct rules *r, enum load_code code, const struct rules_ctx *c, const char *msg, const char *deprecated_field)
{
	if (r->cur->nwarnings >= RULES_MAX_REPORTS)
		r->cur->suppressed++;
	else
		report(r, false, code, c, rules_str(r, msg, strlen(msg)), deprecated_field);
}

/* ---- look-up --------------------------------------------------------------------------------------- */

struct list_info *rules_list(const struct rules *r, const char *name)
{
	uint32_t i = strmap_get(&r->list_map, name, strlen(name));

	return i == STRMAP_NONE ? NULL : r->lists[i];
}

struct macro_info *rules_macro(const struct rules *r, const char *name)
{
	uint32_t i = strmap_get(&r->macro_map, name, strlen(name));

	return i == STRMAP_NONE ? NULL : r->macros[i];
}

struct rule_info *rules_rule(const struct rules *r, const char *name)
{
	uint32_t i = strmap_get(&r->rule_map, name, strlen(name));

	return i == STRMAP_NONE ? NULL : r->rules[i];
}

struct rule_info *rules_described(const struct rules *r, const char *name)
{
	struct rule_info *i = rules_rule(r, name);

	return i && i->tree ? i : NULL;
}

/* ---- entry points ------------------------------------------------------------------------------------ */

struct rules *rules_new(const struct rules_opts *opts)
{
	struct rules *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->opts = opts;
	arena_init(&r->mem);
	return r;
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	rules_check_reset(r);
	for (uint32_t i = 0; i < r->nfiles; i++) {
		free(r->files[i].text);
		free(r->files[i].errors);
		free(r->files[i].warnings);
		free(r->files[i].schema);
	}
	for (uint32_t i = 0; i < r->nlists; i++)
		free(r->lists[i]->resolved);
	free(r->files);
	free(r->lists);
	free(r->macros);
	free(r->rules);
	free(r->reqs);
	strmap_fini(&r->list_map);
	strmap_fini(&r->macro_map);
	strmap_fini(&r->rule_map);
	arena_fini(&r->mem);
	free(r);
}

static int fail_yaml(struct rules *r, const struct base_err *err)
{
	struct rules_file *f = r->cur;
	struct rules_ctx file = { .type = IT_CONTENT, .item = "", .file = f->name }, at = file;

	if (!err->line)
		return rules_fail(r, LC_YAML_PARSE, &file, err->msg);
	at.up = &file;
	at.type = IT_VALUE_FOR;
	at.mark = (struct yaml_mark){ (uint32_t)err->line - 1, (uint32_t)err->col - 1, (uint32_t)yaml_err_offset(f->text, f->len, err) };
	return rules_failf(r, LC_YAML_PARSE, &at, "yaml-cpp: error at line %d, column %d: %s", err->line, err->col, err->msg);
}

/* Makes the next file the current one. Takes text over. */
static int file_new(struct rules *r, const char *name, char *text, size_t len)
{
	if (RULES_GROW(r->files, r->cap_files, r->nfiles)) {
		free(text);
		return -ENOMEM;
	}
	r->cur = &r->files[r->nfiles++];
	*r->cur = (struct rules_file){ .name = rules_str(r, name, strlen(name)), .text = text, .len = len };
	r->compiled = false;
	return 0;
}

/* Takes text over. */
static int load(struct rules *r, const char *name, char *text, size_t len)
{
	struct yaml_limits lim = { .max_bytes = MAX_FILE_BYTES, .max_nodes = 2u << 20 };
	struct yaml_node **docs;
	struct yaml_doc *doc;
	struct base_err err;
	uint32_t ndocs;
	int e = file_new(r, name, text, len);

	if (e)
		return e;
	e = yaml_parse(name, text, len, &lim, &doc, &docs, &ndocs, &err);
	if (e)
		return fail_yaml(r, &err);
	for (uint32_t i = 0; i < ndocs && !e; i++)
		e = rules_schema_check(r, docs[i]);
	if (!e)
		e = rules_read(r, docs, ndocs);
	yaml_free(doc);
	if (!e)
		e = rules_check(r);
	if (e && !r->cur->nerrors)
		rules_fail(r, LC_VALIDATE, &(struct rules_ctx){ .type = IT_CONTENT, .item = "", .file = r->cur->name }, strerror(-e));
	r->compiled = !e;
	return e ? -EINVAL : 0;
}

int rules_load_file(struct rules *r, const char *path)
{
	struct rules_ctx c = { .type = IT_CONTENT, .item = "" };
	size_t len = 0;
	char *text = NULL;
	int e = yaml_read_file(path, MAX_FILE_BYTES, &text, &len);

	if (!e)
		return load(r, path, text, len);
	if (e != -E2BIG)
		return e;
	e = file_new(r, path, NULL, 0);
	if (e)
		return e;
	c.file = r->cur->name;
	return rules_failf(r, LC_FILE_READ, &c, "file is too big: at most %llu bytes are read", MAX_FILE_BYTES);
}

int rules_load_text(struct rules *r, const char *name, const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = 0;
	return load(r, name, copy, len);
}

const char *const *rules_plugin(const struct rules *r, const char *name)
{
	static const char *const container[] = { CONTAINER_PLUGIN_VERSION };

	for (const char *const *p = r->opts->plugins; p && p[0] && p[1]; p += 2)
		if (!strcmp(p[0], name))
			return p + 1;
	return strcmp(name, "container") ? NULL : container;
}

/* 1 when one of the alternatives is there, 0 when none is, -EINVAL when one is of the wrong version. */
static int plugin_satisfied(const struct rules *r, const struct plugin_alternatives *a, struct base_err *err)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const char *const *have = rules_plugin(r, a->r[i].name);
		struct version v, want;

		if (!have)
			continue;
		if (!rules_version_parse(*have, &v))
			return base_err_set(err, NULL, 0, 0, "Plugin '%s' has invalid version string '%s'", a->r[i].name, *have);
		if (rules_version_parse(a->r[i].version, &want) && v.major == want.major && rules_version_cmp(&v, &want) >= 0)
			return 1;
		return base_err_set(err, NULL, 0, 0, "Plugin '%s' version '%s' is not compatible with required plugin version '%s'", a->r[i].name, *have, a->r[i].version);
	}
	return 0;
}

int rules_check_plugins(struct rules *r, struct base_err *err)
{
	for (uint32_t i = 0; i < r->nreqs; i++) {
		const struct plugin_alternatives *a = &r->reqs[i];
		struct base_buf names = { 0 };
		int e = plugin_satisfied(r, a, err);

		if (e < 0)
			return e;
		if (e)
			continue;
		for (uint32_t k = 0; k < a->n; k++)
			buf_fmt(&names, "%s%s (>= %s)", k ? ", " : "", a->r[k].name, a->r[k].version);
		base_err_set(err, NULL, 0, 0, "Plugin requirement not satisfied, must load one of: %s", names.p ? names.p : "");
		buf_fini(&names);
		return -EINVAL;
	}
	return 0;
}

uint32_t rules_file_count(const struct rules *r)
{
	return r->nfiles;
}

bool rules_file_ok(const struct rules *r, uint32_t i)
{
	return !r->files[i].nerrors;
}

bool rules_file_has_warnings(const struct rules *r, uint32_t i)
{
	return r->files[i].nwarnings > 0;
}

bool rules_place(const struct rules *r, const char *rule, const char **ret_file, uint32_t *ret_line, uint32_t *ret_col)
{
	const struct rule_info *i = rules_rule(r, rule);

	if (!i)
		return false;
	*ret_file = i->ctx->file;
	*ret_line = i->ctx->mark.line;
	*ret_col = i->ctx->mark.col;
	return true;
}

const char **rules_list_names(const struct rules *r, uint32_t *ret_count)
{
	const char **n = malloc((r->nlists + 1) * sizeof(*n));

	for (uint32_t i = 0; n && i < r->nlists; i++)
		n[i] = r->lists[i]->name;
	*ret_count = n ? r->nlists : 0;
	return n;
}

const char **rules_macro_names(const struct rules *r, uint32_t *ret_count)
{
	const char **n = malloc((r->nmacros + 1) * sizeof(*n));

	for (uint32_t i = 0; n && i < r->nmacros; i++)
		n[i] = r->macros[i]->name;
	*ret_count = n ? r->nmacros : 0;
	return n;
}
