"""The environment while the compiler is at work: it reads it in another thread, so nothing may change it then."""

from __future__ import annotations

import os
import subprocess
import sys

IMPORTS = """
import os, sys
from pftop.opening import settle_environment
settle_environment()
heavy = [name for name in ("numpy", "textual", "psutil") if name in sys.modules]
changes = []
os.putenv = os.unsetenv = lambda *names: changes.append(names)
import pftop.batch.run, pftop.model.collect, pftop.source.directory, pftop.source.live, pftop.source.symbols
import pftop.ui.app, pftop.ui.main_screen, pftop.ui.terminal
print(heavy, changes)
"""


def test_nothing_that_is_imported_beside_the_compiler_changes_the_environment() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


FILTERED = """
import os, sys
from pftop import cli, session
def run(options, given):
    kept = {name for name in given.environment if name.startswith(("OPENBLAS", "GOTOBLAS"))}
    print("numpy" in sys.modules, kept, len(os.listdir("/proc/self/task")))
session.run = run
cli.work(["-J", "-F", "gcc"], has_stdout=True)
"""


def test_a_filter_asks_for_numpy_early_but_not_before_the_environment_is_settled() -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS", "GOTOBLAS"))}
    done = subprocess.run([sys.executable, "-c", FILTERED], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout == "True set() 1\n"
