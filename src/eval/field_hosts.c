/* Host names; see field_hosts.h. Called by the comparison of fd.*ip.name. */
#include "eval/field_hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* Bounds: what is beyond them is not read. */
#define FILE_MAX (256u * 1024)
#define ENTRIES_MAX 8192u

struct host {
	const char *name; /* into text */
	uint8_t ip[16];
	uint8_t ip_len;
};

struct hosts {
	char *text; /* owned */
	struct host *entries; /* owned */
	size_t count;
};

static size_t parse_ip(const char *s, uint8_t ip[16])
{
	return inet_pton(AF_INET, s, ip) == 1 ? 4 : inet_pton(AF_INET6, s, ip) == 1 ? 16 : 0;
}

static bool add(struct hosts *h, const char *name, const uint8_t *ip, size_t len)
{
	struct host *e;

	if (h->count >= ENTRIES_MAX)
		return true;
	if (h->count % 64 == 0) {
		e = reallocarray(h->entries, h->count + 64, sizeof(*e));
		if (!e)
			return false;
		h->entries = e;
	}
	e = &h->entries[h->count++];
	*e = (struct host){ .name = name, .ip_len = (uint8_t)len };
	memcpy(e->ip, ip, len);
	return true;
}

/* Lines of an address and its names; text is cut into pieces in place. */
static bool parse(struct hosts *h)
{
	char *line, *lines = h->text, *word, *words;

	while ((line = strsep(&lines, "\n"))) {
		uint8_t ip[16];
		size_t len;

		line[strcspn(line, "#")] = '\0';
		word = strtok_r(line, " \t\r", &words);
		len = word ? parse_ip(word, ip) : 0;
		while (len && (word = strtok_r(NULL, " \t\r", &words)))
			if (!add(h, word, ip, len))
				return false;
	}
	return true;
}

struct hosts *hosts_load(const char *path)
{
	struct hosts *h = calloc(1, sizeof(*h));
	FILE *f;

	if (!h)
		return NULL;
	f = fopen(path, "re");
	if (!f)
		return h;
	h->text = malloc(FILE_MAX + 1);
	if (h->text) {
		h->text[fread(h->text, 1, FILE_MAX, f)] = '\0';
		if (!parse(h)) {
			hosts_free(h);
			h = NULL;
		}
	}
	fclose(f);
	return h;
}

void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	free(h->text);
	free(h->entries);
	free(h);
}

bool hosts_match(const struct hosts *h, const char *name, const uint8_t *ip, size_t ip_len)
{
	uint8_t own[16];

	if (parse_ip(name, own) == ip_len && !memcmp(own, ip, ip_len))
		return true;
	for (size_t i = 0; h && i < h->count; i++)
		if (h->entries[i].ip_len == ip_len && !memcmp(h->entries[i].ip, ip, ip_len) && !strcasecmp(h->entries[i].name, name))
			return true;
	return false;
}
