/* state/container*.c: ids from every known shape of cgroup path, metadata from JSON, the events that carry it. */
#include "evt_builder.h"
#include "state/apply.h"
#include "state/container.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct fix {
	struct state_table *t;
	struct state_shard *s;
	struct container_table *c;
	struct evt_builder b;
	struct state_ctx ctx;
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct state_opts o = { .shards = 1, .max_tasks = 10, .max_fds = 16, .host_root = "/nonexistent" };

	f->t = state_table_new(&o);
	f->s = state_table_shard(f->t, 0);
	f->c = state_containers(f->s);
	evb_init(&f->b);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	state_table_free(f->t);
	free(f);
	return 0;
}

static void id_is_found_in_every_known_shape_of_path(void **state)
{
	static const struct {
		const char *path, *id;
		enum container_type type;
	} cases[] = {
		{ "/libpod-" HEX ".scope", "0123456789ab", CONTAINER_PODMAN },
		{ "/machine.slice/libpod-" HEX ".scope/container", "0123456789ab", CONTAINER_PODMAN },
		{ "/user.slice/libpod-" HEX, "0123456789ab", CONTAINER_PODMAN },
		{ "/libpod-payload-" HEX, "0123456789ab", CONTAINER_PODMAN },
		{ "/docker/" HEX, "0123456789ab", CONTAINER_DOCKER },
		{ "/system.slice/docker-" HEX ".scope", "0123456789ab", CONTAINER_DOCKER },
		{ "/kubepods/burstable/pod1-2/" HEX, "0123456789ab", CONTAINER_DOCKER },
		{ "/kubepods.slice/crio-" HEX, "0123456789ab", CONTAINER_CRI },
		{ "/kubepods.slice/cri-containerd-" HEX ".scope", "0123456789ab", CONTAINER_CRI },
		{ "/kubepods.slice/crio-" HEX ".scope", "0123456789ab", CONTAINER_CRI },
		{ "/x.slice:cri-containerd:" HEX, "0123456789ab", CONTAINER_CRI },
		{ "/nerdctl-" HEX ".scope", "0123456789ab", CONTAINER_CRI },
		{ "/default/web-1", "web-1", CONTAINER_CONTAINERD },
		{ "/k8s.io/0123456789abcdef", "0123456789ab", CONTAINER_CONTAINERD },
		{ "/a/b/a/c", "c", CONTAINER_CONTAINERD }, /* after the last /a/ */
		{ "/a/b/c", "b/c", CONTAINER_CONTAINERD },
		{ "/lxc/box.scope", "box.scope", CONTAINER_LXC },
		{ "/lxc.payload/box.slice", "box.slice", CONTAINER_LXC },
		{ "/lxc.payload.box/x.service", "box", CONTAINER_LXC },
		{ "/machine.slice/machine-lxc\\x2dname.scope", "name", CONTAINER_LIBVIRT_LXC },
		{ "/-/m.libvirt-lxc", "m", CONTAINER_LIBVIRT_LXC },
		{ "/-/-lxc\\x2dname.scope/libvirt", "name", CONTAINER_LIBVIRT_LXC },
		{ "/-/libvirt/lxc/deep.slice", "deep.slice", CONTAINER_LXC }, /* lxc is asked first */
		{ "/bpm-job-1.scope", "job-1", CONTAINER_BPM },
		{ "bpm-nats", "nats", CONTAINER_BPM },
	};
	char cg[512], out[128];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum container_type type;
		size_t n = (size_t)snprintf(cg, sizeof(cg), "memory=%s", cases[i].path);

		assert_int_equal(container_match(cg, n, out, sizeof(out), &type), strlen(cases[i].id));
		assert_string_equal(out, cases[i].id);
		assert_int_equal(type, cases[i].type);
	}
}

static void id_is_empty_for_paths_of_the_host(void **state)
{
	static const char *const paths[] = {
		"", "/", "/init.scope", "/user.slice/user-0.slice/session-1.scope", "/system.slice/sshd.service",
		"/docker-" HEX "0.scope", "/libpod-xyz.scope", "/bpm-.scope", "/bpm-a b.scope", "/lxc/", "bpm-a/b",
		"/docker-0123456789abcdefg123456789abcdef0123456789abcdef0123456789abcdef.scope",
	};
	char cg[512], out[128];

	(void)state;
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		size_t n = (size_t)snprintf(cg, sizeof(cg), "cpu=%s", paths[i]);

		assert_int_equal(container_id_from_cgroups(cg, n, out, sizeof(out)), 0);
		assert_string_equal(out, "");
	}
}

static void id_comes_from_the_first_path_that_has_one(void **state)
{
	static const char cg[] = "cpuset=/\0cpu=\0io=/default/first\0memory=/docker/" HEX;
	char out[128];

	(void)state;
	assert_int_equal(container_id_from_cgroups(cg, sizeof(cg) - 1, out, sizeof(out)), 5);
	assert_string_equal(out, "first");
	assert_int_equal(container_id_from_cgroups("", 0, out, sizeof(out)), 0);
	assert_int_equal(container_id_from_cgroups("novalue", 7, out, sizeof(out)), 0);
}

static void id_characters_beyond_position_64_are_not_looked_at(void **state)
{
	/* "/docker-" puts the last eight characters of the id at position 64 and later */
	static const char cg[] = "cpu=/docker-0123456789abcdef0123456789abcdef0123456789abcdef01234567-bad-bad.scope";
	char out[128];

	(void)state;
	assert_int_equal(container_id_from_cgroups(cg, sizeof(cg) - 1, out, sizeof(out)), 12);
}

static void id_random_paths_never_overrun(void **state)
{
	static const char *const bits[] = { "/", "libpod-", "docker-", HEX, ".scope", "lxc", "bpm-", "=", ".libvirt-lxc",
					    "-lxc\\x2d", "/libvirt/lxc/", "a", ".", "default", ":cri-containerd:" };
	uint32_t x = 1;

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		char cg[4096], out[32], *heap;
		size_t n = 0;
		unsigned parts = (x >> 8) % 9;

		for (unsigned k = 0; k < parts; k++) {
			const char *p = bits[(x = x * 1664525u + 1013904223u, (x >> 8) % 15)];

			memcpy(cg + n, p, strlen(p));
			n += strlen(p);
		}
		x = x * 1664525u + 1013904223u;
		heap = malloc(n + !n); /* exact size: the sanitizer sees any step beyond */
		memcpy(heap, cg, n);
		assert_true(container_id_from_cgroups(heap, n, out, sizeof(out)) < sizeof(out));
		free(heap);
	}
}

/* ---- metadata ---------------------------------------------------------------------------- */

static const char full[] =
	"{\"container\":{\"type\":11,\"id\":\"abcdefabcdef\",\"full_id\":\"" HEX "\",\"name\":\"web\",\"image\":\"nginx:1\","
	"\"imagedigest\":\"sha256:1\",\"imageid\":\"77\",\"imagerepo\":\"nginx\",\"imagetag\":\"1\",\"User\":\"www\","
	"\"cni_json\":\"{}\",\"ip\":\"10.1.2.3\",\"is_pod_sandbox\":true,\"privileged\":true,\"host_pid\":true,"
	"\"labels\":{\"z\":\"1\",\"a\":\"2\",\"m\":null},\"pod_sandbox_labels\":null,\"pod_sandbox_id\":\"sb\","
	"\"Mounts\":[{\"Source\":\"/src\",\"Destination\":\"/dst\",\"Mode\":\"ro\",\"RW\":false,\"Propagation\":\"private\"},"
	"{\"Source\":\"/b\",\"RW\":true},7],\"memory_limit\":5}}";

static void json_fills_an_entry(void **state)
{
	struct fix *f = *state;
	const struct container_info *i;

	assert_int_equal(containers_add_json(f->s, f->c, full, sizeof(full)), 0); /* with its NUL */
	i = containers_get(f->c, "abcdefabcdef");
	assert_non_null(i);
	assert_int_equal(i->type, CONTAINER_PODMAN);
	assert_string_equal(i->full_id->s, HEX);
	assert_string_equal(i->name->s, "web");
	assert_string_equal(i->image->s, "nginx:1");
	assert_string_equal(i->image_repo->s, "nginx");
	assert_string_equal(i->user->s, "www");
	assert_string_equal(i->ip->s, "10.1.2.3");
	assert_string_equal(i->pod_sandbox_id->s, "sb");
	assert_true(i->is_pod_sandbox && i->privileged && i->host_pid);
	assert_false(i->host_ipc || i->host_network);
	assert_int_equal(i->nlabels, 3);
	assert_string_equal(i->labels[0].key->s, "a");
	assert_string_equal(i->labels[2].key->s, "z");
	assert_string_equal(i->labels[1].value->s, "");
	assert_int_equal(i->nsandbox_labels, 0);
	assert_int_equal(i->nmounts, 3);
	assert_string_equal(i->mounts[0].dest->s, "/dst");
	assert_false(i->mounts[0].rdwr);
	assert_true(i->mounts[1].rdwr);
	assert_string_equal(i->mounts[1].propagation->s, "");
	assert_string_equal(i->mounts[2].source->s, "");
}

static void json_without_wrapper_and_with_wrong_types_is_read(void **state)
{
	struct fix *f = *state;
	static const char json[] = "{\"id\":\"x\",\"name\":5,\"type\":\"no\",\"labels\":[1],\"Mounts\":{\"a\":1},\"privileged\":1}";
	const struct container_info *i;

	assert_int_equal(containers_add_json(f->s, f->c, json, sizeof(json) - 1), 0);
	i = containers_get(f->c, "x");
	assert_string_equal(i->name->s, "");
	assert_int_equal(i->type, 0);
	assert_int_equal(i->nlabels + i->nmounts, 0);
	assert_false(i->privileged);
}

static void json_damaged_changes_nothing(void **state)
{
	struct fix *f = *state;
	static const char *const bad[] = { "", "x", "[]", "{", "{\"container\":5}", "{\"container\":{}}", "null", "{\"id\":\"\"}" };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(containers_add_json(f->s, f->c, bad[i], strlen(bad[i])), -EBADMSG);
	for (size_t n = 0; n < sizeof(full) - 1; n++)
		assert_int_equal(containers_add_json(f->s, f->c, full, n), -EBADMSG);
	assert_null(containers_get(f->c, "abcdefabcdef"));
}

static void host_entry_is_always_there(void **state)
{
	struct fix *f = *state;
	const struct container_info *i = containers_get(f->c, "");

	assert_string_equal(i->id->s, "host");
	assert_string_equal(i->full_id->s, "host");
	assert_string_equal(i->name->s, "host");
	assert_int_equal(i->type, CONTAINER_HOST);
	containers_del(f->s, f->c, "");
	containers_clear(f->s, f->c);
	assert_ptr_equal(containers_get(f->c, ""), i);
	assert_null(containers_get(f->c, "host"));
}

static bool count(const struct container_info *i, void *arg)
{
	(void)i;
	++*(unsigned *)arg;
	return *(unsigned *)arg < 5;
}

static void entries_are_bounded_replaced_and_walked(void **state)
{
	struct fix *f = *state;
	unsigned n = 0;
	char id[16];

	for (unsigned i = 0; i < 66000; i++) {
		size_t len = (size_t)snprintf(id, sizeof(id), "c%u", i);

		containers_add_plain(f->s, f->c, id, len, 0, "n", 1, "i", 1);
	}
	assert_null(containers_get(f->c, "c0")); /* the oldest went */
	assert_non_null(containers_get(f->c, "c65999"));
	containers_add_plain(f->s, f->c, "c65999", 6, 0, "new", 3, "", 0);
	assert_string_equal(containers_get(f->c, "c65999")->name->s, "new");
	containers_for_each(f->c, count, &n);
	assert_int_equal(n, 5);
	containers_add_bare(f->s, f->c, "c65999", 6, CONTAINER_LXC);
	assert_string_equal(containers_get(f->c, "c65999")->name->s, "new"); /* known: not overwritten */
}

/* ---- events ------------------------------------------------------------------------------ */

static struct evt *async(struct fix *f, const char *name, const char *json)
{
	return evb_make(&f->b, PPME_ASYNCEVENT_E, 0, 1, "nsb", 0L, name, json, strlen(json) + 1);
}

static void events_add_and_remove_and_show_what_they_tell(void **state)
{
	struct fix *f = *state;
	struct evt *ev;

	ev = async(f, "container", full);
	assert_int_equal(state_apply(f->s, ev, &f->ctx), 0);
	assert_null(f->ctx.task);
	assert_string_equal(containers_event(f->c, ev)->name->s, "web");
	assert_non_null(containers_get(f->c, "abcdefabcdef"));
	ev = async(f, "other", full);
	state_apply(f->s, ev, &f->ctx);
	assert_null(containers_event(f->c, ev));
	ev = async(f, "container_removed", full);
	state_apply(f->s, ev, &f->ctx);
	assert_string_equal(containers_event(f->c, ev)->name->s, "web");
	assert_null(containers_get(f->c, "abcdefabcdef"));
	ev = async(f, "container", "{");
	state_apply(f->s, ev, &f->ctx);
	assert_null(containers_event(f->c, ev));
	ev = evb_make(&f->b, PPME_CONTAINER_JSON_2_E, 0, 1, "s", full);
	state_apply(f->s, ev, &f->ctx);
	assert_string_equal(containers_event(f->c, ev)->name->s, "web");
	ev = evb_make(&f->b, PPME_CONTAINER_E, 0, 1, "snss", "old", 1L, "nm", "img");
	state_apply(f->s, ev, &f->ctx);
	assert_string_equal(containers_event(f->c, ev)->image->s, "img");
	assert_int_equal(containers_get(f->c, "old")->type, CONTAINER_LXC);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(id_is_found_in_every_known_shape_of_path),
		T(id_is_empty_for_paths_of_the_host),
		T(id_comes_from_the_first_path_that_has_one),
		T(id_characters_beyond_position_64_are_not_looked_at),
		T(id_random_paths_never_overrun),
		T(json_fills_an_entry),
		T(json_without_wrapper_and_with_wrong_types_is_read),
		T(json_damaged_changes_nothing),
		T(host_entry_is_always_there),
		T(entries_are_bounded_replaced_and_walked),
		T(events_add_and_remove_and_show_what_they_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
