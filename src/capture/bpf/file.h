/* Files: from a descriptor or an executable to inode, device, overlay layer, path, and whether a task
 * may write to it. */
#pragma once
#include "capture/bpf/task.h"

#define PATH_DEPTH 64 /* components of one path, mount crossings included */
#define NAME_LIMIT 256
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define OVERLAY_NONE 0
#define OVERLAY_UPPER 1
#define OVERLAY_LOWER 2

static __always_inline struct file *fd_file(int64_t fd)
{
	struct file **fds, *f = NULL;
	struct fdtable *fdt;

	if (HAVE_TYPED_TASK()) {
		fdt = typed_task()->files->fdt;
		if (fd < 0 || fd >= fdt->max_fds)
			return NULL;
		fds = fdt->fd;
		bpf_probe_read_kernel(&f, sizeof(f), &fds[fd]);
		return f;
	}
	fdt = BPF_CORE_READ(current_task(), files, fdt);
	if (!fdt || fd < 0 || fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	fds = BPF_CORE_READ(fdt, fd);
	bpf_probe_read_kernel(&f, sizeof(f), &fds[fd]);
	return f;
}

/* An overlay inode is followed in memory by its upper dentry; none: the file is still in a lower layer. */
static __always_inline int overlay_layer(struct dentry *dentry, unsigned long magic)
{
	struct dentry *upper = NULL;
	struct inode *inode;

	if (magic != OVERLAYFS_MAGIC)
		return OVERLAY_NONE;
	inode = BPF_CORE_READ(dentry, d_inode);
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	if (!upper || !BPF_CORE_READ(upper, d_inode, i_ino))
		return OVERLAY_LOWER;
	return OVERLAY_UPPER;
}

struct file_facts {
	uint32_t dev, mode;
	uint64_t ino;
	int overlay;
};

static __always_inline void file_facts(struct file *f, struct file_facts *ret)
{
	struct inode *inode = BPF_CORE_READ(f, f_inode);
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	unsigned long magic = BPF_CORE_READ(sb, s_magic);

	ret->mode = BPF_CORE_READ(f, f_mode);
	ret->ino = BPF_CORE_READ(inode, i_ino);
	ret->dev = encode_dev(BPF_CORE_READ(sb, s_dev));
	ret->overlay = overlay_layer(magic == OVERLAYFS_MAGIC ? BPF_CORE_READ(f, f_path.dentry) : NULL, magic);
}

/* ---- paths -------------------------------------------------------------------------------- */

/* Writes a file's path as the kernel resolved it, climbing from the name to the root of the node's first
 * mount. A file without one (memfd) gives its own name. Deeper or longer paths lose their beginning. */
PART put_file_path(uint64_t file)
{
	struct file *f = (struct file *)file;
	struct scratch *s = scratch_here();
	struct vfsmount *vfs = BPF_CORE_READ(f, f_path.mnt);
	struct dentry *d = BPF_CORE_READ(f, f_path.dentry), *up, *root = BPF_CORE_READ(vfs, mnt_root);
	struct mount *mnt = (void *)vfs - bpf_core_field_offset(struct mount, mnt), *above;
	uint64_t at, p, len;
	int i;

	if (!s)
		return 0;
	if (!f) {
		put_empty(s);
		return 0;
	}
	s->tmp[PATH_LIMIT - 1] = 0;
	s->turn = PATH_LIMIT - 1;
	for (i = 0; i < PATH_DEPTH; i++) {
		up = BPF_CORE_READ(d, d_parent);
		if (d == root || d == up) {
			above = BPF_CORE_READ(mnt, mnt_parent);
			if (d != root || mnt == above)
				break;
			d = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = above;
			root = BPF_CORE_READ(mnt, mnt.mnt_root);
			continue;
		}
		len = BPF_CORE_READ(d, d_name.len);
		at = s->turn;
		if (!len || len >= NAME_LIMIT || at < len + 1)
			break;
		at -= len;
		if (bpf_probe_read_kernel(s->tmp + (at & (PATH_LIMIT - 1)), len & (NAME_LIMIT - 1),
					  BPF_CORE_READ(d, d_name.name)))
			break;
		at--;
		s->tmp[at & (PATH_LIMIT - 1)] = '/';
		s->turn = at;
		d = up;
	}
	at = s->turn;
	if (at == PATH_LIMIT - 1) {
		put_kernel_str(s, (uint64_t)BPF_CORE_READ(d, d_name.name));
		return 0;
	}
	p = s->pos;
	len = PATH_LIMIT - at;
	if (p > BUF_LIMIT || len > PATH_LIMIT)
		return 0;
	bpf_probe_read_kernel(buf_at(s, p), len, s->tmp + (at & (PATH_LIMIT - 1)));
	s->pos = p + len;
	put_len(s, len);
	return 0;
}

/* ---- executables -------------------------------------------------------------------------- */

static __always_inline bool id_mapped(const struct uid_gid_map *map, uint32_t id)
{
	struct uid_gid_extent e = {};
	uint32_t n = BPF_CORE_READ(map, nr_extents);
	int i;

	/* More than five extents live elsewhere: too many to search here, and such maps cover what exists. */
	if (n > 5)
		return true;
	for (i = 0; i < 5 && i < n; i++) {
		bpf_probe_read_kernel(&e, sizeof(e), (void *)map + bpf_core_field_offset(struct uid_gid_map, extent) +
				      i * sizeof(e));
		if (id >= e.lower_first && id - e.lower_first < e.count)
			return true;
	}
	return false;
}

/* Binary search; both ends travel in `turn`, the left one in the lower half. */
PART in_groups(uint64_t groups, uint32_t gid)
{
	struct group_info *g = (struct group_info *)groups;
	struct scratch *s = scratch_here();
	uint32_t left, right, mid, v;
	int i;

	if (!s)
		return 0;
	s->turn = (uint64_t)(uint32_t)BPF_CORE_READ(g, ngroups) << 32;
	for (i = 0; i < 17; i++) {
		left = s->turn;
		right = s->turn >> 32;
		if (left >= right)
			break;
		mid = left + (right - left) / 2;
		v = 0;
		bpf_probe_read_kernel(&v, sizeof(v), (void *)g + bpf_core_field_offset(struct group_info, gid) +
				      (uint64_t)mid * sizeof(v));
		if (v == gid)
			return 1;
		if (gid > v)
			left = mid + 1;
		else
			right = mid;
		s->turn = left | (uint64_t)right << 32;
	}
	return 0;
}

/* Could the task change its own executable? The reference's approximation: owner, mode bits, then the two
 * capabilities; access control lists are not looked at. */
PART exe_writable(uint64_t inode_at, uint64_t cred_at)
{
	struct inode *inode = (struct inode *)inode_at;
	const struct cred *cred = (const struct cred *)cred_at;
	uint32_t mode = BPF_CORE_READ(inode, i_mode);
	uint32_t uid = BPF_CORE_READ(inode, i_uid.val), gid = BPF_CORE_READ(inode, i_gid.val);
	uint32_t fsuid = BPF_CORE_READ(cred, fsuid.val);
	struct user_namespace *ns;
	uint64_t caps = 0;

	if (BPF_CORE_READ(inode, i_sb, s_flags) & SB_RDONLY || BPF_CORE_READ(inode, i_flags) & S_IMMUTABLE)
		return 0;
	if (uid == (uint32_t)-1 || gid == (uint32_t)-1)
		return 0;
	if (fsuid == uid)
		return 1;
	if (BPF_CORE_READ(cred, fsgid.val) == gid || in_groups((uint64_t)BPF_CORE_READ(cred, group_info), gid))
		mode >>= 3;
	if (mode & 2)
		return 1;
	BPF_CORE_READ_INTO(&caps, cred, cap_effective);
	ns = BPF_CORE_READ(cred, user_ns);
	if (!ns || !id_mapped(&ns->uid_map, uid))
		return 0;
	if (caps & 1ULL << CAP_FOWNER)
		return 1;
	return (caps & 1ULL << CAP_DAC_OVERRIDE) && id_mapped(&ns->gid_map, gid);
}

static __always_inline bool from_memfd(struct dentry *d)
{
	char name[8] = {};

	if (BPF_CORE_READ(d, d_parent) != d)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(d, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' &&
	       name[5] == ':';
}

/* Since 6.13 the top bit of a ctime's nanoseconds says that somebody has asked for it. */
static __always_inline uint64_t epoch_ns(int64_t sec, uint64_t nsec)
{
	return sec < 0 ? 0 : (uint64_t)sec * 1000000000 + (nsec & 0x7fffffff);
}

static __always_inline uint64_t inode_ctime(struct inode *inode)
{
	struct inode___times *old = (void *)inode;
	struct inode___private *mid = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec))
		return epoch_ns(BPF_CORE_READ(inode, i_ctime_sec), BPF_CORE_READ(inode, i_ctime_nsec));
	if (bpf_core_field_exists(mid->__i_ctime))
		return epoch_ns(BPF_CORE_READ(mid, __i_ctime.tv_sec), BPF_CORE_READ(mid, __i_ctime.tv_nsec));
	return epoch_ns(BPF_CORE_READ(old, i_ctime.tv_sec), BPF_CORE_READ(old, i_ctime.tv_nsec));
}

static __always_inline uint64_t inode_mtime(struct inode *inode)
{
	struct inode___times *old = (void *)inode;
	struct inode___private *mid = (void *)inode;

	if (bpf_core_field_exists(inode->i_mtime_sec))
		return epoch_ns(BPF_CORE_READ(inode, i_mtime_sec), BPF_CORE_READ(inode, i_mtime_nsec));
	if (bpf_core_field_exists(mid->__i_mtime))
		return epoch_ns(BPF_CORE_READ(mid, __i_mtime.tv_sec), BPF_CORE_READ(mid, __i_mtime.tv_nsec));
	return epoch_ns(BPF_CORE_READ(old, i_mtime.tv_sec), BPF_CORE_READ(old, i_mtime.tv_nsec));
}
