/* The machine's passwd and group files as sorted arrays. Owned by one shard's user table; read at start and
 * when the worker is idle, searched on the way of events. Lines that are not well-formed are left out. */
#include "state/userfile.h"
#include "base/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (16u << 20) /* bytes: a directory service's dump, not more */
#define LOOK_INTERVAL_NS 1000000000ull

struct table {
	char path[512];
	struct timespec mtime;
	off_t size;
	char *text; /* owned; cut into fields by NULs */
	struct userfile_user *e; /* owned; by id, then by line */
	size_t count;
	unsigned fields;
};

struct userfile {
	struct table passwd, group;
	uint64_t looked; /* monotonic */
};

static bool parse_id(const char *s, uint32_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)v;
	return true;
}

/* Cuts a line at its colons. Returns the number of fields, at most max; the last one has the rest. */
static unsigned split(char *line, char **field, unsigned max)
{
	unsigned n = 0;

	for (char *p = line; p && n < max; n++) {
		field[n] = p;
		p = strchr(p, ':');
		if (p && n + 1 < max)
			*p++ = 0;
		else if (p && n + 1 == max)
			*p = 0;
	}
	return n;
}

static int by_id(const void *a, const void *b)
{
	const struct userfile_user *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name; /* in order of the file */
}

static bool parse_line(struct table *t, char *line, struct userfile_user *ret)
{
	char *f[7];

	if (split(line, f, t->fields) < t->fields || !parse_id(f[2], &ret->uid))
		return false;
	ret->name = f[0];
	if (t->fields == 3)
		return true;
	ret->home = f[5];
	ret->shell = f[6];
	return parse_id(f[3], &ret->gid);
}

static void parse(struct table *t)
{
	size_t lines = 1;

	for (char *p = t->text; (p = strchr(p, '\n')); p++)
		lines++;
	t->e = calloc(lines, sizeof(*t->e));
	t->count = 0;
	for (char *line = t->text, *next; t->e && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (parse_line(t, line, &t->e[t->count]))
			t->count++;
	}
	if (t->count)
		qsort(t->e, t->count, sizeof(*t->e), by_id);
}

static char *slurp(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	size_t used = 0;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, st) && S_ISREG(st->st_mode) && st->st_size <= FILE_MAX)
		text = malloc((size_t)st->st_size + 1);
	while (text && used < (size_t)st->st_size) {
		ssize_t n = read(fd, text + used, (size_t)st->st_size - used);

		if (n <= 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	if (text)
		text[used] = 0;
	return text;
}

static bool load(struct table *t)
{
	struct stat st;
	char *text;

	if (stat(t->path, &st) || (t->text && st.st_size == t->size && st.st_mtim.tv_sec == t->mtime.tv_sec &&
				   st.st_mtim.tv_nsec == t->mtime.tv_nsec))
		return false;
	text = slurp(t->path, &st);
	if (!text)
		return false;
	free(t->text);
	free(t->e);
	t->text = text;
	t->mtime = st.st_mtim;
	t->size = st.st_size;
	parse(t);
	return true;
}

struct userfile *userfile_new(const char *host_root)
{
	struct userfile *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->passwd.fields = 7;
	f->group.fields = 3;
	snprintf(f->passwd.path, sizeof(f->passwd.path), "%s/etc/passwd", host_root ? host_root : "");
	snprintf(f->group.path, sizeof(f->group.path), "%s/etc/group", host_root ? host_root : "");
	userfile_refresh(f);
	return f;
}

void userfile_free(struct userfile *f)
{
	if (!f)
		return;
	free(f->passwd.text);
	free(f->passwd.e);
	free(f->group.text);
	free(f->group.e);
	free(f);
}

bool userfile_refresh(struct userfile *f)
{
	uint64_t now = base_mono_ns();
	bool changed;

	if (f->looked && now - f->looked < LOOK_INTERVAL_NS)
		return false;
	f->looked = now;
	changed = load(&f->passwd);
	return load(&f->group) || changed;
}

static const struct userfile_user *find(const struct table *t, uint32_t id)
{
	size_t lo = 0, hi = t->e ? t->count : 0;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (t->e[mid].uid < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->count && t->e && t->e[lo].uid == id ? &t->e[lo] : NULL;
}

const struct userfile_user *userfile_user(const struct userfile *f, uint32_t uid)
{
	return find(&f->passwd, uid);
}

const char *userfile_group(const struct userfile *f, uint32_t gid)
{
	const struct userfile_user *e = find(&f->group, gid);

	return e ? e->name : NULL;
}

void userfile_for_each(const struct userfile *f, void (*user)(const struct userfile_user *u, void *arg),
		       void (*group)(const struct userfile_user *u, void *arg), void *arg)
{
	for (size_t i = 0; f->passwd.e && i < f->passwd.count; i++)
		user(&f->passwd.e[i], arg);
	for (size_t i = 0; f->group.e && i < f->group.count; i++)
		group(&f->group.e[i], arg);
}
