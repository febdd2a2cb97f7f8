/* Prints the keys of config_keys.def as the body of saker.yaml(5). Run by the build. */
#include <stdio.h>
#include <string.h>

enum { MAP, BOOL, INT, NUM, STR, STRS, MAPS, ANY };
enum { SERVED, PART, INERT, LATER };

static const struct { const char *path; int type; long long min, max; const char *def, *unit; int serve; const char *neutral, *meaning; } keys[] = {
#define KEY(path, type, min, max, def, unit, serve, neutral, meaning) { path, type, min, max, def, unit, serve, neutral, meaning },
#include "daemon/config_keys.def"
};

static const char *const type_name[] = { "map", "true/false", "integer", "number", "text", "list", "list of maps", "list or map" };

/* Text of a macro argument or line: nothing that roff would take for itself. */
static void put(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '"')
			fputs("\\(dq", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

int main(void)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].serve == PART || (!*keys[i].meaning && keys[i].type == MAP))
			continue;
		printf(".TP\n.B ");
		put(keys[i].path);
		printf("\n(%s", type_name[keys[i].type]);
		if (keys[i].min || keys[i].max)
			printf(", %lld to %lld", keys[i].min, keys[i].max);
		if (*keys[i].unit) {
			printf(", ");
			put(keys[i].unit);
		}
		if (*keys[i].def) {
			printf("; default ");
			put(keys[i].def);
		}
		printf(")\n");
		if (keys[i].serve == LATER) {
			printf("Not served yet, only ");
			put(keys[i].neutral);
			printf(": ");
		} else if (keys[i].serve == INERT) {
			printf("No effect: ");
		}
		put(*keys[i].meaning ? keys[i].meaning : "see above");
		printf(".\n");
	}
	return 0;
}
