"""Owns the one command: ``python -m tests.bench [--rounds N] [--quick] [--json FILE] [--only NAME]``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.report import Result, Setting, heading, layout, machine
from tests.bench.sections import SECTIONS


def parse(argv: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What pftop costs, beside its rivals.")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    parser.add_argument("--quick", action="store_true", help="one round, short: shows that all of it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument(
        "--way", action="append", default=[], metavar="WORDS", help="fault: only ways named like this"
    )
    parser.add_argument(
        "--sources", type=Path, action="append", default=[], metavar="DIR", help="compile: the C files of DIR, too"
    )
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="only this; may be given again")
    return parser.parse_args(argv)


def show(result: Result) -> None:
    """Tables, then bars."""
    for table in result.tables:
        print(f"\n{layout(table)}", flush=True)
    if result.bars:
        print()
    for bar in result.bars:
        print(bar.line(), flush=True)


def main(argv: list[str]) -> int:
    """Run and print; returns the exit status."""
    options = parse(argv)
    if os.geteuid():
        print("the benchmarks need root", file=sys.stderr)
        return 3
    found = machine()
    print(heading(found))
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as directory:
        rounds = 1 if options.quick else options.rounds
        setting = Setting(Path(directory), rounds, options.quick, tuple(options.way), tuple(options.sources))
        for name in options.only or SECTIONS:
            began = time.monotonic()
            print(f"\n== {name} ==", flush=True)
            results[name] = SECTIONS[name](setting)
            show(results[name])
            print(f"({time.monotonic() - began:.0f} s)", flush=True)
    missed = [bar.line() for result in results.values() for bar in result.bars if not bar.holds]
    total = sum(len(result.bars) for result in results.values())
    print(f"\n{total - len(missed)} of {total} bars hold", *missed, sep="\n")
    if options.json:
        written = {
            "machine": found,
            "rounds": setting.rounds,
            "quick": options.quick,
            "sections": {name: result.figures for name, result in results.items()},
            "bars": [
                {
                    "what": bar.what,
                    "figure": bar.figure,
                    "limit": bar.limit,
                    "unit": bar.unit,
                    "holds": bar.holds,
                    "sure": bar.sure,
                }
                for result in results.values()
                for bar in result.bars
            ],
        }
        options.json.write_text(json.dumps(written, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
