/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * What becomes of a fault that was counted as minor before the kernel had told minor, major and failed apart
 * (memcg.c): at the thread's next event the task's own counts, min_flt and maj_flt, tell what it was.
 *
 * A fault that was not minor is opened again: all that was counted of it is taken back, and its slot is as it
 * was, so that it ends like any other, by whatever found it out.
 */
#if PFTOP_BY_ACCOUNT

static __always_inline void take_back_log(struct globals *global, struct fault_stamp *stamp)
{
	global->completed--;
	if (stamp->logged == LINE_LOGGED) {
		global->logged--;
		return;
	}
	if (stamp->logged == LINE_LOST)
		global->ring_lost--;
	else
		global->sampled_out--;
	stamp->logged = 0;
	if (global->skipped)
		global->skipped--;
}

static __always_inline void take_back_page(struct fault_stamp *stamp, u64 latency)
{
	u64 key = stamp->address >> 12;
	struct page_count *page = pages.lookup(&key);

	/* user space may have taken the page's counts meanwhile */
	if (!page || !page->minor)
		return;
	__sync_fetch_and_add(&page->minor, -1);
	__sync_fetch_and_add(&page->latency_sum_ns, -latency);
}

static __always_inline void uncount_latency(struct thread_record *record, struct provision *last)
{
	record->minor--;
	record->latency_sum_ns -= last->latency_ns;
	record->minor_max_ns = last->minor_max_ns;
	record->minor_min_ns = last->minor_min_ns;
	if (last->bucket < PFTOP_BUCKETS)
		record->minor_buckets[last->bucket]--;
}

/* What was counted as minor is major: another program kept pftop's from being run on the perf event. Its page in the
 * focused process and its line in the log stay as they are.
 */
static __always_inline void count_over(struct thread_record *record, struct provision *last)
{
	uncount_latency(record, last);
	count_major(record, rare_of(record), last->latency_ns, last->bucket);
}

static __always_inline void reopen(struct config *conf, struct globals *global, struct thread_record *record)
{
	struct provision *last = &record->provision;
	int is_kernel = last->slot == PFTOP_SLOT_KERNEL;
	struct fault_stamp *stamp = is_kernel ? &record->stamp[PFTOP_SLOT_KERNEL] : &record->stamp[PFTOP_SLOT_USER];
	u32 access = access_of(stamp);

	uncount_latency(record, last);
	if (access == ACCESS_WRITE)
		record->write--;
	else if (access == ACCESS_EXEC)
		record->exec--;
	else
		record->read--;
	if (is_kernel) {
		record->kernel_mode--;
		record->flags |= THREAD_IN_KERNEL_MODE;
	}
	if (record->tgid == conf->focus_tgid)
		take_back_page(stamp, last->latency_ns);
	take_back_log(global, stamp);
	stamp->ts_ns = last->ts_ns;
	last->ts_ns = 0;
}

/* Called before anything else is done about a thread's next event. */
static __always_inline void settle(struct config *conf, struct globals *global, struct thread_record *record,
				   struct task_struct *task)
{
	struct provision *last = &record->provision;
	u32 min_flt, maj_flt;

	if (!last->ts_ns)
		return;
	READ_TASK(min_flt, task, min_flt);
	if (min_flt == last->min_flt) {
		READ_TASK(maj_flt, task, maj_flt);
		if (maj_flt == last->maj_flt)
			reopen(conf, global, record);
		else
			count_over(record, last);
	}
	last->ts_ns = 0;
}

#else

static __always_inline void settle(struct config *conf, struct globals *global, struct thread_record *record,
				   struct task_struct *task)
{
}

#endif
