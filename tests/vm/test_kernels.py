"""The VM tier: each check of guest_checks.py, for each kernel and probe plan, is one test here.

A kernel boots once, for those of its checks that were selected, and the kernels run side by side:

    pytest tests/vm -m vm                   everything
    pytest tests/vm -k "6.12 and fentry"    boots 6.12 only, runs those only
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pytest

from . import guest, guest_checks, kernels, registry  # guest_checks registers the checks

pytestmark = pytest.mark.vm

assert guest_checks
GUEST_LIMIT = 900  # seconds from power on to power off; a hang costs this much
CASES = [(kernel.name, plan, check) for kernel in kernels.KERNELS for plan, check in registry.cases()]
CASES += [
    (f"{kernel}-{variant}", plan, check)
    for variant, (kernel, _extra) in kernels.VARIANTS.items()
    for plan, check in registry.cases(variant)
]


@dataclass(frozen=True)
class Report:
    ended: dict[str, dict[str, object]]  # by "plan/check"
    running: str | None  # the check the guest was in when it stopped, if it stopped early
    output: str


def read_report(results: str, output: str) -> Report:
    ended: dict[str, dict[str, object]] = {}
    running = None
    for line in results.splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # the guest died in the middle of a line
            break
        running = record["case"] if record["event"] == "start" else None
        if record["event"] == "end":
            ended[record["case"]] = record
    return Report(ended, running, output)


def run_guest(image: kernels.Image, name: str, cases: list[str]) -> Report:
    extra = kernels.VARIANTS[name.partition("-")[2]][1] if "-" in name else ""
    with guest.shared_folder() as share:
        results = share / "results"
        argv = [sys.executable, "-m", "tests.vm.guest_runner", str(results), name, *cases]
        done = guest.run(image, argv, share=share, limit=GUEST_LIMIT, extra=extra)
        report = read_report(guest.read_text(results), done.output)
        booted = guest.read_text(share / "booted").strip()
    ready = f"booted in {booted} s" if booted else "did not boot"
    ended = f"{len(report.ended)} of {len(cases)} checks ended"
    kernels.say(f"{name} ({image.version}): {ready}, {ended}, {done.seconds:.0f} s in all")
    return report


def selected(session: pytest.Session) -> dict[str, list[str]]:
    """The cases that this run of pytest kept, as PLAN/CHECK, by kernel."""
    found: dict[str, list[str]] = {}
    for params in (item.callspec.params for item in session.items if hasattr(item, "callspec")):
        if "check" in params:
            found.setdefault(params["kernel"], []).append(f"{params['plan']}/{params['check']}")
    return found


@pytest.fixture(scope="session")
def reports(
    request: pytest.FixtureRequest, image_of: Callable[[str], kernels.Image]
) -> Iterator[Callable[[str], Report]]:
    """The report of a kernel's guest. All that are wanted boot when the first is asked for, side by side."""
    running: dict[str, Future[Report]] = {}
    capture = request.config.pluginmanager.getplugin("capturemanager")
    pool = ThreadPoolExecutor(guest.places())

    def report(name: str) -> Report:
        image_of(name.partition("-")[0])  # where it cannot be had, that is this test's result
        if not running:
            for one, cases in selected(request.session).items():
                with suppress(pytest.fail.Exception, pytest.skip.Exception):
                    running[one] = pool.submit(run_guest, image_of(one.partition("-")[0]), one, cases)
        with capture.global_and_fixture_disabled():  # minutes pass: show what they go on
            return running[name].result()

    yield report
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("kernel", "plan", "check"), CASES, ids=["-".join(case) for case in CASES])
def test_check(
    kernel: str,
    plan: str,
    check: str,
    reports: Callable[[str], Report],
    record_property: Callable[[str, object], None],
) -> None:
    report = reports(kernel)
    result = report.ended.get(f"{plan}/{check}")
    if result is None:
        where = f"in {report.running}" if report.running else "before or between checks"
        pytest.fail(f"the guest stopped {where}, so this has no result:\n{report.output}", pytrace=False)
    print(f"{result['seconds']:.1f} s in the guest: {json.dumps(result['figures'])}")
    record_property("figures", json.dumps(result["figures"]))
    if result["outcome"] != "passed":
        pytest.fail(f"in the guest:\n{result['text']}\noutput of the guest's run:\n{report.output}", pytrace=False)
