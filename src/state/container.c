/* What is known of containers: one table per shard, filled by node-wide events, read by fields. Entries are
 * immutable; a new description replaces the old one. The last change is kept until the next one, for the
 * fields of the very event that made it. JSON comes from captures: any of it may be missing, of another
 * type, or huge. */
#include "state/container.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 65536u /* then the oldest goes */
#define LIST_MAX 4096u	   /* labels or mounts of one container */

struct entry {
	struct entry *hash_next;
	struct entry *older, *newer; /* by arrival */
	unsigned refs; /* the table, and `last` */
	struct container_info i;
};

struct container_table {
	struct state_shard *s;
	struct entry **bucket; /* owned */
	uint32_t buckets, count;
	struct entry *oldest, *newest;
	struct entry *host; /* owned. The machine itself stands apart: threads refer to it by "", it is called "host" */
	struct entry *last; /* counted: what the last change was about, NULL: it was malformed */
	struct okey last_key;
	bool marked;
};

/* ---- entries ----------------------------------------------------------------------------- */

#define INFO_STRINGS 12u

static void each_str(struct container_info *i, struct state_str ***ret)
{
	struct state_str **all[] = { &i->id,	   &i->full_id,	  &i->name, &i->image,	  &i->image_digest,
				     &i->image_id, &i->image_repo, &i->image_tag, &i->user, &i->cni_json,
				     &i->ip,	   &i->pod_sandbox_id };

	_Static_assert(sizeof(all) / sizeof(all[0]) == INFO_STRINGS, "every string of an entry is counted");
	memcpy(ret, all, sizeof(all));
}

static struct entry *entry_new(struct state_shard *s)
{
	struct entry *e = slab_alloc(&s->slab, sizeof(*e));
	struct state_str **str[INFO_STRINGS];

	memset(e, 0, sizeof(*e));
	e->refs = 1;
	each_str(&e->i, str);
	for (unsigned n = 0; n < INFO_STRINGS; n++)
		*str[n] = str_ref(s->empty);
	return e;
}

static void kv_free(struct state_shard *s, struct container_kv *kv, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		str_unref(&s->slab, kv[i].key);
		str_unref(&s->slab, kv[i].value);
	}
	free(kv);
}

static void entry_unref(struct state_shard *s, struct entry *e)
{
	struct state_str **str[INFO_STRINGS];

	if (!e || --e->refs)
		return;
	each_str(&e->i, str);
	for (unsigned n = 0; n < INFO_STRINGS; n++)
		str_unref(&s->slab, *str[n]);
	kv_free(s, e->i.labels, e->i.nlabels);
	kv_free(s, e->i.sandbox_labels, e->i.nsandbox_labels);
	for (uint32_t n = 0; n < e->i.nmounts; n++) {
		str_unref(&s->slab, e->i.mounts[n].source);
		str_unref(&s->slab, e->i.mounts[n].dest);
		str_unref(&s->slab, e->i.mounts[n].mode);
		str_unref(&s->slab, e->i.mounts[n].propagation);
	}
	free(e->i.mounts);
	slab_free(&s->slab, e, sizeof(*e));
}

/* ---- table ------------------------------------------------------------------------------- */

static struct entry **place(const struct container_table *t, const char *id, size_t len)
{
	uint64_t x = 1469598103934665603ull;
	struct entry **e;

	for (size_t i = 0; i < len; i++)
		x = (x ^ (uint8_t)id[i]) * 1099511628211ull;
	e = &t->bucket[((x * 0x9e3779b97f4a7c15ull) >> 32) & (t->buckets - 1)];
	while (*e && ((*e)->i.id->len != len || memcmp((*e)->i.id->s, id, len)))
		e = &(*e)->hash_next;
	return e;
}

static void unlink_entry(struct container_table *t, struct entry **at)
{
	struct entry *e = *at;

	*at = e->hash_next;
	if (e->older)
		e->older->newer = e->newer;
	else
		t->oldest = e->newer;
	if (e->newer)
		e->newer->older = e->older;
	else
		t->newest = e->older;
	t->count--;
	entry_unref(t->s, e);
}

static void set_last(struct container_table *t, struct entry *e)
{
	if (e)
		e->refs++;
	entry_unref(t->s, t->last);
	t->last = e;
	t->marked = false;
}

/* Takes over the reference. */
static void insert(struct container_table *t, struct entry *e)
{
	struct entry **at = place(t, e->i.id->s, e->i.id->len);

	set_last(t, e);
	if (*at)
		unlink_entry(t, at);
	else if (t->count >= ENTRIES_MAX)
		unlink_entry(t, place(t, t->oldest->i.id->s, t->oldest->i.id->len));
	at = place(t, e->i.id->s, e->i.id->len);
	e->hash_next = *at;
	*at = e;
	e->older = t->newest;
	e->newer = NULL;
	if (t->newest)
		t->newest->newer = e;
	else
		t->oldest = e;
	t->newest = e;
	t->count++;
}

static void set_str(struct state_shard *s, struct state_str **member, const char *p, size_t len)
{
	if (len) {
		str_unref(&s->slab, *member);
		*member = str_new(&s->slab, p, len);
	}
}

struct container_table *containers_new(struct state_shard *s)
{
	struct container_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->s = s;
	t->buckets = 1024;
	t->bucket = calloc(t->buckets, sizeof(*t->bucket));
	t->host = entry_new(s);
	if (!t->bucket) {
		containers_free(s, t);
		return NULL;
	}
	set_str(s, &t->host->i.id, "host", 4);
	set_str(s, &t->host->i.full_id, "host", 4);
	set_str(s, &t->host->i.name, "host", 4);
	t->host->i.type = CONTAINER_HOST;
	return t;
}

void containers_clear(struct state_shard *s, struct container_table *t)
{
	(void)s;
	set_last(t, NULL);
	while (t->oldest)
		unlink_entry(t, place(t, t->oldest->i.id->s, t->oldest->i.id->len));
}

void containers_free(struct state_shard *s, struct container_table *t)
{
	if (!t)
		return;
	if (t->bucket)
		containers_clear(s, t);
	entry_unref(s, t->host);
	free(t->bucket);
	free(t);
}

const struct container_info *containers_get(const struct container_table *t, const char *id)
{
	const struct entry *e = *id ? *place(t, id, strlen(id)) : t->host;

	return e ? &e->i : NULL;
}

void containers_for_each(const struct container_table *t, bool (*fn)(const struct container_info *i, void *arg), void *arg)
{
	if (!fn(&t->host->i, arg))
		return;
	for (const struct entry *e = t->oldest; e; e = e->newer)
		if (!fn(&e->i, arg))
			return;
}

const struct container_info *containers_event(const struct container_table *t, const struct evt *ev)
{
	return t->last && t->marked && okey_equal(t->last_key, ev->key) ? &t->last->i : NULL;
}

void containers_mark(struct container_table *t, const struct evt *ev)
{
	t->last_key = ev->key;
	t->marked = true;
}

void containers_del(struct state_shard *s, struct container_table *t, const char *id)
{
	struct entry **at = place(t, id, strlen(id));

	(void)s;
	if (*id && *at)
		unlink_entry(t, at);
}

void containers_add_plain(struct state_shard *s, struct container_table *t, const char *id, size_t id_len,
			  uint32_t type, const char *name, size_t name_len, const char *image, size_t image_len)
{
	struct entry *e;

	if (!id_len) {
		set_last(t, NULL);
		return;
	}
	e = entry_new(s);
	e->i.type = type;
	set_str(s, &e->i.id, id, id_len);
	set_str(s, &e->i.name, name, name_len);
	set_str(s, &e->i.image, image, image_len);
	insert(t, e);
}

void containers_add_bare(struct state_shard *s, struct container_table *t, const char *id, size_t id_len, uint32_t type)
{
	if (id_len && !*place(t, id, id_len))
		containers_add_plain(s, t, id, id_len, type, "", 0, "", 0);
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void get_str(struct state_shard *s, const json_t *o, const char *key, struct state_str **member)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_string(v))
		set_str(s, member, json_string_value(v), json_string_length(v));
}

static bool get_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static int by_key(const void *a, const void *b)
{
	const struct container_kv *x = a, *y = b;

	return strcmp(x->key->s, y->key->s);
}

static struct container_kv *get_map(struct state_shard *s, const json_t *o, const char *name, uint32_t *ret_count)
{
	json_t *map = json_object_get(o, name), *v;
	size_t size = json_object_size(map);
	struct container_kv *kv;
	uint32_t n = 0;
	const char *key;

	*ret_count = 0;
	if (size > LIST_MAX)
		size = LIST_MAX;
	kv = size ? calloc(size, sizeof(*kv)) : NULL;
	if (!kv)
		return NULL;
	json_object_foreach(map, key, v) {
		if (n == size)
			break;
		kv[n].key = str_new(&s->slab, key, strlen(key));
		kv[n].value = json_is_string(v) ? str_new(&s->slab, json_string_value(v), json_string_length(v)) :
						  str_ref(s->empty);
		n++;
	}
	qsort(kv, n, sizeof(*kv), by_key);
	*ret_count = n;
	return kv;
}

static void get_mounts(struct state_shard *s, const json_t *o, struct container_info *i)
{
	const json_t *list = json_object_get(o, "Mounts");
	size_t n = json_array_size(list);

	if (n > LIST_MAX)
		n = LIST_MAX;
	i->mounts = n ? calloc(n, sizeof(*i->mounts)) : NULL;
	if (!i->mounts)
		return;
	i->nmounts = (uint32_t)n;
	for (size_t k = 0; k < n; k++) {
		struct container_mount *m = &i->mounts[k];
		const json_t *v = json_array_get(list, k);

		m->source = str_ref(s->empty);
		m->dest = str_ref(s->empty);
		m->mode = str_ref(s->empty);
		m->propagation = str_ref(s->empty);
		get_str(s, v, "Source", &m->source);
		get_str(s, v, "Destination", &m->dest);
		get_str(s, v, "Mode", &m->mode);
		get_str(s, v, "Propagation", &m->propagation);
		m->rdwr = get_bool(v, "RW");
	}
}

static struct entry *from_json(struct state_shard *s, const char *json, size_t len)
{
	json_error_t err;
	json_t *root, *o;
	struct entry *e;

	while (len && !json[len - 1]) /* parameters carry the C string's end */
		len--;
	root = json_loadb(json, len, JSON_ALLOW_NUL, &err);
	if (!root)
		return NULL;
	o = json_object_get(root, "container");
	if (!o)
		o = root;
	if (!json_is_object(o)) {
		json_decref(root);
		return NULL;
	}
	e = entry_new(s);
	e->i.type = (uint32_t)json_integer_value(json_object_get(o, "type"));
	get_str(s, o, "id", &e->i.id);
	get_str(s, o, "full_id", &e->i.full_id);
	get_str(s, o, "name", &e->i.name);
	get_str(s, o, "image", &e->i.image);
	get_str(s, o, "imagedigest", &e->i.image_digest);
	get_str(s, o, "imageid", &e->i.image_id);
	get_str(s, o, "imagerepo", &e->i.image_repo);
	get_str(s, o, "imagetag", &e->i.image_tag);
	get_str(s, o, "User", &e->i.user);
	get_str(s, o, "cni_json", &e->i.cni_json);
	get_str(s, o, "ip", &e->i.ip);
	get_str(s, o, "pod_sandbox_id", &e->i.pod_sandbox_id);
	e->i.is_pod_sandbox = get_bool(o, "is_pod_sandbox");
	e->i.privileged = get_bool(o, "privileged");
	e->i.host_pid = get_bool(o, "host_pid");
	e->i.host_network = get_bool(o, "host_network");
	e->i.host_ipc = get_bool(o, "host_ipc");
	e->i.labels = get_map(s, o, "labels", &e->i.nlabels);
	e->i.sandbox_labels = get_map(s, o, "pod_sandbox_labels", &e->i.nsandbox_labels);
	get_mounts(s, o, &e->i);
	json_decref(root);
	return e;
}

int containers_add_json(struct state_shard *s, struct container_table *t, const char *json, size_t len)
{
	struct entry *e = from_json(s, json, len);

	if (!e || !e->i.id->len) {
		set_last(t, NULL);
		entry_unref(s, e);
		return -EBADMSG;
	}
	insert(t, e);
	return 0;
}

int containers_del_json(struct state_shard *s, struct container_table *t, const char *json, size_t len)
{
	struct entry *e = from_json(s, json, len);

	set_last(t, e);
	if (!e)
		return -EBADMSG;
	containers_del(s, t, e->i.id->s);
	entry_unref(s, e);
	return 0;
}
