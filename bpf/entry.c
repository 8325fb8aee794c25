/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Raw tracepoints exceptions:page_fault_user and page_fault_kernel (address, regs, error_code): a fault
 * begins. They fire once a fault, before any lock is taken, so the time stamped here includes lock wait
 * and every retry. Kernel-mode ones are mostly copies to and from user memory in system calls.
 *
 * A slot still open at the next entry held a fault that ended unseen: a bad pointer given to a system
 * call (fixed up, EFAULT), or a retry broken off by a signal. It counts as failed, latency unknown.
 */
static __always_inline int begin_fault(struct bpf_raw_tracepoint_args *ctx, int slot)
{
	u64 pid_tgid = bpf_get_current_pid_tgid();
	u32 tgid = pid_tgid >> 32, tid = pid_tgid;
	struct globals *global = counters();
	struct config *conf = settings();
	struct thread_record *record;
	struct fault_stamp *stamp;

	if (!conf || !global || !conf->enabled)
		return 0;
	global->seen++;
	if (tgid == conf->own_tgid) {
		global->own_seen++;
		return 0;
	}
	record = threads.lookup(&tid);
	if (!record)
		record = make_record(tgid, tid);
	if (!record) {
		global->unattributed++;
		return 0;
	}
	stamp = &record->stamp[slot];
	if (stamp->ts_ns)
		abandon_fault(ctx, conf, global, record, stamp, slot);
	stamp->address = ctx->args[0];
	stamp->regs = ctx->args[1];
	stamp->error_code = ctx->args[2];
	stamp->ts_ns = now_ns();
	return 0;
}

int on_fault_user(struct bpf_raw_tracepoint_args *ctx)
{
	return begin_fault(ctx, PFTOP_SLOT_USER);
}

int on_fault_kernel(struct bpf_raw_tracepoint_args *ctx)
{
	return begin_fault(ctx, PFTOP_SLOT_KERNEL);
}
