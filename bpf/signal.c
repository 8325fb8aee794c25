/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Raw tracepoint signal:signal_generate (sig, info, task, group, result): an invalid fault ends. A fault
 * on no mapping or against its rights never reaches handle_mm_fault and fires no perf event; the
 * kernel answers it by forcing SIGSEGV or SIGBUS on the faulting thread itself, here and now.
 *
 * kernel_siginfo begins with the ABI's siginfo: si_signo, si_errno, si_code at 8, si_addr at 16.
 */
#define SI_CODE_KERNEL 0x80

int on_signal(struct bpf_raw_tracepoint_args *ctx)
{
	u64 info = ctx->args[1], task = ctx->args[2], address = 0, ip = 0;
	u32 tid = bpf_get_current_pid_tgid();
	struct globals *global = counters();
	struct config *conf = settings();
	struct ending end = { .kind = FAULT_INVALID };
	struct thread_record *record;
	struct fault_stamp *stamp;
	s32 si_code = 0;

	end.signal = ctx->args[0];
	if (end.signal != SIGNAL_SEGV && end.signal != SIGNAL_BUS)
		return 0;
	/* info 0 and 1 stand for signals without one, from user space or the kernel */
	if (task != bpf_get_current_task() || info < 4096 || !conf || !global || !conf->enabled)
		return 0;
	record = record_of(tid);
	if (!record)
		return 0;
	stamp = &record->stamp[PFTOP_SLOT_USER];
	/* into locals: with end's address given away its kind is unknown to the compiler, and the search for
	 * mappings, which no invalid fault needs, would be taken in */
	READ_KERNEL(si_code, (void *)(info + 8));
	READ_KERNEL(address, (void *)(info + 16));
	end.si_code = si_code;
	settle(conf, global, record, current_task());
	/* kill(2) has codes up to 0; a general protection fault is no page fault */
	if (!stamp->ts_ns || end.si_code <= 0 || end.si_code == SI_CODE_KERNEL)
		return 0;
	if (end.signal == SIGNAL_SEGV && address != stamp->address)
		return 0;
	if (stamp->regs)
		READ_KERNEL(ip, &REGS_IP((struct pt_regs *)stamp->regs));
	end.ip = ip;
	end.now = now_ns();
	end_fault(ctx, conf, global, record, stamp, PFTOP_SLOT_USER, &end);
	return 0;
}
