/* Text members of versions, from parameters of events and from scans. See apply_task.h. All by the owning
 * worker, on versions that are not published yet or open for change. A text that is already there is
 * kept: a child shares the strings of its parent. */
#include "state/apply_task.h"

#include <string.h>

void ver_set_text(struct state_shard *s, struct state_str **member, const char *p, size_t len)
{
	if ((*member)->len == len && !memcmp((*member)->s, p, len))
		return;
	ver_set_str(s, member, len ? str_new(&s->slab, p, len) : str_ref(s->empty));
}

uint32_t text_elements(const char *p, size_t *len)
{
	uint32_t n = 1;

	if (*len && !p[*len - 1])
		--*len;
	if (!*len)
		return 0;
	for (const char *z = p; (z = memchr(z, 0, *len - (size_t)(z - p))); z++)
		n++;
	return n;
}

void ver_set_args(struct state_shard *s, struct state_ver *v, const char *args, size_t len)
{
	size_t clen = v->comm->len, i = 0;
	char *line;

	if (len > 256 && s->over) {
		stat_add(&s->stats.refused_memory, 1);
		len = 256;
	}
	v->nargs = text_elements(args, &len);
	ver_set_text(s, &v->args, args, len);
	if (!v->nargs) {
		ver_set_str(s, &v->cmdline, str_ref(v->comm));
		return;
	}
	line = arena_alloc(&s->tmp, clen + 1 + len);
	memcpy(line, v->comm->s, clen);
	line[clen] = ' ';
	for (char *to = line + clen + 1; i < len; i++)
		to[i] = args[i] ? args[i] : ' ';
	ver_set_text(s, &v->cmdline, line, clen + 1 + len);
}

void ver_set_env(struct state_shard *s, struct state_ver *v, const char *env, size_t len)
{
	if (len && s->over) { /* no room for more than is there */
		stat_add(&s->stats.refused_memory, 1);
		len = 0;
	}
	v->nenv = text_elements(env, &len);
	ver_set_text(s, &v->env, env, len);
}

/* Kernel's names of controllers -> those of the file in /proc. */
static size_t subsys_name(char *name, size_t len)
{
	static const struct {
		const char *from, *to;
	} alias[] = { { "perf", "perf_event" }, { "mem", "memory" }, { "io", "blkio" } };
	char *mark = memmem(name, len, "_cgroup", 7);

	if (mark) {
		memmove(mark, mark + 7, len - 7 - (size_t)(mark - name));
		len -= 7;
	}
	for (unsigned i = 0; i < sizeof(alias) / sizeof(alias[0]); i++) {
		if (len == strlen(alias[i].from) && !memcmp(name, alias[i].from, len)) {
			len = strlen(alias[i].to);
			memcpy(name, alias[i].to, len);
			break;
		}
	}
	return len;
}

/* Most programs start others in the cgroups they are in themselves: then the string is there. */
static bool same_cgroups(struct state_shard *s, struct state_ver *v, const char *cgroups, size_t len)
{
	const struct apply_shard *a = apply_of(s);

	if (!a->cgroups_raw || a->cgroups_raw->len != len || memcmp(a->cgroups_raw->s, cgroups, len))
		return false;
	if (v->cgroups != a->cgroups)
		ver_set_str(s, &v->cgroups, str_ref(a->cgroups));
	v->ncgroups = a->ncgroups;
	return true;
}

static void keep_cgroups(struct state_shard *s, struct state_ver *v, const char *cgroups, size_t len)
{
	struct apply_shard *a = apply_of(s);

	str_unref(&s->slab, a->cgroups_raw);
	str_unref(&s->slab, a->cgroups);
	a->cgroups_raw = str_new(&s->slab, cgroups, len);
	a->cgroups = str_ref(v->cgroups);
	a->ncgroups = v->ncgroups;
}

bool ver_set_cgroups(struct state_shard *s, struct state_ver *v, const char *cgroups, size_t len)
{
	const char *p = cgroups, *end;
	size_t used = 0, raw_len = len;
	uint32_t n;
	char *out;

	if (same_cgroups(s, v, cgroups, raw_len))
		return true;
	n = text_elements(cgroups, &len);
	/* a name grows by six bytes at most ("perf", "perf_event") */
	out = arena_alloc(&s->tmp, len + 8 * (size_t)n + 1);
	end = cgroups + len;
	for (uint32_t i = 0; i < n; i++) {
		const char *stop = memchr(p, 0, (size_t)(end - p));
		const char *eq;
		size_t elen;

		if (!stop)
			stop = end;
		eq = memchr(p, '=', (size_t)(stop - p));
		if (!eq)
			return false;
		if (i)
			out[used++] = 0;
		memcpy(out + used, p, (size_t)(eq - p));
		used += subsys_name(out + used, (size_t)(eq - p));
		elen = (size_t)(stop - eq);
		memcpy(out + used, eq, elen);
		used += elen;
		p = stop + 1;
	}
	v->ncgroups = n;
	ver_set_text(s, &v->cgroups, out, used);
	keep_cgroups(s, v, cgroups, raw_len);
	return true;
}

void ver_set_exepath(struct state_shard *s, struct state_ver *v, const char *path, size_t len)
{
	static const char gone[] = " (deleted)";
	size_t glen = sizeof(gone) - 1;

	if (len >= glen && !memcmp(path + len - glen, gone, glen))
		len -= glen;
	ver_set_text(s, &v->exepath, path, len);
}

void ver_set_container(struct state_shard *s, struct state_ver *v)
{
	ver_set_str(s, &v->container_id, container_id_cached(s, v->cgroups));
}
