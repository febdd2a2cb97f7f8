/* Text of /proc/PID/cgroup -> "controller=path" list, as kernel events carry it. For scan_proc.c, one thread. */
#pragma once
#include <stddef.h>

struct scan_cgroup;
/* mount: where the unified hierarchy is mounted, e.g. "/sys/fs/cgroup" (under the host root); NULL or a path
 * without cgroup.controllers: there is none. NULL when memory is out. */
struct scan_cgroup *scan_cgroup_new(const char *mount);
void scan_cgroup_free(struct scan_cgroup *c);
/* text: NUL-terminated content of the file, taken apart in place. Writes NUL separated elements without a
 * final NUL and returns their bytes; what does not fit is left out. */
size_t scan_cgroup_list(struct scan_cgroup *c, char *text, char *out, size_t size);
