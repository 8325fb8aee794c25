"""Runs the app over an invented machine: ``python -m tests.ui.demo [--ascii] [--theme NAME] [--processes N]``."""

from __future__ import annotations

import argparse
import resource
import sys
import time

from pftop.events import SourceError
from pftop.options import Options
from tests.factories import make_plan
from tests.ui.fake_feed import LiveFeed, Machine


def main() -> int:
    """Parse, run, and say what it cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--no-mouse", action="store_true")
    parser.add_argument("--theme")
    parser.add_argument("--color", default="auto")
    parser.add_argument("--plan", default="perf")
    parser.add_argument("--filter", default="")
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--lines", type=int, default=2, help="log lines a step")
    parser.add_argument("--fail-after", type=float, help="seconds until the source fails")
    args = parser.parse_args()
    from pftop.ui.app import run

    feed = LiveFeed(Machine(args.processes, plan=make_plan(args.plan)), lines_per_step=args.lines)
    if args.fail_after:
        real_step, end = feed.step, time.monotonic() + args.fail_after

        def failing(timeout_s: float):
            if time.monotonic() > end:
                raise SourceError("the probe went away", "perf buffer read gave EBADF", "pftop doctor")
            return real_step(timeout_s)

        feed.step = failing
    options = Options(
        ascii=args.ascii,
        theme=args.theme,
        mouse=not args.no_mouse,
        color=args.color,
        filter_text=args.filter,
    )
    began = time.monotonic()
    try:
        status = run(feed, options)
    except SourceError as error:
        print(error.what, error.why, error.fix, sep="\n", file=sys.stderr)
        return 3
    used = resource.getrusage(resource.RUSAGE_SELF)
    wall = time.monotonic() - began
    cpu = (used.ru_utime + used.ru_stime) / wall
    print(f"exit {status}; {wall:.1f} s; cpu {cpu:.2%}; rss {used.ru_maxrss // 1024} MB")
    return status


if __name__ == "__main__":
    sys.exit(main())
