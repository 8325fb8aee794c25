"""Owns running checks inside the guest: one after another, each bounded in time, each result written at once.

    python -m tests.vm.guest_runner RESULTS KERNEL PLAN/CHECK...

RESULTS gets one JSON object a line: a ``start`` before each check and an ``end`` after it, so that a guest
that dies or hangs still tells what passed before and what it was doing.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import TextIO

from . import guest_checks  # noqa: F401  (registers the checks)
from .registry import CHECKS, Context


class TooSlow(Exception):
    pass


def on_alarm(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


def outcome(context: Context, name: str) -> dict[str, object]:
    one = CHECKS[name]
    signal.alarm(one.limit)
    try:
        return {"outcome": "passed", "figures": one.function(context) or {}, "text": ""}
    except TooSlow:
        return {"outcome": "failed", "figures": {}, "text": f"not done after {one.limit} s in the guest"}
    except Exception:
        return {"outcome": "failed", "figures": {}, "text": traceback.format_exc()}
    finally:
        signal.alarm(0)


def write(file: TextIO, record: dict[str, object]) -> None:
    file.write(json.dumps(record, default=str) + "\n")
    file.flush()


def main() -> int:
    results, kernel, *cases = sys.argv[1:]
    signal.signal(signal.SIGALRM, on_alarm)
    repo = Path(__file__).resolve().parents[2]
    with open(results, "w") as file:
        for case in cases:
            plan, name = case.split("/")
            write(file, {"event": "start", "case": case})
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as tmp:
                result = outcome(Context(plan, kernel, repo, Path(tmp), sys.executable), name)
            write(file, {"event": "end", "case": case, "seconds": time.monotonic() - began} | result)
            print(case, result["outcome"], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
