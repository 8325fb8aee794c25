"""Owns pftop run on a machine with something missing, and the look at what it leaves in the kernel."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.harness import DEADLINE_S, ROOT, Json

PFTOP = [sys.executable, "-m", "pftop"]
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "+dac_read_search"]
NOBODY += ["--ambient-caps", "+dac_read_search"]
"""Another user, who may yet read the checkout and this Python wherever they are."""
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
BPF_PROG_GET_NEXT_ID = 11
BCC_PLACES = (
    "/usr/lib/python3/dist-packages/bcc /usr/lib/python3*/site-packages/bcc /usr/lib64/python3*/site-packages/bcc"
)
MADE_SMALL = """
import sys
from pftop import opening
from pftop.source import rings
from pftop.source.open import Limits
{change}
from pftop.cli import main
sys.exit(main(sys.argv[1:]))
"""
SMALL_MAP = MADE_SMALL.format(change="opening.Limits = lambda **given: Limits(capacity=64, **given)")
"""pftop as it is, but with room for 64 threads."""
SMALL_RINGS = MADE_SMALL.format(change="rings.LOG_RING_BYTES = rings.RETIRED_RING_BYTES = 1 << 18")
"""pftop as it is, but with the smallest rings it uses anywhere."""
SMALL_FAMILY = MADE_SMALL.format(change="from pftop.source import program\nprogram.MAX_FAMILY = 4")
"""pftop as it is, but with room for four descendants of a command."""
REFUSED_CALLS = MADE_SMALL.format(change="from pftop.source import kfuncs\nkfuncs.ids_of = lambda *_: (1, 2, 3)")
"""pftop as it is, but the kernel functions it would have its programs call are none."""


def run(
    *options: str, prepare: str = "", unprivileged: bool = False, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run pftop to its end; ``prepare`` is run before it, by a shell in mounts of its own."""
    argv = [*(NOBODY if unprivileged else []), *PFTOP, *options]
    if prepare:
        argv = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-ec", f'{prepare}\nexec "$@"', "sh", *argv]
    settings: dict[str, Any] = {"cwd": ROOT, "stdin": subprocess.DEVNULL, "timeout": DEADLINE_S}
    return subprocess.run(argv, capture_output=True, text=True, check=False, **(settings | more))


def objects(text: str) -> list[Json]:
    """JSON Lines, whole and valid: the first is meta and the last is end."""
    found = [json.loads(line) for line in text.splitlines()]
    assert (found[0]["type"], found[-1]["type"]) == ("meta", "end")
    return found


def explained(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What, why and fix of a refusal: nothing on stdout, no traceback, status 3."""
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    lines = done.stderr.splitlines()
    assert [line.split(":")[0].strip() for line in lines] in (["pftop", "why", "fix"], ["pftop", "why"]), done.stderr
    return lines


def until(condition: Callable[[], object], what: str, within_s: float = DEADLINE_S) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.01)


def program_ids() -> set[int]:
    """All BPF programs the kernel holds."""
    libc = ctypes.CDLL(None, use_errno=True)
    number, found = BPF_SYSCALL[os.uname().machine], set()
    attributes = ctypes.create_string_buffer(struct.pack("<III", 0, 0, 0), 12)
    while libc.syscall(number, BPF_PROG_GET_NEXT_ID, attributes, 12) == 0:
        following = struct.unpack_from("<I", attributes.raw, 4)[0]
        found.add(following)
        struct.pack_into("<I", attributes, 0, following)
    return found


def held() -> set[int]:
    """BPF programs that living processes hold by a descriptor."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/fdinfo/*"):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        found |= {int(line.split()[1]) for line in lines if line.startswith("prog_id:")}
    return found


def nothing_left(before: set[int]) -> None:
    """The kernel lets go of every program loaded since, but for those of other living processes."""
    until(lambda: not (program_ids() - before - held()), "the end of every BPF program", 10)
