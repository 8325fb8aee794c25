/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Raw tracepoint count_memcg_events (memcg, item, count) with item PGFAULT: a fault has completed. The kernel
 * passes there once a fault, in the faulting task, after all retries, at a third of what a program on a perf
 * event costs, and whatever other programs do. But it comes just before it tells minor, major and failed apart
 * (mm_account_fault): so each fault counts as minor until perf event PAGE_FAULTS_MAJ, a signal, or the
 * task's own counts say otherwise (settle.c).
 *
 * It is also passed for faults done for get_user_pages, which are not counted here: their beginning is not seen.
 */

/* Whether the fault in kernel mode is still being handled: its frame stands on the stack as it was laid down.
 *
 * A bad pointer given to a system call is fixed up without any event; its slot stays open, and a fault for
 * get_user_pages may come next.
 */
static __always_inline int is_standing(struct fault_stamp *stamp)
{
	struct pt_regs *regs = (struct pt_regs *)stamp->regs;
	u64 frame[5] = {};

	READ_KERNEL(frame, &regs->ip);
	/* it was laid down below where the stack stood: aligned to 16 bytes, with FRED to 64 and two words more */
	return frame[0] == stamp->ip && frame[3] - (u64)(regs + 1) < 192;
}

/* Whether the fault in user mode is still being handled, asked of those that took long: a fault that a signal broke
 * off, or an emulated vsyscall, leaves its slot open, and the task may be in a system call by now. An exception has -1
 * for that call's number.
 */
static __always_inline int is_in_system_call(struct fault_stamp *stamp)
{
	u64 number = -1;

	READ_KERNEL(number, &((struct pt_regs *)stamp->regs)->orig_ax);
	return number != -1;
}

int on_account(struct bpf_raw_tracepoint_args *ctx)
{
	struct ending end = { .kind = FAULT_MINOR };
	struct thread_record *record;
	struct fault_stamp *stamp;
	struct provision *last;
	struct globals *global;
	struct config *conf;
	int slot = PFTOP_SLOT_USER;
	struct task_struct *task;
	u64 pid_tgid;
	u32 tid;

	if ((u32)ctx->args[1] != PFTOP_PGFAULT)
		return 0;
	end.now = now_ns();
	task = current_task();
	pid_tgid = pid_tgid_of(task);
	tid = pid_tgid;
	global = counters();
	conf = settings();
	if (!conf || !global || !conf->enabled)
		return 0;
	if (pid_tgid >> 32 == conf->own_tgid) {
		global->own_minor++;
		return 0;
	}
	record = record_again(global, tid);
	if (!record)
		return 0;
	last = &record->provision;
	if (last->ts_ns) {
		/* no fault has begun since the last one ended: this one is for get_user_pages */
		settle(conf, global, record, task);
		return 0;
	}
	stamp = &record->stamp[PFTOP_SLOT_USER];
	if (record->flags & THREAD_IN_KERNEL_MODE && record->stamp[PFTOP_SLOT_KERNEL].ts_ns > stamp->ts_ns) {
		stamp = &record->stamp[PFTOP_SLOT_KERNEL];
		slot = PFTOP_SLOT_KERNEL;
		if (!is_standing(stamp))
			return 0;
	}
	if (!stamp->ts_ns)
		return 0;
	if (slot == PFTOP_SLOT_USER && end.now - stamp->ts_ns > PFTOP_LONG_NS && is_in_system_call(stamp))
		return 0;
	end.regs = stamp->regs;
	READ_TASK(last->min_flt, task, min_flt);
	READ_TASK(last->maj_flt, task, maj_flt);
	last->ts_ns = stamp->ts_ns;
	last->latency_ns = end.now - stamp->ts_ns;
	last->minor_max_ns = record->minor_max_ns;
	last->minor_min_ns = record->minor_min_ns;
	last->slot = slot;
	end_fault(ctx, conf, global, record, stamp, slot, &end);
	return 0;
}

int on_major(struct bpf_perf_event_data *ctx)
{
	u64 pid_tgid = bpf_get_current_pid_tgid();
	u32 tid = pid_tgid;
	struct ending end = { .kind = FAULT_MAJOR, .now = now_ns() };
	struct globals *global = counters();
	struct config *conf = settings();
	struct thread_record *record;
	struct provision *last;
	struct fault_stamp *stamp;
	int slot = PFTOP_SLOT_USER;

	if (!conf || !global || !conf->enabled)
		return 0;
	if (pid_tgid >> 32 == conf->own_tgid) {
		global->own_minor--;
		global->own_major++;
		return 0;
	}
	record = record_of(tid);
	if (!record)
		return 0;
	last = &record->provision;
	if (!last->ts_ns) {
		global->orphans++;
		return 0;
	}
	end.now = last->ts_ns + last->latency_ns;
	end.ip = REGS_IP(&ctx->regs);
	if (last->slot == PFTOP_SLOT_KERNEL)
		slot = PFTOP_SLOT_KERNEL;
	reopen(conf, global, record);
	stamp = slot == PFTOP_SLOT_KERNEL ? &record->stamp[PFTOP_SLOT_KERNEL] : &record->stamp[PFTOP_SLOT_USER];
	end_fault(ctx, conf, global, record, stamp, slot, &end);
	return 0;
}
