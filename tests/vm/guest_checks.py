"""Owns the checks that run as root inside each guest kernel: one decorated function is one test.

A check raises AssertionError or returns figures. It runs 5 to 20 times slower than on the host: judge what
is right, never how fast. Host-side pytest imports this module for the names only, so import heavy things
(BCC, numpy) inside the checks.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from .registry import GUEST, Context, Figures, check


@check(GUEST)
def boots(context: Context) -> Figures:
    release = platform.release()
    assert release.startswith((f"{context.kernel}.", f"{context.kernel}-")), release
    for path in (
        "/sys/kernel/tracing/events",
        "/sys/kernel/btf/vmlinux",
        "/sys/fs/cgroup/cgroup.controllers",
    ):
        assert Path(path).exists(), f"{path} is missing in the guest"
    assert os.statvfs(context.tmp).f_bavail > 0
    return {"release": release, "uptime_s": float(Path("/proc/uptime").read_text().split()[0])}


HEADERS = {
    "linux/kconfig.h": "#include <linux/types.h>\n",
    "linux/types.h": """#pragma once
#define CONFIG_BPF_SYSCALL 1
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32;
typedef unsigned long long __u64; typedef signed char __s8; typedef short __s16; typedef int __s32;
typedef long long __s64; typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64;
typedef __s8 s8; typedef __s16 s16; typedef __s32 s32; typedef __s64 s64;
typedef __u8 uint8_t; typedef __u16 uint16_t; typedef __u32 uint32_t; typedef __u64 uint64_t;
typedef __s8 int8_t; typedef __s16 int16_t; typedef __s32 int32_t; typedef __s64 int64_t;
typedef __u16 __be16, __le16, __sum16; typedef __u32 __be32, __le32, __wsum; typedef __u64 __be64, __le64;
typedef _Bool bool; typedef unsigned long size_t, uintptr_t; typedef long ssize_t;
typedef int pid_t; typedef unsigned int uid_t, gid_t;
typedef __u64 __aligned_u64 __attribute__((aligned(8)));
#define true 1
#define false 0
#define NULL ((void *)0)
#define TASK_COMM_LEN 16
#define __always_inline inline __attribute__((always_inline))
""",
    "linux/version.h": "#pragma once\n#define LINUX_VERSION_CODE 0\n"
    "#define KERNEL_VERSION(a,b,c) (((a)<<16)+((b)<<8)+(c))\n",
    "uapi/linux/bpf.h": "#include <bcc/bpf.h>\n",
    "uapi/linux/ptrace.h": "#pragma once\nstruct pt_regs { unsigned long r15, r14, r13, r12, bp, bx, r11, r10,"
    " r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss; };\n",
} | dict.fromkeys(
    ("linux/bpf_common.h", "linux/log2.h", "linux/kernel.h", "asm/page.h", "uapi/linux/if_packet.h"),
    "#pragma once\n",
)

COMMON = """
#include <uapi/linux/ptrace.h>
struct vm_area_struct;
struct fault { u64 address, latency; u32 pid, result; };
struct stamp { u64 ts, address; };
BPF_PERF_OUTPUT(events);
BPF_HASH(open_faults, u32, struct stamp);
static inline void opened(u64 address) {
  u32 tid = bpf_get_current_pid_tgid();
  struct stamp s = {bpf_ktime_get_ns(), address};
  open_faults.update(&tid, &s);
}
static inline void closed(void *ctx, u32 result) {
  u32 tid = bpf_get_current_pid_tgid();
  struct stamp *s = open_faults.lookup(&tid);
  if (!s) return;
  struct fault f = {s->address, bpf_ktime_get_ns() - s->ts, bpf_get_current_pid_tgid() >> 32, result};
  events.perf_submit(ctx, &f, sizeof(f));
  open_faults.delete(&tid);
}
"""
PROGRAMS = {
    "perf": """
struct bpf_perf_event_data { struct pt_regs regs; u64 sample_period, addr; };
int entry(struct bpf_raw_tracepoint_args *ctx) { opened(ctx->args[0]); return 0; }
int on_minor(struct bpf_perf_event_data *ctx) { closed(ctx, 0); return 0; }
int on_major(struct bpf_perf_event_data *ctx) { closed(ctx, 4); return 0; }
""",
    "kprobe": """
int entry(struct pt_regs *ctx, struct vm_area_struct *vma, unsigned long address) { opened(address); return 0; }
int leave(struct pt_regs *ctx) { closed(ctx, PT_REGS_RC(ctx)); return 0; }
""",
    "fentry": """
KFUNC_PROBE(handle_mm_fault, struct vm_area_struct *vma, unsigned long address) { opened(address); return 0; }
KRETFUNC_PROBE(handle_mm_fault, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
               struct pt_regs *regs, unsigned int result) { closed(ctx, result); return 0; }
""",
}


class Fault(ctypes.Structure):
    _fields_ = (
        ("address", ctypes.c_uint64),
        ("latency", ctypes.c_uint64),
        ("pid", ctypes.c_uint32),
        ("result", ctypes.c_uint32),
    )


def load_bcc() -> ModuleType:
    """The distribution's BCC, for whichever Python this is: it is pure ctypes."""
    folder = Path("/usr/lib/python3/dist-packages/bcc")
    spec = importlib.util.spec_from_file_location(
        "bcc", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["bcc"] = module
    spec.loader.exec_module(module)
    return module


def attach(bpf: Any, bcc: ModuleType, plan: str) -> None:
    """The fentry plan's programs were attached by BCC's constructor."""
    if plan == "perf":
        bpf.attach_raw_tracepoint(tp=b"page_fault_user", fn_name=b"entry")
        software = bcc.PerfSWConfig
        for config, name in (
            (software.PAGE_FAULTS_MIN, b"on_minor"),
            (software.PAGE_FAULTS_MAJ, b"on_major"),
        ):
            bpf.attach_perf_event(ev_type=bcc.PerfType.SOFTWARE, ev_config=config, fn_name=name, sample_period=1)
    elif plan == "kprobe":
        bpf.attach_kprobe(event=b"handle_mm_fault", fn_name=b"entry")
        bpf.attach_kretprobe(event=b"handle_mm_fault", fn_name=b"leave")


def faults_of_true(bpf: Any) -> tuple[list[Fault], int]:
    """The faults seen of one run of /bin/true, and how many the kernel counted for it."""
    seen: list[Fault] = []
    bpf["events"].open_perf_buffer(
        lambda _cpu, data, _size: seen.append(Fault.from_buffer_copy(ctypes.string_at(data, ctypes.sizeof(Fault)))),
        page_cnt=64,
    )
    pid = os.posix_spawn("/bin/true", ["true"], {})
    usage = os.wait4(pid, 0)[2]
    for _ in range(3):
        bpf.perf_buffer_poll(50)
    return [fault for fault in seen if fault.pid == pid], usage.ru_minflt + usage.ru_majflt


@check()
def bcc_headerless(context: Context) -> Figures:
    """The distribution's BCC compiles, loads and attaches the plan with no kernel headers, and sees faults."""
    for name, text in HEADERS.items():
        path = context.tmp / "include" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.environ["BCC_KERNEL_SOURCE"] = str(context.tmp)
    bcc = sys.modules.get("bcc") or load_bcc()
    began = time.monotonic()
    bpf = bcc.BPF(text=COMMON + PROGRAMS[context.plan])
    try:
        attach(bpf, bcc, context.plan)
        ready = time.monotonic() - began
        faults, counted = faults_of_true(bpf)
    finally:
        bpf.cleanup()
    assert faults, "no fault of /bin/true was seen"
    assert all(fault.latency for fault in faults), "a fault took no time"
    return {"ready_s": round(ready, 2), "seen": len(faults), "kernel_counted": counted}
