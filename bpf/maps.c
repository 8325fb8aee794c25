/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * The maps, and finding or making a thread's record in them.
 *
 * A thread runs on one CPU at a time, so its record needs no atomics, and no two CPUs write one record.
 * Records stand in arrays that user space maps into its memory: a hash is read by a system call that takes
 * a lock and copies twice for each element, longer for 10,000 of them than all else of a tick. threads is a plain
 * preallocated hash from tid to place; user space has put all places on the stack of free ones, the lowest on top.
 * Allocating at fault time could deadlock. Not here: any use of per-CPU or LRU hashes, on which inserts are lost
 * silently.
 */
#define MMAPABLE 1024	/* BPF_F_MMAPABLE */

BPF_HASH(threads, u32, u32, PFTOP_MAX_THREADS);
BPF_F_TABLE("array", u32, struct thread_record, records, PFTOP_MAX_THREADS, MMAPABLE);
BPF_F_TABLE("array", u32, struct thread_rare, rares, PFTOP_MAX_THREADS, MMAPABLE);
BPF_STACK(places, u32, PFTOP_MAX_THREADS);
BPF_HASH(pages, u64, struct page_count, PFTOP_MAX_PAGES);
BPF_HASH(family, u32, u32, PFTOP_MAX_FAMILY);
BPF_ARRAY(config, struct config, 1);
BPF_PERCPU_ARRAY(globals, struct globals, 1);
/* Always zero. */
BPF_ARRAY(blank, struct thread_record, 1);
BPF_ARRAY(blank_rare, struct thread_rare, 1);
/* From what is known of a fault to its cause; filled by user space, so that both sides share one table. */
BPF_ARRAY(causes, u32, PFTOP_TRAITS);
/* User stacks of invalid faults only; frame pointers are followed, so without them a stack is short. */
BPF_STACK_TRACE(stacks, PFTOP_STACKS);
BPF_PERF_OUTPUT(faults);
BPF_PERF_OUTPUT(retired);

_Static_assert(sizeof(struct thread_record) == PFTOP_SIZE_THREAD_RECORD, "thread_record differs from user space's");
_Static_assert(sizeof(struct thread_rare) == PFTOP_SIZE_THREAD_RARE, "thread_rare differs from user space's");
_Static_assert(sizeof(struct fault_event) == PFTOP_SIZE_FAULT_EVENT, "fault_event differs from user space's");
_Static_assert(sizeof(struct globals) == PFTOP_SIZE_GLOBALS, "globals differs from user space's");
_Static_assert(sizeof(struct config) == PFTOP_SIZE_CONFIG, "config differs from user space's");
_Static_assert(sizeof(struct page_count) == PFTOP_SIZE_PAGE_COUNT, "page_count differs from user space's");

/* What programs on perf events are handed (uapi/linux/bpf_perf_event.h). */
struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	u64 sample_period;
	u64 addr;
};

#define READ_KERNEL(into, from) bpf_probe_read_kernel(&(into), sizeof(into), from)

/* Not the boot clock, which is this one and something added: it takes a call and a cache line more, each time. */
static __always_inline u64 now_ns(void)
{
	return bpf_ktime_get_ns();
}

#if PFTOP_TASK_IS_TYPED
/* The kernel lets programs follow this pointer by plain loads; reading by a helper costs fifty times as much. So the
 * task is asked for once and tells who it is, too: where the kernel makes returns slow, as it does on many of AMD's
 * processors against their leaks, the call of a helper costs as much as all a program does between two.
 */
static struct task_struct *(*current_task)(void) = (void *)BPF_FUNC_get_current_task_btf;
#define READ_TASK(into, task, member) ((into) = (task)->member)

static __always_inline u64 pid_tgid_of(struct task_struct *task)
{
	u64 tgid = task->tgid;

	/* or the two are loaded as one, which the verifier takes for reading past the end of the first */
	asm volatile("" : "+r"(tgid));
	return tgid << 32 | task->pid;
}
#else
#define current_task() ((struct task_struct *)0)
#define READ_TASK(into, task, member) READ_KERNEL(into, &((struct task_struct *)bpf_get_current_task())->member)
#define pid_tgid_of(task) bpf_get_current_pid_tgid()
#endif

static __always_inline struct config *settings(void)
{
	int zero = 0;

	return config.lookup(&zero);
}

static __always_inline struct globals *counters(void)
{
	int zero = 0;

	return globals.lookup(&zero);
}

/* Start of current's process on the boot clock; 0 where the kernel has no BTF to find it by. */
static __always_inline u64 process_start_ns(void)
{
	u64 start = 0;
#ifdef PFTOP_HAVE_TASK
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u64 leader = 0;

	READ_KERNEL(leader, &task->group_leader);
	READ_KERNEL(start, &((struct task_struct *)leader)->start_boottime);
#endif
	return start;
}

static __always_inline struct thread_record *record_of(u32 tid)
{
	u32 *place = threads.lookup(&tid);

	return place ? records.lookup(place) : 0;
}

/* The same, quicker where it was the last one asked for on this CPU: most often it was. A place may have passed on
 * since, and tid and place may be of two threads where programs can be preempted: hence the second look.
 */
static __always_inline struct thread_record *record_again(struct globals *global, u32 tid)
{
	struct thread_record *record;
	u32 *place;

	if (global->last_tid == tid) {
		record = records.lookup(&global->last_place);
		if (record && record->tid == tid && record->created_ns)
			return record;
	}
	place = threads.lookup(&tid);
	if (!place)
		return 0;
	global->last_tid = tid;
	global->last_place = *place;
	return records.lookup(place);
}

/* Runs once in a thread's life. created_ns is written last: a reader skips a record without it. */
static __always_inline struct thread_record *make_record(struct globals *global, u32 tgid, u32 tid)
{
	struct thread_record *zero, *record;
	u32 place = 0;
	int at = 0;

	zero = blank.lookup(&at);
	if (!zero || places.pop(&place))
		return 0;
	record = records.lookup(&place);
	if (!record || threads.update(&tid, &place)) {
		places.push(&place, 0);
		return 0;
	}
	if (place >= global->top)
		global->top = place + 1;
	bpf_probe_read_kernel(record, sizeof(*record), zero);
	record->place = place;
	record->start_ns = process_start_ns();
	record->tgid = tgid;
	record->tid = tid;
	record->uid = bpf_get_current_uid_gid();
	if (family.lookup(&tgid))
		record->flags = THREAD_FAMILY;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	record->created_ns = now_ns();
	return record;
}

/* A reader skips the place from here on, and what it had copied of it. */
static __always_inline void free_record(u32 tid, struct thread_record *record)
{
	u32 place = record->place;

	if (threads.delete(&tid))
		return;
	record->created_ns = 0;
	places.push(&place, 0);
}

/* The thread's rare part, made when it is first needed: until then another's may stand there. */
static __always_inline struct thread_rare *rare_of(struct thread_record *record)
{
	struct thread_rare *zero, *rare;
	u32 place = record->place;
	int at = 0;

	rare = rares.lookup(&place);
	if (!rare || record->flags & THREAD_HAS_RARE)
		return rare;
	zero = blank_rare.lookup(&at);
	if (!zero)
		return 0;
	bpf_probe_read_kernel(rare, sizeof(*rare), zero);
	rare->tid = record->tid;
	rare->created_ns = record->created_ns;
	record->flags |= THREAD_HAS_RARE;
	return rare;
}
