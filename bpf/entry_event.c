/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Perf software event PAGE_FAULTS at period 1: a fault begins, on machines without the entry tracepoints
 * (arm64). It fires in the architecture's handler before any lock is taken, with the address; the error code
 * is not told, so the access is known only where handle_mm_fault is seen too.
 */
static __always_inline int in_user_mode(struct bpf_perf_event_data *ctx)
{
#if defined(PFTOP_ARCH_ARM64)
	return (ctx->regs.pstate & 0xf) == 0;
#elif defined(PFTOP_ARCH_X86)
	return (ctx->regs.cs & 3) == 3;
#else
	return 1;
#endif
}

int on_fault_event(struct bpf_perf_event_data *ctx)
{
	struct globals *global = counters();
	struct config *conf = settings();
	struct fault_stamp *stamp;

	if (!conf || !global || !conf->enabled)
		return 0;
	stamp = begin_fault(ctx, conf, global, current_task(),
			    in_user_mode(ctx) ? PFTOP_SLOT_USER : PFTOP_SLOT_KERNEL);
	if (stamp) {
		stamp->address = ctx->addr;
		stamp->regs = 0;
		stamp->error_code = 0;
		stamp->ts_ns = now_ns();
	}
	return 0;
}
