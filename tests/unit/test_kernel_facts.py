"""Facts about a machine, read from a tree of files that only looks like one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pftop.source import kernel
from pftop.source.kernel import KernelFacts, gather, mount_tracefs
from tests.unit.test_btf import FUNC, FUNC_PROTO, Blob

ALL_CAPS = "CapEff:\t000001ffffffffff"


def write(root: Path, path: str, text: str | bytes) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text if isinstance(text, bytes) else text.encode())


def vmlinux(*functions: str) -> bytes:
    blob = Blob()
    proto = blob.add(FUNC_PROTO)
    for name in functions:
        blob.add(FUNC, name, proto)
    return blob.bytes()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A small machine with everything but BTF and tracefs."""
    write(tmp_path, "proc/self/status", f"Name:\tpftop\n{ALL_CAPS}\nSeccomp:\t0\n")
    write(tmp_path, "proc/loadavg", "0.10 0.20 0.30 2/345 6789\n")
    write(tmp_path, "proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n")
    write(tmp_path, "proc/sys/kernel/perf_event_paranoid", "2\n")
    write(tmp_path, "proc/pressure/memory", "some avg10=0.00\n")
    (tmp_path / "proc/self/ns").mkdir()
    os.symlink(kernel.INITIAL_PID_NAMESPACE, tmp_path / "proc/self/ns/pid")
    return tmp_path


def test_an_empty_machine_is_unknown_throughout(tmp_path: Path) -> None:
    facts = gather(tmp_path)
    assert (facts.btf, facts.btf_error, facts.tracefs) == (None, "No such file or directory", None)
    assert (facts.tracepoints, facts.functions, facts.capabilities) == (frozenset(),) * 3
    assert (facts.lockdown, facts.perf_event_paranoid, facts.initial_pid_namespace) == (None, None, None)
    assert (facts.threads, facts.memory_bytes, facts.pressure, facts.kprobe_pmu) == (0, 0, False, False)
    assert not facts.time_offset
    assert not facts.privileged


def test_each_fact_is_read(machine: Path) -> None:
    write(machine, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    (machine / "sys/bus/event_source/devices/kprobe").mkdir(parents=True)
    facts = gather(machine)
    assert facts.privileged
    assert (facts.threads, facts.memory_bytes, facts.perf_event_paranoid) == (345, 2 << 20, 2)
    assert (facts.lockdown, facts.kprobe_pmu, facts.pressure) == ("[none] integrity confidentiality", True, True)
    assert facts.initial_pid_namespace is True
    assert facts.release == os.uname().release


def test_btf_tells_of_tracepoints_and_functions(machine: Path) -> None:
    names = ("btf_trace_page_fault_user", "handle_mm_fault_not")
    write(machine, "sys/kernel/btf/vmlinux", vmlinux(*names))
    facts = gather(machine)
    assert facts.btf is not None
    assert facts.tracepoints == {"page_fault_user"}
    assert "handle_mm_fault" not in facts.functions


def test_an_empty_btf_file_is_no_btf(machine: Path) -> None:
    write(machine, "sys/kernel/btf/vmlinux", b"")
    facts = gather(machine)
    assert facts.btf is None
    assert "too short" in facts.btf_error


@pytest.mark.parametrize("place", ["sys/kernel/tracing", "sys/kernel/debug/tracing"])
def test_without_btf_tracefs_tells_of_tracepoints(machine: Path, place: str) -> None:
    for name in ("exceptions/page_fault_user", "sched/sched_process_exit", "sched/other", "task/task_newtask"):
        (machine / place / "events" / name).mkdir(parents=True)
    facts = gather(machine)
    assert facts.tracefs == machine / place
    assert facts.tracepoints == {"page_fault_user", "sched_process_exit", "task_newtask"}


def test_an_empty_mount_point_is_no_tracefs(machine: Path) -> None:
    (machine / "sys/kernel/tracing").mkdir(parents=True)
    assert gather(machine).tracefs is None


@pytest.mark.parametrize(
    ("bits", "names", "privileged"),
    [
        (0, set(), False),
        (1 << 21, {"SYS_ADMIN"}, True),
        (1 << 39 | 1 << 38, {"BPF", "PERFMON"}, True),
        (1 << 39, {"BPF"}, False),
        (1 << 38 | 1 << 19, {"PERFMON", "SYS_PTRACE"}, False),
    ],
)
def test_capabilities_decide_what_is_privileged(machine: Path, bits: int, names: set[str], privileged: bool) -> None:
    write(machine, "proc/self/status", f"CapPrm:\t000001ffffffffff\nCapEff:\t{bits:016x}\n")
    facts = gather(machine)
    assert facts.capabilities == names
    assert facts.privileged is privileged


def test_another_pid_namespace_is_known(machine: Path) -> None:
    (machine / "proc/self/ns/pid").unlink()
    os.symlink("pid:[4026532999]", machine / "proc/self/ns/pid")
    assert gather(machine).initial_pid_namespace is False


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("monotonic 0 0\nboottime 0 0\n", False),
        ("monotonic 5 0\nboottime 0 0\n", True),
        ("monotonic 0 0\nboottime 3600 0\n", True),
        ("monotonic 0 0\nboottime -1 500\n", True),
        ("", False),
    ],
)
def test_a_time_namespace_with_other_clocks_is_known(machine: Path, text: str, offset: bool) -> None:
    write(machine, "proc/self/timens_offsets", text)
    assert gather(machine).time_offset is offset


@pytest.mark.parametrize("text", ["", "0.1 0.2 0.3\n", "0.1 0.2 0.3 x/y 1\n"])
def test_threads_that_cannot_be_read_are_none(machine: Path, text: str) -> None:
    write(machine, "proc/loadavg", text)
    assert gather(machine).threads == 0


def test_numbers_that_are_none_are_unknown(machine: Path) -> None:
    write(machine, "proc/sys/kernel/perf_event_paranoid", "many\n")
    assert gather(machine).perf_event_paranoid is None


def test_bytes_that_are_no_text_do_no_harm(machine: Path) -> None:
    for path in ("proc/self/status", "proc/loadavg", "sys/kernel/security/lockdown", "proc/self/timens_offsets"):
        write(machine, path, b"\xff\xfe\x00 \x80\n")
    assert isinstance(gather(machine), KernelFacts)


def test_tracefs_that_is_there_is_not_mounted_again(machine: Path) -> None:
    (machine / "sys/kernel/tracing/events").mkdir(parents=True)
    assert mount_tracefs(machine) is None


def test_only_root_mounts_tracefs(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert mount_tracefs(machine) == "not root"
