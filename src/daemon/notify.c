/* Tells systemd how we are: sd_notify's protocol, a datagram to the socket it names. Called by main. */
#include "daemon/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_init(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	*n = (struct notify){ .fd = -1 };
	if (!path || strlen(path) >= sizeof(n->path) || (path[0] != '/' && path[0] != '@'))
		return;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		return;
	strcpy(n->path, path);
	if (usec && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
		n->watchdog_ns = strtoull(usec, NULL, 10) * 1000;
}

void notify_send(const struct notify *n, const char *text)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(n->path);

	if (n->fd < 0)
		return;
	memcpy(a.sun_path, n->path, len);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';
	/* Not being heard is systemd's to notice. */
	ssize_t r = sendto(n->fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a,
			   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));

	(void)r;
}

void notify_fini(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}
