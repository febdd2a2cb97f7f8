/* Filling of a shard's interface addresses; the questions are in users.h. */
#pragma once
#include "state/users.h"

struct state_ifaces *ifaces_new(void); /* NULL when memory is out */
void ifaces_free(struct state_ifaces *i);
void ifaces_clear(struct state_ifaces *i);
/* family AF_INET (4 bytes) or AF_INET6 (16), network order; netmask may be NULL. Others are ignored. */
void ifaces_add(struct state_ifaces *i, int family, const uint8_t *addr, const uint8_t *netmask);
