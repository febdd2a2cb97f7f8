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
/* Payload of async "container" events and of CONTAINER_JSON(_2): {"container": {...}} or {...}.
 * Returns 0 or -EBADMSG (nothing changed). */
int containers_add_json(struct state_shard *s, struct container_table *t, const char *json, size_t len);
void containers_del(struct state_shard *s, struct container_table *t, const char *id);
struct container_table *state_containers(struct state_shard *s);
