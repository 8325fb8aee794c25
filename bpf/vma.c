/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * What handle_mm_fault is called with and how it returns, for the plans that see it.
 *
 * The kernel may call it up to three times for one fault (per-VMA lock, mmap lock, after waiting for I/O).
 * Its own rule, in mm_account_fault: VM_FAULT_RETRY counts nothing; VM_FAULT_ERROR is a failed fault;
 * else it is major if VM_FAULT_MAJOR is returned or FAULT_FLAG_TRIED was set. The VMA is read at the
 * entry of the first call: after a retry it may be gone.
 */
#define VM_FAULT_MAJOR 0x4
#define VM_FAULT_RETRY 0x400
#define VM_FAULT_ERROR 0x873
#define FAULT_FLAG_TRIED 0x20

/* Whether a call handles this fault: the same exception, or the same address where regs were not told. */
static __always_inline int is_of(struct fault_stamp *stamp, u64 address, u64 regs)
{
	return stamp->regs ? stamp->regs == regs : stamp->address == address;
}

/* The slot a call belongs to: regs is null for get_user_pages, else that of the exception. */
static __always_inline int slot_of(struct thread_record *record, u64 address, u64 regs)
{
	if (!regs)
		return PFTOP_SLOT_REMOTE;
	if (record->stamp[PFTOP_SLOT_KERNEL].ts_ns && is_of(&record->stamp[PFTOP_SLOT_KERNEL], address, regs))
		return PFTOP_SLOT_KERNEL;
	return PFTOP_SLOT_USER;
}

/* The stamp of the fault a call belongs to; a call for get_user_pages that is no retry begins one. */
static __always_inline struct fault_stamp *stamp_of_call(void *ctx, struct config *conf, struct globals *global,
							  u64 address, u64 regs, u32 flags, u32 *slot_out)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct thread_record *record = record_again(global, tid);
	struct fault_stamp *stamp = 0;
	int slot = PFTOP_SLOT_REMOTE;

	if (record)
		slot = slot_of(record, address, regs);
	else if (regs)
		slot = PFTOP_SLOT_USER;
	*slot_out = slot;
	if (slot == PFTOP_SLOT_REMOTE) {
		if (record && (flags & FAULT_FLAG_TRIED) && record->stamp[PFTOP_SLOT_REMOTE].ts_ns)
			return &record->stamp[PFTOP_SLOT_REMOTE];
		stamp = begin_fault(ctx, conf, global, current_task(), PFTOP_SLOT_REMOTE);
		if (stamp) {
			stamp->address = address;
			stamp->regs = 0;
			stamp->error_code = 0;
			stamp->ts_ns = now_ns();
		}
		return stamp;
	}
	if (!record)
		return 0;
	stamp = slot == PFTOP_SLOT_KERNEL ? &record->stamp[PFTOP_SLOT_KERNEL] : &record->stamp[PFTOP_SLOT_USER];
	return stamp->ts_ns && is_of(stamp, address, regs) ? stamp : 0;
}

static __always_inline void enter_mm(void *ctx, u64 vma, u64 address, u32 flags, u64 regs)
{
	u32 tid = bpf_get_current_pid_tgid(), slot = 0;
	struct globals *global = counters();
	struct config *conf = settings();
	struct thread_record *record;
	struct fault_stamp *stamp;

	if (!conf || !global || !conf->enabled)
		return;
	stamp = stamp_of_call(ctx, conf, global, address, regs, flags, &slot);
	if (!stamp)
		return;
	if (!stamp->mm_calls) {
		stamp->mm_ts_ns = regs ? now_ns() : stamp->ts_ns;
		note_vma(stamp, vma);
		if (!regs)
			stamp->traits |= TRAIT_REMOTE;
	}
	stamp->mm_flags = flags;
	stamp->mm_calls++;
	stamp->mm_running = 1;
	record = record_again(global, tid);
	if (record)
		record->mm_slot = slot;
}

static __always_inline void count_own(struct globals *global, u32 result, u32 flags)
{
	if (result & (VM_FAULT_RETRY | VM_FAULT_ERROR))
		return;
	if (result & VM_FAULT_MAJOR || flags & FAULT_FLAG_TRIED)
		global->own_major++;
	else
		global->own_minor++;
}

static __always_inline void leave_mm_slot(void *ctx, struct config *conf, struct globals *global,
					  struct thread_record *record, struct fault_stamp *stamp, int slot, u32 result)
{
	struct ending end = { .kind = FAULT_MINOR };
	u64 ip = 0;

	if (!stamp->ts_ns || !stamp->mm_running)
		return;
	stamp->mm_running = 0;
	stamp->mm_result = result;
	if (result & VM_FAULT_RETRY)
		return;
	if (result & VM_FAULT_ERROR) {
		/* the signal that answers it is still to come, but not for get_user_pages */
		if (slot == PFTOP_SLOT_REMOTE)
			abandon_fault(ctx, conf, global, record, stamp, slot);
		return;
	}
	if (result & VM_FAULT_MAJOR || stamp->mm_flags & FAULT_FLAG_TRIED)
		end.kind = FAULT_MAJOR;
	if (stamp->regs)
		READ_KERNEL(ip, &REGS_IP((struct pt_regs *)stamp->regs));
	end.ip = ip;
	end.now = now_ns();
	end_fault(ctx, conf, global, record, stamp, slot, &end);
}

static __always_inline void leave_mm(void *ctx, u32 result)
{
	u64 pid_tgid = bpf_get_current_pid_tgid();
	u32 tid = pid_tgid;
	struct globals *global = counters();
	struct config *conf = settings();
	struct thread_record *record;
	struct fault_stamp *stamp;
	u32 slot;

	if (!conf || !global || !conf->enabled || pid_tgid >> 32 == conf->own_tgid)
		return;
	record = record_again(global, tid);
	if (!record)
		return;
	slot = record->mm_slot;
	if (slot >= PFTOP_SLOTS)
		return;
	stamp = &record->stamp[slot];
	leave_mm_slot(ctx, conf, global, record, stamp, slot, result);
}
