"""Owns the list of benchmarks, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench import compiles, fault_cost, intake, jobs, paper, quiet, simulate, soak, start, ticks
from tests.bench.report import Result, Setting

SECTIONS: dict[str, Callable[[Setting], Result]] = {
    "start": start.run,
    "quiet": quiet.run,
    "fault": fault_cost.run,
    "job": jobs.run,
    "compile": compiles.run,
    "ticks": ticks.run,
    "intake": intake.run,
    "paper": paper.run,
    "simulation": simulate.run,
    "soak": soak.run,
}
