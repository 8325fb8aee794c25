/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * How a fault ended, and why it happened: the access by its error code, the cause by what else is known of it.
 */

#define SIGNAL_BUS 7
#define SIGNAL_SEGV 11
#define VM_FAULT_OOM 0x1
/* Below this an address is taken for a null pointer with a member's offset. */
#define PFTOP_NEAR_NULL 65536

struct ending {
	u32 kind;
	s32 signal;
	s32 si_code;
	u32 cause;
	u64 ip;
	u64 regs;		/* where to read ip from if it comes to that */
	u64 now;
	u64 latency;
};

static __always_inline u32 access_of_code(u64 error_code)
{
#if defined(PFTOP_ARCH_X86)
	/* X86_PF_INSTR, X86_PF_WRITE */
	if (error_code & 0x10)
		return ACCESS_EXEC;
	return error_code & 0x2 ? ACCESS_WRITE : ACCESS_READ;
#elif defined(PFTOP_ARCH_RISCV)
	/* EXC_INST_PAGE_FAULT, EXC_STORE_PAGE_FAULT */
	if (error_code == 12)
		return ACCESS_EXEC;
	return error_code == 15 ? ACCESS_WRITE : ACCESS_READ;
#elif defined(PFTOP_ARCH_ARM64)
	/* ESR_EL1: EC instruction abort; ISS WnR without CM */
	u64 class = (error_code >> 26) & 0x3f;

	if (class == 0x20 || class == 0x21)
		return ACCESS_EXEC;
	return (error_code & 0x140) == 0x40 ? ACCESS_WRITE : ACCESS_READ;
#else
#error "no decoding of the error code for this architecture"
#endif
}

/* Where handle_mm_fault was seen its flags say it (FAULT_FLAG_WRITE, FAULT_FLAG_INSTRUCTION). */
static __always_inline u32 access_of(struct fault_stamp *stamp)
{
	if (PFTOP_SEES_MM && stamp->mm_calls) {
		if (stamp->mm_flags & 0x100)
			return ACCESS_EXEC;
		return stamp->mm_flags & 0x1 ? ACCESS_WRITE : ACCESS_READ;
	}
	return access_of_code(stamp->error_code);
}

/* The cause of a fault that raised a signal, by siginfo's codes. */
static __always_inline u32 cause_of_signal(struct fault_stamp *stamp, s32 signal, s32 si_code)
{
	if (signal == SIGNAL_BUS)
		return si_code == 4 || si_code == 5 ? CAUSE_POISON : CAUSE_BUS;
	if (si_code == 4)
		return CAUSE_PKEY;
	if (si_code != 1)
		return CAUSE_ACCESS;
	return stamp->address < PFTOP_NEAR_NULL ? CAUSE_NULL : CAUSE_UNMAPPED;
}

static __always_inline u32 cause_by_traits(struct fault_stamp *stamp, struct ending *end, u32 traits, int retried)
{
	u32 *cause;

	if (end->kind == FAULT_MAJOR)
		traits |= TRAIT_MAJOR;
#if defined(PFTOP_ARCH_X86)
	if (stamp->error_code & 0x1)
		traits |= TRAIT_PRESENT;
#endif
	if (!retried)
		traits &= ~TRAIT_USERFAULT;
	cause = causes.lookup(&traits);
	return cause ? *cause : CAUSE_UNKNOWN;
}

static __always_inline u32 cause_of(struct fault_stamp *stamp, struct ending *end)
{
	u32 traits;

	if (end->kind == FAULT_INVALID)
		return cause_of_signal(stamp, end->signal, end->si_code);
	if (end->kind == FAULT_FAILED) {
		if (PFTOP_SEES_MM && stamp->mm_result & VM_FAULT_OOM)
			return CAUSE_OOM;
		return stamp->address < PFTOP_NEAR_NULL ? CAUSE_NULL : CAUSE_UNKNOWN;
	}
	if (!PFTOP_SEES_MM || !stamp->mm_calls)
		return CAUSE_UNKNOWN;
	traits = stamp->traits;
	if (stamp->mm_flags & 0x1)
		traits |= TRAIT_WRITE;
	/* a fault that waits for userfaultfd comes back as RETRY */
	return cause_by_traits(stamp, end, traits, stamp->mm_calls > 1);
}

#if PFTOP_FINDS_VMA
/* The same where the VMA was looked for only now: what is not told is whether the fault had to wait for userfaultfd.
 *
 * On a missing page of anonymous memory it is always asked, but not on one that comes from swap, which the major ones
 * may. Of a page that it protects from writing, it or a copy may have been the reason.
 */
static __always_inline u32 cause_of_found(struct fault_stamp *stamp, struct ending *end)
{
	u32 traits = stamp->traits, is_mapped = TRAIT_FILE | TRAIT_SHMEM | TRAIT_HUGETLB;
	int is_present = stamp->error_code & 0x1;
	int was_asked = !(traits & is_mapped) && !is_present && stamp->vma_flags & VM_UFFD_MISSING;

	if (access_of_code(stamp->error_code) == ACCESS_WRITE)
		traits |= TRAIT_WRITE;
	if (was_asked && end->kind == FAULT_MAJOR)
		return CAUSE_UNKNOWN;
	if (is_present && traits & TRAIT_WRITE && stamp->vma_flags & VM_UFFD_WP)
		return CAUSE_UNKNOWN;
	return cause_by_traits(stamp, end, traits, was_asked);
}
#endif
