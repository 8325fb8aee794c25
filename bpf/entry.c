/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Raw tracepoints exceptions:page_fault_user and page_fault_kernel (address, regs, error_code): a fault
 * begins. They fire once a fault, before any lock is taken, so the time stamped here includes lock wait
 * and every retry. Kernel-mode ones are mostly copies to and from user memory in system calls.
 */
static __always_inline int begin_tracepoint(struct bpf_raw_tracepoint_args *ctx, int slot)
{
	struct globals *global = counters();
	struct config *conf = settings();
	struct fault_stamp *stamp;

	if (!conf || !global || !conf->enabled)
		return 0;
	stamp = begin_fault(ctx, conf, global, slot);
	if (stamp) {
		stamp->address = ctx->args[0];
		stamp->regs = ctx->args[1];
		stamp->error_code = ctx->args[2];
		stamp->ts_ns = now_ns();
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
