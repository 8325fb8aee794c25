/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * fentry and fexit on handle_mm_fault (vma, address, flags, regs), through BPF trampolines: no breakpoint,
 * and no return is missed but where a task is preempted inside a program. BCC attaches programs of these names by
 * itself, when the text is loaded.
 */
KFUNC_PROBE(handle_mm_fault, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	    struct pt_regs *regs)
{
	enter_mm(ctx, (u64)vma, address, flags, (u64)regs);
	return 0;
}

KRETFUNC_PROBE(handle_mm_fault, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	       struct pt_regs *regs, unsigned int result)
{
	struct globals *global = counters();
	struct config *conf = settings();

	if (conf && global && conf->enabled && bpf_get_current_pid_tgid() >> 32 == conf->own_tgid)
		count_own(global, result, flags);
	else
		leave_mm(ctx, result);
	return 0;
}
