/* --list: the fields that rules may use, by class. See field_list.h. */
#include "eval/field_list.h"
#include "eval/field.h"
#include "eval/xform.h"

#include <string.h>

/* Text lists have two columns. */
#define RIGHT 30
#define WIDTH 120

static const struct {
	const char *name;
	const char *label; /* tells classes of one name apart, "" none */
	const char *desc;  /* "" none */
} classes[FC_MAX] = {
	[FC_GEN_EVENT] = { "evt", "All event types", "Fields that every event has, whatever source it comes from." },
	[FC_EVENT] = { "evt", "Syscall events only", "Fields of system call and kernel events. Every argument of a call is at hand through evt.arg, by name or position." },
	[FC_THREAD] = { "process", "", "The process and thread that caused the event, and their ancestors." },
	[FC_USER] = { "user", "", "The user the thread runs as." },
	[FC_GROUP] = { "group", "", "The group the thread runs as." },
	[FC_FD] = { "fd", "", "The file descriptor an event opens, uses or closes: files, directories, sockets, pipes and the like." },
	[FC_FSPATH] = { "fs.path", "", "Paths that file system calls work on. Unlike fd.* they are there for calls that take a path and no descriptor, such as unlink and rename." },
	[FC_FDLIST] = { "fdlist", "", "The descriptors of poll events." },
	[FC_CONTAINER] = { "container (plugin)", "", "" },
};

static bool class_listed(unsigned cls, const char *source)
{
	if (!classes[cls].name)
		return false;
	return !source || !*source || !strcmp(source, "syscall") || cls == FC_GEN_EVENT;
}

static bool listed(const struct field_def *d)
{
	return !(d->flags & (FF_TABLE_ONLY | FF_DEPRECATED | FF_PRINT_ONLY));
}

/* "(A,B) " of what restricts the use of a field. Alphabetical. */
static void add_tags(struct base_buf *out, const struct field_def *d)
{
	static const struct {
		uint32_t flag;
		const char *tag;
	} tags[] = {
		{ FF_ARG_ALLOWED, "ARG_ALLOWED" }, { FF_ARG_INDEX, "ARG_INDEX" }, { FF_ARG_KEY, "ARG_KEY" },
		{ FF_ARG_REQUIRED, "ARG_REQUIRED" }, { FF_IS_LIST, "EPF_IS_LIST" }, { FF_NO_RHS, "EPF_NO_RHS" },
		{ FF_NO_TRANSFORMER, "EPF_NO_TRANSFORMER" }, { FF_FILTER_ONLY, "FILTER_ONLY" },
	};
	const char *sep = "(";

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (!(d->flags & tags[i].flag))
			continue;
		buf_str(out, sep);
		buf_str(out, tags[i].tag);
		sep = ",";
	}
	if (*sep == ',')
		buf_str(out, ") ");
}

/* Words of s, each with a blank behind, in lines of the right column. */
static void wrap(struct base_buf *out, const char *s)
{
	size_t used = 0;

	for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		if (used + n + 1 > WIDTH - RIGHT) {
			buf_chr(out, '\n');
			buf_pad(out, ' ', RIGHT);
			used = 0;
		}
		buf_add(out, s, n);
		buf_chr(out, ' ');
		used += n + 1;
		s += n;
	}
	buf_chr(out, '\n');
}

static void left(struct base_buf *out, const char *s)
{
	size_t n = strlen(s);

	buf_str(out, s);
	if (n > RIGHT) {
		buf_chr(out, '\n');
		n = 0;
	}
	buf_pad(out, ' ', RIGHT - n);
}

static void names(struct base_buf *out, const char *source)
{
	for (size_t i = 0; i < eval_field_count; i++) {
		const struct field_def *d = &eval_field_defs[i];

		if (listed(d) && class_listed(d->cls, source)) {
			buf_str(out, d->name);
			buf_chr(out, '\n');
		}
	}
}

/* Only the general fields belong to other sources than the one asked for. */
static const char *shown_source(const char *source)
{
	return source && *source ? source : "syscall";
}

static void class_text(struct base_buf *out, unsigned cls, const char *source, bool verbose)
{
	struct base_buf desc = { 0 };

	buf_str(out, "-------------------------------\n");
	left(out, "Field Class:");
	buf_str(out, classes[cls].name);
	if (*classes[cls].label)
		buf_fmt(out, " (%s)", classes[cls].label);
	buf_chr(out, '\n');
	if (*classes[cls].desc) {
		left(out, "Description:");
		wrap(out, classes[cls].desc);
	}
	left(out, "Event Sources:");
	buf_fmt(out, "%s \n\n", shown_source(source));
	for (size_t i = 0; i < eval_field_count; i++) {
		const struct field_def *d = &eval_field_defs[i];

		if (d->cls != cls || !listed(d))
			continue;
		buf_reset(&desc);
		if (verbose)
			buf_fmt(&desc, "(Type: %s) ", eval_type_name(d->type));
		add_tags(&desc, d);
		buf_str(&desc, d->desc);
		left(out, d->name);
		wrap(out, desc.failed ? "" : desc.p);
	}
	buf_chr(out, '\n');
	buf_fini(&desc);
}

void field_list_text(struct base_buf *out, const char *source, bool names_only, bool verbose)
{
	if (names_only) {
		names(out, source);
		return;
	}
	for (unsigned cls = 0; cls < FC_MAX; cls++)
		if (class_listed(cls, source))
			class_text(out, cls, source, verbose);
}

void field_list_markdown(struct base_buf *out, const char *source, bool names_only, bool verbose)
{
	(void)verbose; /* types are always shown */
	if (names_only) {
		names(out, source);
		return;
	}
	for (unsigned cls = 0; cls < FC_MAX; cls++) {
		if (!class_listed(cls, source))
			continue;
		buf_fmt(out, "## Field Class: %s\n\n", classes[cls].name);
		if (*classes[cls].desc)
			buf_fmt(out, "%s\n\n", classes[cls].desc);
		buf_fmt(out, "Event Sources: %s \n\nName | Type | Description\n:----|:-----|:-----------\n", shown_source(source));
		for (size_t i = 0; i < eval_field_count; i++) {
			const struct field_def *d = &eval_field_defs[i];

			if (d->cls != cls || !listed(d))
				continue;
			buf_fmt(out, d->flags & FF_IS_LIST ? "`%s` | LIST(%s) | %s\n" : "`%s` | %s | %s\n", d->name, eval_type_name(d->type), d->desc);
		}
		buf_chr(out, '\n');
	}
}

static void json_text(struct base_buf *out, const char *s)
{
	buf_chr(out, '"');
	buf_json_escape(out, s, strlen(s));
	buf_chr(out, '"');
}

static void argument_json(struct base_buf *out, const struct field_def *d)
{
	const char *sep = "";

	if (!(d->flags & (FF_ARG_ALLOWED | FF_ARG_REQUIRED))) {
		buf_str(out, "null");
		return;
	}
	buf_fmt(out, "{\n            \"required\": %s,\n            \"type\": [", d->flags & FF_ARG_REQUIRED ? "true" : "false");
	if (d->flags & FF_ARG_INDEX) {
		buf_str(out, "\n              \"INDEX\"");
		sep = ",";
	}
	if (d->flags & FF_ARG_KEY) {
		buf_fmt(out, "%s\n              \"KEY\"", sep);
		sep = ",";
	}
	buf_str(out, *sep ? "\n            ]\n          }" : "]\n          }");
}

static void field_json(struct base_buf *out, const struct field_def *d)
{
	buf_str(out, "        {\n          \"argument\": ");
	argument_json(out, d);
	buf_str(out, ",\n          \"desc\": ");
	json_text(out, d->desc);
	buf_fmt(out, ",\n          \"is_list\": %s,\n          \"name\": \"%s\",\n          \"type\": \"%s\"\n        }",
		d->flags & FF_IS_LIST ? "true" : "false", d->name, eval_type_name(d->type));
}

void field_list_json(struct base_buf *out, const char *source, bool names_only, bool verbose)
{
	const char *sep = "\n", *fsep;

	(void)verbose;
	if (names_only) {
		names(out, source);
		return;
	}
	buf_str(out, "{\n  \"fieldclasses\": [");
	for (unsigned cls = 0; cls < FC_MAX; cls++) {
		if (!class_listed(cls, source))
			continue;
		buf_str(out, sep);
		sep = ",\n";
		buf_str(out, "    {\n");
		if (*classes[cls].desc) {
			buf_str(out, "      \"desc\": ");
			json_text(out, classes[cls].desc);
			buf_str(out, ",\n");
		}
		buf_str(out, "      \"event_sources\": [\n        ");
		json_text(out, shown_source(source));
		buf_str(out, "\n      ],\n      \"fields\": [");
		fsep = "\n";
		for (size_t i = 0; i < eval_field_count; i++) {
			const struct field_def *d = &eval_field_defs[i];

			if (d->cls != cls || !listed(d))
				continue;
			buf_str(out, fsep);
			field_json(out, d);
			fsep = ",\n";
		}
		buf_fmt(out, "\n      ],\n      \"name\": \"%s\"\n    }", classes[cls].name);
	}
	buf_str(out, "\n  ]\n}\n");
}
