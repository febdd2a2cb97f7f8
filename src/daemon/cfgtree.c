/* See cfgtree.h. Owns the documents of all files and of "{...}" option values; the tree is that of the
 * main file, into which nodes of the others are linked. */
#include "daemon/cfgtree.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 256
#define MAX_EXPANDED 65536 /* bytes of one scalar after environment variables are in */

static const struct yaml_limits file_limits = { .max_depth = 32, .max_nodes = 200000, .max_bytes = 8 << 20 };

struct file {
	char *path; /* owned */
	struct yaml_doc *doc; /* owned */
	struct yaml_node *root;
};

/* A node that an option has made; what is below it came with it. */
struct made {
	const struct yaml_node *node;
	const char *option;
};

struct cfg_tree {
	struct file files[MAX_FILES];
	uint32_t nfiles;
	struct yaml_doc **extra; /* owned: documents of option values */
	uint32_t nextra;
	struct made *made; /* owned */
	uint32_t nmade;
	const char *option; /* being applied */
	bool failed;	    /* no memory while noting */
	struct yaml_node *root;
};

struct yaml_node *cfg_root(const struct cfg_tree *t)
{
	return t->root;
}

uint32_t cfg_file_count(const struct cfg_tree *t)
{
	return t->nfiles && !t->files[0].path[0] ? t->nfiles - 1 : t->nfiles;
}

const char *cfg_file(const struct cfg_tree *t, uint32_t i)
{
	return t->files[i + (t->nfiles - cfg_file_count(t))].path;
}

struct yaml_node *cfg_get(const struct cfg_tree *t, const char *path)
{
	struct yaml_node *n = t->root;
	char name[128];

	while (n && path) {
		const char *dot = strchr(path, '.');
		size_t len = dot ? (size_t)(dot - path) : strlen(path);

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		n = yaml_get(n, name);
		path = dot ? dot + 1 : NULL;
	}
	return n && n->kind != YAML_NULL ? n : NULL;
}

/* ---- origins ----------------------------------------------------------------------------- */

/* The depth is that of the parser's limit. */
static bool contains(const struct yaml_node *at, const struct yaml_node *n)
{
	if (at == n)
		return true;
	for (uint32_t i = 0; i < at->count; i++) {
		if ((at->kind == YAML_MAP && at->key[i] == n) || contains(at->item[i], n))
			return true;
	}
	return false;
}

struct cfg_origin cfg_origin(const struct cfg_tree *t, const struct yaml_node *n)
{
	struct cfg_origin o = { 0 };

	/* The last option that made it, else the included file it was parsed from: the main file last, as
	 * nodes of the others hang in its tree. */
	for (uint32_t i = t->nmade; i-- > 0;) {
		if (t->made[i].node == n || (t->made[i].node->count && contains(t->made[i].node, n))) {
			o.option = t->made[i].option;
			return o;
		}
	}
	for (uint32_t i = t->nfiles; i-- > 0;) {
		if (i == 0 || contains(t->files[i].root, n)) {
			o.file = t->files[i].path[0] ? t->files[i].path : NULL;
			o.line = (int)n->mark.line + 1;
			o.col = (int)n->mark.col + 1;
			break;
		}
	}
	return o;
}

int cfg_error(const struct cfg_tree *t, const struct yaml_node *n, struct base_err *err, const char *fmt, ...)
{
	struct cfg_origin o = cfg_origin(t, n);
	char text[900];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (o.option)
		return base_err_set(err, NULL, 0, 0, "-o %.100s: %s", o.option, text);
	return base_err_set(err, o.file, o.line, o.col, "%s", text);
}

/* ---- files ------------------------------------------------------------------------------- */

static const char *from_environment(const char *name)
{
	return getenv(name);
}

/* Every scalar once; a node that several aliases share has no reference left after the first visit. */
static int expand(struct yaml_doc *d, struct yaml_node *n, const char *path, struct base_err *err)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < n->count; i++)
		r = expand(d, n->item[i], path, err);
	if (r || n->kind != YAML_SCALAR || !strchr(n->s, '$'))
		return r;

	char *text = cfg_expand_env(n->s, from_environment, MAX_EXPANDED);
	struct yaml_node *new = text ? yaml_scalar(d, text) : NULL;

	free(text);
	if (!new)
		return base_err_set(err, path, (int)n->mark.line + 1, (int)n->mark.col + 1,
				    "environment variables in this value do not come to an end");
	n->s = new->s;
	n->len = new->len;
	return 0;
}

/* Adds a file; path "" is an empty main document. */
static int add_file(struct cfg_tree *t, const char *path, struct base_err *err)
{
	struct file *f = &t->files[t->nfiles];
	struct yaml_node **docs;
	uint32_t count;
	int r;

	if (t->nfiles == MAX_FILES)
		return base_err_set(err, path, 0, 0, "more than %d configuration files", MAX_FILES);
	f->path = strdup(path);
	if (!f->path)
		return base_err_set(err, NULL, 0, 0, "no memory for the configuration");
	r = path[0] ? yaml_parse_file(path, &file_limits, &f->doc, &docs, &count, err) :
		      yaml_parse("", "{}", 2, &file_limits, &f->doc, &docs, &count, err);
	if (r < 0) {
		free(f->path);
		return r;
	}
	t->nfiles++;
	/* An empty file has no document: as good as an empty map. */
	f->root = count ? docs[0] : yaml_new(f->doc, YAML_MAP);
	if (f->root && f->root->kind == YAML_NULL)
		f->root = yaml_new(f->doc, YAML_MAP);
	if (!f->root)
		return base_err_set(err, NULL, 0, 0, "no memory for the configuration");
	if (f->root->kind != YAML_MAP)
		return base_err_set(err, path, (int)f->root->mark.line + 1, (int)f->root->mark.col + 1,
				    "a configuration file is a map of keys and values, this is %s",
				    f->root->kind == YAML_SEQ ? "a list" : "a single value");
	return expand(f->doc, f->root, path, err);
}

enum strategy { MERGE_APPEND, MERGE_OVERRIDE, MERGE_ADD_ONLY };

static struct yaml_node **slot_of(struct yaml_node *map, const char *key)
{
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->key[i]->s && !strcmp(map->key[i]->s, key))
			return &map->item[i];
	}
	return NULL;
}

static int merge(struct cfg_tree *t, const struct file *from, enum strategy how, struct base_err *err)
{
	struct yaml_doc *d = t->files[0].doc;

	for (uint32_t i = 0; i < from->root->count; i++) {
		struct yaml_node *key = from->root->key[i], *value = from->root->item[i], **slot;

		if (!key->s)
			continue;
		if (!strcmp(key->s, "config_files"))
			return base_err_set(err, NULL, 0, 0,
					    "Config error: 'config_files' directive in included config file %s.", from->path);
		slot = slot_of(t->root, key->s);
		if (!slot) {
			if (!yaml_map_set(d, t->root, key->s, value))
				return base_err_set(err, NULL, 0, 0, "no memory for the configuration");
		} else if (how == MERGE_APPEND && value->kind == YAML_SEQ && (*slot)->kind == YAML_SEQ) {
			for (uint32_t k = 0; k < value->count; k++) {
				if (!yaml_seq_add(d, *slot, value->item[k]))
					return base_err_set(err, NULL, 0, 0, "no memory for the configuration");
			}
		} else if (how != MERGE_ADD_ONLY) {
			*slot = value;
		}
	}
	return 0;
}

static int include_file(struct cfg_tree *t, const char *path, enum strategy how, struct base_err *err)
{
	int r = add_file(t, path, err);

	return r < 0 ? r : merge(t, &t->files[t->nfiles - 1], how, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int include_dir(struct cfg_tree *t, const char *dir, enum strategy how, struct base_err *err)
{
	char *names[MAX_FILES];
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;
	int r = 0;

	if (!d)
		return base_err_set(err, dir, 0, 0, "cannot read the directory: %s", strerror(errno));
	while (!r && (e = readdir(d))) {
		struct stat st;
		char *full;

		if (asprintf(&full, "%s/%s", dir, e->d_name) < 0) {
			r = base_err_set(err, NULL, 0, 0, "no memory for the configuration");
		} else if (stat(full, &st) || !S_ISREG(st.st_mode)) {
			free(full);
		} else if (n == MAX_FILES) {
			free(full);
			r = base_err_set(err, dir, 0, 0, "more than %d configuration files", MAX_FILES);
		} else {
			names[n++] = full;
		}
	}
	closedir(d);
	qsort(names, n, sizeof(names[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		if (!r)
			r = include_file(t, names[i], how, err);
		free(names[i]);
	}
	return r;
}

static int include(struct cfg_tree *t, const struct yaml_node *entry, struct base_err *err)
{
	const struct yaml_node *path = entry, *word = NULL;
	enum strategy how = MERGE_APPEND;
	struct stat st;

	if (entry->kind == YAML_MAP) {
		path = yaml_get(entry, "path");
		word = yaml_get(entry, "strategy");
	}
	if (!path || path->kind != YAML_SCALAR)
		return cfg_error(t, entry, err, "'config_files': an entry is a path, or a map with 'path' and 'strategy'");
	if (word && word->kind == YAML_SCALAR && !strcmp(word->s, "override"))
		how = MERGE_OVERRIDE;
	else if (word && word->kind == YAML_SCALAR && !strcmp(word->s, "add-only"))
		how = MERGE_ADD_ONLY;
	if (!strcmp(path->s, t->files[0].path))
		return base_err_set(err, NULL, 0, 0,
				    "Config error: 'config_files' directive tried to recursively include main config file: %s.", path->s);
	if (stat(path->s, &st))
		return 0; /* what does not exist is skipped, as for rules */
	if (S_ISDIR(st.st_mode))
		return include_dir(t, path->s, how, err);
	return S_ISREG(st.st_mode) ? include_file(t, path->s, how, err) : 0;
}

static int include_all(struct cfg_tree *t, struct base_err *err)
{
	struct yaml_node *list = cfg_get(t, "config_files");
	int r = 0;

	if (!list)
		return 0;
	if (list->kind != YAML_SEQ)
		return include(t, list, err);
	for (uint32_t i = 0; !r && i < list->count; i++)
		r = include(t, list->item[i], err);
	return r;
}

/* ---- options ----------------------------------------------------------------------------- */

static void note_made(void *arg, struct yaml_node *n)
{
	struct cfg_tree *t = arg;
	struct made *m = reallocarray(t->made, t->nmade + 1, sizeof(*m));

	if (!m) {
		t->failed = true;
		return;
	}
	t->made = m;
	t->made[t->nmade++] = (struct made){ .node = n, .option = t->option };
}

static void note_doc(void *arg, struct yaml_doc *d)
{
	struct cfg_tree *t = arg;
	struct yaml_doc **x = reallocarray(t->extra, t->nextra + 1, sizeof(struct yaml_doc *));

	if (!x) {
		t->failed = true;
		yaml_free(d);
		return;
	}
	t->extra = x;
	t->extra[t->nextra++] = d;
}

static int apply_options(struct cfg_tree *t, char *const *options, uint32_t n, bool includes, struct base_err *err)
{
	const struct cfg_set_ops ops = { .made = note_made, .parsed = note_doc, .arg = t };

	for (uint32_t i = 0; i < n; i++) {
		int r;

		/* config_files must be known before merging, everything else wins over what was merged */
		if (!strncmp(options[i], "config_files", 12) != includes)
			continue;
		t->option = options[i];
		r = cfg_set_option(t->files[0].doc, t->root, options[i], &ops, err);
		if (r < 0)
			return r;
		if (t->failed)
			return base_err_set(err, NULL, 0, 0, "no memory for the configuration");
	}
	return 0;
}

int cfg_tree_load(const char *path, char *const *options, uint32_t noptions, struct cfg_tree **ret, struct base_err *err)
{
	struct cfg_tree *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return base_err_set(err, NULL, 0, 0, "no memory for the configuration");
	r = add_file(t, path ? path : "", err);
	if (r < 0)
		goto fail;
	t->root = t->files[0].root;
	r = apply_options(t, options, noptions, true, err);
	if (!r)
		r = include_all(t, err);
	if (!r)
		r = apply_options(t, options, noptions, false, err);
	if (r < 0)
		goto fail;
	*ret = t;
	return 0;
fail:
	cfg_tree_free(t);
	return r;
}

void cfg_tree_free(struct cfg_tree *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->nfiles; i++) {
		free(t->files[i].path);
		yaml_free(t->files[i].doc);
	}
	for (uint32_t i = 0; i < t->nextra; i++)
		yaml_free(t->extra[i]);
	free(t->extra);
	free(t->made);
	free(t);
}
