/* What the daemon may do once the probe is loaded, from before its first thread starts until its end, and the commands it runs with it:
 * capabilities beyond those it needs are given up for good, and system calls beyond a list are refused.
 * Called by main, once, while it is the only thread: all others inherit. */
#pragma once
#include "base/err.h"

struct config;

/* The first name in privileges.keep that is no capability's: -EINVAL. */
int privileges_unknown(const struct config *c, const char **ret);
/* 0, or -errno with err. Says in the log what was done. */
int privileges_drop(const struct config *c, struct base_err *err);
