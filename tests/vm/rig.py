"""Owns what a guest needs so that every kind of fault can be made in it; made once a boot, by whom needs it first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .registry import Context

DELAY_MS = 20
SECTORS = 2 * 65536
HUGE_PAGES = 8
SWAP_BYTES = 128 << 20
Make = Callable[[Context], Path]
_made: dict[str, Path] = {}


def once(make: Make) -> Make:
    """For all plans of a boot."""

    def get(context: Context) -> Path:
        if make.__name__ not in _made:
            _made[make.__name__] = make(context)
        return _made[make.__name__]

    return get


def call(context: Context, *argv: str | Path) -> None:
    done = context.run(*argv)
    assert done.returncode == 0, f"{argv}: {done.stderr.strip()}"


def device(context: Context, number: int, name: str) -> Path:
    """A file system on a device in memory; page cache and I/O are those of any disk."""
    folder = Path("/run") / name
    folder.mkdir()
    call(context, "mkfs.ext4", "-q", "-b", "4096", "-O", "^has_journal", f"/dev/ram{number}")
    return folder


@once
def disk(context: Context) -> Path:
    """A folder on a quick device."""
    context.modprobe("ext4")
    call(context, "modprobe", "brd", f"rd_size={SECTORS // 2}", "rd_nr=2")
    folder = device(context, 0, "disk")
    call(context, "mount", "/dev/ram0", folder)
    return folder


@once
def slow_disk(context: Context) -> Path:
    """A folder on a device whose every read takes DELAY_MS."""
    disk(context)
    context.modprobe("dm-delay")
    folder = device(context, 1, "slow-disk")
    call(context, "dmsetup", "create", "slow", "--table", f"0 {SECTORS} delay /dev/ram1 0 {DELAY_MS} /dev/ram1 0 0")
    call(context, "mount", "/dev/mapper/slow", folder)
    return folder


@once
def swap(context: Context) -> Path:
    """Swap in compressed memory, and reserved huge pages."""
    context.modprobe("zram")
    zram = Path("/sys/block/zram0")
    (zram / "disksize").write_text(str(SWAP_BYTES))
    call(context, "mkswap", "/dev/zram0")
    call(context, "swapon", "/dev/zram0")
    Path("/proc/sys/vm/nr_hugepages").write_text(str(HUGE_PAGES))
    return zram
