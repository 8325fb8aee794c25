"""What pftop costs while nothing happens, and its memory over time: both views at the same time."""

from __future__ import annotations

import time

from tests.bench.cpu import Meter, rss_bytes
from tests.bench.report import Bar, Figures, Result, Setting, Table
from tests.live.harness import Pftop
from tests.live.terminal import Terminal

CPU_BAR, RSS_BAR_MB = 0.03, 120.0
MIB = 1 << 20


def watch(pids: dict[str, int], seconds: float) -> dict[str, Figures]:
    """CPU share over the whole time, and RSS at five moments of it."""
    meters = {name: Meter(pid) for name, pid in pids.items()}
    memory: dict[str, list[float]] = {name: [rss_bytes(pid) / MIB] for name, pid in pids.items()}
    for _ in range(4):
        time.sleep(seconds / 4)
        for name, pid in pids.items():
            memory[name].append(rss_bytes(pid) / MIB)
    return {
        name: {
            "cpu_ratio": meters[name].read(),
            "rss_mib": memory[name],
            "grown_in_second_half_mib": memory[name][4] - memory[name][2],
        }
        for name in pids
    }


def run(setting: Setting) -> Result:
    """Started, left to settle, watched."""
    seconds = setting.pick(60, 3)
    batch, screen = Pftop(delay="1", probe="auto"), Terminal(columns=120, lines=36)
    try:
        batch.ready()
        screen.shows("faults")
        time.sleep(setting.pick(5, 0.5))
        figures: Figures = dict(watch({"pftop -J": batch.child.pid, "live view": screen.child.pid}, seconds))
        screen.press("q")
        screen.wait()
    finally:
        screen.close()
        batch.close()
    rows = []
    for name, found in figures.items():
        memory = " ".join(f"{value:.1f}" for value in found["rss_mib"])
        rows.append((name, f"{found['cpu_ratio']:.2%}", memory, f"{found['grown_in_second_half_mib']:+.2f}"))
    head = ("", "of a core", f"RSS MiB over {seconds:.0f} s", "grown in its second half")
    live = figures["live view"]
    bars = [
        Bar("quiet, live view", live["cpu_ratio"], CPU_BAR, " of a core"),
        Bar("quiet, batch", figures["pftop -J"]["cpu_ratio"], CPU_BAR, " of a core"),
        Bar("RSS, live view", live["rss_mib"][-1], RSS_BAR_MB, " MiB"),
        Bar("RSS, batch", figures["pftop -J"]["rss_mib"][-1], RSS_BAR_MB, " MiB"),
    ]
    return Result(figures, [Table("while the machine is as quiet as it is", head, rows)], bars)
