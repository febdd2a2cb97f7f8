/* The parts of the configuration that concern rules: which files, which rules, what is added to their
 * outputs, fixed fields, plugins. Called by config.c after the tree has been checked against the table. */
#include "daemon/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int copy_text(char **ret, const struct yaml_node *n, struct base_err *err)
{
	if (!n || n->kind != YAML_SCALAR)
		return 0;
	*ret = strdup(n->s);
	return *ret ? 0 : config_no_memory(err);
}

/* Files that do not exist are left out, as in Falco: the usual list names files that need not be there. */
static int read_files(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const struct yaml_node *n = cfg_get(t, "rules_files");
	uint32_t kept = 0;
	int r;

	if (!n && (n = cfg_get(t, "rules_file")))
		log_warn("'rules_file' is the older name of 'rules_files'");
	r = config_read_strs(t, n, &c->rules_files, &c->nrules_files, err);
	if (r)
		return r;
	for (uint32_t i = 0; i < c->nrules_files; i++) {
		struct stat st;

		if (!stat(c->rules_files[i], &st))
			c->rules_files[kept++] = c->rules_files[i];
		else
			free(c->rules_files[i]);
	}
	c->nrules_files = kept;
	c->rules_files[kept] = NULL;
	return 0;
}

static int add_select(struct config *c, const struct yaml_node *what, bool enable, struct base_err *err)
{
	struct rules_select *s;
	int r;

	if (!what || what->kind != YAML_MAP)
		return 0;
	s = reallocarray(c->select, c->nselect + 1, sizeof(*s));
	if (!s)
		return config_no_memory(err);
	c->select = s;
	s = &c->select[c->nselect++];
	*s = (struct rules_select){ .enable = enable };
	r = copy_text(&s->rule, yaml_get(what, "rule"), err);
	return r ? r : copy_text(&s->tag, yaml_get(what, "tag"), err);
}

static int read_select(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const struct yaml_node *list = cfg_get(t, "rules");
	int r = 0;

	for (uint32_t i = 0; !r && list && i < list->count; i++) {
		r = add_select(c, yaml_get(list->item[i], "enable"), true, err);
		if (!r)
			r = add_select(c, yaml_get(list->item[i], "disable"), false, err);
	}
	return r;
}

static int add_extra(struct rules_append *a, const char *name, const char *format, struct base_err *err)
{
	struct template_field *f = reallocarray(a->extra, a->nextra + 1, sizeof(*f));

	if (!f)
		return config_no_memory(err);
	a->extra = f;
	f = &a->extra[a->nextra++];
	f->name = strdup(name);
	f->format = format ? strdup(format) : NULL;
	return f->name && (!format || f->format) ? 0 : config_no_memory(err);
}

static int read_extra(const struct cfg_tree *t, const struct yaml_node *n, struct rules_append *a, struct base_err *err)
{
	uint32_t count = !n || n->kind == YAML_NULL ? 0 : n->kind == YAML_SEQ ? n->count : 1;
	int r = 0;

	for (uint32_t i = 0; !r && i < count; i++) {
		const struct yaml_node *f = n->kind == YAML_SEQ ? n->item[i] : n;

		if (f->kind == YAML_SCALAR) {
			r = add_extra(a, f->s, NULL, err);
			continue;
		}
		if (f->kind != YAML_MAP)
			return cfg_error(t, f, err, "'append_output[].extra_fields': an entry is a field, or a map of key and format");
		for (uint32_t k = 0; !r && k < f->count; k++) {
			if (f->key[k]->kind != YAML_SCALAR || f->item[k]->kind != YAML_SCALAR)
				return cfg_error(t, f, err, "'append_output[].extra_fields': key and format are single values");
			r = add_extra(a, f->key[k]->s, f->item[k]->s, err);
		}
	}
	return r;
}

static int read_one_append(const struct cfg_tree *t, const struct yaml_node *n, struct rules_append *a, struct base_err *err)
{
	const struct yaml_node *match = yaml_get(n, "match"), *suggested = yaml_get(n, "suggested_output");
	const struct yaml_node *tags = match ? yaml_get(match, "tags") : NULL;
	int r = 0;

	if (match) {
		r = copy_text(&a->source, yaml_get(match, "source"), err);
		if (!r)
			r = copy_text(&a->rule, yaml_get(match, "rule"), err);
		if (!r && tags && tags->kind != YAML_NULL)
			r = config_read_strs(t, tags, &a->tags, &a->ntags, err);
	}
	if (!r)
		r = copy_text(&a->extra_output, yaml_get(n, "extra_output"), err);
	if (!r)
		r = read_extra(t, yaml_get(n, "extra_fields"), a, err);
	if (suggested)
		yaml_bool(suggested, &a->suggested);
	return r;
}

static int read_append(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const struct yaml_node *list = cfg_get(t, "append_output");
	int r = 0;

	if (!list || !list->count)
		return 0;
	c->append = calloc(list->count, sizeof(*c->append));
	if (!c->append)
		return config_no_memory(err);
	for (uint32_t i = 0; !r && i < list->count; i++)
		r = read_one_append(t, list->item[i], &c->append[c->nappend++], err);
	return r;
}

static int read_static(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const struct yaml_node *map = cfg_get(t, "static_fields");
	uint32_t n = map ? map->count : 0;

	c->static_names = calloc(n + 1, sizeof(char *));
	c->static_values = calloc(n + 1, sizeof(char *));
	if (!c->static_names || !c->static_values)
		return config_no_memory(err);
	for (uint32_t i = 0; i < n; i++) {
		c->static_names[i] = strdup(map->key[i]->s);
		c->static_values[i] = strdup(map->item[i]->s ? map->item[i]->s : "");
		if (!c->static_names[i] || !c->static_values[i])
			return config_no_memory(err);
	}
	return 0;
}

/* Plugins: container is part of the daemon, anything else cannot be loaded yet and must not be left out
 * in silence: rules that need it would not work. */
static int refuse_plugin(const struct cfg_tree *t, const struct yaml_node *at, const char *name, struct base_err *err)
{
	if (!strcmp(name, "container"))
		return 0;
	return cfg_error(t, at, err,
			 "plugin '%.100s' cannot be loaded: plugins are not served yet, except container, which is built in", name);
}

static bool is_configured(const struct yaml_node *plugins, const char *name)
{
	for (uint32_t i = 0; plugins && i < plugins->count; i++) {
		const struct yaml_node *n = yaml_get(plugins->item[i], "name");

		if (n && n->s && !strcmp(n->s, name))
			return true;
	}
	return false;
}

static int check_plugins(const struct cfg_tree *t, struct base_err *err)
{
	const struct yaml_node *load = cfg_get(t, "load_plugins"), *plugins = cfg_get(t, "plugins");
	uint32_t n = !load ? 0 : load->kind == YAML_SEQ ? load->count : 1;
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++) {
		const struct yaml_node *v = load->kind == YAML_SEQ ? load->item[i] : load;

		if (!is_configured(plugins, v->s) && strcmp(v->s, "container"))
			return base_err_set(err, NULL, 0, 0, "Cannot load plugin '%s': plugin config not found for given name", v->s);
		r = refuse_plugin(t, v, v->s, err);
	}
	for (uint32_t i = 0; !r && !load && plugins && i < plugins->count; i++) {
		const struct yaml_node *name = yaml_get(plugins->item[i], "name");

		if (!name || name->kind != YAML_SCALAR)
			return cfg_error(t, plugins->item[i], err, "'plugins': an entry without 'name'");
		r = refuse_plugin(t, name, name->s, err);
	}
	return r;
}

int config_read_rules(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	int r = read_files(t, c, err);

	if (!r)
		r = read_select(t, c, err);
	if (!r)
		r = read_append(t, c, err);
	if (!r)
		r = read_static(t, c, err);
	return r ? r : check_plugins(t, err);
}
