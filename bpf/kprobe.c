/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * kprobe and kretprobe on handle_mm_fault (vma, address, flags, regs). The same numbers as by fentry, dearer.
 * The kernel has a fixed number of return instances, and a fault that sleeps holds one: user space asks for
 * many, and faults whose return went unseen all the same are counted as missed.
 */
int on_mm_enter(struct pt_regs *ctx)
{
	u32 flags = REGS_ARGUMENT_3(ctx);

	enter_mm(ctx, REGS_ARGUMENT_1(ctx), REGS_ARGUMENT_2(ctx), flags, REGS_ARGUMENT_4(ctx));
	return 0;
}

int on_mm_leave(struct pt_regs *ctx)
{
	struct globals *global = counters();
	struct config *conf = settings();

	/* the flags are not at hand here: of pftop's own those tried again count as minor */
	if (conf && global && conf->enabled && bpf_get_current_pid_tgid() >> 32 == conf->own_tgid)
		count_own(global, REGS_RESULT(ctx), 0);
	else
		leave_mm(ctx, REGS_RESULT(ctx));
	return 0;
}
