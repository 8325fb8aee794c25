"""``python -m pftop``."""

from __future__ import annotations

import sys

from pftop.cli import main

if __name__ == "__main__":
    sys.exit(main())
