"""Batch output: JSON Lines with the contract's fields, and which rows are selected."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pftop
from pftop.batch.jsonl import JsonLines
from pftop.batch.rows import CommandResult, Selection, family_totals
from pftop.batch.run import QUIET_STEP_S, STEP_S, Loop
from pftop.events import Cost, FaultKind
from pftop.model.query import parse
from pftop.model.snapshot import Ledger, ProcessRow, Restraint, Snapshot, ThreadRow
from pftop.options import Options
from pftop.text import Safe, clean
from tests.factories import make_latency, make_line, make_plan, make_row, make_snapshot, make_totals
from tests.unit.fake_source import mapping

META = "type schema version kernel arch cpus plan clock interval_ns why_not_better"
TICK = "type seq time ts_ns interval_ns totals log ledger cost latency processes"
TOTALS = "seen minor major failed invalid kernel_mode remote own unattributed ended in_flight latency_sum_ns"
TOTALS += " vmstat_pgfault vmstat_pgmajfault missed lost_records"
LOG = "completed logged sampled_out lost"
COST = "bpf_ns_per_fault bpf_ratio cpu_ratio rss_bytes degraded"
LATENCY = "count p50_ns p90_ns p99_ns max_ns"
PROCESS = (
    "pid start_ns comm user exited minor major failed minor_total major_total failed_total read write exec causes"
)
PROCESS += " stall_ns lock_wait_ns latency invalid invalid_total kernel_mode stall_total_ns"
PROCESS += " remote remote_total causes_total cause_ns_total"
THREAD = "tid comm minor major failed stall_ns"
FAULT = "type time ts_ns pid tid start_ns comm kind access kernel_mode latency_ns address mapping offset ip symbol"
FAULT += " error_code signal si_code cause remote lock_wait_ns vma mm_flags mm_result mm_calls skipped"
COMMAND = "status wait4_minflt wait4_majflt"
ADDITIONS: dict[str, str] = {}
"""Fields an object may have besides these, by kind of object; the README must name each."""

Json = dict[str, Any]
EVERYTHING = Selection(parse(""), "stall", False, frozenset(), None, False)
THREADS = (ThreadRow(9, Safe("worker"), 3, 2, 1, 700),)


def written(*snapshots: Snapshot, threads: bool = False, rows: Iterable[ProcessRow] | None = None) -> list[Json]:
    out = io.StringIO()
    writer = JsonLines(out, threads=threads)
    writer.begin(snapshots[0].plan, 0.5)
    for snapshot in snapshots:
        writer.tick(snapshot, list(snapshot.processes if rows is None else rows))
    writer.end("iterations", snapshots[-1].totals_since_start, CommandResult(3, 40, 2))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def fields(found: Json, contract: str, kind: str) -> None:
    assert set(found) - set(ADDITIONS.get(kind, "").split()) == set(contract.split())


def proc_snapshot() -> Snapshot:
    unknown = dict.fromkeys(
        ("failed", "invalid", "failed_total", "invalid_total", "read", "write", "exec", "kernel_mode", "stall_ns")
    ) | dict.fromkeys(("stall_total_ns", "latency", "latency_total"))
    totals = make_totals(failed=None, invalid=None, kernel_mode=None, unattributed=None, in_flight=None)
    totals = replace(totals, latency_sum_ns=None)
    return make_snapshot(
        plan=make_plan("proc"),
        processes=(make_row(**unknown),),
        totals=totals,
        totals_since_start=totals,
        latency=None,
        coverage=None,
        cost=Cost(),
    )


def test_every_object_has_the_contracts_fields() -> None:
    snapshot = make_snapshot(processes=(make_row(threads=THREADS),))
    meta, tick, end = written(snapshot, threads=True)
    (process,) = tick["processes"]
    fields(meta, META, "meta")
    fields(tick, TICK, "tick")
    fields(tick["totals"], TOTALS, "totals")
    fields(tick["log"], LOG, "log")
    fields(tick["ledger"], "seen_off log_off slack", "ledger")
    fields(tick["cost"], COST, "cost")
    fields(tick["latency"], LATENCY, "latency")
    fields(process, f"{PROCESS} threads", "process")
    fields(process["latency"], LATENCY, "latency")
    fields(process["threads"][0], THREAD, "thread")
    fields(end, "type reason totals command", "end")
    fields(end["totals"], TOTALS, "totals")
    fields(end["command"], COMMAND, "command")


def test_values_stand_under_their_names() -> None:
    row = make_row(pid=77, minor=5, major=6, failed=7, invalid=1, minor_total=50, causes={"cow": 4}, threads=THREADS)
    snapshot = make_snapshot(processes=(row,), totals=make_totals(minor=11, ended=2), ledger=Ledger(3, -4, 5))
    meta, tick, end = written(snapshot, threads=True)
    (process,) = tick["processes"]
    assert (meta["type"], meta["schema"], meta["version"], meta["plan"]) == ("meta", 1, pftop.__version__, "perf")
    assert (meta["interval_ns"], meta["clock"], meta["cpus"]) == (500_000_000, "boot", 2)
    assert (tick["type"], tick["time"]) == ("tick", "2026-11-21T12:04:07.113+00:00")
    assert (tick["totals"]["minor"], tick["totals"]["ended"]) == (11, 2)
    assert tick["ledger"] == {"seen_off": 3, "log_off": -4, "slack": 5}
    assert tick["cost"] == {
        "bpf_ns_per_fault": None,
        "bpf_ratio": None,
        "cpu_ratio": 0.013,
        "rss_bytes": 100 << 20,
        "degraded": None,
    }
    assert [process[name] for name in ("pid", "start_ns", "minor", "major", "failed", "invalid", "minor_total")] == [
        *(77, 1_000_077, 5, 6, 7, 1, 50),
    ]
    assert (process["causes"], process["lock_wait_ns"]) == ({"cow": 4}, None)
    assert process["latency"] == {"count": 100, "p50_ns": 800, "p90_ns": 2000, "p99_ns": 41000, "max_ns": 18_000_000}
    assert process["threads"] == [{"tid": 9, "comm": "worker", "minor": 3, "major": 2, "failed": 1, "stall_ns": 700}]
    assert (end["type"], end["reason"], end["totals"]["minor"]) == ("end", "iterations", 900)
    assert end["command"] == {"status": 3, "wait4_minflt": 40, "wait4_majflt": 2}


def test_what_pftop_costs_is_written_as_far_as_it_was_asked_for() -> None:
    cost = Cost(cpu_ratio=0.0123456, rss_bytes=5, bpf_ns_per_fault=451.26, bpf_ratio=0.1234567)
    restraint = Restraint(1.0, 2.0, ("log rate 250/s", "interval 2s"))
    _, held, at_ease, _ = written(
        make_snapshot(cost=cost, restraint=restraint), make_snapshot(restraint=Restraint(1.0, 1.0))
    )
    assert held["cost"] == {
        "bpf_ns_per_fault": 451.3,
        "bpf_ratio": 0.12346,
        "cpu_ratio": 0.01235,
        "rss_bytes": 5,
        "degraded": ["log rate 250/s", "interval 2s"],
    }
    assert at_ease["cost"]["degraded"] == []


def test_threads_and_command_are_there_only_where_asked_for() -> None:
    _, tick, _ = written(make_snapshot())
    assert "threads" not in tick["processes"][0]
    out = io.StringIO()
    JsonLines(out, threads=False).end("signal", None, None)
    assert json.loads(out.getvalue()) == {"type": "end", "reason": "signal", "totals": None}


def test_what_the_proc_plan_cannot_tell_is_null_and_never_0() -> None:
    _, tick, _ = written(proc_snapshot())
    (process,) = tick["processes"]
    known = {"pid", "start_ns", "comm", "user", "exited", "minor", "major", "minor_total", "major_total"}
    assert {name for name, value in process.items() if value is not None} == known
    known = {"seen", "minor", "major", "own", "ended", "vmstat_pgfault", "vmstat_pgmajfault"}
    assert {name for name, value in tick["totals"].items() if value is not None} == known
    for name in ("log", "ledger", "cost"):
        assert set(tick[name].values()) == {None}
    assert tick["latency"] is None


def test_times_are_whole_numbers() -> None:
    def numbers(found: Any) -> Iterable[Any]:
        if isinstance(found, dict):
            for name, value in found.items():
                if name.endswith("_ns"):
                    yield value
                yield from numbers(value)
        elif isinstance(found, list):
            for value in found:
                yield from numbers(value)

    times = list(numbers(written(make_snapshot())))
    assert len(times) > 10
    assert all(value is None or type(value) is int for value in times)


def test_a_logged_fault_has_its_fields() -> None:
    out = io.StringIO()
    known = make_line(
        mapping=mapping(0x7F3C10A00000, 0x7F3C10B00000, "/lib/y", offset=0x1000), kind=FaultKind.INVALID
    )
    JsonLines(out, threads=False).fault(replace(known, signal=11, si_code=1, skipped=7))
    JsonLines(out, threads=False).fault(make_line(latency_ns=None, ip=0))
    told, bare = (json.loads(line) for line in out.getvalue().splitlines())
    fields(told, FAULT, "fault")
    fields(bare, FAULT, "fault")
    assert (told["kind"], told["access"], told["signal"], told["si_code"], told["skipped"]) == (
        "invalid",
        "read",
        11,
        1,
        7,
    )
    assert (told["mapping"], told["offset"]) == ("/lib/y", 0x2E000 + 0x1000)
    unknown = ("latency_ns", "mapping", "offset", "ip", "symbol", "signal", "si_code")
    assert [bare[name] for name in unknown] == [None] * len(unknown)


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5))
def test_json_stays_valid_whatever_processes_are_called(names: list[bytes]) -> None:
    rows = [make_row(comm=clean(name), command=clean(name), user=clean(name)) for name in names]
    out = io.StringIO()
    writer = JsonLines(out, threads=False)
    writer.tick(make_snapshot(), rows)
    text = out.getvalue()
    assert text.isascii()
    assert text.count("\n") == 1
    assert [p["comm"] for p in json.loads(text)["processes"]] == [str(row.comm) for row in rows]


def test_even_a_name_that_was_never_cleaned_breaks_no_line() -> None:
    hostile = Safe('"},\n{"type":"end"}\ud800\x1b]0;x\x07\u2028')
    _, tick, end = written(make_snapshot(processes=(make_row(comm=hostile),)))
    assert tick["processes"][0]["comm"] == hostile
    assert end["type"] == "end"


def shown(selection: Selection, *rows: ProcessRow, everything: bool = False) -> list[int]:
    return [row.pid for row in selection.rows(make_snapshot(processes=rows), everything=everything)]


def test_only_what_did_something_or_has_just_ended_is_printed() -> None:
    quiet = make_row(pid=1, minor=0, major=0)
    failed = make_row(pid=2, minor=0, major=0, failed=1)
    ended = make_row(pid=3, minor=0, major=0, exited=True, exited_at_ns=make_snapshot().ts_ns)
    long_gone = make_row(pid=4, minor=0, major=0, exited=True, exited_at_ns=1)
    rows = (quiet, failed, ended, long_gone)
    assert sorted(shown(EVERYTHING, *rows)) == [2, 3]
    assert sorted(shown(EVERYTHING, *rows, everything=True)) == [1, 2, 3, 4]
    assert shown(replace(EVERYTHING, pids=frozenset({1})), *rows) == [1]


def test_pids_users_family_and_filter_narrow_the_rows() -> None:
    rows = (make_row(pid=1, uid=5), make_row(pid=2, uid=6, family=True), make_row(pid=3, uid=5, major=0))
    assert sorted(shown(EVERYTHING, *rows)) == [1, 2, 3]
    assert sorted(shown(replace(EVERYTHING, uid=5), *rows)) == [1, 3]
    assert shown(replace(EVERYTHING, family=True), *rows) == [2]
    assert shown(replace(EVERYTHING, pids=frozenset({3, 9})), *rows) == [3]
    assert sorted(shown(replace(EVERYTHING, query=parse("pid:3")), *rows)) == [3]


def test_rows_are_sorted_as_asked() -> None:
    rows = tuple(make_row(pid=pid, minor=pid) for pid in (2, 3, 1))
    assert shown(replace(EVERYTHING, sort="min"), *rows) == [3, 2, 1]
    assert shown(replace(EVERYTHING, sort="min", reverse=True), *rows) == [1, 2, 3]


def test_a_familys_totals_are_its_rows_sums() -> None:
    rows = (make_row(family=True), make_row(family=True, minor_total=1), make_row(minor_total=10**6))
    found = family_totals(rows, make_totals(unattributed=4, ended=99, vmstat_pgfault=7))
    assert (found.minor, found.major, found.failed, found.seen) == (901, 200, 0, 1101)
    assert (found.latency_sum_ns, found.unattributed, found.ended) == (122_000_000, 4, 0)
    assert (found.own, found.in_flight, found.vmstat_pgfault, found.kernel_mode) == (None, None, None, None)


def test_an_empty_latency_has_no_figures() -> None:
    empty = make_latency(count=0, p50_ns=None, p90_ns=None, p99_ns=None, max_ns=None)
    _, tick, _ = written(make_snapshot(processes=(make_row(latency=empty),)))
    assert tick["processes"][0]["latency"] == dict.fromkeys(LATENCY.split()) | {"count": 0}


def test_what_the_proc_plan_cannot_tell_of_a_family_or_of_threads_is_null() -> None:
    found = family_totals((), proc_snapshot().totals)
    assert (found.failed, found.invalid, found.latency_sum_ns) == (None, None, None)
    _, tick, _ = written(proc_snapshot(), threads=True)
    assert tick["processes"][0]["threads"] is None


class Planned:
    """As much of a feed as the choice of a step looks at."""

    def __init__(self, name: str, *, vma_logged: bool = False) -> None:
        plan = make_plan(name)
        self.plan = replace(plan, features=replace(plan.features, vma_logged=vma_logged))


@pytest.mark.parametrize(
    ("feed", "events", "command", "step_s"),
    [
        (Planned("fentry"), False, False, QUIET_STEP_S),
        (Planned("perf", vma_logged=True), False, False, QUIET_STEP_S),
        (Planned("proc"), False, False, QUIET_STEP_S),
        (Planned("perf"), False, False, QUIET_STEP_S),
        (Planned("fentry"), True, False, STEP_S),
        (Planned("fentry"), False, True, STEP_S),
    ],
)
def test_steps_are_long_where_nothing_is_waited_for(
    feed: Planned, events: bool, command: bool, step_s: float
) -> None:
    options = Options(mode="json", events=events)
    following: Any = object() if command else None
    writer = JsonLines(io.StringIO(), threads=False)
    loop = Loop(feed, options, EVERYTHING, io.StringIO(), print, following, writer)  # type: ignore[arg-type]
    assert loop.step_s() == step_s
