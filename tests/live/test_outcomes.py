"""A fault that plan memcg counts before the kernel has told its kind is in the end counted as what it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.campaign import Changed
from tests.live.harness import FAULTS, MINOR, PLANS, ROOT, TELLS_ACCOUNT, PerfCounter, Pftop, Program, balanced
from tests.live.machine import REFUSED_CALLS

ROUNDS = 301
DEAF = """
from dataclasses import replace
from pftop.source.kernel import gather
from pftop.source.open import Limits, open_source
facts = gather()
for probe in ("memcg", "auto"):
    try:
        opened = open_source(replace(facts, pgfault=facts.pgfault + 1), probe, Limits(), lambda: ())
        print(opened.source.plan.name, "for", [refusal.plan for refusal in opened.refusals])
        opened.source.close()
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.fixture
def page_file() -> Iterator[Path]:
    # not under /tmp, which may be memory and know no direct reads
    path = Path.cwd() / f".live-page-{os.getpid()}"
    path.write_bytes(bytes(4096))
    yield path
    path.unlink()


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_refused_system_calls_are_failed_whatever_follows_them(
    page_file: Path, build: Callable[[str], Path], start: Callable[..., Program], pftop: Callable[..., Pftop]
) -> None:
    program = start(build("refused"), str(ROUNDS), str(page_file))
    assert program.hear() == "ready"
    watch = pftop("-p", str(program.pid))
    watch.ready()
    begun, ended = PerfCounter(FAULTS, [program.pid]), PerfCounter(MINOR, [program.pid])
    program.tell()
    refused = int(program.hear())
    minor, failed = ended.read(), begun.read() - ended.read()
    program.tell()
    assert program.child.wait() == 0
    watch.next_tick()
    watch.stop()
    rows = list(watch.rows(program.pid))
    row = [row for row in rows if row["exited"]][-1]
    # some calls try a second time
    assert ROUNDS * 6 * 4 == refused <= failed
    assert (row["failed_total"], row["invalid_total"], row["major_total"]) == (failed, 0, 0)
    # the program's own end may add some
    assert minor <= row["minor_total"] <= minor + 40
    assert sum(row["kernel_mode"] for row in rows) >= failed
    balanced(watch.ticks())


@pytest.mark.skipif(not TELLS_ACCOUNT, reason="not on this kernel: no tracepoint count_memcg_events")
def test_a_kernel_that_accounts_no_faults_is_found_out() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DEAF], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    forced, automatic = run.stdout.splitlines()
    assert forced.startswith("SourceError")
    assert "memcg plan" in forced
    name, refused = automatic.split(" for ")
    assert name == "perf"
    assert "'memcg'" in refused


@pytest.mark.skipif(not TELLS_ACCOUNT, reason="not on this kernel: no tracepoint count_memcg_events")
def test_where_the_kernel_refuses_the_calls_the_mappings_are_read(
    build: Callable[[str], Path], start: Callable[..., Program]
) -> None:
    pages = 4_001
    program = start(build("touch"), str(pages), "1")
    assert program.hear() == "ready"
    watch = Changed(REFUSED_CALLS, "--events", "-p", str(program.pid))
    try:
        watch.ready()
        program.tell()
        assert program.usage() == (pages, 0)
        watch.next_tick()
        watch.next_tick()
        rows = list(watch.rows(program.pid))
        assert sum(row["minor"] for row in rows) == pages
        named = [row["causes_total"] for row in rows][-1]
        assert named["first-touch"] > 0
        assert set(named) == {"first-touch", "unknown"}
        assert len(watch.faults()) > 10
        assert {fault["vma"] is None for fault in watch.faults()} == {True}
        balanced(watch.ticks())
    finally:
        watch.close()
