/* What the admin server answers. Called by admin.c on its thread. */
#include "daemon/admin.h"
#include "daemon/health.h"
#include "daemon/metrics.h"
#include "daemon/versions.h"

#include <string.h>

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

static void say(struct admin_page *p, unsigned status, const char *text)
{
	p->status = status;
	p->type = TEXT;
	buf_str(&p->body, text);
}

static void versions(struct admin_page *p)
{
	p->type = JSON;
	buf_fmt(&p->body,
		"{\"driver_schema_version\":\"%s\",\"engine_version\":\"%s\",\"engine_version_semver\":\"%s\",\"falco_version\":\"%s\","
		"\"plugin_versions\":{},\"saker_version\":\"%s\"}",
		SCHEMA_VERSION, ENGINE_VERSION, ENGINE_SEMVER, SAKER_VERSION, SAKER_VERSION);
}

static void metrics(struct daemon *d, struct admin_page *p)
{
	struct metrics m;

	p->type = "text/plain; version=0.0.4";
	if (metrics_collect(d, &m))
		say(p, 500, "no memory\n");
	else
		metrics_prometheus(&m, &p->body);
	metrics_fini(&m);
}

void admin_page(struct daemon *d, const struct admin_rules *r, const char *method, const char *path, bool here, struct admin_page *ret)
{
	bool health = !strcmp(path, r->healthz);

	memset(ret, 0, sizeof(*ret));
	ret->status = 200;
	if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
		say(ret, 405, "only GET\n");
	} else if (!health && !here && !r->remote_all) {
		/* Before it is said what there is: a stranger learns nothing. */
		say(ret, 403, "only from this machine; see webserver.remote_access\n");
	} else if (health) {
		ret->type = JSON;
		ret->status = health_report(d, &ret->body) ? 200 : 503;
	} else if (!strcmp(path, "/versions")) {
		versions(ret);
	} else if (!strcmp(path, "/metrics") && r->metrics) {
		metrics(d, ret);
	} else {
		say(ret, 404, "not found\n");
	}
	if (ret->body.failed) {
		buf_fini(&ret->body);
		say(ret, 500, "no memory\n");
	}
}
