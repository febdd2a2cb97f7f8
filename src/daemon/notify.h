/* systemd's Type=notify: readiness, reload, stop, watchdog. Without NOTIFY_SOCKET nothing is sent. [main] */
#pragma once
#include <stdint.h>

struct notify {
	int fd; /* -1: nobody listens */
	char path[108];
	uint64_t watchdog_ns; /* it must hear from us at least so often; 0 it need not */
};

void notify_init(struct notify *n);
/* "READY=1", "WATCHDOG=1", ... */
void notify_send(const struct notify *n, const char *text);
void notify_fini(struct notify *n);
