/* Container identity and metadata.
 * Identity is a pure function of the cgroup paths (state-semantics 7). Metadata comes from events
 * of captures; live look-ups are done elsewhere and arrive the same way. */
#pragma once
#include "state/table.h"

/* Short id from the thread's cgroups ("subsys=path" NUL separated); "" = host. out >= 128 bytes. */
size_t container_id_from_cgroups(const char *cgroups, size_t len, char *out, size_t out_size);

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
/* Payload of async "container" events and of CONTAINER_JSON(_2): {"container": {...}} or {...}.
 * Returns 0 or -EBADMSG (nothing changed). */
int containers_add_json(struct state_shard *s, struct container_table *t, const char *json, size_t len);
void containers_del(struct state_shard *s, struct container_table *t, const char *id);
struct container_table *state_containers(struct state_shard *s);
