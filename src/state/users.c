/* User and group tables of a shard (users.h), and the machine's own passwd and group files behind them.
 *
 * An id is looked up at most once, when it is first met (state-semantics 6); what an event has said of it
 * stands. The files are read whole at start, into a sorted array per shard, so that a look-up on the way
 * of an event is a search in memory. users_refresh reads them again when they have changed; it is called
 * when the worker has nothing to do. Entries of containers come from events only. */
#include "state/users.h"
#include "state/userfile.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 255u /* longer ones are cut, as in the reference */
#define PATH_MAX_BYTES 1023u
#define ENTRIES_MAX 262144u /* of hostile captures: then new ones are not taken */
#define HOST_CID ""

struct entry {
	struct entry *next; /* hash chain */
	struct state_str *cid; /* counted */
	struct state_user u;   /* home and shell NULL for groups */
	bool group;
};

struct state_users {
	struct state_shard *s;
	struct entry **bucket; /* owned */
	uint32_t buckets, count;
	struct userfile *file; /* owned; the machine's */
	struct state_str *na;  /* counted: "<NA>" */
};

static uint32_t hash(const char *cid, size_t len, uint32_t id, bool group)
{
	uint64_t x = 1469598103934665603ull;

	for (size_t i = 0; i < len; i++)
		x = (x ^ (uint8_t)cid[i]) * 1099511628211ull;
	x = (x ^ id ^ (uint64_t)group << 40) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(x >> 32);
}

static struct entry **place(const struct state_users *u, const char *cid, uint32_t id, bool group)
{
	size_t len = strlen(cid);
	struct entry **e = &u->bucket[hash(cid, len, id, group) & (u->buckets - 1)];

	while (*e) {
		uint32_t have = group ? (*e)->u.gid : (*e)->u.uid;

		if (have == id && (*e)->group == group && (*e)->cid->len == len && !memcmp((*e)->cid->s, cid, len))
			break;
		e = &(*e)->next;
	}
	return e;
}

struct state_users *users_new(struct state_shard *s)
{
	struct state_users *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->s = s;
	u->buckets = 256;
	u->bucket = calloc(u->buckets, sizeof(*u->bucket));
	u->file = userfile_new(state_table_opts(s->table)->host_root);
	if (!u->bucket || !u->file) {
		userfile_free(u->file);
		free(u->bucket);
		free(u);
		return NULL;
	}
	u->na = str_new(&s->slab, "<NA>", 4);
	return u;
}

static void entry_free(struct state_users *u, struct entry *e)
{
	struct slab *sl = &u->s->slab;

	str_unref(sl, e->cid);
	str_unref(sl, e->u.name);
	str_unref(sl, e->u.home);
	str_unref(sl, e->u.shell);
	slab_free(sl, e, sizeof(*e));
	u->count--;
}

void users_clear(struct state_users *u)
{
	for (uint32_t i = 0; i < u->buckets; i++) {
		struct entry *next;

		for (struct entry *e = u->bucket[i]; e; e = next) {
			next = e->next;
			entry_free(u, e);
		}
		u->bucket[i] = NULL;
	}
}

void users_free(struct state_shard *s, struct state_users *u)
{
	if (!u)
		return;
	users_clear(u);
	str_unref(&s->slab, u->na);
	userfile_free(u->file);
	free(u->bucket);
	free(u);
}

static void grow(struct state_users *u)
{
	uint32_t buckets = u->buckets * 4;
	struct entry **b = calloc(buckets, sizeof(*b));

	if (!b)
		return; /* longer chains, nothing worse */
	for (uint32_t i = 0; i < u->buckets; i++) {
		struct entry *next;

		for (struct entry *e = u->bucket[i]; e; e = next) {
			uint32_t id = e->group ? e->u.gid : e->u.uid;
			struct entry **to = &b[hash(e->cid->s, e->cid->len, id, e->group) & (buckets - 1)];

			next = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(u->bucket);
	u->bucket = b;
	u->buckets = buckets;
}

const struct state_user *users_get(const struct state_users *u, const char *cid, uint32_t uid)
{
	struct entry *e = *place(u, cid, uid, false);

	return e ? &e->u : NULL;
}

const struct state_str *groups_get(const struct state_users *u, const char *cid, uint32_t gid)
{
	struct entry *e = *place(u, cid, gid, true);

	return e ? e->u.name : NULL;
}

static void set(struct state_shard *s, struct state_str **member, const char *p, size_t len, size_t max)
{
	struct state_str *n;

	if (len > max)
		len = max;
	if (*member && (*member)->len == len && !memcmp((*member)->s, p, len))
		return;
	n = str_new(&s->slab, p, len);
	str_unref(&s->slab, *member);
	*member = n;
}

/* Entry of (cid, id), made if there is none. NULL when there are too many. */
static struct entry *obtain(struct state_shard *s, const char *cid, uint32_t id, bool group)
{
	struct state_users *u = s->users;
	struct entry **to = place(u, cid, id, group), *e = *to;

	if (e || u->count >= ENTRIES_MAX)
		return e;
	if (u->count >= u->buckets) {
		grow(u);
		to = place(u, cid, id, group);
	}
	e = slab_alloc(&s->slab, sizeof(*e));
	memset(e, 0, sizeof(*e));
	e->group = group;
	e->cid = str_new(&s->slab, cid, strlen(cid));
	if (group)
		e->u.gid = id;
	else
		e->u.uid = id;
	e->u.name = str_ref(u->na);
	if (!group) {
		e->u.home = str_ref(u->na);
		e->u.shell = str_ref(u->na);
	}
	*to = e;
	u->count++;
	return e;
}

/* "+name", "-name": not users but instructions to the C library's name service. */
static bool is_service_entry(const char *name, size_t len)
{
	return len && (name[0] == '+' || name[0] == '-');
}

void users_add(struct state_shard *s, const char *cid, uint32_t uid, uint32_t gid, const char *name, size_t name_len,
	       const char *home, size_t home_len, const char *shell, size_t shell_len)
{
	struct entry *e;
	bool known;

	if (is_service_entry(name, name_len))
		return;
	known = users_get(s->users, cid, uid);
	e = obtain(s, cid, uid, false);
	if (!e)
		return;
	if (!known)
		e->u.gid = gid;
	set(s, &e->u.name, name, name_len, NAME_MAX_BYTES);
	set(s, &e->u.home, home, home_len, PATH_MAX_BYTES);
	set(s, &e->u.shell, shell, shell_len, PATH_MAX_BYTES);
}

void groups_add(struct state_shard *s, const char *cid, uint32_t gid, const char *name, size_t name_len)
{
	struct entry *e;

	if (is_service_entry(name, name_len))
		return;
	e = obtain(s, cid, gid, true);
	if (e)
		set(s, &e->u.name, name, name_len, NAME_MAX_BYTES);
}

static void del(struct state_shard *s, const char *cid, uint32_t id, bool group)
{
	struct entry **to = place(s->users, cid, id, group), *e = *to;

	if (!e)
		return;
	*to = e->next;
	entry_free(s->users, e);
}

void users_del(struct state_shard *s, const char *cid, uint32_t uid)
{
	del(s, cid, uid, false);
}

void groups_del(struct state_shard *s, const char *cid, uint32_t gid)
{
	del(s, cid, gid, true);
}

void users_need(struct state_shard *s, const char *cid, int64_t pid, uint32_t uid)
{
	const struct userfile_user *f;

	(void)pid; /* names the mount namespace whose files the reference reads; here they come as events */
	if (uid == UINT32_MAX || cid[0] || users_get(s->users, cid, uid))
		return;
	if (uid == 0) {
		users_add(s, HOST_CID, 0, 0, "root", 4, "/root", 5, "<NA>", 4);
		return;
	}
	f = userfile_user(s->users->file, uid);
	if (f)
		users_add(s, HOST_CID, uid, f->gid, f->name, strlen(f->name), f->home, strlen(f->home), f->shell,
			  strlen(f->shell));
}

void groups_need(struct state_shard *s, const char *cid, int64_t pid, uint32_t gid)
{
	const char *name;

	(void)pid;
	if (gid == UINT32_MAX || cid[0] || groups_get(s->users, cid, gid))
		return;
	name = gid ? userfile_group(s->users->file, gid) : "root";
	if (name)
		groups_add(s, HOST_CID, gid, name, strlen(name));
}

static void import_user(const struct userfile_user *f, void *arg)
{
	users_add(arg, HOST_CID, f->uid, f->gid, f->name, strlen(f->name), f->home, strlen(f->home), f->shell,
		  strlen(f->shell));
}

static void import_group(const struct userfile_user *f, void *arg)
{
	groups_add(arg, HOST_CID, f->uid, f->name, strlen(f->name));
}

void users_import(struct state_shard *s)
{
	userfile_for_each(s->users->file, import_user, import_group, s);
}

bool users_refresh(struct state_shard *s)
{
	return userfile_refresh(s->users->file);
}

void users_replace(struct state_shard *s, struct userfile *f)
{
	userfile_free(s->users->file);
	s->users->file = f;
}
