/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Perf software events PAGE_FAULTS_MIN and PAGE_FAULTS_MAJ at period 1: a fault has completed. The kernel
 * fires one of them once a completed fault, in the faulting task, after its own rule for minor and
 * major and after all retries (mm_account_fault). Not for failed faults, and not for faults done on
 * behalf of get_user_pages, which this plan cannot see.
 */
static __always_inline int complete_fault(struct bpf_perf_event_data *ctx, u32 kind)
{
	u64 pid_tgid = bpf_get_current_pid_tgid();
	u32 tid = pid_tgid;
	struct globals *global = counters();
	struct config *conf = settings();
	struct ending end = { .kind = kind, .now = now_ns() };
	struct thread_record *record;
	struct fault_stamp *stamp;
	int slot = PFTOP_SLOT_USER;

	if (!conf || !global || !conf->enabled)
		return 0;
	global->ends++;
	if (pid_tgid >> 32 == conf->own_tgid) {
		if (kind == FAULT_MAJOR)
			global->own_major++;
		else
			global->own_minor++;
		return 0;
	}
	record = record_again(global, tid);
	if (!record)
		return 0;
	stamp = &record->stamp[PFTOP_SLOT_USER];
	/* one in kernel mode nests in the other: if it began before, a bad pointer ended it long ago */
	if (record->flags & THREAD_IN_KERNEL_MODE && record->stamp[PFTOP_SLOT_KERNEL].address == ctx->addr &&
	    record->stamp[PFTOP_SLOT_KERNEL].ts_ns > stamp->ts_ns) {
		stamp = &record->stamp[PFTOP_SLOT_KERNEL];
		slot = PFTOP_SLOT_KERNEL;
	}
	if (!stamp->ts_ns) {
		global->orphans++;
		return 0;
	}
	end.ip = REGS_IP(&ctx->regs);
	end_fault(ctx, conf, global, record, stamp, slot, &end);
	return 0;
}

int on_minor(struct bpf_perf_event_data *ctx)
{
	return complete_fault(ctx, FAULT_MINOR);
}

int on_major(struct bpf_perf_event_data *ctx)
{
	return complete_fault(ctx, FAULT_MAJOR);
}
