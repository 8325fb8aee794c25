"""Owns the exactness campaign on the guests' kernels: the live tests of it run in there, under every plan.

    python -m tests.vm.campaign [--kernel 6.12]... [--plan fentry]... [--share 10] [-k EXPRESSION]

Emulation is slow, so the counts are a share of the host's; it takes minutes a plan, and is no part of the tier.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.vm import guest, kernels
from tests.vm.registry import PLANS

TESTS = (
    "tests/live/test_campaign_counts.py",
    "tests/live/test_campaign_storms.py",
    "tests/live/test_campaign_beside.py",
)
LIMIT_S = 3600.0
NAMES = tuple(kernel.name for kernel in kernels.KERNELS)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.vm.campaign")
    parser.add_argument("--kernel", action="append", choices=NAMES, help="only this; may be given again")
    parser.add_argument("--plan", action="append", choices=PLANS, help="only this; may be given again")
    parser.add_argument("--share", type=int, default=10, help="so many times less than on the host (10)")
    parser.add_argument("-k", dest="expression", default="", help="as pytest's")
    return parser.parse_args(argv)


def campaign(image: kernels.Image, plan: str, share: int, expression: str) -> tuple[int, int]:
    """Run it in one guest, under one plan; says what failed and returns how many passed and how many did not."""
    settings = {"PFTOP_TEST_PLANS": plan, "PFTOP_TEST_SHARE": str(share)}
    chosen = ["-k", expression] if expression else []
    outcomes = guest.run_pytest(image, [*TESTS, *chosen], limit=LIMIT_S, settings=settings)
    bad = [one for one in outcomes if one.outcome != "passed"]
    print(f"{image.version}, {plan}: {len(outcomes) - len(bad)} passed, {len(bad)} not", flush=True)
    for one in bad:
        print(f"  {one.outcome}: {one.test}\n{one.text}", flush=True)
    return len(outcomes) - len(bad), len(bad)


def main(argv: Sequence[str]) -> int:
    """Every kernel and plan asked for, as many at a time as there are CPUs."""
    if os.geteuid():
        print("the campaign needs root", file=sys.stderr)
        return 3
    options = parse(argv)
    kernels.require_host()
    kernels.ensure_tools()
    wanted = [kernel for kernel in kernels.KERNELS if kernel.name in (options.kernel or NAMES)]
    images = [kernels.ensure(kernel) for kernel in wanted]
    with ThreadPoolExecutor(guest.places()) as pool:
        running = [
            pool.submit(campaign, image, plan, options.share, options.expression)
            for plan in options.plan or PLANS
            for image in images
        ]
        counts = [one.result() for one in running]
    passed, failed = (sum(column) for column in zip(*counts, strict=True))
    print(f"{passed} passed, {failed} not")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
