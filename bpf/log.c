/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * The log: single faults, as many as there is room for, on the perf buffer.
 *
 * It is a sample: a token bucket a CPU, and a reserve in it that only faults worth reading first may draw
 * on. Every fault kept out is counted.
 */

/* Whether the log has room for this one; spends the token if so. */
static __always_inline int log_admits(struct config *conf, struct globals *global, int goes_first, u64 now)
{
	u64 next = global->log_next_ns;

	if (next + conf->log_burst_ns < now)
		next = now - conf->log_burst_ns;
	if (next + (goes_first ? 0 : conf->log_reserve_ns) > now)
		return 0;
	global->log_next_ns = next + conf->log_interval_ns;
	return 1;
}

/* The user stack of a fault; negative: none could be taken, or there was no room for it. */
static __always_inline s32 stack_of(void *ctx, struct thread_record *record)
{
	s32 stack_id;

	record->flags |= THREAD_WALKED;
	/* not BPF_F_REUSE_STACKID: another fault's stack, not read yet, would be taken for it */
	stack_id = stacks.get_stackid(ctx, BPF_F_USER_STACK);
	record->flags &= ~THREAD_WALKED;
	return stack_id;
}

/* Fills a line and sends it. A function of its own, or every fault would clear the room for a line first. */
static __always_inline void send_line(void *ctx, struct globals *global, struct thread_record *record,
				      struct fault_stamp *stamp, u32 flags, struct ending *end)
{
	struct fault_event event = {};

	event.ts_ns = stamp->ts_ns;
	event.start_ns = record->start_ns;
	event.latency_ns = end->latency;
	event.address = stamp->address;
	event.ip = end->ip;
	if (PFTOP_BY_ACCOUNT && end->regs)
		READ_KERNEL(event.ip, &REGS_IP((struct pt_regs *)end->regs));
	event.error_code = stamp->error_code;
	event.skipped = global->skipped;
	if (PFTOP_SEES_MM) {
		event.lock_wait_ns = stamp->mm_ts_ns ? stamp->mm_ts_ns - stamp->ts_ns : 0;
		event.vma_start = stamp->vma_start;
		event.vma_end = stamp->vma_end;
		event.vma_flags = stamp->vma_flags;
		event.mm_flags = stamp->mm_flags;
		event.mm_result = stamp->mm_result;
		event.mm_calls = stamp->mm_calls;
	}
#if PFTOP_FINDS_VMA
	if (end->kind != FAULT_FAILED && end->kind != FAULT_INVALID && stamp->mm_ts_ns == stamp->ts_ns) {
		end->cause = cause_of_found(stamp, end);
		event.vma_start = stamp->vma_start;
		event.vma_end = stamp->vma_end;
		event.vma_flags = stamp->vma_flags;
		flags |= EVENT_VMA_FOUND;
	}
#endif
	event.cause = end->cause;
	event.tgid = record->tgid;
	event.tid = record->tid;
	event.uid = record->uid;
	event.flags = flags;
	event.kind = end->kind;
	event.access = access_of(stamp);
	event.signal = end->signal;
	event.si_code = end->si_code;
	event.stack_id = end->kind == FAULT_INVALID ? stack_of(ctx, record) : -1;
	__builtin_memcpy(event.comm, record->comm, sizeof(event.comm));
	if (faults.perf_submit(ctx, &event, sizeof(event))) {
		global->ring_lost++;
		global->skipped++;
		if (PFTOP_BY_ACCOUNT)
			stamp->logged = LINE_LOST;
		return;
	}
	global->logged++;
	global->skipped = 0;
	if (PFTOP_BY_ACCOUNT)
		stamp->logged = LINE_LOGGED;
}

static __always_inline void log_fault(void *ctx, struct config *conf, struct globals *global,
				      struct thread_record *record, struct fault_stamp *stamp,
				      u32 flags, struct ending *end)
{
	int goes_first = end->kind != FAULT_MINOR || record->tgid == conf->focus_tgid;
	int corrects = PFTOP_BY_ACCOUNT && stamp->logged == LINE_LOGGED;
	int admitted;

	global->completed++;
	admitted = corrects || ((!conf->min_latency_ns || goes_first || end->latency >= conf->min_latency_ns) &&
				log_admits(conf, global, goes_first || conf->min_latency_ns, end->now));
#if PFTOP_FINDS_VMA
	/* one that took rather long may turn out to be major, and then goes first */
	if (end->kind == FAULT_MINOR && (admitted || end->latency > PFTOP_MAYBE_MAJOR_NS))
		find_vma(stamp);
#endif
	if (admitted) {
		send_line(ctx, global, record, stamp, corrects ? flags | EVENT_CORRECTS : flags, end);
		return;
	}
	global->sampled_out++;
	global->skipped++;
}
