/* YAML text -> trees with positions, on libyaml's events. Called by the rules loader and the
 * configuration reader. The stack of open collections is explicit and limited: nesting in a file costs
 * heap, never stack. */
#include "base/yaml_internal.h"

#include "base/strmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define DEFAULT_DEPTH 256
#define DEFAULT_NODES (4u << 20)
#define DEFAULT_BYTES (64ull << 20)
#define MAX_RESTARTS 1000

struct frame {
	struct yaml_node *node;	    /* collection being filled */
	struct yaml_node *key;	    /* MAP: waits for its value */
	const char *anchor;	    /* arena; NULL none */
};

struct reader {
	yaml_parser_t parser;
	struct yaml_text text;
	struct yaml_doc *doc;
	struct yaml_limits lim;
	struct frame *stack; /* owned; lim.max_depth of them */
	uint32_t depth;
	struct strmap anchors;	    /* name -> position in anchored */
	struct yaml_node **anchored; /* owned; NULL while the node is being built */
	uint32_t nanchored, cap_anchored;
	struct yaml_node **roots; /* arena */
	uint32_t nroots, cap_roots;
	size_t base_char, base_byte; /* of the parser's input: characters and bytes of the text before it */
	uint32_t base_roots; /* documents before it */
	uint32_t restarts;
	bool quote_closed; /* a quote was put behind the text */
	const char *name;
	struct base_err *err;
};

/* ---- building ------------------------------------------------------------------------------ */

struct yaml_node *yaml_new(struct yaml_doc *d, enum yaml_kind kind)
{
	struct yaml_node *n = arena_alloc(&d->mem, sizeof(*n));

	*n = (struct yaml_node){ .kind = (uint8_t)kind, .weight = 1 };
	if (kind == YAML_NULL)
		n->s = arena_strn(&d->mem, "", 0);
	d->nodes++;
	return n;
}

struct yaml_node *yaml_scalar(struct yaml_doc *d, const char *s)
{
	struct yaml_node *n = yaml_new(d, YAML_SCALAR);

	n->len = (uint32_t)strlen(s);
	n->s = arena_strn(&d->mem, s, n->len);
	return n;
}

/* Room for one more entry. The arena keeps outgrown arrays: at most as much again as the last one. */
static void more(struct yaml_doc *d, struct yaml_node *n)
{
	uint32_t cap = n->cap ? n->cap * 2 : 4;
	struct yaml_node **p;

	if (n->count < n->cap)
		return;
	p = arena_alloc(&d->mem, cap * sizeof(*p));
	if (n->count)
		memcpy(p, n->item, n->count * sizeof(*p));
	n->item = p;
	if (n->kind == YAML_MAP) {
		p = arena_alloc(&d->mem, cap * sizeof(*p));
		if (n->count)
			memcpy(p, n->key, n->count * sizeof(*p));
		n->key = p;
	}
	n->cap = cap;
}

static void add(struct yaml_doc *d, struct yaml_node *n, struct yaml_node *key, struct yaml_node *value)
{
	more(d, n);
	if (n->kind == YAML_MAP) {
		n->key[n->count] = key;
		n->weight += key->weight;
	}
	n->item[n->count++] = value;
	n->weight += value->weight;
}

bool yaml_map_set(struct yaml_doc *d, struct yaml_node *map, const char *key, struct yaml_node *value)
{
	if (map->kind == YAML_NULL)
		map->kind = YAML_MAP; /* `key:` without a value becomes a map when something is put in */
	if (map->kind != YAML_MAP)
		return false;
	for (uint32_t i = 0; i < map->count; i++)
		if (map->key[i]->kind == YAML_SCALAR && !strcmp(map->key[i]->s, key)) {
			map->item[i] = value;
			return true;
		}
	add(d, map, yaml_scalar(d, key), value);
	return true;
}

bool yaml_seq_add(struct yaml_doc *d, struct yaml_node *seq, struct yaml_node *value)
{
	if (seq->kind == YAML_NULL)
		seq->kind = YAML_SEQ;
	if (seq->kind != YAML_SEQ)
		return false;
	add(d, seq, NULL, value);
	return true;
}

static size_t offset_of(const struct reader *r, const yaml_mark_t *m)
{
	return yaml_text_offset(&r->text, r->base_char + m->index);
}

/* ---- errors -------------------------------------------------------------------------------- */

static int fail_at(struct reader *r, int code, size_t offset, const char *msg)
{
	struct yaml_mark m = yaml_text_mark(&r->text, offset);

	base_err_set(r->err, r->name, (int)m.line + 1, (int)m.col + 1, "%s", msg);
	return code;
}

/* libyaml's complaint in the words of yaml-cpp, which users of Falco know from its documentation and
 * search engines; what has no counterpart stays as it is. */
static const char *translate(const char *problem)
{
	static const struct { const char *theirs, *ours; } words[] = {
		{ "found character that cannot start any token", "unknown token" },
		{ "mapping values are not allowed in this context", "illegal map value" },
		{ "mapping keys are not allowed in this context", "illegal map key" },
		{ "block sequence entries are not allowed in this context", "illegal block entry" },
		{ "did not find expected key", "end of map not found" },
		{ "did not find expected '-' indicator", "end of sequence not found" },
		{ "did not find expected ',' or ']'", "end of sequence flow not found" },
		{ "did not find expected ',' or '}'", "end of map flow not found" },
		{ "found unexpected end of stream", "illegal EOF in scalar" },
		{ "found unexpected document indicator", "illegal document indicator in scalar" },
		{ "found unknown escape character", "unknown escape character" },
		{ "did not find expected hexdecimal number", "bad character found while scanning hex number" },
		{ "found invalid Unicode character escape code", "invalid unicode" },
		{ "found a tab character where an indentation space is expected", "illegal tab when looking for indentation" },
		{ "could not find expected ':'", "illegal map value" },
		{ "did not find expected alphabetic or numeric character", "illegal character found while scanning an alias or anchor" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(problem, words[i].theirs))
			return words[i].ours;
	return problem;
}

static int fail_parser(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	size_t offset;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	offset = p->error == YAML_READER_ERROR ? 0 : offset_of(r, &p->problem_mark);
	return fail_at(r, -EINVAL, offset, p->problem ? translate(p->problem) : "not YAML");
}

/* ---- events -> tree ------------------------------------------------------------------------ */

/* A value left out stands where the next token is: behind blanks, comments and line ends. */
static size_t next_token(const struct yaml_text *t, size_t i)
{
	while (i < t->len) {
		if (strchr(" \t\r\n", t->src[i]) && t->src[i])
			i++;
		else if (t->src[i] == '#' && (i == 0 || strchr(" \t\r\n", t->src[i - 1])))
			for (; i < t->len && t->src[i] != '\n'; i++)
				;
		else
			break;
	}
	return i;
}

static bool is_null_word(const char *s, size_t len)
{
	return !len || !strcmp(s, "~") || !strcmp(s, "null") || !strcmp(s, "Null") || !strcmp(s, "NULL");
}

static int anchor_add(struct reader *r, const char *name, struct yaml_node *n)
{
	if (r->nanchored == r->cap_anchored) {
		uint32_t cap = r->cap_anchored ? r->cap_anchored * 2 : 16;
		struct yaml_node **p = realloc(r->anchored, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		r->anchored = p;
		r->cap_anchored = cap;
	}
	r->anchored[r->nanchored] = n;
	return strmap_set(&r->anchors, name, strlen(name), r->nanchored++);
}

/* Puts a finished node where it belongs. */
static int place(struct reader *r, struct yaml_node *n)
{
	struct frame *f;

	if (!r->depth) {
		if (r->nroots == r->cap_roots) {
			uint32_t cap = r->cap_roots ? r->cap_roots * 2 : 4;
			struct yaml_node **p = arena_alloc(&r->doc->mem, cap * sizeof(*p));

			if (r->nroots)
				memcpy(p, r->roots, r->nroots * sizeof(*p));
			r->roots = p;
			r->cap_roots = cap;
		}
		r->roots[r->nroots++] = n;
		return 0;
	}
	f = &r->stack[r->depth - 1];
	if (f->node->kind == YAML_MAP && !f->key) {
		f->key = n;
		return 0;
	}
	if ((uint64_t)f->node->weight + n->weight + 1 > r->lim.max_nodes)
		return fail_at(r, -E2BIG, n->mark.offset, "too many values, aliases followed");
	add(r->doc, f->node, f->key, n);
	f->key = NULL;
	return 0;
}

static struct yaml_node *node_new(struct reader *r, enum yaml_kind kind, const yaml_event_t *ev)
{
	struct yaml_node *n = yaml_new(r->doc, kind);

	n->mark = yaml_text_mark(&r->text, offset_of(r, &ev->start_mark));
	n->end = yaml_text_mark(&r->text, offset_of(r, &ev->end_mark));
	return n;
}

/* yaml-cpp folds the first of the line ends that a `>+` scalar keeps. */
static uint32_t folded_len(const yaml_event_t *ev, const char *s, uint32_t len)
{
	bool two = len > 1 && s[len - 1] == '\n' && s[len - 2] == '\n';

	return ev->data.scalar.style == YAML_FOLDED_SCALAR_STYLE && two ? len - 1 : len;
}

static int on_scalar(struct reader *r, const yaml_event_t *ev)
{
	const char *anchor = (const char *)ev->data.scalar.anchor;
	struct yaml_node *n = node_new(r, YAML_SCALAR, ev);
	int e;

	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->s = arena_strn(&r->doc->mem, (const char *)ev->data.scalar.value, ev->data.scalar.length);
	n->len = folded_len(ev, n->s, (uint32_t)yaml_text_decode(n->s, ev->data.scalar.length));
	n->s[n->len] = 0;
	if (n->plain && !ev->data.scalar.tag && is_null_word(n->s, n->len)) {
		n->kind = YAML_NULL;
		if (ev->start_mark.index == ev->end_mark.index)
			n->mark = n->end = yaml_text_mark(&r->text, next_token(&r->text, n->mark.offset));
	}
	if (anchor) {
		e = anchor_add(r, arena_strn(&r->doc->mem, anchor, strlen(anchor)), n);
		if (e)
			return e;
	}
	return place(r, n);
}

static int on_alias(struct reader *r, const yaml_event_t *ev)
{
	const char *name = (const char *)ev->data.alias.anchor;
	uint32_t i = strmap_get(&r->anchors, name, strlen(name));
	size_t at = offset_of(r, &ev->start_mark);

	if (i == STRMAP_NONE)
		return fail_at(r, -EINVAL, at, "the referenced anchor is not defined");
	if (!r->anchored[i])
		return fail_at(r, -EINVAL, at, "the alias is inside the node of its own anchor");
	return place(r, r->anchored[i]);
}

static int on_start(struct reader *r, const yaml_event_t *ev, enum yaml_kind kind, const yaml_char_t *anchor)
{
	struct yaml_node *n = node_new(r, kind, ev);
	struct frame *f;

	if (r->depth == r->lim.max_depth)
		return fail_at(r, -E2BIG, n->mark.offset, "nested too deeply");
	f = &r->stack[r->depth++];
	*f = (struct frame){ .node = n };
	if (!anchor)
		return 0;
	f->anchor = arena_strn(&r->doc->mem, (const char *)anchor, strlen((const char *)anchor));
	return anchor_add(r, f->anchor, NULL);
}

static int on_end(struct reader *r, const yaml_event_t *ev)
{
	struct frame *f = &r->stack[--r->depth];
	struct yaml_node *n = f->node;
	uint32_t i;

	n->end = yaml_text_mark(&r->text, offset_of(r, &ev->end_mark));
	if (f->anchor) {
		i = strmap_get(&r->anchors, f->anchor, strlen(f->anchor));
		r->anchored[i] = n;
	}
	return place(r, n);
}

static int on_event(struct reader *r, const yaml_event_t *ev)
{
	if (r->doc->nodes >= r->lim.max_nodes)
		return fail_at(r, -E2BIG, offset_of(r, &ev->start_mark), "too many values");
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		strmap_fini(&r->anchors); /* anchors belong to their document */
		r->nanchored = 0;
		return 0;
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev);
	case YAML_ALIAS_EVENT:
		return on_alias(r, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, ev, YAML_SEQ, ev->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_start(r, ev, YAML_MAP, ev->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(r, ev);
	default:
		return 0;
	}
}

static int start_parser(struct reader *r)
{
	const struct base_buf *enc = &r->text.enc;

	if (!yaml_parser_initialize(&r->parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)(enc->p ? enc->p + r->base_byte : ""), enc->len - r->base_byte);
	return 0;
}

/* What yaml-cpp reads and libyaml does not, once per file or document: text behind the end of a document
 * starts another one, and the end of the file closes a string. Returns 1 when reading starts again. */
static int try_again(struct reader *r)
{
	const char *problem = r->parser.problem ? r->parser.problem : "";
	size_t chars = r->parser.problem_mark.index, at = r->parser.context_mark.index, byte = r->base_byte;
	const struct base_buf *enc = &r->text.enc;
	bool document = !strcmp(problem, "did not find expected <document start>") && chars;
	bool quote = !strcmp(problem, "found unexpected end of stream") && !r->quote_closed;

	if (r->restarts == MAX_RESTARTS || (!document && !quote))
		return 0;
	r->restarts++;
	for (size_t left = document ? chars : at; left && byte < enc->len; left--)
		do
			byte++;
		while (byte < enc->len && ((unsigned char)enc->p[byte] & 0xc0) == 0x80);
	if (quote) {
		if (byte >= enc->len || (enc->p[byte] != '"' && enc->p[byte] != '\''))
			return 0;
		buf_chr(&r->text.enc, enc->p[byte]);
		if (enc->failed)
			return -ENOMEM;
		r->quote_closed = true;
		r->nroots = r->base_roots;
		r->depth = 0;
	} else {
		r->base_byte = byte;
		r->base_char += chars;
		r->base_roots = r->nroots;
	}
	yaml_parser_delete(&r->parser);
	return start_parser(r) ? -ENOMEM : 1;
}

static int read_events(struct reader *r)
{
	bool end = false;
	int e = 0;

	while (!end && !e) {
		yaml_event_t ev;

		if (!yaml_parser_parse(&r->parser, &ev)) {
			e = try_again(r);
			if (e <= 0)
				return e ? e : fail_parser(r);
			e = 0;
			continue;
		}
		end = ev.type == YAML_STREAM_END_EVENT;
		e = on_event(r, &ev);
		yaml_event_delete(&ev);
	}
	return e;
}

/* ---- entry points -------------------------------------------------------------------------- */

static int reader_init(struct reader *r, const char *text, size_t len)
{
	int e = yaml_text_init(&r->text, text, len);

	if (e)
		return e;
	r->stack = malloc(r->lim.max_depth * sizeof(*r->stack));
	r->doc = calloc(1, sizeof(*r->doc));
	return r->stack && r->doc ? start_parser(r) : -ENOMEM;
}

int yaml_parse(const char *name, const char *text, size_t len, const struct yaml_limits *limits, struct yaml_doc **ret, struct yaml_node ***ret_docs, uint32_t *ret_count, struct base_err *err)
{
	struct reader r = { .name = name, .err = err };
	int e;

	if (limits)
		r.lim = *limits;
	if (!r.lim.max_depth)
		r.lim.max_depth = DEFAULT_DEPTH;
	if (!r.lim.max_nodes)
		r.lim.max_nodes = DEFAULT_NODES;
	if (!r.lim.max_bytes || r.lim.max_bytes > INT32_MAX)
		r.lim.max_bytes = DEFAULT_BYTES;
	if (len > r.lim.max_bytes) {
		base_err_set(err, name, 0, 0, "too big: %zu bytes, at most %llu are read", len, (unsigned long long)r.lim.max_bytes);
		return -E2BIG;
	}
	e = reader_init(&r, text, len);
	if (!e)
		e = read_events(&r);
	if (r.parser.raw_buffer.start)
		yaml_parser_delete(&r.parser);
	yaml_text_fini(&r.text);
	strmap_fini(&r.anchors);
	free(r.anchored);
	free(r.stack);
	if (e) {
		yaml_free(r.doc);
		if (e == -ENOMEM)
			base_err_set(err, name, 0, 0, "out of memory");
		return e;
	}
	*ret = r.doc;
	*ret_docs = r.roots;
	*ret_count = r.nroots;
	return 0;
}

int yaml_read_file(const char *path, uint64_t max, char **ret, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), e = 0;
	struct base_buf b = { 0 };
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	/* read on to the end instead of trusting the size: pipes and /proc have none */
	do {
		if (!buf_reserve(&b, 65536)) {
			e = -ENOMEM;
			break;
		}
		n = read(fd, b.p + b.len, 65536);
		if (n < 0)
			e = errno == EINTR ? 0 : -errno;
		else
			b.len += (size_t)n;
		if (b.len > max)
			e = -E2BIG;
	} while (!e && n);
	close(fd);
	if (e) {
		buf_fini(&b);
		return e;
	}
	b.p[b.len] = 0;
	*ret_len = b.len;
	*ret = b.p;
	return 0;
}

int yaml_parse_file(const char *path, const struct yaml_limits *limits, struct yaml_doc **ret, struct yaml_node ***ret_docs, uint32_t *ret_count, struct base_err *err)
{
	uint64_t max = limits && limits->max_bytes ? limits->max_bytes : DEFAULT_BYTES;
	size_t len;
	char *text;
	int e = yaml_read_file(path, max, &text, &len);

	if (e) {
		base_err_set(err, path, 0, 0, "can't be read: %s", strerror(-e));
		return e;
	}
	e = yaml_parse(path, text, len, limits, ret, ret_docs, ret_count, err);
	free(text);
	return e;
}

void yaml_free(struct yaml_doc *d)
{
	if (!d)
		return;
	arena_fini(&d->mem);
	free(d);
}
