"""Batch output for people and spreadsheets: CSV that runs nothing, and plain text that claims nothing false."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from pftop.batch.plain import CSV_FIELDS, Csv, Plain, plain_cell
from pftop.batch.rows import CommandResult
from pftop.batch.run import writer_for
from pftop.events import Cost
from pftop.model.snapshot import Ledger, Restraint, Snapshot
from pftop.options import Options
from pftop.text import Safe
from tests.factories import make_line, make_plan, make_row, make_snapshot
from tests.unit.fake_source import mapping
from tests.unit.test_batch import THREADS, proc_snapshot


def csv_rows(snapshot: Snapshot) -> tuple[str, list[dict[str, str]]]:
    out = io.StringIO(newline="")
    writer = Csv(out)
    writer.begin(snapshot.plan, 1.0)
    writer.tick(snapshot, snapshot.processes)
    writer.fault(make_line())
    writer.end("iterations", None, None)
    text = out.getvalue()
    return text, list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_is_a_header_and_a_line_a_process() -> None:
    row = make_row(pid=77, exited=True, command='a,"b" c')
    text, (found,) = csv_rows(make_snapshot(processes=(row,)))
    assert text.split("\r\n")[0] == ",".join(CSV_FIELDS)
    assert text.count("\r\n") == text.count("\n") == 2
    assert '"a,""b"" c"' in text
    assert (found["pid"], found["exited"], found["command"]) == ("77", "1", 'a,"b" c')
    assert (found["minor_total"], found["p99_ns"], found["seq"]) == ("900", "41000", "1")


def test_csv_cells_of_the_unknown_are_empty() -> None:
    _, (found,) = csv_rows(proc_snapshot())
    assert {found[name] for name in ("failed", "stall_ns", "p50_ns", "max_ns", "invalid_total")} == {""}
    assert found["minor"] == "90"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/c calc'!A1", "\t=1", "\r=1"])
def test_no_spreadsheet_takes_a_name_for_a_formula(text: str) -> None:
    _, (found,) = csv_rows(make_snapshot(processes=(make_row(comm=text, command=text, user=text),)))
    assert found["comm"] == found["command"] == found["user"] == "'" + text


def test_numbers_stay_numbers() -> None:
    assert (plain_cell(-5), plain_cell(0), plain_cell(True), plain_cell(None)) == (-5, 0, 1, "")
    assert plain_cell("a=1") == "a=1"


def plain(snapshot: Snapshot, *, width: int = 120, threads: bool = False) -> list[str]:
    out = io.StringIO()
    writer = Plain(out, width, threads=threads)
    writer.begin(snapshot.plan, 1.0)
    writer.tick(snapshot, snapshot.processes)
    writer.fault(make_line(mapping=mapping(0x7F3C10A00000, 0x7F3C10B00000, "/lib/y")))
    writer.end("signal", snapshot.totals_since_start, CommandResult(3, 40, 2))
    return out.getvalue().splitlines()


def test_text_has_summary_table_fault_and_end() -> None:
    lines = plain(make_snapshot(processes=(make_row(threads=THREADS),)), threads=True)
    text = "\n".join(lines)
    assert lines[0] == "pftop on box, Linux 6.1.0-test x86_64, 2 CPUs, plan perf"
    assert "books even" in text
    assert "log: 1000 of 1000, lost 0" in text
    assert any("4211" in line and "postgres" in line for line in lines)
    assert any("worker" in line and "minor 3 major 2 failed 1" in line for line in lines)
    assert any("MAJ" in line and "/lib/y" in line for line in lines)
    assert "end (signal): minor 900, major 100" in text
    assert "command: status 3, wait4 says minor 40, major 2" in text


def test_text_tells_who_has_ended() -> None:
    rows = (make_row(pid=77, exited=True, command="job --fast"), make_row(pid=78, command="job --slow"))
    table = [line for line in plain(make_snapshot(processes=rows)) if " job --" in line]
    assert [line.endswith(" job --fast <exited>") for line in table] == [True, False]
    assert table[1].endswith(" job --slow")


@pytest.mark.parametrize(
    ("options", "tick", "end"),
    [
        (Options(), "  minor ", ": minor "),
        (Options(filter_text=" "), "  minor ", ": minor "),
        (Options(pids=(1,)), "  machine: minor ", ": machine: minor "),
        (Options(uid=0), "  machine: minor ", ": machine: minor "),
        (Options(filter_text="maj>0"), "  machine: minor ", ": machine: minor "),
        (Options(command=("make",)), "  machine: minor ", ": minor "),
    ],
    ids=["all", "blank", "pid", "user", "filter", "command"],
)
def test_totals_of_the_machine_above_a_part_of_its_processes_say_so(options: Options, tick: str, end: str) -> None:
    out, snapshot = io.StringIO(), make_snapshot(processes=(make_row(),))
    writer = writer_for(replace(options, mode="text"), out)
    writer.tick(snapshot, snapshot.processes)
    writer.end("signal", snapshot.totals_since_start, None)
    lines = out.getvalue().splitlines()
    assert lines[1].startswith("2026-11-21T12:04:07.113+00:00" + tick)
    assert lines[-1].startswith("end (signal)" + end)


def test_text_says_when_the_books_do_not_come_out_even() -> None:
    assert "books off by 9 and 0" in "\n".join(plain(make_snapshot(ledger=Ledger(9, 0, 2))))


def test_text_of_the_proc_plan_claims_nothing() -> None:
    text = "\n".join(plain(proc_snapshot()))
    assert "rates from /proc only" in text
    assert "books" not in text


def test_text_says_what_pftop_costs_only_where_that_was_asked_for() -> None:
    assert "own cost" not in "\n".join(plain(make_snapshot()))
    cost = Cost(cpu_ratio=0.013, rss_bytes=100 << 20, bpf_ns_per_fault=451.3, bpf_ratio=0.12)
    line = "own cost: CPU 1.3% of one CPU  memory 100M resident  BPF 451ns a fault, 12.0% of one CPU"
    assert line in plain(make_snapshot(cost=cost))
    restraint = Restraint(1.5, 2.0, ("log rate 15/s", "interval 2s"))
    held = f"{line}  lowered log rate 15/s, interval 2s (--max-overhead 1.5)"
    assert held in plain(make_snapshot(cost=cost, restraint=restraint))
    (at_ease,) = [x for x in plain(make_snapshot(restraint=Restraint(5.0, 1.0))) if x.startswith("own cost")]
    assert at_ease.endswith("BPF -  lowered nothing (--max-overhead 5)")
    why = "BPF - (the kernel gives no BPF statistics: Operation not permitted)"
    unknown = Cost(bpf_unknown=Safe("the kernel gives no BPF statistics: Operation not permitted"))
    assert why in "\n".join(plain(make_snapshot(cost=unknown)))
    no_bpf = make_snapshot(plan=make_plan("proc"), restraint=Restraint(5.0, 1.0))
    assert "BPF - (none runs in the proc plan)" in "\n".join(plain(no_bpf))


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_the_table_keeps_its_width_but_for_the_last_column(width: int) -> None:
    rows = (make_row(command="x"), make_row(pid=2, command="y"))
    table = [line for line in plain(make_snapshot(processes=rows), width=width) if line.endswith((" x", " y"))]
    assert len(table) == 2
    assert len({len(line) for line in table}) == 1
    assert max(len(line) for line in table) <= max(width, 60)


@pytest.mark.parametrize("columns", ["", "²", "-1", "wide", "9" * 5000])
def test_a_width_that_makes_no_sense_is_passed_over(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out, snapshot = io.StringIO(), make_snapshot()
    writer_for(Options(mode="text"), out).tick(snapshot, snapshot.processes)
    assert max(map(len, out.getvalue().splitlines())) < 200
