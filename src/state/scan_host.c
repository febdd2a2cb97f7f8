/* What every start-up scan of this machine begins with: its users, groups and interface addresses. */
#include "state/scan.h"
#include "state/users.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static void scan_ifaces(struct state_table *t)
{
	struct ifaddrs *list, *i;

	if (getifaddrs(&list))
		return;
	for (i = list; i; i = i->ifa_next) {
		struct scan_text name = { i->ifa_name, strlen(i->ifa_name) };

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			const struct sockaddr_in *a = (const void *)i->ifa_addr, *m = (const void *)i->ifa_netmask;

			scan_add_iface(t, AF_INET, (const void *)&a->sin_addr, m ? (const void *)&m->sin_addr : NULL, NULL,
				       name);
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			const struct sockaddr_in6 *a = (const void *)i->ifa_addr;

			scan_add_iface(t, AF_INET6, a->sin6_addr.s6_addr, NULL, NULL, name);
		}
	}
	freeifaddrs(list);
}

void scan_host(struct state_table *t)
{
	for (unsigned i = 0; i < state_table_opts(t)->shards; i++)
		users_import(state_table_shard(t, i));
	scan_ifaces(t);
}
