"""Owns what holds for every tier: with CI=true a skip is a failure, and the counts go to ``tests/run.sh``."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# no test passes or fails by seconds
settings.register_profile("pftop", deadline=None)
settings.load_profile("pftop")

NO_SKIPS = os.environ.get("CI") == "true"
EXCUSE = "not on this kernel:"
"""A skip whose reason begins like this stays one: the kernel cannot do it, whatever is installed."""

EXCUSED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[EXCUSED] = []


def judge(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    if not NO_SKIPS or not report.skipped or hasattr(report, "wasxfail"):
        return
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = text.removeprefix("Skipped: ")
    if reason.startswith(EXCUSE):
        config.stash[EXCUSED].append(f"!! SKIPPED {report.nodeid}: {reason}")
        return
    report.outcome = "failed"
    report.longrepr = f"skipped, which is a failure with CI=true: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    judge(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    judge(report, collector.config)
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[EXCUSED]:
        terminalreporter.write_line(line)
    if path := os.environ.get("PFTOP_TEST_COUNTS"):
        stats = terminalreporter.stats
        kinds = (("passed", "xpassed"), ("failed", "error"), ("skipped", "xfailed"))
        counts = [sum(len(stats.get(kind, ())) for kind in group) for group in kinds]
        Path(path).write_text(" ".join(map(str, counts)) + "\n")
