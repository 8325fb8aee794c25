"""Owns the way in, ``pftop`` and ``python -m pftop``: what interrupts the imports gives no traceback either."""

from __future__ import annotations

import sys


def main() -> int:
    """Run pftop; returns the exit status."""
    try:
        from pftop.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
