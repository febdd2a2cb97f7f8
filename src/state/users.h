/* User and group tables of one shard, keyed by (container id, id). Private to its worker. */
#pragma once
#include "state/table.h"

struct state_user { uint32_t uid, gid; struct state_str *name, *home, *shell; };

struct state_users *users_new(struct state_shard *s);
void users_free(struct state_shard *s, struct state_users *u);
/* NULL when unknown. Borrowed until the next change. cid: container id text, "" = host. */
const struct state_user *users_get(const struct state_users *u, const char *cid, uint32_t uid);
const struct state_str *groups_get(const struct state_users *u, const char *cid, uint32_t gid); /* name */
void users_add(struct state_shard *s, const char *cid, uint32_t uid, uint32_t gid, const char *name, size_t name_len, const char *home, size_t home_len, const char *shell, size_t shell_len);
void groups_add(struct state_shard *s, const char *cid, uint32_t gid, const char *name, size_t name_len);
void users_del(struct state_shard *s, const char *cid, uint32_t uid);
void groups_del(struct state_shard *s, const char *cid, uint32_t gid);
/* Looks the id up as state-semantics 6 says (live: passwd files; replay: only the fixed root entries) unless known. */
void users_need(struct state_shard *s, const char *cid, int64_t pid, uint32_t uid);
void groups_need(struct state_shard *s, const char *cid, int64_t pid, uint32_t gid);
void users_clear(struct state_users *u);
void users_import(struct state_shard *s); /* everybody in the machine's files; at start */
/* Reads the machine's files again if they have changed, at most once a second. For idle moments: it blocks.
 * Names that are known already stay as they are. True when a file was read. */
bool users_refresh(struct state_shard *s);
/* The same with files that another thread has read; f is taken over. [worker] */
struct userfile;
void users_replace(struct state_shard *s, struct userfile *f);

/* Interface addresses. */
bool ifaces_has_v4(const struct state_ifaces *i, const uint8_t ip[4]);
bool ifaces_has_v6_net(const struct state_ifaces *i, const uint8_t ip[16]); /* first 64 bits */
/* Own address that most likely talks to peer: the interface with that very address, else the first in
 * its subnet (IPv6: equal first 64 bits), else the first that is not loopback; zeros when there is none. */
void ifaces_near_v4(const struct state_ifaces *i, const uint8_t peer[4], uint8_t ret[4]);
void ifaces_near_v6(const struct state_ifaces *i, const uint8_t peer[16], uint8_t ret[16]);
