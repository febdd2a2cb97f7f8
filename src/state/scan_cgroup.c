/* Control groups of running processes. In hierarchies of version 1 the file says which controllers a path is
 * for. In the unified one it has a path only: a controller belongs to the nearest directory upwards that
 * lists it. Answers per path are kept, most processes share few. Used by scan_proc.c at start. */
#include "state/scan_cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 512u
#define NAMES_MAX 512u /* bytes of one directory's list of controllers */

struct dir { /* one directory of the unified hierarchy */
	struct dir *next;
	char *path;	       /* owned */
	char names[NAMES_MAX]; /* separated and ended by spaces */
};

struct scan_cgroup {
	int mount; /* directory, -1 none */
	struct dir *bucket[BUCKETS]; /* owned */
};

struct scan_cgroup *scan_cgroup_new(const char *mount)
{
	struct scan_cgroup *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->mount = mount ? open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (c->mount >= 0 && faccessat(c->mount, "cgroup.controllers", R_OK, 0)) {
		close(c->mount);
		c->mount = -1;
	}
	return c;
}

void scan_cgroup_free(struct scan_cgroup *c)
{
	if (!c)
		return;
	if (c->mount >= 0)
		close(c->mount);
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct dir *next;

		for (struct dir *d = c->bucket[i]; d; d = next) {
			next = d->next;
			free(d->path);
			free(d);
		}
	}
	free(c);
}

static void read_names(const struct scan_cgroup *c, struct dir *d)
{
	char file[4096];
	ssize_t n;
	int fd;

	if (snprintf(file, sizeof(file), ".%s/cgroup.controllers", d->path) >= (int)sizeof(file))
		return;
	fd = openat(c->mount, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, d->names, sizeof(d->names) - 2);
	close(fd);
	if (n <= 0)
		return;
	if (d->names[n - 1] == '\n')
		n--;
	d->names[n] = ' ';
	d->names[n + 1] = 0;
}

/* path: starts with '/', "/" itself is "". NULL when memory is out. */
static const struct dir *dir_of(struct scan_cgroup *c, const char *path, size_t len)
{
	unsigned h = 5381;
	struct dir *d;

	for (size_t i = 0; i < len; i++)
		h = h * 33 ^ (unsigned char)path[i];
	for (d = c->bucket[h % BUCKETS]; d; d = d->next)
		if (strlen(d->path) == len && !memcmp(d->path, path, len))
			return d;
	d = calloc(1, sizeof(*d));
	if (!d || !(d->path = strndup(path, len))) {
		free(d);
		return NULL;
	}
	read_names(c, d);
	d->next = c->bucket[h % BUCKETS];
	c->bucket[h % BUCKETS] = d;
	return d;
}

struct out {
	char *p;
	size_t size, used;
};

static void put(struct out *o, const char *name, size_t nlen, const char *path, size_t plen)
{
	size_t need = (o->used ? 1 : 0) + nlen + 1 + (plen ? plen : 1);

	if (need > o->size - o->used)
		return;
	if (o->used)
		o->p[o->used++] = 0;
	memcpy(o->p + o->used, name, nlen);
	o->used += nlen;
	o->p[o->used++] = '=';
	memcpy(o->p + o->used, plen ? path : "/", plen ? plen : 1);
	o->used += plen ? plen : 1;
}

/* Is " name " in the list? */
static int has_name(const char *list, const char *name, size_t len)
{
	for (const char *p = list; (p = strstr(p, name)); p++)
		if ((p == list || p[-1] == ' ') && p[len] == ' ')
			return 1;
	return 0;
}

static void put_unified(struct scan_cgroup *c, struct out *o, const char *path)
{
	char seen[NAMES_MAX * 2] = "";
	size_t len = strlen(path);

	if (len == 1)
		len = 0;
	for (;;) {
		const struct dir *d = dir_of(c, path, len);

		for (const char *p = d ? d->names : "", *end; (end = strchr(p, ' ')); p = end + 1) {
			char name[64];
			size_t n = (size_t)(end - p), have = strlen(seen);

			if (!n || n >= sizeof(name) - 1)
				continue;
			memcpy(name, p, n);
			name[n] = 0;
			if (has_name(seen, name, n) || have + n + 2 > sizeof(seen))
				continue;
			snprintf(seen + have, sizeof(seen) - have, "%s ", name);
			put(o, name, n, path, len);
		}
		if (!len)
			return;
		while (len && path[len - 1] != '/')
			len--;
		if (len)
			len--;
	}
}

size_t scan_cgroup_list(struct scan_cgroup *c, char *text, char *out, size_t size)
{
	struct out o = { out, size, 0 };

	for (char *line = text, *next; line && *line; line = next) {
		char *names, *path;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		names = strchr(line, ':');
		path = names ? strchr(names + 1, ':') : NULL;
		if (!path || path[1] != '/')
			continue;
		*names++ = 0;
		*path++ = 0;
		if (!*names) {
			if (c->mount >= 0 && !strcmp(line, "0"))
				put_unified(c, &o, path);
			continue;
		}
		for (char *name = names, *comma; name; name = comma) {
			comma = strchr(name, ',');
			if (comma)
				*comma++ = 0;
			put(&o, name, strlen(name), path, strlen(path));
		}
	}
	return o.used;
}
