/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Raw tracepoints exceptions:page_fault_user and page_fault_kernel (address, regs, error_code): a fault
 * begins. They fire once a fault, before any lock is taken, so the time stamped here includes lock wait
 * and every retry. Kernel-mode ones are mostly copies to and from user memory in system calls.
 *
 * A fault taken while the kernel has switched the handling of faults off is none of the program's: it gives
 * up there at once, as when it follows the frame pointers of a user stack for perf or for another BPF
 * program, or tries a copy that it does again in another way. Its own event PAGE_FAULTS has none of them.
 */
static __always_inline int faults_are_off(struct task_struct *task)
{
	u32 depth = 0;
#ifdef PFTOP_HAVE_TASK
	READ_TASK(depth, task, pagefault_disabled);
#endif
	/* reading it by a helper switches them off once more */
	return depth > !PFTOP_TASK_IS_TYPED;
}

static __always_inline int begin_tracepoint(struct bpf_raw_tracepoint_args *ctx, int slot)
{
	/* the clock waits for whatever was begun before it is read: so it is read before anything is */
	u64 now = now_ns();
	struct task_struct *task = current_task();
	struct globals *global = counters();
	struct config *conf = settings();
	struct fault_stamp *stamp;

	if (!conf || !global || !conf->enabled || (slot == PFTOP_SLOT_KERNEL && faults_are_off(task)))
		return 0;
	stamp = begin_fault(ctx, conf, global, task, slot);
	if (stamp) {
		stamp->address = ctx->args[0];
		stamp->regs = ctx->args[1];
		stamp->error_code = ctx->args[2];
		stamp->ts_ns = now;
		if (PFTOP_BY_ACCOUNT) {
			stamp->logged = 0;
			if (slot == PFTOP_SLOT_KERNEL)
				READ_KERNEL(stamp->ip, &REGS_IP((struct pt_regs *)ctx->args[1]));
		}
	}
	return 0;
}

int on_fault_user(struct bpf_raw_tracepoint_args *ctx)
{
	return begin_tracepoint(ctx, PFTOP_SLOT_USER);
}

int on_fault_kernel(struct bpf_raw_tracepoint_args *ctx)
{
	return begin_tracepoint(ctx, PFTOP_SLOT_KERNEL);
}
