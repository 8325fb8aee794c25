"""Owns the list of checks that run as root inside each guest kernel: one decorated function is one test.

A check raises AssertionError or returns figures. It runs 5 to 20 times slower than on the host: judge what
is right, never how fast. Host-side pytest imports this module for the names only.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

# importing them registers their checks, in this order
from . import guest_counts, guest_lab, guest_slow
from .registry import GUEST, Context, Figures, check

assert guest_lab
assert guest_slow


@check(GUEST)
def boots(context: Context) -> Figures:
    release = platform.release()
    series = context.kernel.split("-")[0]
    assert release.startswith((f"{series}.", f"{series}-")), release
    for path in (
        "/sys/kernel/tracing/events",
        "/sys/kernel/btf/vmlinux",
        "/sys/fs/cgroup/cgroup.controllers",
    ):
        assert Path(path).exists(), f"{path} is missing in the guest"
    assert os.statvfs(context.tmp).f_bavail > 0
    return {"release": release, "uptime_s": float(Path("/proc/uptime").read_text().split()[0])}


# last of every plan: it ends the pftop that the others share
check()(guest_counts.books)
