/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * fexit on do_huge_pmd_anonymous_page: whether the fault was served by a huge page. It runs only where no
 * page table exists yet and the mapping may have huge pages, so it costs ordinary faults nothing.
 */
#define VM_FAULT_FALLBACK 0x800

struct vm_fault;

KRETFUNC_PROBE(do_huge_pmd_anonymous_page, struct vm_fault *vmf, unsigned int result)
{
	u32 tid = bpf_get_current_pid_tgid(), slot;
	struct thread_record *record = record_of(tid);

	if (!record || result & VM_FAULT_FALLBACK)
		return 0;
	slot = record->mm_slot;
	if (slot < PFTOP_SLOTS)
		record->stamp[slot].traits |= TRAIT_HUGE;
	return 0;
}
