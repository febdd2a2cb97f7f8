/* container.* and k8s.*: identity from the thread's cgroups, the rest from what is known of the
 * container. Called through eval_field_get. */
#include "eval/field_internal.h"
#include "eval/regex.h"

#include <stdlib.h>
#include <string.h>

static const char *type_name(uint32_t type)
{
	static const char *const names[] = { "docker", "lxc", "libvirt-lxc", "mesos", "rkt", "", "cri", "containerd", "cri-o", "bpm", "", "podman" };

	if (type == 0xfffe)
		return "host";
	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "";
}

static int str(struct eval_val *ret, const struct state_str *s)
{
	val_str(ret, s->s, strnlen(s->s, s->len));
	return 1;
}

static int text(struct eval_val *ret, const char *s)
{
	val_str(ret, s, strlen(s));
	return 1;
}

static int flag(struct eval_val *ret, bool b)
{
	val_bool(ret, b);
	return 1;
}

static const struct state_str *kv_find(const struct container_kv *kv, uint32_t n, const char *key)
{
	for (uint32_t i = 0; kv && i < n; i++)
		if (!strcmp(kv[i].key->s, key))
			return kv[i].value;
	return NULL;
}

static int get_kv(const struct container_kv *kv, uint32_t n, const char *key, struct eval_val *ret)
{
	const struct state_str *s = kv_find(kv, n, key);

	return s ? str(ret, s) : 0;
}

static bool hidden_label(const char *key)
{
	return !strncmp(key, "annotation.", 11) || !strncmp(key, "io.kubernetes.", 14);
}

static int take(struct eval_ctx *c, struct base_buf *b, struct eval_val *ret)
{
	val_str(ret, arena_strn(c->arena, b->len ? b->p : "", b->len), b->len);
	buf_fini(b);
	return 1;
}

static int get_labels(struct eval_ctx *c, const struct container_kv *kv, uint32_t n, struct eval_val *ret)
{
	struct base_buf b = { 0 };

	for (uint32_t i = 0; kv && i < n; i++) {
		if (hidden_label(kv[i].key->s))
			continue;
		if (b.len)
			buf_str(&b, ", ");
		buf_str(&b, kv[i].key->s);
		if (kv[i].value->len) {
			buf_chr(&b, ':');
			buf_str(&b, kv[i].value->s);
		}
	}
	return take(c, &b, ret);
}

static void add_mount(struct base_buf *b, const struct container_mount *m)
{
	buf_fmt(b, "%s:%s:%s:%s:%s", m->source->s, m->dest->s, m->mode->s, m->rdwr ? "true" : "false", m->propagation->s);
}

static int get_mounts(struct eval_ctx *c, const struct container_info *i, struct eval_val *ret)
{
	struct base_buf b = { 0 };

	for (uint32_t k = 0; k < i->nmounts; k++) {
		if (k)
			buf_chr(&b, ',');
		add_mount(&b, &i->mounts[k]);
	}
	return take(c, &b, ret);
}

/* The argument as a regular expression that may match anywhere, kept with the field's state. It may
 * be invalid: then nothing matches. */
static const struct regex *mount_regex(struct eval_ctx *c, const struct field_ref *f)
{
	struct field_slot *s = field_slot(c, f);
	char err[64];
	struct base_buf b = { 0 };

	if (!s)
		return NULL;
	if (s->pattern && !strcmp(s->pattern, f->arg))
		return s->regex;
	regex_free(s->regex);
	free(s->pattern);
	s->regex = NULL;
	s->pattern = strdup(f->arg);
	buf_fmt(&b, "(.|\n)*(%s)(.|\n)*", f->arg);
	if (!b.failed)
		s->regex = regex_new(b.p, b.len, err, sizeof(err));
	buf_fini(&b);
	return s->regex;
}

static const struct container_mount *find_mount(struct eval_ctx *c, const struct field_ref *f, const struct container_info *i)
{
	const struct regex *re;

	if (f->arg_index >= 0)
		return f->arg_index < i->nmounts ? &i->mounts[f->arg_index] : NULL;
	if (!i->nmounts || !f->arg)
		return NULL;
	re = mount_regex(c, f);
	for (uint32_t k = 0; re && k < i->nmounts; k++) {
		/* the source is looked up by the destination, everything else by the source */
		const struct state_str *s = f->def->id == FLD_CONTAINER_MOUNT_SOURCE ? i->mounts[k].dest : i->mounts[k].source;

		if (regex_match(re, s->s, s->len))
			return &i->mounts[k];
	}
	return NULL;
}

static int get_mount(struct eval_ctx *c, const struct field_ref *f, const struct container_info *i, struct eval_val *ret)
{
	const struct container_mount *m = find_mount(c, f, i);
	struct base_buf b = { 0 };

	if (!m)
		return 0;
	switch (f->def->id) {
	case FLD_CONTAINER_MOUNT_SOURCE:
		return str(ret, m->source);
	case FLD_CONTAINER_MOUNT_DEST:
		return str(ret, m->dest);
	case FLD_CONTAINER_MOUNT_MODE:
		return str(ret, m->mode);
	case FLD_CONTAINER_MOUNT_RDWR:
		return text(ret, m->rdwr ? "true" : "false");
	case FLD_CONTAINER_MOUNT_PROPAGATION:
		return str(ret, m->propagation);
	default:
		add_mount(&b, m);
		return take(c, &b, ret);
	}
}

/* The pod's sandbox, for containers without a network of their own. Without a sandbox id this is
 * the host's entry, as in the reference. */
static const struct container_info *sandbox(const struct container_table *t, const struct container_info *i)
{
	char id[13];

	if (i->cni_json->len)
		return NULL;
	strncpy(id, i->pod_sandbox_id->s, 12);
	id[12] = 0;
	return containers_get(t, id);
}

static int get_pod(struct eval_ctx *c, const struct field_ref *f, const struct container_info *i, struct eval_val *ret)
{
	const struct container_info *sb;

	switch (f->def->id) {
	case FLD_K8S_POD_NAME:
		return get_kv(i->labels, i->nlabels, "io.kubernetes.pod.name", ret);
	case FLD_K8S_NS_NAME:
		return get_kv(i->labels, i->nlabels, "io.kubernetes.pod.namespace", ret);
	case FLD_K8S_POD_ID: case FLD_K8S_POD_UID:
		return get_kv(i->labels, i->nlabels, "io.kubernetes.pod.uid", ret);
	case FLD_K8S_POD_FULL_SANDBOX_ID:
		return str(ret, i->pod_sandbox_id);
	case FLD_K8S_POD_SANDBOX_ID:
		str(ret, i->pod_sandbox_id);
		if (ret->len > 12)
			ret->len = 12;
		return 1;
	default:
		break;
	}
	sb = sandbox(state_containers(c->st.shard), i);
	switch (f->def->id) {
	case FLD_K8S_POD_LABEL:
		if (sb && get_kv(sb->sandbox_labels, sb->nsandbox_labels, f->arg, ret))
			return 1;
		return get_kv(i->sandbox_labels, i->nsandbox_labels, f->arg, ret);
	case FLD_K8S_POD_LABELS:
		return get_labels(c, sb ? sb->sandbox_labels : i->sandbox_labels, sb ? sb->nsandbox_labels : i->nsandbox_labels, ret);
	case FLD_K8S_POD_IP:
		return i->cni_json->len ? str(ret, i->ip) : sb ? str(ret, sb->ip) : 0;
	case FLD_K8S_POD_CNI_JSON:
		return i->cni_json->len ? str(ret, i->cni_json) : sb ? str(ret, sb->cni_json) : 0;
	default: /* k8s.rc.* and the like: no longer filled by anyone */
		return 0;
	}
}

static int get_info(struct eval_ctx *c, const struct field_ref *f, const struct container_info *i, struct eval_val *ret)
{
	switch (f->def->id) {
	case FLD_CONTAINER_ID:
		return str(ret, i->id);
	case FLD_CONTAINER_FULL_ID:
		return str(ret, i->full_id);
	case FLD_CONTAINER_NAME:
		return str(ret, i->name);
	case FLD_CONTAINER_IMAGE:
		return str(ret, i->image);
	case FLD_CONTAINER_IMAGE_ID:
		return str(ret, i->image_id);
	case FLD_CONTAINER_IMAGE_REPOSITORY:
		return str(ret, i->image_repo);
	case FLD_CONTAINER_IMAGE_TAG:
		return str(ret, i->image_tag);
	case FLD_CONTAINER_IMAGE_DIGEST:
		return str(ret, i->image_digest);
	case FLD_CONTAINER_TYPE:
		return text(ret, type_name(i->type));
	case FLD_CONTAINER_PRIVILEGED:
		return flag(ret, i->privileged);
	case FLD_CONTAINER_HOST_PID:
		return flag(ret, i->host_pid);
	case FLD_CONTAINER_HOST_NETWORK:
		return flag(ret, i->host_network);
	case FLD_CONTAINER_HOST_IPC:
		return flag(ret, i->host_ipc);
	case FLD_CONTAINER_IP:
		return str(ret, i->ip);
	case FLD_CONTAINER_CNI_JSON:
		return str(ret, i->cni_json);
	case FLD_CONTAINER_LABEL:
		return get_kv(i->labels, i->nlabels, f->arg, ret);
	case FLD_CONTAINER_LABELS:
		return get_labels(c, i->labels, i->nlabels, ret);
	case FLD_CONTAINER_MOUNTS:
		return get_mounts(c, i, ret);
	case FLD_CONTAINER_MOUNT: case FLD_CONTAINER_MOUNT_SOURCE: case FLD_CONTAINER_MOUNT_DEST:
	case FLD_CONTAINER_MOUNT_MODE: case FLD_CONTAINER_MOUNT_RDWR: case FLD_CONTAINER_MOUNT_PROPAGATION:
		return get_mount(c, f, i, ret);
	default:
		return get_pod(c, f, i, ret);
	}
}

static bool is_container_event(const struct evt *ev)
{
	const char *s;
	size_t len;

	switch (ev->hdr->type) {
	case PPME_CONTAINER_E: case PPME_CONTAINER_JSON_E: case PPME_CONTAINER_JSON_2_E:
		return true;
	case PPME_ASYNCEVENT_E:
		if (!evt_get_str(ev, 1, &s, &len))
			return false;
		return (len == 9 && !memcmp(s, "container", 9)) || (len == 17 && !memcmp(s, "container_removed", 17));
	default:
		return false;
	}
}

int field_get_container(struct eval_ctx *c, const struct field_ref *f, struct eval_val *ret)
{
	const struct state_ver *v = c->st.ver;
	const struct container_info *i;
	unsigned id = f->def->id;

	if (is_container_event(c->st.ev)) {
		i = containers_event(state_containers(c->st.shard), c->st.ev);
		return i && id != FLD_CONTAINER_START_TS && id != FLD_CONTAINER_DURATION ? get_info(c, f, i, ret) : 0;
	}
	if (!v)
		return 0;
	if (id == FLD_CONTAINER_START_TS || id == FLD_CONTAINER_DURATION) {
		uint64_t ts = v->pidns_init_start_ts;

		val_u64(ret, f->def->type, id == FLD_CONTAINER_START_TS ? ts : c->st.ev->hdr->ts - ts);
		return ts != 0;
	}
	/* the id is what the cgroups say, known or not */
	if (id == FLD_CONTAINER_ID && v->container_id->len)
		return str(ret, v->container_id);
	i = containers_get(state_containers(c->st.shard), v->container_id->s);
	return i ? get_info(c, f, i, ret) : 0;
}
