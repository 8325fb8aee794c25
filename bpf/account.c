/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * What is done with a fault that has ended: counters, histogram, pages of the focused process, log.
 *
 * Counters are exact at any rate.
 */

static __always_inline u32 log2_of(u64 v)
{
	u32 r = 0;

	if (v >> 32) { v >>= 32; r += 32; }
	if (v >> 16) { v >>= 16; r += 16; }
	if (v >> 8) { v >>= 8; r += 8; }
	if (v >> 4) { v >>= 4; r += 4; }
	if (v >> 2) { v >>= 2; r += 2; }
	return r + (v >> 1);
}

/* A bucket there is. 64 bits throughout and opaque to the optimiser: the verifier must see one register compared and
 * used, here and now. Before Linux 6.8 it does not know that what was put on the stack before is the same.
 */
static __always_inline u64 within(u64 bucket)
{
	asm volatile("" : "+r"(bucket));
	return bucket < PFTOP_BUCKETS ? bucket : PFTOP_BUCKETS - 1;
}

static __always_inline u64 bucket_of(u64 ns)
{
	u64 octave, bucket;

	if (ns < (1 << PFTOP_BUCKET_SHIFT))
		return 0;
	octave = log2_of(ns);
	bucket = 1 + (octave - PFTOP_BUCKET_SHIFT) * 4 + ((ns >> (octave - 2)) & 3);
	return bucket < PFTOP_BUCKETS ? bucket : PFTOP_BUCKETS - 1;
}

static __always_inline void count_major(struct thread_record *record, struct thread_rare *rare, u64 latency,
					u64 bucket)
{
	record->latency_sum_ns += latency;
	record->major++;
	record->major_sum_ns += latency;
	if (latency > record->major_max_ns)
		record->major_max_ns = latency;
	if (!record->major_min_ns || latency < record->major_min_ns)
		record->major_min_ns = latency;
	if (rare) {
		rare->major_buckets[within(bucket)]++;
		rare->changes++;
	}
}

static __always_inline void count_latency(struct thread_record *record, struct thread_rare *rare, u32 kind,
					  u64 latency)
{
	u64 bucket = bucket_of(latency);

	if (kind == FAULT_MAJOR) {
		count_major(record, rare, latency, bucket);
	} else {
		record->latency_sum_ns += latency;
		record->minor++;
		if (latency > record->minor_max_ns)
			record->minor_max_ns = latency;
		if (!record->minor_min_ns || latency < record->minor_min_ns)
			record->minor_min_ns = latency;
		record->minor_buckets[within(bucket)]++;
		if (PFTOP_BY_ACCOUNT)
			record->provision.bucket = bucket;
	}
}

/* Threads of one process meet on a page, hence the atomics; only the focused process pays for them. */
static __always_inline void count_page(struct globals *global, u64 address, u32 kind, u64 latency)
{
	struct page_count zero = {}, *page;
	u64 key = address >> 12;

	page = pages.lookup(&key);
	if (!page) {
		pages.insert(&key, &zero);
		page = pages.lookup(&key);
	}
	if (!page) {
		global->pages_lost++;
		return;
	}
	if (kind == FAULT_MAJOR)
		__sync_fetch_and_add(&page->major, 1);
	else
		__sync_fetch_and_add(&page->minor, 1);
	__sync_fetch_and_add(&page->latency_sum_ns, latency);
}

static __always_inline u32 event_flags(struct fault_stamp *stamp, int slot)
{
	u32 flags = PFTOP_SEES_MM && stamp->mm_calls ? EVENT_VMA_KNOWN : 0;

	if (slot == PFTOP_SLOT_KERNEL)
		flags |= EVENT_KERNEL_MODE;
	if (slot == PFTOP_SLOT_REMOTE)
		flags |= EVENT_REMOTE;
	return flags;
}

/* Makes room for the next fault in the slot. */
static __always_inline void clear_stamp(struct fault_stamp *stamp)
{
	stamp->ts_ns = 0;
	if (PFTOP_SEES_MM) {
		stamp->mm_ts_ns = 0;
		stamp->mm_calls = 0;
		stamp->mm_result = 0;
		stamp->mm_running = 0;
		stamp->traits = 0;
	}
}

/* Closes the fault in this slot of the record. */
static __always_inline void end_fault(void *ctx, struct config *conf, struct globals *global,
				      struct thread_record *record, struct fault_stamp *stamp,
				      int slot, struct ending *end)
{
	u32 access = access_of(stamp);
	u32 flags = event_flags(stamp, slot);
	struct thread_rare *rare = 0;

	/* without the mapping all completed ones are of unknown cause: user space need not be told */
	if (PFTOP_SEES_MM || end->kind != FAULT_MINOR)
		rare = rare_of(record);
	end->cause = cause_of(stamp, end);
	if (end->kind != FAULT_FAILED) {
		flags |= EVENT_LATENCY_KNOWN;
		end->latency = end->now - stamp->ts_ns;
	}
	if (end->kind == FAULT_MINOR || end->kind == FAULT_MAJOR) {
		count_latency(record, rare, end->kind, end->latency);
		if (PFTOP_SEES_MM && stamp->mm_ts_ns)
			record->lock_wait_sum_ns += stamp->mm_ts_ns - stamp->ts_ns;
		if (record->tgid == conf->focus_tgid)
			count_page(global, stamp->address, end->kind, end->latency);
	} else {
		record->failed++;
		if (end->kind == FAULT_INVALID)
			record->invalid++;
	}
	if (PFTOP_SEES_MM && stamp->mm_calls > 1)
		record->retries += stamp->mm_calls - 1;
	if (rare && end->cause < PFTOP_CAUSES && (PFTOP_SEES_MM || end->kind >= FAULT_FAILED)) {
		rare->cause[end->cause]++;
		rare->cause_ns[end->cause] += end->latency;
		rare->changes++;
	}
	if (slot == PFTOP_SLOT_KERNEL) {
		record->kernel_mode++;
		record->flags &= ~THREAD_IN_KERNEL_MODE;
	}
	if (slot == PFTOP_SLOT_REMOTE)
		record->remote++;
	if (access == ACCESS_WRITE)
		record->write++;
	else if (access == ACCESS_EXEC)
		record->exec++;
	else
		record->read++;
	log_fault(ctx, conf, global, record, stamp, flags, end);
	clear_stamp(stamp);
}

/* A fault that was seen to begin and will not be seen to end: its latency is not known. */
static __always_inline void abandon_fault(void *ctx, struct config *conf, struct globals *global,
					  struct thread_record *record, struct fault_stamp *stamp, int slot)
{
	struct ending end = { .kind = FAULT_FAILED };

	if (PFTOP_SEES_MM && stamp->mm_running)
		global->missed++;
	end.now = now_ns();
	end_fault(ctx, conf, global, record, stamp, slot, &end);
}
