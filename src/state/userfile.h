/* The machine's passwd and group files, read whole. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct userfile;
struct userfile_user {
	uint32_t uid, gid;
	const char *name, *home, *shell; /* in the file's text */
};

/* host_root: prefix of /etc, "" none. Missing files give an empty table. NULL when memory is out. */
struct userfile *userfile_new(const char *host_root);
void userfile_free(struct userfile *f);
/* First entry with that id, NULL none. Borrowed until the next refresh. */
const struct userfile_user *userfile_user(const struct userfile *f, uint32_t uid);
const char *userfile_group(const struct userfile *f, uint32_t gid); /* name */
/* Every entry in order of id, the last of equal ones last; groups have their id in uid. */
void userfile_for_each(const struct userfile *f, void (*user)(const struct userfile_user *u, void *arg),
		       void (*group)(const struct userfile_user *u, void *arg), void *arg);
/* Reads the files again if they have changed and the last look is a second old. True when something was read.
 * Blocks: not on the way of an event. */
bool userfile_refresh(struct userfile *f);
