"""The same sources compile for every architecture pftop knows. Only x86-64 was ever run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from dataclasses import replace
from pftop.source.header import bpf_dir
from pftop.source.bcc_module import load_bcc
from pftop.source.kernel import gather
from pftop.source.plan import kprobe_plan, memcg_plan, perf_plan
from pftop.source.program import TASK_STRUCTS, VMA_STRUCTS, compile_flags, kernel_structs, program_text

bcc, facts = load_bcc(bpf_dir()), gather()
facts = replace(facts, arch=sys.argv[1])
if facts.arch == "aarch64":
    facts = replace(facts, tracepoints=facts.tracepoints - {"page_fault_user"})
structs = kernel_structs(facts, TASK_STRUCTS) + kernel_structs(facts, VMA_STRUCTS)
plans = (perf_plan, kprobe_plan) + (memcg_plan,) * (facts.arch == "x86_64")
for plan in (make(facts) for make in plans):
    text = program_text(plan, structs, bpf_dir())
    flags = compile_flags(facts, 8192, plan, have_task=True, have_vma=True, finds_vma=plan.by_account)
    bcc.BPF(text=text, cflags=flags)
    print("compiled", plan.name, len(text))
"""


@pytest.mark.parametrize("machine", ["x86_64", "riscv64", "aarch64"])
def test_all_kinds_of_plan_compile(machine: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, machine], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert [line.split()[1] for line in run.stdout.splitlines()] == ["perf", "kprobe", "memcg"][
        : 3 if machine == "x86_64" else 2
    ]
