/* Capture files: reader. Streaming; gzip or plain; memory independent of file size.
 *
 * scap_open, scap_read_head, then scap_next until it does not return 1; scap_close. Damage is told
 * after everything whole before it was handed out, and told again on later calls.
 *
 * Thread-safety: one reader belongs to one thread at a time. */
#pragma once
#include "base/err.h"
#include "contract/event.h"

struct scap_reader;

struct cap_text { const char *s; size_t len; };
struct cap_task {
	int64_t tid, pid, ptid, sid, vpgid, pgid, vtid, vpid, fdlimit;
	uint32_t flags, uid, gid, loginuid, tty, vmsize_kb, vmrss_kb, vmswap_kb;
	uint64_t pfmajor, pfminor, pidns_init_start_ts, cap_inheritable, cap_permitted, cap_effective, exe_ino, exe_ino_ctime, exe_ino_mtime;
	uint8_t exe_writable, exe_upper_layer, exe_from_memfd, exe_lower_layer;
	struct cap_text comm, exe, exepath, args, cwd, env, cgroups, root;
};
struct cap_fd {
	int64_t fd; uint64_t ino; uint8_t type; /* as in the file */
	uint8_t sip[16], dip[16]; uint16_t sport, dport; uint8_t l4;
	uint64_t source, dest; uint32_t open_flags, dev;
	struct cap_text name;
};

/* What the head of a capture carries, handed out as it is read. All members of the interface may be
 * NULL. Text is borrowed for the call. */
struct scap_head_ops {
	void (*machine)(void *arg, uint32_t num_cpus, uint64_t boot_ts, const char *hostname);
	void (*task)(void *arg, const struct cap_task *t);
	void (*fd)(void *arg, uint64_t tid, const struct cap_fd *fd);
	void (*user)(void *arg, uint32_t uid, uint32_t gid, const char *name, size_t name_len, const char *home, size_t home_len, const char *shell, size_t shell_len);
	void (*group)(void *arg, uint32_t gid, const char *name, size_t name_len);
	/* family AF_INET (4 bytes each) or AF_INET6 (16), network order */
	void (*iface)(void *arg, int family, const uint8_t *addr, const uint8_t *netmask, const uint8_t *bcast, const char *name, size_t name_len);
	void (*restart)(void *arg); /* a new section header: forget everything */
};

/* path "-" = standard input. Returns 0 or -errno, err in the reference's words. */
int scap_open(const char *path, struct scap_reader **ret, struct base_err *err);
void scap_close(struct scap_reader *r);
/* err of the functions below: msg alone says everything, without file and line.
 * Reads everything before the first event. Returns 0, -EINVAL with err, -ENODATA when there is no event at all. */
int scap_read_head(struct scap_reader *r, const struct scap_head_ops *ops, void *arg, struct base_err *err);
#define SCAP_MAX_EVENT (16u << 20) /* bytes of one event of the types with large payload */

/* Next event, lifted to the current schema: env (flags STATE_ONLY, cpu; tgid and peer_tgid 0), hdr and decoded
 * parameters; valid until the next call. Enter events that the converter only stores are skipped.
 * num counts the events handed out, over all sections, from 1; key is {num, 0}; report is set where rules see
 * the event; part is EVT_WHOLE. The leading user, group, container and asynchronous events of a section build
 * state only and are marked STATE_ONLY, as events of EVF blocks with that flag are. A section without events ends
 * the file quietly. ops may be NULL.
 * 1 event, 0 end of file, -EBADMSG damage (err names the offset), -EIO, -ENOMEM. */
int scap_next(struct scap_reader *r, struct evt *ev, const struct scap_head_ops *ops, void *arg, struct base_err *err);
/* The envelope of the event that scap_next returned last: the caller fills in
 * tgid and peer_tgid. NULL before the first event. */
struct evt_env *scap_env(struct scap_reader *r);
/* Bytes of the uncompressed stream read so far. */
uint64_t scap_offset(const struct scap_reader *r);
