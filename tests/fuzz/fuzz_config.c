/* Configuration and -o options from arbitrary bytes. Lines that start with '-' up to the first other line are
 * options (without the dash), the rest is the file. Files it may name are opened, nothing is written. */
#include "daemon/config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_OPTIONS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct log_opts quiet = { .level = LOG_L_EMERG };
	char *options[MAX_OPTIONS], path[64];
	const uint8_t *end;
	struct base_err err;
	struct config c;
	uint32_t n = 0;
	int fd;

	log_setup(&quiet);
	while (n < MAX_OPTIONS && size && data[0] == '-' && (end = memchr(data, '\n', size))) {
		size_t len = (size_t)(end - data);

		options[n] = malloc(len);
		if (!options[n])
			abort();
		memcpy(options[n], data + 1, len - 1);
		options[n++][len - 1] = '\0';
		data += len + 1;
		size -= len + 1;
	}
	fd = memfd_create("config", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!config_load(path, true, options, n, &c, &err))
		config_fini(&c);
	close(fd);
	while (n)
		free(options[--n]);
	return 0;
}
