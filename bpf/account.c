/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * What is done with a fault that has ended: counters, histogram, pages of the focused process, log.
 *
 * Counters are exact at any rate. The log is a sample: a token bucket a CPU, and a reserve in it that
 * only faults worth reading first may draw on. Every fault kept out is counted.
 */
#define SIGNAL_BUS 7
#define SIGNAL_SEGV 11
#define VM_FAULT_OOM 0x1
/* Below this an address is taken for a null pointer with a member's offset. */
#define PFTOP_NEAR_NULL 65536

struct ending {
	u32 kind;
	s32 signal;
	s32 si_code;
	u32 cause;
	s32 stack_id;
	u64 ip;
	u64 regs;		/* where to read ip from if it comes to that */
	u64 now;
	u64 latency;
};

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

/* 64 bits throughout and opaque to the optimiser: the verifier must see one register compared and used. */
static __always_inline u64 bucket_of(u64 ns)
{
	u64 octave, bucket;

	if (ns < (1 << PFTOP_BUCKET_SHIFT))
		return 0;
	octave = log2_of(ns);
	bucket = 1 + (octave - PFTOP_BUCKET_SHIFT) * 4 + ((ns >> (octave - 2)) & 3);
	asm volatile("" : "+r"(bucket));
	return bucket < PFTOP_BUCKETS ? bucket : PFTOP_BUCKETS - 1;
}

static __always_inline u32 access_of_code(u64 error_code)
{
#if defined(PFTOP_ARCH_X86)
	/* X86_PF_INSTR, X86_PF_WRITE */
	if (error_code & 0x10)
		return ACCESS_EXEC;
	return error_code & 0x2 ? ACCESS_WRITE : ACCESS_READ;
#elif defined(PFTOP_ARCH_RISCV)
	/* EXC_INST_PAGE_FAULT, EXC_STORE_PAGE_FAULT */
	if (error_code == 12)
		return ACCESS_EXEC;
	return error_code == 15 ? ACCESS_WRITE : ACCESS_READ;
#elif defined(PFTOP_ARCH_ARM64)
	/* ESR_EL1: EC instruction abort; ISS WnR without CM */
	u64 class = (error_code >> 26) & 0x3f;

	if (class == 0x20 || class == 0x21)
		return ACCESS_EXEC;
	return (error_code & 0x140) == 0x40 ? ACCESS_WRITE : ACCESS_READ;
#else
#error "no decoding of the error code for this architecture"
#endif
}

/* Where handle_mm_fault was seen its flags say it (FAULT_FLAG_WRITE, FAULT_FLAG_INSTRUCTION). */
static __always_inline u32 access_of(struct fault_stamp *stamp)
{
	if (PFTOP_SEES_MM && stamp->mm_calls) {
		if (stamp->mm_flags & 0x100)
			return ACCESS_EXEC;
		return stamp->mm_flags & 0x1 ? ACCESS_WRITE : ACCESS_READ;
	}
	return access_of_code(stamp->error_code);
}

/* The cause of a fault that raised a signal, by siginfo's codes. */
static __always_inline u32 cause_of_signal(struct fault_stamp *stamp, s32 signal, s32 si_code)
{
	if (signal == SIGNAL_BUS)
		return si_code == 4 || si_code == 5 ? CAUSE_POISON : CAUSE_BUS;
	if (si_code == 4)
		return CAUSE_PKEY;
	if (si_code != 1)
		return CAUSE_ACCESS;
	return stamp->address < PFTOP_NEAR_NULL ? CAUSE_NULL : CAUSE_UNMAPPED;
}

static __always_inline u32 cause_by_traits(struct fault_stamp *stamp, struct ending *end, u32 traits, int retried)
{
	u32 *cause;

	if (end->kind == FAULT_MAJOR)
		traits |= TRAIT_MAJOR;
#if defined(PFTOP_ARCH_X86)
	if (stamp->error_code & 0x1)
		traits |= TRAIT_PRESENT;
#endif
	if (!retried)
		traits &= ~TRAIT_USERFAULT;
	cause = causes.lookup(&traits);
	return cause ? *cause : CAUSE_UNKNOWN;
}

static __always_inline u32 cause_of(struct fault_stamp *stamp, struct ending *end)
{
	u32 traits;

	if (end->kind == FAULT_INVALID)
		return cause_of_signal(stamp, end->signal, end->si_code);
	if (end->kind == FAULT_FAILED) {
		if (PFTOP_SEES_MM && stamp->mm_result & VM_FAULT_OOM)
			return CAUSE_OOM;
		return stamp->address < PFTOP_NEAR_NULL ? CAUSE_NULL : CAUSE_UNKNOWN;
	}
	if (!PFTOP_SEES_MM || !stamp->mm_calls)
		return CAUSE_UNKNOWN;
	traits = stamp->traits;
	if (stamp->mm_flags & 0x1)
		traits |= TRAIT_WRITE;
	/* a fault that waits for userfaultfd comes back as RETRY */
	return cause_by_traits(stamp, end, traits, stamp->mm_calls > 1);
}

#if PFTOP_FINDS_VMA
/* The same where the VMA was looked for only now: what is not told is whether the fault had to wait for userfaultfd.
 *
 * On a missing page of anonymous memory it is always asked, but not on one that comes from swap, which the major ones
 * may. Of a page that it protects from writing, it or a copy may have been the reason.
 */
static __always_inline u32 cause_of_found(struct fault_stamp *stamp, struct ending *end)
{
	u32 traits = stamp->traits, is_mapped = TRAIT_FILE | TRAIT_SHMEM | TRAIT_HUGETLB;
	int is_present = stamp->error_code & 0x1;
	int was_asked = !(traits & is_mapped) && !is_present && stamp->vma_flags & VM_UFFD_MISSING;

	if (access_of_code(stamp->error_code) == ACCESS_WRITE)
		traits |= TRAIT_WRITE;
	if (was_asked && end->kind == FAULT_MAJOR)
		return CAUSE_UNKNOWN;
	if (is_present && traits & TRAIT_WRITE && stamp->vma_flags & VM_UFFD_WP)
		return CAUSE_UNKNOWN;
	return cause_by_traits(stamp, end, traits, was_asked);
}
#endif

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
		rare->major_buckets[bucket]++;
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
		record->minor_buckets[bucket]++;
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

static __always_inline void log_fault(void *ctx, struct config *conf, struct globals *global,
				      struct thread_record *record, struct fault_stamp *stamp,
				      u32 flags, struct ending *end)
{
	struct fault_event event = {};
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
	if (!admitted) {
		global->sampled_out++;
		global->skipped++;
		return;
	}
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
	event.flags = corrects ? flags | EVENT_CORRECTS : flags;
	event.kind = end->kind;
	event.access = access_of(stamp);
	event.signal = end->signal;
	event.si_code = end->si_code;
	event.stack_id = end->kind == FAULT_INVALID ? end->stack_id : -1;
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
