/* The machine's own table of host names (/etc/hosts), for fd.*ip.name. Read once, immutable. Names that
 * only a name server knows have no address here: asking one would stall the pipeline, and would tell
 * what is so now, not what was when the event happened. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hosts;

/* An empty table when the file cannot be read. NULL when memory is out. [main] */
struct hosts *hosts_load(const char *path);
void hosts_free(struct hosts *h);
/* Does name, or an address written out, stand for this address (4 or 16 bytes)? [any] */
bool hosts_match(const struct hosts *h, const char *name, const uint8_t *ip, size_t ip_len);
