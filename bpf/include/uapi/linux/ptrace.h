/*
 * struct pt_regs, and what programs on perf events see of it (the same on x86, the user ABI's elsewhere), with
 * the registers pftop reads under one name for all architectures. BCC has such names for some of them only.
 */
#pragma once
#include <linux/types.h>
#if defined(PFTOP_ARCH_X86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};
typedef struct pt_regs bpf_user_pt_regs_t;
#define REGS_IP(regs) ((regs)->ip)
#define REGS_ARGUMENT_1(regs) ((regs)->di)
#define REGS_ARGUMENT_2(regs) ((regs)->si)
#define REGS_ARGUMENT_3(regs) ((regs)->dx)
#define REGS_ARGUMENT_4(regs) ((regs)->cx)
#define REGS_RESULT(regs) ((regs)->ax)
#elif defined(PFTOP_ARCH_RISCV)
struct pt_regs {
	unsigned long epc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7;
	unsigned long s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6;
	unsigned long status, badaddr, cause, orig_a0;
};
struct user_regs_struct {
	unsigned long epc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7;
	unsigned long s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6;
};
typedef struct user_regs_struct bpf_user_pt_regs_t;
#define REGS_IP(regs) ((regs)->epc)
#define REGS_ARGUMENT_1(regs) ((regs)->a0)
#define REGS_ARGUMENT_2(regs) ((regs)->a1)
#define REGS_ARGUMENT_3(regs) ((regs)->a2)
#define REGS_ARGUMENT_4(regs) ((regs)->a3)
#define REGS_RESULT(regs) ((regs)->a0)
#elif defined(PFTOP_ARCH_ARM64)
struct user_pt_regs {
	unsigned long long regs[31], sp, pc, pstate;
};
struct pt_regs {
	unsigned long long regs[31], sp, pc, pstate, orig_x0;
};
typedef struct user_pt_regs bpf_user_pt_regs_t;
#define REGS_IP(r) ((r)->pc)
#define REGS_ARGUMENT_1(r) ((r)->regs[0])
#define REGS_ARGUMENT_2(r) ((r)->regs[1])
#define REGS_ARGUMENT_3(r) ((r)->regs[2])
#define REGS_ARGUMENT_4(r) ((r)->regs[3])
#define REGS_RESULT(r) ((r)->regs[0])
#else
#error "no pt_regs for this architecture"
#endif
