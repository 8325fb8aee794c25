/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * What is read from the VMA an address lies in, and finding it where no probe is handed one.
 *
 * Finding walks the task's mappings (bpf_iter_task_vma, since 6.7), some 700 ns all in: for faults that are logged, not
 * for each. It gives up where a lock it needs cannot be had at once. Those kernel functions are called by type
 * ids, which BCC's compiler does not know how to do: user space puts the calls in place (pftop/source/kfuncs.py).
 */
#if PFTOP_HAVE_VMA
#define VM_SHARED 0x8
#define VM_GROWSDOWN 0x100
#define VM_UFFD_MISSING 0x200
#define VM_UFFD_WP 0x1000
#define VM_UFFD (VM_UFFD_MISSING | VM_UFFD_WP)	/* "minor" lies beyond 32 bits and moves */
#define VM_HUGETLB 0x400000
#define TMPFS_MAGIC 0x01021994

static __always_inline u32 file_traits(u64 vma_ptr)
{
	u64 file = 0, inode = 0, super = 0, magic = 0;

	READ_KERNEL(file, &((struct vm_area_struct *)vma_ptr)->vm_file);
	if (!file)
		return TRAIT_FILE;
	READ_KERNEL(inode, &((struct file *)file)->f_inode);
	READ_KERNEL(super, &((struct inode *)inode)->i_sb);
	READ_KERNEL(magic, &((struct super_block *)super)->s_magic);
	return magic == TMPFS_MAGIC ? TRAIT_SHMEM : TRAIT_FILE;
}

static __always_inline void note_vma(struct fault_stamp *stamp, u64 vma_ptr)
{
	struct vm_area_struct *vma = (struct vm_area_struct *)vma_ptr;
	u64 flags = 0, ops = 0;
	u32 traits = 0;

	READ_KERNEL(stamp->vma_start, &vma->vm_start);
	READ_KERNEL(stamp->vma_end, &vma->vm_end);
	READ_KERNEL(flags, &vma->vm_flags);
	READ_KERNEL(ops, &vma->vm_ops);
	stamp->vma_flags = flags;
	/* an anonymous VMA is one without operations, not one without a file */
	if (ops)
		traits |= file_traits(vma_ptr);
	if (flags & VM_SHARED)
		traits |= TRAIT_SHARED;
	if (flags & VM_GROWSDOWN)
		traits |= TRAIT_STACK;
	if (flags & VM_HUGETLB)
		traits |= TRAIT_HUGETLB;
	if (flags & VM_UFFD)
		traits |= TRAIT_USERFAULT;
	stamp->traits |= traits;
}
#endif

#if PFTOP_FINDS_VMA
static s32 (*search_vma)(u64 *search, void *task, u64 address) = (void *)(PFTOP_KFUNC + 0);
static u64 (*next_vma)(u64 *search) = (void *)(PFTOP_KFUNC + 1);
static void (*end_search)(u64 *search) = (void *)(PFTOP_KFUNC + 2);

/* What the mapping tells goes into the stamp, and mm_ts_ns says of which fault it is. */
static __always_inline void find_vma(struct fault_stamp *stamp)
{
	u64 search[1], vma;

	search_vma(search, current_task(), stamp->address);
	vma = next_vma(search);
	if (vma) {
		stamp->traits = 0;
		note_vma(stamp, vma);
		/* where there is none the search goes on to the next one */
		if (stamp->vma_start <= stamp->address && stamp->address < stamp->vma_end)
			stamp->mm_ts_ns = stamp->ts_ns;
	}
	end_search(search);
}
#endif
