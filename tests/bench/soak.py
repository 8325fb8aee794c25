"""A long run with every core saturated by faults: ``python -m tests.bench.soak [--seconds N]``.

First the live view in a terminal, with keys pressed all the time: how soon it answers, how its memory grows,
what it loses, how soon it leaves. Then a batch instance: its ledgers at every tick.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.cpu import Meter, rss_bytes
from tests.bench.loads import saturated
from tests.bench.report import Bar, Figures, Result, Setting, Table, layout, middle, percentile
from tests.live.harness import Pftop
from tests.live.terminal import Terminal

MIB = 1 << 20
ANSWER_BAR_S, LEAVE_BAR_S, GROWTH_BAR_MIB = 0.15, 1.0, 1.0
SETTLED_AFTER_S = 60.0
KEYS = (
    ("?", "Keys in the table", "q"),
    ("s", "Sort by", "s"),
    ("\r", "Latency both", "\x7f"),
)
"""A key, what is on the screen once it has done its work, and the way back. Not Esc: terminals wait after it."""
LOST = re.compile(r"\blost\s+0\b")
LOST_SOME = re.compile(r"\bLOST\s+(\S+)")


@dataclass(slots=True)
class Live:
    """What was seen of the live view."""

    answers: dict[str, list[float]] = field(default_factory=dict)
    """Seconds, by what was shown or left."""
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the first key, MiB."""
    lost: str = ""
    leave_s: float = 0.0
    cpu_ratio: float = 0.0


def growth(memory: list[tuple[float, float]]) -> float:
    """MiB from after the first minute to the end; in a short run from its middle."""
    settled = min(SETTLED_AFTER_S, memory[-1][0] / 2)
    later = [mib for at, mib in memory if at >= settled]
    # several readings at both ends: one may fall into a collection
    few = max(1, len(later) // 8)
    return middle(later[-few:]) - middle(later[:few])


def press(screen: Terminal, live: Live, turn: int) -> None:
    """One key and its answer, the way back and its answer."""
    key, shows, back = KEYS[turn % len(KEYS)]
    screen.press(key)
    live.answers.setdefault(f"to {shows!r}", []).append(screen.shows(shows))
    time.sleep(0.1)
    screen.press(back)
    live.answers.setdefault(f"back from {shows!r}", []).append(screen.lacks(shows))


def lost_on(text: list[str]) -> str:
    """What the header says of loss."""
    whole = " ".join(text[:4])
    if found := LOST_SOME.search(whole):
        return found[1]
    return "0" if LOST.search(whole) else ""


def live_phase(seconds: float) -> Live:
    """Keys until the time is up."""
    live = Live()
    screen = Terminal(columns=120, lines=36)
    try:
        screen.shows("not shown")
        meter, began, turn = Meter(screen.child.pid), time.monotonic(), 0
        while (at := time.monotonic() - began) < seconds:
            live.memory.append((at, rss_bytes(screen.child.pid) / MIB))
            live.lost = lost_on(screen.text()) or live.lost
            press(screen, live, turn)
            turn += 1
            time.sleep(min(0.3, seconds / 50))
        live.cpu_ratio = meter.read()
        began = time.monotonic()
        screen.press("q")
        assert screen.wait() == 0
        live.leave_s = time.monotonic() - began
    finally:
        screen.close()
    return live


def batch_phase(seconds: float) -> Figures:
    """Ledgers and loss, tick by tick."""
    watch = Pftop(delay="1", probe="auto")
    memory: list[tuple[float, float]] = []
    off = lost = 0
    try:
        watch.ready()
        began = time.monotonic()
        while (at := time.monotonic() - began) < seconds or not memory:
            tick = watch.next_tick()
            ledger = tick["ledger"]
            off = max(off, max(abs(ledger["seen_off"]), abs(ledger["log_off"])) - ledger["slack"])
            lost += tick["log"]["lost"]
            memory.append((at, rss_bytes(watch.child.pid) / MIB))
            watch.objects.clear()
        totals = watch.stop()["totals"]
    finally:
        watch.close()
    return {
        "ticks": len(memory),
        "off_beyond_slack": off,
        "seen": totals["seen"],
        "unattributed": totals["unattributed"],
        "lost": lost,
        "rss_mib": memory[-1][1],
        "grown_mib": growth(memory),
    }


def soak(directory: Path, seconds: float) -> Result:
    """Both phases, four fifths of the time for the live view."""
    with saturated(directory, os.cpu_count() or 1):
        live = live_phase(seconds * 0.8)
        batch = batch_phase(seconds * 0.2)
    assert live.lost, "the header never said what was lost"
    answers = [took for found in live.answers.values() for took in found]
    p50, p95 = middle(answers), percentile(answers, 0.95)
    grown = growth(live.memory)
    figures: Figures = {
        "seconds": seconds,
        "keys": len(answers),
        "by_key": {name: {"p50_s": middle(found), "worst_s": max(found)} for name, found in live.answers.items()},
        "answer_p50_s": p50,
        "answer_p95_s": p95,
        "answer_worst_s": max(answers),
        "leave_s": live.leave_s,
        "live_lost": live.lost,
        "live_cpu_ratio": live.cpu_ratio,
        "live_rss_mib": live.memory[-1][1],
        "live_grown_mib": grown,
        "batch": batch,
    }
    lost = 0.0 if live.lost == "0" else 1.0
    bars = [
        Bar("a key's answer under saturation, p95", p95, ANSWER_BAR_S, " s"),
        Bar("q returns", live.leave_s, LEAVE_BAR_S, " s"),
        Bar("log records lost, live view", lost, 0),
        Bar("log records lost, batch", batch["lost"], 0),
        Bar("ledgers off by more than their slack", batch["off_beyond_slack"], 0),
    ]
    if seconds >= 3 * SETTLED_AFTER_S:
        bars.append(Bar("RSS growth of the live view once settled", grown, GROWTH_BAR_MIB, " MiB"))
        bars.append(Bar("RSS growth of the batch view once settled", batch["grown_mib"], GROWTH_BAR_MIB, " MiB"))
    rows: list[tuple[str, ...]] = [
        ("keys answered", f"{len(answers)}: p50 {p50:.3f} s, p95 {p95:.3f} s, worst {max(answers):.3f} s"),
        *((f"  {name}", f"p50 {middle(took):.3f} s, worst {max(took):.3f} s") for name, took in live.answers.items()),
        ("q to the shell", f"{live.leave_s:.2f} s"),
        ("lost, says the header", live.lost),
        (
            "live view",
            f"{live.cpu_ratio:.1%} of a core, {live.memory[-1][1]:.1f} MiB, growth in the end {grown:+.2f} MiB",
        ),
        (
            "batch view",
            f"{batch['ticks']} ticks of {batch['seen']:,} faults, ledgers off by {batch['off_beyond_slack']}",
        ),
        ("", f"lost {batch['lost']}, {batch['rss_mib']:.1f} MiB, growth in the end {batch['grown_mib']:+.2f} MiB"),
    ]
    return Result(figures, [Table(f"soak of {seconds:.0f} s, every core faulting", ("", ""), rows)], bars)


def run(setting: Setting) -> Result:
    """As one of the benchmarks: a minute and a half, so that something settles; the long one is run by itself."""
    return soak(setting.directory, setting.pick(100, 20))


def main(argv: list[str]) -> int:
    """The long one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak")
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory:
        result = soak(Path(directory), options.seconds)
    for table in result.tables:
        print(layout(table))
    for bar in result.bars:
        print(bar.line())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
