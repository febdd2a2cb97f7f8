/* --support: one JSON object that says what runs where, for a report. Called by main. */
#include "daemon/commands.h"
#include "daemon/run.h"
#include "daemon/versions.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#define MAX_FILE (8 << 20)

/* Contents of a file as a JSON string; null when it cannot be read or is not UTF-8. */
static json_t *file_text(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(MAX_FILE) : NULL;
	size_t len = text ? fread(text, 1, MAX_FILE, f) : 0;
	json_t *j = text ? json_stringn(text, len) : NULL;

	if (f)
		fclose(f);
	free(text);
	return j ? j : json_null();
}

static json_t *command_line(int argc, char **argv)
{
	struct base_buf b = { 0 };
	json_t *j;

	for (int i = 0; i < argc; i++) {
		buf_str(&b, i ? " " : "");
		buf_str(&b, argv[i]);
	}
	j = json_string(b.p ? b.p : "");
	buf_fini(&b);
	return j ? j : json_null();
}

int cmd_support(const struct config *c, const struct options *o, int argc, char **argv)
{
	char *const *rules = o->nrules ? o->rules : c->rules_files;
	uint32_t nrules = o->nrules ? o->nrules : c->nrules_files;
	json_t *files = json_array(), *configs = json_array(), *j;
	struct utsname u;
	char *text;

	uname(&u);
	for (uint32_t i = 0; i < nrules; i++)
		json_array_append_new(files, json_pack("{s:s, s:[{s:o}]}", "name", rules[i], "variants", "content", file_text(rules[i])));
	for (uint32_t i = 0; i < c->nfiles; i++)
		json_array_append_new(configs, json_pack("{s:s, s:o}", "name", c->files[i], "content", file_text(c->files[i])));
	j = json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:o, s:{s:s, s:s, s:s, s:s, s:s}, s:o}",
		      "version", SAKER_VERSION,
		      "engine_info", "saker_version", SAKER_VERSION, "engine_version_semver", ENGINE_SEMVER, "driver_schema_version", SCHEMA_VERSION,
		      "cmdline", command_line(argc, argv),
		      "config_files", configs,
		      "system_info", "sysname", u.sysname, "nodename", u.nodename, "release", u.release, "version", u.version, "machine", u.machine,
		      "rules_files", files);
	text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (!text)
		return run_error("no memory for the report");
	puts(text);
	free(text);
	json_decref(j);
	return 0;
}
