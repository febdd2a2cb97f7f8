/* Output templates (outputs.md 1 to 4): text with %fields, compiled once, rendered per alert. */
#pragma once
#include "contract/alert.h"
#include "eval/xform.h"

struct template; /* opaque, immutable */

struct template_field { char *name; char *format; }; /* extra output fields; format NULL = raw typed value */

struct template_opts {
	bool iso_time;		   /* time_format_iso_8601 */
	const char *priority_name; /* prefix */
	const char *source;
	const char *const *static_names;
	const struct template_field *extra; /* copied */
	uint32_t nextra;
};

/* Compiles rule output text. Returns 0, or -EINVAL with the reference's message in err->msg. */
int template_compile(const char *text, size_t len, const struct template_opts *o, struct template **ret, struct base_err *err);
void template_free(struct template *t);
/* Names of the fields in the template, in order of first use, for describe. */
uint32_t template_fields(const struct template *t, const char *const **ret);
bool template_uses_deprecated(const struct template *t, const char **ret_name);

/* Renders one alert: 0 and *ret (owned), -EAGAIN, -ENOMEM. tags_json/rule/source are copied in. [worker] */
struct alert_meta { const char *rule, *source, *tags_json; uint8_t priority; uint32_t rule_id, seq; };
int template_render(struct eval_ctx *c, const struct template *t, const struct alert_meta *m, struct alert **ret);
