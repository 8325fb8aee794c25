"""Owns the pictures in this folder: takes them of the real program, counting real faults on a real kernel.

    python screenshots/take.py        (root, in a checkout; writes SVG files beside this one)

Work for the machine to do is started beside it: Python start-ups, a compiler, a file read after dropping
caches, and a program with a null pointer. Nothing in a picture is made up.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from textual.pilot import Pilot

from pftop.model.collect import Collector
from pftop.opening import Opening
from pftop.options import Options
from pftop.source.noise import NoiseTrap
from pftop.ui.app import PftopApp

SURVIVOR = """
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>
struct header { long length[2], *field; };
static sigjmp_buf again;
static void caught(int number) { siglongjmp(again, number); }
__attribute__((noinline)) long read_field(volatile struct header *header) { return header->length[1] = 7; }
__attribute__((noinline)) long parse_header(struct header *header) { return read_field(header) + 1; }
__attribute__((noinline)) long handle_request(struct header *header) { return parse_header(header) + 1; }
int main(void)
{
	signal(SIGSEGV, caught);
	for (;;)
		if (!sigsetjmp(again, 1))
			handle_request((void *)sizeof(long));
		else
			usleep(1500000);
}
"""
"""A program with a null pointer, which it outlives."""

LOADS = {
    "startup": "while :; do python3 -c 'import json, decimal, ctypes'; sleep 0.5; done",
    "compile": "while :; do gcc -O2 -x c -include stdio.h -o {tmp}/a.out - <<< 'int main(){{return 0;}}'\n"
    "sleep 0.4; done",
    "reader": """exec python3 -c '
import mmap, os, random, time
f = open("{file}", "r+b"); m = mmap.mmap(f.fileno(), 0)
while 1:
    os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    for _ in range(200): m[random.randrange(len(m))]; time.sleep(0.004)
    m.close(); m = mmap.mmap(f.fileno(), 0)
'""",
    "allocator": "exec python3 -c '\nimport time\nwhile 1: b = bytearray(48 << 20); del b; time.sleep(0.15)\n'",
    "survivor": "gcc -O1 -fno-omit-frame-pointer -rdynamic -x c -o {tmp}/survivor - <<'END'\n{SURVIVOR}\nEND\n"
    "exec {tmp}/survivor",
}

Keys = Callable[[Pilot[int]], Awaitable[None]]


@dataclass(frozen=True)
class Picture:
    """One picture: its file, the terminal's size, how long to watch first, and what to press then."""

    name: str
    size: tuple[int, int]
    seconds: float
    keys: tuple[str, ...] = ()
    after: float = 0.0
    theme: str = "pftop-dark"
    ascii: bool = False


PICTURES = (
    Picture("main-120x36", (120, 36), 24),
    Picture("main-80x24", (80, 24), 10),
    Picture("main-200x50", (200, 50), 24),
    Picture("detail-120x36", (120, 36), 8, ("enter",), 6),
    Picture("detail-80x24", (80, 24), 8, ("enter",), 5),
    Picture("filter-100x30", (100, 30), 8, ("slash", *"python3 maj>=0"), 2),
    Picture("fault-100x30", (100, 30), 6, ("slash", *"inv>0", "enter", "tab", "enter"), 1),
    Picture("light-120x36", (120, 36), 14, theme="pftop-light"),
    Picture("ascii-100x30", (100, 30), 10, ascii=True),
    Picture("help-120x36", (120, 36), 3, ("question_mark",), 1),
)


async def take(picture: Picture, collector: Collector) -> None:
    """Run the app for a while at this size, press the keys, and keep the picture."""
    app = PftopApp(collector, Options(theme=picture.theme, ascii=picture.ascii, color="always"))
    async with app.run_test(size=picture.size) as pilot:
        await asyncio.sleep(picture.seconds)
        for key in picture.keys:
            await pilot.press(key)
            # nobody types faster
            await asyncio.sleep(0.1)
        await asyncio.sleep(picture.after)
        await pilot.pause()
        (HERE / f"{picture.name}.svg").write_text(app.export_screenshot(title="pftop"))
        await pilot.press("ctrl+c")


def start_loads(directory: str) -> list[subprocess.Popen[bytes]]:
    """Programs that fault in different ways, as ordinary children."""
    file = Path(directory) / "table.db"
    file.write_bytes(os.urandom(64 << 20))
    loads = []
    for script in LOADS.values():
        text = script.format(tmp=directory, file=file, SURVIVOR=SURVIVOR)
        loads.append(
            subprocess.Popen(
                ["/bin/bash", "-c", text],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={"PATH": "/usr/bin:/bin"},
            )
        )
    return loads


def main() -> None:
    """Take the pictures named on the command line, or all."""
    wanted = set(sys.argv[1:]) or {picture.name for picture in PICTURES}
    # /tmp may be memory, from which nothing is read with a major fault
    with tempfile.TemporaryDirectory(prefix="pftop-", dir="/var/tmp") as directory:
        loads = start_loads(directory)
        trap = NoiseTrap()
        try:
            for picture in PICTURES:
                if picture.name in wanted:
                    # Probes of its own for each, as every run has: books do not begin with another's counts.
                    opened = Opening(Options(), trap.lines).opened()
                    collector = Collector(opened.source, opened.lookup, first_after_s=0.25)
                    asyncio.run(take(picture, collector))
                    collector.close()
        finally:
            trap.restore()
            for load in loads:
                os.killpg(load.pid, 15)


if __name__ == "__main__":
    main()
