/* Fingerprints of the files that were loaded, so that a fleet can be asked what it runs. Read once at start. */
#include "daemon/metrics.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 64 hex digits, owned; NULL when the file cannot be read. */
static char *fingerprint(const char *path)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	FILE *f = fopen(path, "re");
	unsigned char sum[EVP_MAX_MD_SIZE], block[16384];
	unsigned len = 0;
	char *hex = NULL;
	size_t n;
	bool ok = ctx && f && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

	while (ok && (n = fread(block, 1, sizeof(block), f)))
		ok = EVP_DigestUpdate(ctx, block, n);
	ok = ok && !ferror(f) && EVP_DigestFinal_ex(ctx, sum, &len);
	if (ok)
		hex = malloc(2 * len + 1);
	for (unsigned i = 0; hex && i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	if (f)
		fclose(f);
	EVP_MD_CTX_free(ctx);
	return hex;
}

static void add(struct metrics_files *ret, const char *path, bool rules)
{
	struct metrics_file *bigger = reallocarray(ret->f, ret->len + 1, sizeof(*bigger));
	const char *slash = strrchr(path, '/');
	char *sum = bigger ? fingerprint(path) : NULL, *name = strdup(slash ? slash + 1 : path);

	if (bigger)
		ret->f = bigger;
	if (!sum || !name) {
		free(sum);
		free(name);
		return;
	}
	ret->f[ret->len++] = (struct metrics_file){ .name = name, .sha256 = sum, .rules = rules };
}

void metrics_files_read(const struct config *c, char *const *rules_files, uint32_t nrules, struct metrics_files *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < c->nfiles; i++)
		add(ret, c->files[i], false);
	for (uint32_t i = 0; i < nrules; i++)
		add(ret, rules_files[i], true);
}

void metrics_files_fini(struct metrics_files *f)
{
	for (uint32_t i = 0; i < f->len; i++) {
		free(f->f[i].name);
		free(f->f[i].sha256);
	}
	free(f->f);
	memset(f, 0, sizeof(*f));
}
