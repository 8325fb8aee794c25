"""Owns what a guest check is: a function over a Context, registered under one or more probe plans.

Imported by pytest on the host, to name the tests, and by the runner in the guest, to run them; so it
imports nothing that only one of them has.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

PLANS = ("perf", "kprobe", "fentry")
GUEST = ("guest",)  # for a check of the machine itself, run once per kernel

Figures = dict[str, object]


@dataclass(frozen=True)
class Context:
    plan: str
    kernel: str  # the series: "6.12", or with the variant: "6.12-preempt"
    repo: Path
    tmp: Path  # an empty tmpfs folder of this check's own
    python: str  # the interpreter that has pftop's dependencies

    def run(self, *argv: str | Path, limit: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository; its output is kept apart, its status is the caller's to judge."""
        return subprocess.run(argv, cwd=self.repo, capture_output=True, text=True, timeout=limit)

    def modprobe(self, *modules: str) -> None:
        """Load modules (see MODULES in kernels.py for those a guest has)."""
        for module in modules:
            done = self.run("modprobe", module)
            assert done.returncode == 0, f"modprobe {module}: {done.stderr.strip()}"


@dataclass(frozen=True)
class Check:
    name: str
    plans: tuple[str, ...]
    function: Callable[[Context], Figures | None]
    limit: int  # seconds in the guest; generous, as everything there runs 5 to 20 times slower
    variant: str  # "": for every kernel as it starts by itself; else for that variant of a kernel only


CHECKS: dict[str, Check] = {}


def check(
    plans: Iterable[str] = PLANS, limit: int = 300, variant: str = ""
) -> Callable[[Callable[[Context], Figures | None]], Callable[[Context], Figures | None]]:
    """Register a check: it raises AssertionError, or returns figures worth keeping with the result."""

    def register(function: Callable[[Context], Figures | None]) -> Callable[[Context], Figures | None]:
        name = function.__name__
        if name in CHECKS:
            raise ValueError(f"two checks are called {name}")
        CHECKS[name] = Check(name, tuple(plans), function, limit, variant)
        return function

    return register


def cases(variant: str = "") -> list[tuple[str, str]]:
    """Every (plan, check) of that variant of a kernel, plan by plan."""
    checks = [one for one in CHECKS.values() if one.variant == variant]
    return [(plan, one.name) for plan in GUEST + PLANS for one in checks if plan in one.plans]
