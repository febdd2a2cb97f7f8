/* What concerns the admin server and privileges. Called by config.c. */
#include "daemon/config_internal.h"
#include "daemon/privileges.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool is_address(const char *s)
{
	struct in6_addr a;

	return inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, s, &a) == 1;
}

static int read_privileges(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const char *wrong;
	int r;

	c->privileges.drop = schema_bool(t, "privileges.drop");
	c->privileges.seccomp = schema_bool(t, "privileges.seccomp");
	r = config_read_strs(t, cfg_get(t, "privileges.keep"), &c->privileges.keep, &c->privileges.nkeep, err);
	if (!r && privileges_unknown(c, &wrong))
		return cfg_error(t, cfg_get(t, "privileges.keep"), err, "'privileges.keep' has '%.100s', expected names like CAP_CHOWN", wrong);
	return r;
}

int config_read_web(const struct cfg_tree *t, struct config *c, struct base_err *err)
{
	const char *address = schema_str(t, "webserver.listen_address"), *health = schema_str(t, "webserver.k8s_healthz_endpoint"),
		   *remote = schema_str(t, "webserver.remote_access");
	int r;

	c->web.enabled = schema_bool(t, "webserver.enabled");
	c->web.metrics = schema_bool(t, "webserver.prometheus_metrics_enabled");
	c->web.tls = schema_bool(t, "webserver.ssl_enabled");
	c->web.port = (uint16_t)schema_int(t, "webserver.listen_port");
	c->web.remote_all = !strcmp(remote, "all");
	r = config_copy(&c->web.address, address, err);
	r = r ? r : config_copy(&c->web.healthz, health, err);
	r = r ? r : config_copy(&c->web.certificate, schema_str(t, "webserver.ssl_certificate"), err);
	r = r ? r : read_privileges(t, c, err);
	if (r || !c->web.enabled)
		return r;
	if (!is_address(address))
		return cfg_error(t, cfg_get(t, "webserver.listen_address"), err,
				 "'webserver.listen_address' is '%.100s', expected an IPv4 or IPv6 address", address);
	if (health[0] != '/' || !strcmp(health, "/versions") || !strcmp(health, "/metrics"))
		return cfg_error(t, cfg_get(t, "webserver.k8s_healthz_endpoint"), err,
				 "'webserver.k8s_healthz_endpoint' is '%.100s', expected a path like /healthz, other than /versions and /metrics",
				 health);
	if (!c->web.remote_all && strcmp(remote, "health"))
		return cfg_error(t, cfg_get(t, "webserver.remote_access"), err,
				 "'webserver.remote_access' is '%.100s', expected health or all", remote);
	return 0;
}

void config_free_web(struct config *c)
{
	free(c->web.address);
	free(c->web.healthz);
	free(c->web.certificate);
	config_free_strs(c->privileges.keep);
}
