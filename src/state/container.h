/* Container identity and metadata.
 * Identity is a pure function of the cgroup paths (state-semantics 7). Metadata comes from events
 * of captures; live look-ups are done elsewhere and arrive the same way. */
#pragma once
#include "state/table.h"

enum container_type {
	CONTAINER_DOCKER, CONTAINER_LXC, CONTAINER_LIBVIRT_LXC, CONTAINER_MESOS, CONTAINER_RKT, CONTAINER_CUSTOM,
	CONTAINER_CRI, CONTAINER_CONTAINERD, CONTAINER_CRIO, CONTAINER_BPM, CONTAINER_STATIC, CONTAINER_PODMAN,
	CONTAINER_HOST = 0xfffe, CONTAINER_UNKNOWN = 0xffff
};

/* Short id from the thread's cgroups ("subsys=path" NUL separated); "" = host. out >= 128 bytes. */
size_t container_id_from_cgroups(const char *cgroups, size_t len, char *out, size_t out_size);
/* The same, with the engine whose naming matched (docker for every plain 64 digit component). */
size_t container_match(const char *cgroups, size_t len, char *out, size_t out_size, enum container_type *ret_type);

/* Answers per text of cgroups: threads have few different ones. */
struct container_cache;
struct container_cache *container_cache_new(struct state_shard *s); /* NULL when memory is out */
void container_cache_free(struct state_shard *s, struct container_cache *c);
/* Counted id of a thread with these cgroups. For engines that leave nothing to ask for, the entry is made too. */
struct state_str *container_id_cached(struct state_shard *s, struct state_str *cgroups);

struct container_kv { struct state_str *key, *value; };
struct container_mount { struct state_str *source, *dest, *mode, *propagation; bool rdwr; };

struct container_info { /* strings never NULL */
	uint32_t type; /* docker 0 .. unknown 0xffff, host 0xfffe */
	struct state_str *id, *full_id, *name, *image, *image_digest, *image_id, *image_repo, *image_tag,
		*user, *cni_json, *ip, *pod_sandbox_id;
	bool is_pod_sandbox, privileged, host_pid, host_network, host_ipc;
	uint32_t nlabels, nsandbox_labels, nmounts;
	struct container_kv *labels, *sandbox_labels; /* sorted by key */
	struct container_mount *mounts;
};

struct container_table;
struct container_table *containers_new(struct state_shard *s); /* has the host entry under "" */
void containers_free(struct state_shard *s, struct container_table *t);
const struct container_info *containers_get(const struct container_table *t, const char *id);
/* Every entry, until fn returns false. */
void containers_for_each(const struct container_table *t, bool (*fn)(const struct container_info *i, void *arg), void *arg);
/* Entry that this container event (async container and container_removed, CONTAINER, CONTAINER_JSON(_2)),
 * just applied, brought: what it added, or as it described what it removed. NULL when it was
 * malformed. Valid until the next event. */
const struct container_info *containers_event(const struct container_table *t, const struct evt *ev);
/* For its parser: what was changed last was changed by ev. */
void containers_mark(struct container_table *t, const struct evt *ev);
/* Payload of async "container" events and of CONTAINER_JSON(_2): {"container": {...}} or {...}.
 * Returns 0 or -EBADMSG (nothing changed). */
int containers_add_json(struct state_shard *s, struct container_table *t, const char *json, size_t len);
void containers_del(struct state_shard *s, struct container_table *t, const char *id);
/* Payload of async "container_removed" events, of the same shape: only the id counts. */
int containers_del_json(struct state_shard *s, struct container_table *t, const char *json, size_t len);
/* CONTAINER events of old captures. */
void containers_add_plain(struct state_shard *s, struct container_table *t, const char *id, size_t id_len,
			  uint32_t type, const char *name, size_t name_len, const char *image, size_t image_len);
/* Engines that leave nothing to ask for (lxc, libvirt-lxc, bpm): the id is all there is to know. */
void containers_add_bare(struct state_shard *s, struct container_table *t, const char *id, size_t id_len, uint32_t type);
void containers_clear(struct state_shard *s, struct container_table *t); /* but for the host entry */
struct container_table *state_containers(struct state_shard *s);
