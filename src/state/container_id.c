/* Which container a thread is in: pure functions of its cgroup paths (state-semantics 7). Called through the
 * cache whenever a thread's cgroups may have changed.
 *
 * Paths are tried in order, and for each path the engines in order of the table; the first that
 * recognises its own naming gives the id. */
#include "state/apply_internal.h"

#include <stdlib.h>
#include <string.h>

#define ID_LEN 64u    /* of runc-like engines */
#define SHORT_LEN 12u /* what is shown of it */

struct text {
	const char *s;
	size_t len;
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *find(struct text p, const char *what)
{
	return memmem(p.s, p.len, what, strlen(what));
}

/* Last occurrence. */
static const char *rfind(struct text p, const char *what, size_t wlen)
{
	for (size_t i = p.len >= wlen ? p.len - wlen + 1 : 0; i-- > 0;)
		if (!memcmp(p.s + i, what, wlen))
			return p.s + i;
	return NULL;
}

static bool ends_with(struct text p, const char *end)
{
	size_t len = strlen(end);

	return p.len >= len && !memcmp(p.s + p.len - len, end, len);
}

/* 64 hex digits between the last prefix and the last suffix. The reference looks at positions of the whole
 * path when it rejects a character, so one that stands at 64 or later passes. */
static bool match_runc(struct text p, const char *prefix, const char *suffix, struct text *ret)
{
	const char *start = rfind(p, prefix, strlen(prefix));
	const char *end = *suffix ? rfind(p, suffix, strlen(suffix)) : p.s + p.len;

	if (!start || !end)
		return false;
	start += strlen(prefix);
	if (end < start || (size_t)(end - start) != ID_LEN)
		return false;
	for (const char *c = start; c < end && c - p.s < (ptrdiff_t)ID_LEN; c++)
		if (!is_hex(*c))
			return false;
	*ret = (struct text){ start, SHORT_LEN };
	return true;
}

static bool match_podman(struct text p, struct text *ret)
{
	return match_runc(p, "/libpod-", ".scope", ret) || match_runc(p, "/libpod-", ".scope/container", ret) ||
	       match_runc(p, "/libpod-", "", ret) || match_runc(p, "/libpod-payload-", ".scope", ret) ||
	       match_runc(p, "/libpod-payload-", ".scope/container", ret) ||
	       match_runc(p, "/libpod-payload-", "", ret);
}

static bool match_docker(struct text p, struct text *ret)
{
	return match_runc(p, "/", "", ret) || match_runc(p, "/docker-", ".scope", ret);
}

static bool match_cri(struct text p, struct text *ret)
{
	return match_runc(p, "/", "", ret) || match_runc(p, "/crio-", "", ret) ||
	       match_runc(p, "/cri-containerd-", ".scope", ret) || match_runc(p, "/crio-", ".scope", ret) ||
	       match_runc(p, ":cri-containerd:", "", ret) || match_runc(p, "/docker-", ".scope", ret) ||
	       match_runc(p, "/nerdctl-", ".scope", ret);
}

/* Letters and digits, single '.', '_' and '-' between them. */
static bool is_namespace(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && (!strchr("._-", s[i]) || !s[i] || !i || !is_alnum(s[i - 1])))
			return false;
	return len && is_alnum(s[len - 1]);
}

/* /NAMESPACE/ID, where an ID is whatever follows the last place of the first component that could be a
 * namespace. Slices and units of systemd are no containers. */
static bool match_containerd(struct text p, struct text *ret)
{
	const char *end = p.s + p.len, *from = memchr(p.s, '/', p.len), *to, *last;

	if (ends_with(p, ".service") || ends_with(p, ".slice") || ends_with(p, ".scope"))
		return false;
	for (;; from = to) {
		if (!from || !(to = memchr(from + 1, '/', (size_t)(end - from - 1))))
			return false;
		if (is_namespace(from + 1, (size_t)(to - from - 1)))
			break;
	}
	last = rfind(p, from, (size_t)(to - from + 1)) + (to - from + 1);
	if (end == last || end - last > (ptrdiff_t)ID_LEN)
		return false;
	*ret = (struct text){ last, (size_t)(end - last) < SHORT_LEN ? (size_t)(end - last) : SHORT_LEN };
	return true;
}

static bool match_lxc(struct text p, struct text *ret)
{
	static const char *const prefix[] = { "/lxc/", "/lxc.payload/", "/lxc.payload." };

	for (unsigned i = 0; i < 3; i++) {
		const char *at = find(p, prefix[i]), *end;

		if (!at)
			continue;
		at += strlen(prefix[i]);
		end = memchr(at, '/', (size_t)(p.s + p.len - at));
		*ret = (struct text){ at, (size_t)((end ? end : p.s + p.len) - at) };
		return ret->len != 0;
	}
	return false;
}

static bool match_libvirt(struct text p, struct text *ret)
{
	static const char mark[] = "-lxc\\x2d", unit[] = ".libvirt-lxc", dir[] = "/libvirt/lxc/";
	const char *at = find(p, unit), *end = p.s + p.len, *stop;

	if (at && at == end - strlen(unit)) {
		const char *slash = rfind(p, "/", 1);

		if (slash && slash < at) {
			*ret = (struct text){ slash + 1, (size_t)(at - slash - 1) };
			return ret->len != 0;
		}
	}
	at = find(p, mark);
	stop = find(p, ".scope");
	if (at && stop && (stop == end - strlen(".scope") || (ends_with(p, ".scope/libvirt") &&
							      stop == end - strlen(".scope/libvirt")))) {
		at += strlen(mark);
		if (at < stop) {
			*ret = (struct text){ at, (size_t)(stop - at) };
			return true;
		}
		return false;
	}
	at = find(p, dir);
	if (!at)
		return false;
	at += strlen(dir);
	*ret = (struct text){ at, (size_t)(end - at) };
	return ret->len != 0;
}

static bool match_bpm(struct text p, struct text *ret)
{
	const char *at = find(p, "bpm-"), *end;

	if (!at)
		return false;
	at += 4;
	end = find((struct text){ at, (size_t)(p.s + p.len - at) }, ".scope");
	*ret = (struct text){ at, (size_t)((end ? end : p.s + p.len) - at) };
	for (size_t i = 0; i < ret->len; i++)
		if (!is_alnum(at[i]) && (!at[i] || !strchr("._-", at[i])))
			return false;
	return ret->len != 0;
}

static const struct {
	enum container_type type;
	bool (*match)(struct text path, struct text *ret);
} engines[] = {
	{ CONTAINER_PODMAN, match_podman },	    { CONTAINER_DOCKER, match_docker },
	{ CONTAINER_CRI, match_cri },		    { CONTAINER_CONTAINERD, match_containerd },
	{ CONTAINER_LXC, match_lxc },		    { CONTAINER_LIBVIRT_LXC, match_libvirt },
	{ CONTAINER_BPM, match_bpm },
};

size_t container_match(const char *cgroups, size_t len, char *out, size_t out_size, enum container_type *ret_type)
{
	const char *end = cgroups + len, *next;

	for (const char *p = cgroups; p < end; p = next + 1) {
		const char *eq;
		struct text path, id;

		next = memchr(p, 0, (size_t)(end - p));
		if (!next)
			next = end;
		eq = memchr(p, '=', (size_t)(next - p));
		if (!eq || eq + 1 == next)
			continue;
		path = (struct text){ eq + 1, (size_t)(next - eq - 1) };
		for (unsigned i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
			if (!engines[i].match(path, &id))
				continue;
			if (id.len >= out_size)
				id.len = out_size - 1;
			memcpy(out, id.s, id.len);
			out[id.len] = 0;
			*ret_type = engines[i].type;
			return id.len;
		}
	}
	out[0] = 0;
	*ret_type = CONTAINER_HOST;
	return 0;
}

size_t container_id_from_cgroups(const char *cgroups, size_t len, char *out, size_t out_size)
{
	enum container_type type;

	return container_match(cgroups, len, out, out_size, &type);
}

/* ---- cache ------------------------------------------------------------------------------- */

#define SLOTS 256u

struct container_cache {
	struct {
		struct state_str *cgroups, *id; /* counted, NULL empty */
	} slot[SLOTS];
	unsigned last; /* slot asked for last: programs start programs */
};

struct container_cache *container_cache_new(struct state_shard *s)
{
	(void)s;
	return calloc(1, sizeof(struct container_cache));
}

void container_cache_free(struct state_shard *s, struct container_cache *c)
{
	for (unsigned i = 0; c && i < SLOTS; i++) {
		str_unref(&s->slab, c->slot[i].cgroups);
		str_unref(&s->slab, c->slot[i].id);
	}
	free(c);
}

/* Paths differ near the end of each element; a few bytes from all over are enough to spread them. */
static unsigned slot_of(const struct state_str *t)
{
	uint64_t x = t->len;

	for (uint32_t i = 0; i < t->len; i += 1 + t->len / 64)
		x = (x ^ (uint8_t)t->s[i]) * 1099511628211ull;
	for (uint32_t i = t->len > 24 ? t->len - 24 : 0; i < t->len; i++)
		x = (x ^ (uint8_t)t->s[i]) * 1099511628211ull;
	return (unsigned)((x * 0x9e3779b97f4a7c15ull) >> 32) % SLOTS;
}

struct state_str *container_id_cached(struct state_shard *s, struct state_str *cgroups)
{
	struct container_cache *c = apply_of(s)->container_ids;
	unsigned i = c->slot[c->last].cgroups == cgroups ? c->last : slot_of(cgroups);
	struct state_str *have = c->slot[i].cgroups;
	enum container_type type;
	size_t len;
	char *id;

	c->last = i;
	if (have == cgroups)
		return str_ref(c->slot[i].id);
	if (have && have->len == cgroups->len && !memcmp(have->s, cgroups->s, have->len)) {
		str_unref(&s->slab, have);
		c->slot[i].cgroups = str_ref(cgroups); /* the next one is likely to be this very string */
		return str_ref(c->slot[i].id);
	}
	id = arena_alloc(&s->tmp, cgroups->len + 1);
	len = container_match(cgroups->s, cgroups->len, id, cgroups->len + 1, &type);
	if (len && (type == CONTAINER_LXC || type == CONTAINER_LIBVIRT_LXC || type == CONTAINER_BPM))
		containers_add_bare(s, state_containers(s), id, len, type);
	str_unref(&s->slab, have);
	str_unref(&s->slab, c->slot[i].id);
	c->slot[i].cgroups = str_ref(cgroups);
	c->slot[i].id = len ? str_new(&s->slab, id, len) : str_ref(s->empty);
	return str_ref(c->slot[i].id);
}
