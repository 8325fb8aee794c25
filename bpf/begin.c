/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * What is done when a fault begins, whatever probe saw it: counted, attributed, given its slot.
 *
 * A slot still open at the next entry held a fault that ended unseen: a bad pointer given to a system
 * call (fixed up, EFAULT), or a retry broken off by a signal. It counts as failed, latency unknown.
 */
static __always_inline struct fault_stamp *begin_fault(void *ctx, struct config *conf, struct globals *global,
							struct task_struct *task, int slot)
{
	u64 pid_tgid = pid_tgid_of(task);
	u32 tgid = pid_tgid >> 32, tid = pid_tgid;
	struct thread_record *record;
	struct fault_stamp *stamp;

	if (tgid == conf->own_tgid) {
		global->seen++;
		global->own_seen++;
		return 0;
	}
	record = record_again(global, tid);
	/* pftop follows a frame pointer that is none: no fault of the program's */
	if (record && record->flags & THREAD_WALKED)
		return 0;
	global->seen++;
	if (!record)
		record = make_record(global, tgid, tid);
	if (!record) {
		global->unattributed++;
		return 0;
	}
	stamp = &record->stamp[slot];
	settle(conf, global, record, task);
	if (stamp->ts_ns)
		abandon_fault(ctx, conf, global, record, stamp, slot);
	if (slot == PFTOP_SLOT_KERNEL)
		record->flags |= THREAD_IN_KERNEL_MODE;
	return stamp;
}
