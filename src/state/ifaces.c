/* Addresses of the machine's network interfaces, from a capture's list or the running system. Each shard has a
 * copy, filled at start by one thread and read by its worker. Few, so arrays in order of the list. */
#include "state/ifaces.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define IFACES_MAX 65536u /* of a damaged capture */

struct iface4 {
	uint8_t ip[4], mask[4];
	bool loopback;
};

struct iface6 {
	uint8_t ip[16];
	bool loopback;
};

struct state_ifaces {
	struct iface4 *v4; /* owned */
	struct iface6 *v6; /* owned */
	uint32_t n4, n6, cap4, cap6;
};

struct state_ifaces *ifaces_new(void)
{
	return calloc(1, sizeof(struct state_ifaces));
}

void ifaces_free(struct state_ifaces *i)
{
	if (!i)
		return;
	free(i->v4);
	free(i->v6);
	free(i);
}

void ifaces_clear(struct state_ifaces *i)
{
	i->n4 = i->n6 = 0;
}

static void *grow(void *p, uint32_t used, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 8;
	void *n;

	if (used < *cap)
		return p;
	n = used < IFACES_MAX ? realloc(p, want * size) : NULL;
	if (n)
		*cap = want;
	return n;
}

void ifaces_add(struct state_ifaces *i, int family, const uint8_t *addr, const uint8_t *netmask)
{
	static const uint8_t lo4[4] = { 127, 0, 0, 1 }, lo6[16] = { [15] = 1 };

	if (family == AF_INET) {
		struct iface4 *n = grow(i->v4, i->n4, &i->cap4, sizeof(*n));

		if (!n)
			return;
		i->v4 = n;
		n += i->n4++;
		memcpy(n->ip, addr, 4);
		memset(n->mask, 0xff, 4);
		if (netmask)
			memcpy(n->mask, netmask, 4);
		n->loopback = !memcmp(addr, lo4, 4);
	} else if (family == AF_INET6) {
		struct iface6 *n = grow(i->v6, i->n6, &i->cap6, sizeof(*n));

		if (!n)
			return;
		i->v6 = n;
		n += i->n6++;
		memcpy(n->ip, addr, 16);
		n->loopback = !memcmp(addr, lo6, 16);
	}
}

bool ifaces_has_v4(const struct state_ifaces *i, const uint8_t ip[4])
{
	for (uint32_t n = 0; n < i->n4; n++)
		if (!memcmp(i->v4[n].ip, ip, 4))
			return true;
	return false;
}

bool ifaces_has_v6_net(const struct state_ifaces *i, const uint8_t ip[16])
{
	for (uint32_t n = 0; n < i->n6; n++)
		if (!memcmp(i->v6[n].ip, ip, 8))
			return true;
	return false;
}

static bool same_net(const struct iface4 *f, const uint8_t peer[4])
{
	for (unsigned b = 0; b < 4; b++)
		if ((f->ip[b] ^ peer[b]) & f->mask[b])
			return false;
	return true;
}

void ifaces_near_v4(const struct state_ifaces *i, const uint8_t peer[4], uint8_t ret[4])
{
	memset(ret, 0, 4);
	if (ifaces_has_v4(i, peer)) {
		memcpy(ret, peer, 4);
		return;
	}
	for (uint32_t n = 0; n < i->n4; n++) {
		if (same_net(&i->v4[n], peer)) {
			memcpy(ret, i->v4[n].ip, 4);
			return;
		}
	}
	for (uint32_t n = 0; n < i->n4; n++) {
		if (!i->v4[n].loopback) {
			memcpy(ret, i->v4[n].ip, 4);
			return;
		}
	}
}

void ifaces_near_v6(const struct state_ifaces *i, const uint8_t peer[16], uint8_t ret[16])
{
	memset(ret, 0, 16);
	for (uint32_t n = 0; n < i->n6; n++) {
		if (!memcmp(i->v6[n].ip, peer, 16)) {
			memcpy(ret, peer, 16);
			return;
		}
	}
	for (uint32_t n = 0; n < i->n6; n++) {
		if (!memcmp(i->v6[n].ip, peer, 8)) {
			memcpy(ret, i->v6[n].ip, 16);
			return;
		}
	}
	for (uint32_t n = 0; n < i->n6; n++) {
		if (!i->v6[n].loopback) {
			memcpy(ret, i->v6[n].ip, 16);
			return;
		}
	}
}
