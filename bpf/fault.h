/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * The records that cross from the kernel to user space, and the limits both sides share: the only
 * definition of either. pftop/source/wire.py reads this file and builds its numpy types from it, so it
 * keeps to a restricted form: one member a line, u8 u16 u32 u64 s32 s64 char and structs of this file,
 * arrays of a number or a name #defined here, no bit fields, no conditionals but the include guard.
 *
 * Times are nanoseconds of the monotonic clock, but for the start of a process, which is of the boot clock.
 */
#ifndef PFTOP_FAULT_H
#define PFTOP_FAULT_H

#define PFTOP_COMM_LEN 16

/* Latency buckets: one below 2^6 ns, then four equal ones in every octave; the last holds all above. */
#define PFTOP_BUCKETS 120
#define PFTOP_BUCKET_SHIFT 6

/* Slots of thread_record.stamp: a kernel-mode fault may nest in a user-mode one, never the reverse. */
#define PFTOP_SLOTS 3
#define PFTOP_SLOT_USER 0
#define PFTOP_SLOT_KERNEL 1
#define PFTOP_SLOT_REMOTE 2

enum fault_kind {
	FAULT_MINOR = 0,
	FAULT_MAJOR = 1,
	FAULT_FAILED = 2,
	FAULT_INVALID = 3,
};

enum fault_access {
	ACCESS_READ = 0,
	ACCESS_WRITE = 1,
	ACCESS_EXEC = 2,
};

/* Why a fault happened. pftop/causes.py says what each means and decides between them. */
#define PFTOP_CAUSES 24

enum fault_cause {
	CAUSE_UNKNOWN = 0,
	CAUSE_FIRST_TOUCH = 1,
	CAUSE_ZERO_PAGE = 2,
	CAUSE_COW = 3,
	CAUSE_FILE_MAP = 4,
	CAUSE_FILE_READ = 5,
	CAUSE_SWAP_IN = 6,
	CAUSE_SHMEM = 7,
	CAUSE_SHARED_WRITE = 8,
	CAUSE_STACK = 9,
	CAUSE_HUGE = 10,
	CAUSE_HUGETLB = 11,
	CAUSE_USERFAULT = 12,
	CAUSE_NUMA = 13,
	CAUSE_REMOTE = 14,
	CAUSE_NULL = 15,
	CAUSE_UNMAPPED = 16,
	CAUSE_ACCESS = 17,
	CAUSE_PKEY = 18,
	CAUSE_BUS = 19,
	CAUSE_OOM = 20,
	CAUSE_POISON = 21,
};

/* What is known of a completed fault, as bits: the index into the table of causes user space fills. */
#define PFTOP_TRAITS 2048
#define TRAIT_MAJOR 1
#define TRAIT_WRITE 2
#define TRAIT_PRESENT 4
#define TRAIT_FILE 8
#define TRAIT_SHMEM 16
#define TRAIT_SHARED 32
#define TRAIT_STACK 64
#define TRAIT_HUGETLB 128
#define TRAIT_USERFAULT 256
#define TRAIT_HUGE 512
#define TRAIT_REMOTE 1024

/* thread_record.flags */
#define THREAD_GROUP_DEAD 1
#define THREAD_FAMILY 2
#define THREAD_RETIRED 4
#define THREAD_WALKED 8	/* its user stack is being walked by pftop, here and now */
#define THREAD_IN_KERNEL_MODE 16	/* its slot for faults in kernel mode is taken */
#define THREAD_HAS_RARE 32	/* the thread_rare at its place is its own */

/* fault_stamp.logged; 0: none, or kept out of the log */
#define LINE_LOGGED 1
#define LINE_LOST 2

/* Frames of a user stack, and how many stacks are kept. */
#define PFTOP_STACK_DEPTH 127
#define PFTOP_STACKS 1024

/* fault_event.flags */
#define EVENT_KERNEL_MODE 1
#define EVENT_LATENCY_KNOWN 2
#define EVENT_VMA_KNOWN 4
#define EVENT_REMOTE 8
#define EVENT_CORRECTS 16	/* stands for the line sent before of the same thread and moment */
#define EVENT_VMA_FOUND 32	/* looked for when the fault had ended: cause and VMA are told, how it was handled is not */

/* Nearly all faults are shorter; what is done for the others alone need not be as cheap. */
#define PFTOP_LONG_NS 50000
#define PFTOP_MAYBE_MAJOR_NS 20000

/* Helpers of this number and the next two are none: see mapping.c. */
#define PFTOP_KFUNC 0x7f000000

/* A fault under way: stamped at the exception, cleared when it ends. */
struct fault_stamp {
	u64 ts_ns;		/* at the exception; 0: no fault under way */
	u64 address;
	u64 error_code;
	u64 regs;		/* kernel address of the faulting pt_regs, valid while the fault lasts */
	u32 logged;		/* plan memcg: what became of its line in the log */
	u32 traits;		/* those read from the VMA */
	u64 ip;			/* plan memcg: where a fault in kernel mode was taken */
	u64 mm_ts_ns;		/* first call of handle_mm_fault; 0: none yet. Where no call is seen: the ts_ns of
				   the fault that the VMA below was found for */
	u64 vma_start;
	u64 vma_end;
	u64 vma_flags;
	u32 mm_flags;		/* FAULT_FLAG_* of the latest call */
	u32 mm_result;		/* VM_FAULT_* of the latest call that returned */
	u32 mm_calls;
	u32 mm_running;		/* between entry and return of a call */
};

/* A fault counted as minor as soon as the kernel accounted it, before it told minor, major and failed apart.
 * Used by the plan memcg alone. Its slot's stamp keeps what else is to be known of it.
 */
struct provision {
	u64 ts_ns;		/* at the exception; 0: all faults are settled */
	u64 latency_ns;
	u64 minor_max_ns;	/* the thread's as they were before it */
	u64 minor_min_ns;
	u32 min_flt;		/* the task's own counts before it */
	u32 maj_flt;
	u32 slot;
	u32 bucket;
};

/* All that is known of one thread. Members from "retries" to "minor" are plain sums.
 *
 * What every fault touches stands together, in the three cache lines from "read" to the first stamp's "traits":
 * each further one costs it some 10 ns. Hence a size that is a multiple of a line's.
 */
struct thread_record {
	u64 start_ns;		/* start of the process; 0: not known */
	u64 major_max_ns;
	u64 major_min_ns;	/* 0: none yet */
	u64 retries;
	u64 lock_wait_sum_ns;	/* exception to first call of handle_mm_fault */
	u64 major_sum_ns;	/* the major ones' part of latency_sum_ns */
	u64 remote;		/* of all kinds, those done for get_user_pages */
	u64 kernel_mode;	/* of all kinds, those taken in kernel mode */
	u64 invalid;		/* of failed, those ended by a signal */
	u64 failed;		/* ended neither minor nor major */
	u64 major;
	u64 exec;		/* by access: completed and failed ones */
	u64 read;
	u64 write;
	u64 latency_sum_ns;	/* of minor and major ones */
	u64 minor;
	u64 minor_max_ns;
	u64 minor_min_ns;	/* 0: none yet */
	u32 tgid;
	u32 tid;
	u32 uid;
	u32 flags;
	u64 created_ns;		/* when this record was made: with tid, its identity; 0: the place is free */
	struct provision provision;
	struct fault_stamp stamp[PFTOP_SLOTS];
	u32 mm_slot;		/* the slot whose call of handle_mm_fault is running */
	u32 place;		/* its own, in the array of records */
	char comm[PFTOP_COMM_LEN];
	u32 minor_buckets[PFTOP_BUCKETS];
	u64 unused[2];
};

/* What most threads never have, apart so that they need not pay for it: half of what there would be to make, read
 * and send for each. Only ever added to.
 */
struct thread_rare {
	u64 created_ns;		/* of the thread's record: with tid, the identity of both */
	u64 changes;
	u32 tid;
	u32 unused;
	u64 cause[PFTOP_CAUSES];	/* completed ones only where handle_mm_fault is seen */
	u64 cause_ns[PFTOP_CAUSES];
	u32 major_buckets[PFTOP_BUCKETS];
};

/* One logged fault. */
struct fault_event {
	u64 ts_ns;		/* at the exception */
	u64 start_ns;		/* start of the process; 0: not known */
	u64 latency_ns;
	u64 lock_wait_ns;
	u64 address;
	u64 ip;
	u64 error_code;
	u64 skipped;		/* faults of this CPU kept out of the log since the one before */
	u64 vma_start;
	u64 vma_end;
	u64 vma_flags;
	u32 mm_flags;
	u32 mm_result;
	u32 mm_calls;
	u32 cause;
	u32 tgid;
	u32 tid;
	u32 uid;
	u32 flags;
	u32 kind;
	u32 access;
	s32 signal;		/* 0: none */
	s32 si_code;
	s32 stack_id;		/* user stack of an invalid fault; negative: none */
	u32 unused;
	char comm[PFTOP_COMM_LEN];
};

/* Counts of one page of the focused process. */
struct page_count {
	u64 minor;
	u64 major;
	u64 latency_sum_ns;
};

/* One a CPU; user space adds them up. What every fault counts stands first. */
struct globals {
	u64 seen;		/* faults that began, pftop's own and unattributed ones included */
	u64 completed;		/* ended, one way or another, and attributed: candidates for the log */
	u64 sampled_out;
	u64 skipped;		/* kept out of the log since the last logged one */
	u64 log_next_ns;	/* token bucket: when the log is due again */
	u64 ends;		/* ends seen by perf events, whoever's: what the events counted beyond them went unseen */
	u32 last_tid;		/* whose record was looked up last, and its place */
	u32 last_place;
	u64 logged;
	u64 own_seen;		/* of those, pftop's own */
	u64 own_minor;
	u64 own_major;
	u64 unattributed;	/* began while the thread map was full */
	u64 ring_lost;
	u64 lost_records;	/* final records for which the ring had no room, and what they held: */
	u64 lost_minor;
	u64 lost_major;
	u64 lost_failed;
	u64 lost_latency_ns;
	u64 orphans;		/* ended without having been seen to begin: under way at the start */
	u64 missed;		/* the return of handle_mm_fault was not seen: no free kretprobe instance */
	u64 pages_lost;		/* faults of the focused process the page map had no room for */
	u64 family_lost;	/* descendants the family map had no room for */
	u64 top;		/* no record made on this CPU has a place as high as this */
};

/* Written by user space, read by every probe. What faults read begins with the second member, for where the kernel puts
 * an array's first element a cache line begins behind eight bytes of it.
 */
struct config {
	u64 adopt;		/* the next process pftop forks is the head of the family */
	u64 enabled;		/* set once all probes are attached */
	u64 own_tgid;
	u64 focus_tgid;		/* count pages for this process; its faults go first in the log; 0: none */
	u64 log_interval_ns;	/* between two logged faults of one CPU, on average */
	u64 log_burst_ns;	/* how much unused time may be saved up */
	u64 log_reserve_ns;	/* of that, kept for faults that go first */
	u64 min_latency_ns;	/* quicker ones stay out of the log unless they go first; 0: none do */
};

#endif
