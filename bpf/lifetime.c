/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * A thread's record from birth to end, by raw tracepoints:
 *   sched_process_exit (task)             the final record goes out on the perf buffer and off the map
 *   task_newtask (task, clone_flags)      a stale record under a reused tid goes out; family grows
 *   task_rename (task, comm)              the record's name; spares the hot path reading it
 *   sched_process_exec (task, old_pid)    a thread that execs takes its leader's tid; new credentials
 *
 * Faults after the exit tracepoint (the kernel clears the tid in user memory, for one) make a new record
 * under the old tid. It is read like any other and goes out when the tid is reused or user space sweeps.
 */
static __always_inline void retire(struct bpf_raw_tracepoint_args *ctx, struct globals *global,
				   u32 tid, struct thread_record *record)
{
	struct thread_rare *rare = 0;
	int failed = 0;

	/* first, so that user space has it when the record comes; without it the record is as good as lost */
	if (record->flags & THREAD_HAS_RARE)
		rare = rare_of(record);
	if (rare)
		failed = retired.perf_submit(ctx, rare, sizeof(*rare));
	if (!failed)
		failed = retired.perf_submit(ctx, record, sizeof(*record));
	if (failed) {
		global->lost_records++;
		global->lost_minor += record->minor;
		global->lost_major += record->major;
		global->lost_failed += record->failed;
		global->lost_latency_ns += record->latency_sum_ns;
	}
	free_record(tid, record);
}

/* A record left under a tid that now means another thread; faults still open in it count as failed. */
static __always_inline void retire_stale(struct bpf_raw_tracepoint_args *ctx, struct globals *global, u32 tid)
{
	struct thread_record *record = record_of(tid);

	if (!record)
		return;
#pragma unroll
	for (int slot = 0; slot < PFTOP_SLOTS; slot++)
		if (record->stamp[slot].ts_ns)
			record->failed++;
	record->flags |= THREAD_RETIRED;
	retire(ctx, global, tid, record);
}

int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	u64 pid_tgid = bpf_get_current_pid_tgid();
	u32 tid = pid_tgid, tgid = pid_tgid >> 32;
	struct globals *global = counters();
	struct config *conf = settings();
	struct thread_record *record;
#ifdef PFTOP_HAVE_TASK
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	u64 signal = 0;
	int live = -1;
#endif

	if (!conf || !global || !conf->enabled)
		return 0;
#ifdef PFTOP_HAVE_TASK
	/* already counted down for this thread: 0 means the last one */
	READ_KERNEL(signal, &task->signal);
	READ_KERNEL(live, &((struct signal_struct *)signal)->live);
	/* it forks no more; were they kept, a large build would fill the map */
	if (live == 0)
		family.delete(&tgid);
#endif
	record = record_of(tid);
	if (!record)
		return 0;
	settle(conf, global, record, current_task());
	/* a loop that stays one: unrolled, three times the code would have to be compiled and verified */
#pragma nounroll
	for (int slot = 0; slot < PFTOP_SLOTS; slot++)
		if (record->stamp[slot].ts_ns)
			abandon_fault(ctx, conf, global, record, &record->stamp[slot], slot);
	record->flags |= THREAD_RETIRED;
	/* a server's worker gives up its rights once it has started, which no tracepoint tells */
	record->uid = bpf_get_current_uid_gid();
#ifdef PFTOP_HAVE_TASK
	if (live == 0)
		record->flags |= THREAD_GROUP_DEAD;
#endif
	retire(ctx, global, tid, record);
	return 0;
}

int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	u32 tid = bpf_get_current_pid_tgid(), old_tid = ctx->args[1];
	struct globals *global = counters();
	struct config *conf = settings();
	struct thread_record *record;

	if (global && conf && old_tid != tid) {
		record = record_of(old_tid);
		if (record)
			settle(conf, global, record, current_task());
		retire_stale(ctx, global, old_tid);
	}
	record = record_of(tid);
	if (record)
		record->uid = bpf_get_current_uid_gid();
	return 0;
}

#ifdef PFTOP_HAVE_TASK
int on_newtask(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	u32 parent = bpf_get_current_pid_tgid() >> 32, tid = 0, tgid = 0, one = 1;
	struct config *conf = settings();
	struct globals *global = counters();

	if (!conf || !global || !conf->enabled)
		return 0;
	READ_KERNEL(tid, &task->pid);
	READ_KERNEL(tgid, &task->tgid);
	retire_stale(ctx, global, tid);
	if (tid != tgid)
		return 0;
	if ((conf->adopt && parent == conf->own_tgid) || family.lookup(&parent)) {
		if (family.update(&tgid, &one))
			global->family_lost++;
	} else {
		/* the PID of a descendant that has ended is reused by a stranger */
		family.delete(&tgid);
	}
	return 0;
}

int on_rename(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct thread_record *record;
	u32 tid = 0;

	READ_KERNEL(tid, &task->pid);
	record = record_of(tid);
	if (record)
		bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), (void *)ctx->args[1]);
	return 0;
}
#endif
