"""What a fault costs on the guests' kernels, where plans run that this one may not: ratios, in emulation.

    python -m tests.bench.guests [--kernel 6.12]... [--rounds 3]

Emulated, a fault takes a dozen times as long: only what is over what means anything, and that roughly.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tests.bench import ways
from tests.vm import guest, kernels

LIMIT_S = 3600.0
WAYS = ("log (default)", ways.COUNT_NAME, ways.HISTOGRAM_NAME)
NAMES = tuple(kernel.name for kernel in kernels.KERNELS)


def measure(image: kernels.Image, rounds: int) -> bool:
    """The benchmark of a fault's cost in one guest; prints what it prints, and says whether it ended well."""
    chosen = [word for name in WAYS for word in ("--way", name)]
    bench = [sys.executable, "-m", "tests.bench", "--only", "fault", "--rounds", str(rounds), *chosen]
    argv = ["env", "PFTOP_TEST_SHARE=10", *bench]
    with guest.shared_folder() as share:
        done = guest.run(image, argv, share=share, limit=LIMIT_S)
    print(done.output, flush=True)
    return done.status == 0


def main(argv: Sequence[str]) -> int:
    """One kernel after the other: two guests at a time would be in each other's way."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.guests")
    parser.add_argument("--kernel", action="append", choices=NAMES, help="only this; may be given again")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (3)")
    options = parser.parse_args(argv)
    if os.geteuid():
        print("the benchmarks need root", file=sys.stderr)
        return 3
    kernels.require_host()
    kernels.ensure_tools()
    wanted = [kernel for kernel in kernels.KERNELS if kernel.name in (options.kernel or NAMES)]
    ended = [measure(kernels.ensure(kernel), options.rounds) for kernel in wanted]
    return 0 if all(ended) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
