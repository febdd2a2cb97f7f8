/* Node-wide events: users and groups come and go, containers become known. They go to every shard, each keeps
 * its own copy, and they have no thread. Called by apply.c through state_proc_parser. */
#include "state/apply_internal.h"

#include <string.h>

static const char *text(const struct evt *ev, unsigned i, size_t *len)
{
	const char *p;

	if (evt_get_str(ev, i, &p, len))
		return p;
	*len = 0;
	return "";
}

/* NUL-terminated copy of a container's id, for the life of the event. */
static const char *container_of(struct state_shard *s, const struct evt *ev, unsigned i)
{
	size_t len;
	const char *p = text(ev, i, &len);

	return arena_strn(&s->tmp, p, len);
}

/* Entries of containers are only changed by events of captures: the reference makes them from files of the
 * container, which replay does not have. Live the events are our own. */
static bool may_add(const struct state_shard *s, const char *cid, bool known)
{
	return !cid[0] || known || state_table_opts(s->table)->live;
}

static void parse_user_added(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	const char *cid = container_of(s, ev, 5), *name, *home, *shell;
	size_t nlen, hlen, slen;
	uint64_t uid, gid;

	(void)ctx;
	if (!evt_get_u64(ev, 0, &uid) || !evt_get_u64(ev, 1, &gid))
		return;
	name = text(ev, 2, &nlen);
	home = text(ev, 3, &hlen);
	shell = text(ev, 4, &slen);
	if (may_add(s, cid, users_get(s->users, cid, (uint32_t)uid)))
		users_add(s, cid, (uint32_t)uid, (uint32_t)gid, name, nlen, home, hlen, shell, slen);
}

static void parse_user_deleted(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	uint64_t uid;

	(void)ctx;
	if (evt_get_u64(ev, 0, &uid))
		users_del(s, container_of(s, ev, 5), (uint32_t)uid);
}

static void parse_group_added(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	const char *cid = container_of(s, ev, 2), *name;
	uint64_t gid;
	size_t nlen;

	(void)ctx;
	if (!evt_get_u64(ev, 0, &gid))
		return;
	name = text(ev, 1, &nlen);
	if (may_add(s, cid, groups_get(s->users, cid, (uint32_t)gid)))
		groups_add(s, cid, (uint32_t)gid, name, nlen);
}

static void parse_group_deleted(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	uint64_t gid;

	(void)ctx;
	if (evt_get_u64(ev, 0, &gid))
		groups_del(s, container_of(s, ev, 2), (uint32_t)gid);
}

static void parse_container_json(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	(void)ctx;
	if (!evt_has(ev, 0))
		return;
	containers_add_json(s, state_containers(s), (const char *)ev->param[0].p, ev->param[0].len);
	containers_mark(state_containers(s), ev);
}

static void parse_container(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	const char *id, *name, *image;
	size_t id_len, name_len, image_len;
	uint64_t type;

	(void)ctx;
	if (!evt_get_u64(ev, 1, &type))
		return;
	id = text(ev, 0, &id_len);
	name = text(ev, 2, &name_len);
	image = text(ev, 3, &image_len);
	containers_add_plain(s, state_containers(s), id, id_len, (uint32_t)type, name, name_len, image, image_len);
	containers_mark(state_containers(s), ev);
}

static void parse_async(struct state_shard *s, const struct evt *ev, struct state_ctx *ctx)
{
	size_t len;
	const char *name = text(ev, 1, &len);

	(void)ctx;
	if (!evt_has(ev, 2))
		return;
	if (len == 9 && !memcmp(name, "container", 9))
		containers_add_json(s, state_containers(s), (const char *)ev->param[2].p, ev->param[2].len);
	else if (len == 17 && !memcmp(name, "container_removed", 17))
		containers_del_json(s, state_containers(s), (const char *)ev->param[2].p, ev->param[2].len);
	else
		return;
	containers_mark(state_containers(s), ev);
}

state_parse_fn *state_meta_parser(enum evt_type type)
{
	switch (type) {
	case PPME_USER_ADDED_E:
		return parse_user_added;
	case PPME_USER_DELETED_E:
		return parse_user_deleted;
	case PPME_GROUP_ADDED_E:
		return parse_group_added;
	case PPME_GROUP_DELETED_E:
		return parse_group_deleted;
	case PPME_CONTAINER_JSON_E:
	case PPME_CONTAINER_JSON_2_E:
		return parse_container_json;
	case PPME_CONTAINER_E:
		return parse_container;
	case PPME_ASYNCEVENT_E:
		return parse_async;
	default:
		return NULL;
	}
}
