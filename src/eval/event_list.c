/* --list-events: the events a rule can see, by kind. See field_list.h.
 *
 * Current events come in order of their numbers; calls without an event of their own follow, in the
 * order Falco prints them. */
#include "contract/event.h"
#include "eval/field_list.h"
#include "eval/name_order.h"
#include "eval/xform.h"

#include <string.h>

#define SCHEMA "4.3.0"

enum form { TEXT, MARKDOWN, JSON };

struct list {
	struct base_buf *out;
	enum form form;
	const char *sep; /* of JSON's next event */
};

static bool is_flags(unsigned type)
{
	return (type >= PT_FLAGS8 && type <= PT_FLAGS32) || (type >= PT_ENUMFLAGS8 && type <= PT_ENUMFLAGS32);
}

static void param_flags(const struct list *l, const struct evt_param_info *p)
{
	size_t n;
	const struct evt_flag *f = is_flags(p->type) ? evt_flag_table(p->table, &n) : NULL;

	if (!f)
		return;
	if (l->form == JSON) {
		buf_str(l->out, "          \"flags\": [");
		for (size_t i = 0; i < n; i++)
			buf_fmt(l->out, "%s\n            \"%s\"", i ? "," : "", f[i].name);
		buf_str(l->out, "\n          ],\n");
		return;
	}
	buf_str(l->out, ": ");
	for (size_t i = 0; i < n; i++)
		buf_fmt(l->out, l->form == MARKDOWN ? "%s*%s*" : "%s%s", i ? ", " : "", f[i].name);
}

static void params(const struct list *l, const struct evt_info *e)
{
	for (unsigned i = 0; i < e->nparams; i++) {
		const struct evt_param_info *p = &e->params[i];

		if (l->form == JSON) {
			buf_str(l->out, i ? ",\n        {\n" : "\n        {\n");
			param_flags(l, p);
			buf_fmt(l->out, "          \"name\": \"%s\",\n          \"type\": \"%s\"\n        }", p->name, eval_type_name(p->type));
		} else {
			buf_fmt(l->out, "%s%s **%s**", i ? ", " : "", eval_type_name(p->type), p->name);
			param_flags(l, p);
		}
	}
}

/* usual: produced without being asked for. */
static void event(struct list *l, const struct evt_info *e, const char *name, bool usual)
{
	char dir = e->dir == EVT_ENTER ? '>' : '<';

	switch (l->form) {
	case TEXT:
		buf_fmt(l->out, "%c %s(", dir, name);
		params(l, e);
		buf_str(l->out, ")\n");
		break;
	case MARKDOWN:
		buf_fmt(l->out, "%s | `%c` | `%s` | ", usual ? "Yes" : "No", dir, name);
		params(l, e);
		buf_chr(l->out, '\n');
		break;
	case JSON:
		buf_fmt(l->out, "%s    {\n      \"available\": %s,\n      \"dir\": \"%c\",\n      \"name\": \"%s\",\n      \"params\": [", l->sep,
			usual ? "true" : "false", dir, name);
		params(l, e);
		buf_str(l->out, e->nparams ? "\n      ]\n    }" : "]\n    }");
		l->sep = ",\n";
		break;
	}
}

static bool is_generic(unsigned type)
{
	return type == PPME_GENERIC_E || type == PPME_GENERIC_X;
}

/* Events of calls that are too frequent to be produced unless they are asked for. */
static bool is_usual(unsigned type)
{
	switch (type) {
	case PPME_SYSCALL_READ_X: case PPME_SYSCALL_WRITE_X: case PPME_SYSCALL_PREAD_X: case PPME_SYSCALL_PWRITE_X:
	case PPME_SYSCALL_READV_X: case PPME_SYSCALL_WRITEV_X: case PPME_SYSCALL_PREADV_X: case PPME_SYSCALL_PWRITEV_X:
	case PPME_SYSCALL_SENDFILE_X: case PPME_SOCKET_SEND_X: case PPME_SOCKET_RECV_X:
		return false;
	default:
		return true;
	}
}

static void generic_events(struct list *l)
{
	const char *names[1024] = { NULL };
	size_t order[1024] = { 0 }, n = 0;

	for (size_t i = 0; i < evt_syscall_count && n < 1024; i++)
		if (evt_syscalls[i].exit_event == PPME_GENERIC_X && strncmp(evt_syscalls[i].name, "na_", 3) != 0)
			names[n++] = evt_syscalls[i].name;
	if (!name_order(names, n, order))
		for (size_t i = 0; i < n; i++)
			order[i] = i;
	for (size_t i = 0; i < n; i++) {
		event(l, &evt_table[PPME_GENERIC_E], names[order[i]], true);
		event(l, &evt_table[PPME_GENERIC_X], names[order[i]], true);
	}
}

static void events_of(struct list *l, enum evt_origin origin)
{
	for (unsigned t = 0; t < EVT_TYPE_MAX; t++) {
		const struct evt_info *e = &evt_table[t];

		if (e->name && e->origin == origin && !is_generic(t) && !(e->flags & (EVF_OLD_VERSION | EVF_UNUSED)))
			event(l, e, e->name, is_usual(t));
	}
	if (origin == EO_SYSCALL)
		generic_events(l);
}

static void category(struct list *l, const char *title, enum evt_origin origin)
{
	if (l->form == JSON) {
		buf_fmt(l->out, "  \"%s\": [\n", title);
		l->sep = "";
		events_of(l, origin);
		buf_str(l->out, "\n  ],\n");
		return;
	}
	buf_fmt(l->out, "## %s\n\n", title);
	if (l->form == MARKDOWN)
		buf_str(l->out, "Default | Dir | Name | Params \n:-------|:----|:-----|:-----\n");
	events_of(l, origin);
	buf_chr(l->out, '\n');
}

static void list_all(struct base_buf *out, enum form form)
{
	struct list l = { .out = out, .form = form };

	if (form == JSON) { /* keys in alphabetical order */
		buf_str(out, "{\n");
		category(&l, "Metaevents", EO_METAEVENT);
		category(&l, "Plugin events", EO_PLUGIN);
		category(&l, "Syscall events", EO_SYSCALL);
		category(&l, "Tracepoint events", EO_TRACEPOINT);
		buf_str(out, "  \"schema_version\": \"" SCHEMA "\"\n}\n");
		return;
	}
	buf_str(out, "The events below are valid for Falco *Schema Version*: " SCHEMA "\n");
	category(&l, "Syscall events", EO_SYSCALL);
	category(&l, "Tracepoint events", EO_TRACEPOINT);
	category(&l, "Plugin events", EO_PLUGIN);
	category(&l, "Metaevents", EO_METAEVENT);
}

void event_list_text(struct base_buf *out)
{
	list_all(out, TEXT);
}

void event_list_markdown(struct base_buf *out)
{
	list_all(out, MARKDOWN);
}

void event_list_json(struct base_buf *out)
{
	list_all(out, JSON);
}
