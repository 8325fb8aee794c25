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
	leave_mm(ctx, REGS_RESULT(ctx));
	return 0;
}
