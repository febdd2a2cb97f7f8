/* Fields of the user and group a thread runs as. Called through eval_field_get. */
#include "eval/field_internal.h"
#include "state/users.h"

#include <string.h>

/* What the tables hold, or what is known without them: 0 is root everywhere. */
static int name_or(const struct state_str *s, const char *fallback, struct eval_val *ret)
{
	if (s)
		val_str(ret, s->s, strnlen(s->s, s->len));
	else
		val_str(ret, fallback, strlen(fallback));
	return 1;
}

/* Events that bring metadata of a container name the user its image asks for. */
static const struct state_str *container_user(const struct eval_ctx *c)
{
	const struct evt *ev = c->st.ev;
	const struct container_info *info;
	const char *name;
	size_t len;

	if (ev->hdr->type == PPME_ASYNCEVENT_E) {
		if (!evt_get_str(ev, 1, &name, &len) || len != 9 || memcmp(name, "container", 9))
			return NULL;
	} else if (ev->hdr->type != PPME_CONTAINER_JSON_2_E) {
		return NULL;
	}
	info = containers_get(state_containers(c->st.shard), c->st.ver->container_id->s);
	return info && info->user->len ? info->user : NULL;
}

static const struct state_user *user(const struct eval_ctx *c, uint32_t uid)
{
	return users_get(c->st.shard->users, c->st.ver->container_id->s, uid);
}

int field_get_user(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct state_ver *v = c->st.ver;
	const struct state_user *u;
	const struct state_str *s;

	if (!v)
		return 0;
	switch (f->def->id) {
	case FLD_USER_UID:
		val_u64(ret, PT_UINT32, v->uid);
		return 1;
	case FLD_GROUP_GID:
		val_u64(ret, PT_UINT32, v->gid);
		return 1;
	case FLD_USER_LOGINUID:
		val_i64(ret, PT_INT64, v->loginuid == UINT32_MAX ? -1 : (int64_t)v->loginuid);
		return 1;
	case FLD_USER_NAME:
		s = container_user(c);
		if (s)
			return name_or(s, "", ret);
		u = user(c, v->uid);
		return name_or(u ? u->name : NULL, v->uid ? "<NA>" : "root", ret);
	case FLD_USER_HOMEDIR:
		u = user(c, v->uid);
		return name_or(u ? u->home : NULL, v->uid ? "<NA>" : "/root", ret);
	case FLD_USER_SHELL:
		u = user(c, v->uid);
		return name_or(u ? u->shell : NULL, "<NA>", ret);
	case FLD_USER_LOGINNAME:
		u = user(c, v->loginuid);
		return name_or(u ? u->name : NULL, v->loginuid ? "<NA>" : "root", ret);
	case FLD_GROUP_NAME:
		return name_or(groups_get(c->st.shard->users, v->container_id->s, v->gid), v->gid ? "<NA>" : "root", ret);
	default:
		return 0;
	}
}
