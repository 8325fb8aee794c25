/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * kretprobe on do_huge_pmd_anonymous_page: whether the fault was served by a huge page. It runs only where no
 * page table exists yet and the mapping may have huge pages, so it costs ordinary faults nothing.
 */
#define VM_FAULT_FALLBACK 0x800

int on_huge_leave(struct pt_regs *ctx)
{
	u32 tid = bpf_get_current_pid_tgid(), result = REGS_RESULT(ctx), slot;
	struct thread_record *record = record_of(tid);

	if (!record || result & VM_FAULT_FALLBACK)
		return 0;
	slot = record->mm_slot;
	if (slot < PFTOP_SLOTS)
		record->stamp[slot].traits |= TRAIT_HUGE;
	return 0;
}
