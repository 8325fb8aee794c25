"""Owns the header's pieces: each fact as a short text with an ink, and how many of them fit on a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pftop import formatting
from pftop.events import PlanInfo
from pftop.model.own_cost import lowered, per_fault
from pftop.model.snapshot import HistoryPoint, Latency, LogCounts, Snapshot
from pftop.text import cell_width, clean
from pftop.ui.canvas import Line, Pen

GAP = 2
# How far from vmstat's own count is still fine, and from where it is a fault of ours.
_FINE, _POOR = 0.01, 0.1


@dataclass(frozen=True, slots=True)
class Standing:
    """What the header says beside the snapshot."""

    paused_s: float | None = None
    shown: int = 0
    total: int = 0
    restriction: str = ""
    unread: int = 0
    interval_s: float = 1.0
    bpf_cost: bool = False
    """Whether the BPF programs are measured all the time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A fact: its text in inks, and how soon it goes when room is short (the highest first, 0 never)."""

    drop: int
    texts: tuple[tuple[str, str], ...]
    ground: str | None = None
    urgent: bool = False
    """Whether it says that the numbers cannot be trusted as they stand."""
    gap: int = GAP
    """Cells before it: one where it belongs to the fact before."""
    brief: tuple[tuple[str, str], ...] = ()
    """The same in fewer cells, for when not even the pieces that never go have room."""

    @property
    def width(self) -> int:
        """Cells it takes."""
        return sum(cell_width(text) for text, _ in self.texts)


def fact(label: str, value: str, ink: str = "text", *, drop: int = 0, gap: int = GAP) -> Piece:
    """A label and its value."""
    return Piece(drop, ((f"{label} ", "label"), (value, ink)), gap=gap)


def alarm(text: str, drop: int = 0) -> Piece:
    """Something that must not be overlooked."""
    return Piece(drop, ((f" {text} ", "on-alert"),), ground="alert", urgent=True)


def pack(pen: Pen, left: Sequence[Piece], right: Sequence[Piece], width: int) -> Line:
    """A line with pieces at both ends; those that may go do so until the others fit."""
    pieces = [*left, *right]
    while sum(p.width + p.gap for p in pieces) > width + 1 and any(p.drop for p in pieces):
        pieces.remove(max(pieces, key=lambda p: p.drop))
    if sum(p.width + p.gap for p in pieces) > width + GAP:
        briefs = {id(p): replace(p, texts=p.brief or p.texts) for p in pieces}
        left, right = ([briefs.get(id(p), p) for p in end] for end in (left, right))
        pieces = list(briefs.values())
    ends = [p for p in right if any(p is kept for kept in pieces)]
    _write(pen, [p for p in left if any(p is kept for kept in pieces)])
    if ends:
        room = sum(p.width + p.gap for p in ends) - ends[0].gap + 1
        pen.write(" " * max(width - room - pen.width, GAP))
        _write(pen, ends)
    return pen.cut(width).line


def _write(pen: Pen, pieces: Sequence[Piece]) -> None:
    """Pieces with gaps between them."""
    for index, piece in enumerate(pieces):
        pen.write(" " * piece.gap if index else "")
        for text, ink in piece.texts:
            pen.write(text, ink, piece.ground)


def machine(snapshot: Snapshot, standing: Standing, width: int) -> tuple[list[Piece], list[Piece]]:
    """Which machine, how it is watched, and whether the picture moves."""
    plan, restraint, wide = snapshot.plan, snapshot.restraint, width >= 120
    system = f"Linux {plan.kernel} {plan.arch}" if wide else f"{plan.kernel} {plan.arch}"
    left = [
        Piece(0, ((" pftop", "title"),)),
        Piece(0, ((plan.host or "this machine", "strong"),)),
        Piece(3, ((system, "text"),)),
    ]
    if wide and plan.cpus:
        left.append(Piece(7, ((f"{plan.cpus} cpu", "text"),)))
    left += [
        fact("plan", plan.name, drop=2),
        *_refused(plan),
        fact("every", f"{restraint.interval_s if restraint else standing.interval_s:g}s", drop=4),
    ]
    if standing.restriction:
        left.append(fact("only", standing.restriction, "major", drop=1))
    cost = snapshot.cost
    right = []
    if standing.unread:
        plural = "s" if standing.unread > 1 else ""
        right.append(fact("x", f"{standing.unread} message{plural}", "major", drop=3))
    if standing.paused_s is not None:
        text = f" PAUSED {formatting.elapsed(standing.paused_s)} "
        right.append(Piece(0, ((text, "on-notice"),), ground="notice"))
    if steps := lowered(snapshot):
        text = f" LOWERED: {steps} " if width >= 160 else " LOWERED "
        right.append(Piece(2, ((text, "on-notice"),), ground="notice"))
    shown = f"{standing.shown}/{standing.total}" if standing.shown != standing.total else f"{standing.total}"
    right.append(fact("procs", shown, drop=5))
    own = formatting.percent(cost.cpu_ratio) + (f" {formatting.size(cost.rss_bytes)}" if wide else "")
    right.append(fact("self", own, drop=6))
    if standing.bpf_cost:
        right.append(fact("bpf", f"{per_fault(cost)}/fault", drop=6))
    right.append(Piece(9, ((formatting.clock(snapshot.time)[:8], "label"),)))
    return left, right


def _refused(plan: PlanInfo) -> list[Piece]:
    """Where to read why a better plan does not run."""
    if not plan.why_not_better or not plan.features.latency:
        return []
    best = plan.why_not_better[0].partition(":")[0]
    return [Piece(8, (("(", "label"), ("x", "key"), (f" why not {best})", "label")), gap=1)]


def _rates_only(plan: PlanInfo, room: int) -> Piece:
    """That there is nothing but rates, and why."""
    why = plan.why_not_better[-1].partition(": ")[2] if plan.why_not_better else ""
    text = clean(why, max(room - 13, 0)) if why else ""
    return Piece(0, (("rates only" + (": " if text else ""), "major"), (text, "text")))


def totals(snapshot: Snapshot, width: int) -> list[Piece]:
    """Faults a second, the time they took, and how long one takes."""
    t, features = snapshot.totals, snapshot.plan.features
    per_s = 1e9 / snapshot.interval_ns if snapshot.interval_ns > 0 else 0.0
    invalid = None if t.invalid is None else t.invalid * per_s
    rate = (formatting.rate((t.minor + t.major) * per_s) + "/s", "strong")
    pieces = [
        Piece(0, ((" faults ", "label"), rate), brief=((" ", "label"), rate)),
        fact("min", formatting.rate(t.minor * per_s), "minor", drop=2),
        fact("maj", formatting.rate(t.major * per_s), "major" if t.major else "dim", drop=1, gap=1),
    ]
    if not features.latency:
        taken = sum(piece.width + piece.gap for piece in pieces)
        return [*pieces, _rates_only(snapshot.plan, (width if width < 120 else width // 2) - taken)]
    pieces.append(fact("inv", formatting.rate(invalid), "invalid" if invalid else "dim", drop=4, gap=1))
    stalled = formatting.stall(t.latency_sum_ns, snapshot.interval_ns)
    stall = f"{stalled} ms/s"
    if width >= 120 and t.latency_sum_ns is not None and snapshot.interval_ns > 0:
        stall += f" {formatting.percent(t.latency_sum_ns / snapshot.interval_ns)}"
    pieces.append(fact("stall", stall, "hot" if t.latency_sum_ns else "dim", drop=1))
    latency = snapshot.latency or Latency(count=0)
    for name, ns, drop, gap in (
        ("p50", latency.p50_ns, 5, GAP),
        ("p99", latency.p99_ns, 3, 1),
        ("max", latency.max_ns, 6, 1),
    ):
        pieces.append(fact(name, formatting.duration(ns), drop=drop, gap=gap))
    return pieces


def trust(snapshot: Snapshot, standing: Standing, width: int) -> list[Piece]:
    """What was lost, what was sampled, whether the sums agree, and what the machine suffers from."""
    wide = width >= 120
    pieces = []
    pressure = snapshot.pressure
    if pressure is not None:
        text = f"some {pressure.some_avg10:.1f}% full {pressure.full_avg10:.1f}%"
        if not wide:
            text = f"{pressure.some_avg10:.1f}/{pressure.full_avg10:.1f}%"
        pieces.append(fact("psi", text, "hot" if pressure.some_avg10 >= 10 else "text", drop=5))
    pieces += _doubts(snapshot)
    log = snapshot.log
    if snapshot.plan.features.log:
        if not snapshot.log_since_start.lost:
            pieces.append(fact("lost", "0", drop=4))
        if one_in := sampled(log):
            pieces.append(fact("log", one_in, drop=6))
    coverage = snapshot.coverage
    if coverage is not None and abs(1 - coverage) <= _POOR:
        ink = "good" if abs(1 - coverage) <= _FINE else "major"
        value = formatting.percent(coverage) + (" of vmstat" if width >= 160 else "")
        pieces.append(fact("check", value, ink, drop=3))
    return pieces


def sampled(log: LogCounts) -> str:
    """How many completed faults stand behind one that was logged; nothing when all were."""
    if not log.logged or log.completed <= log.logged:
        return ""
    ratio = log.completed / log.logged
    return "1 in " + (f"{ratio:.1f}".removesuffix(".0") if ratio < 9.95 else formatting.count(round(ratio)))


def _doubts(snapshot: Snapshot) -> list[Piece]:
    """Reasons not to believe the numbers, in words; without a log there are no sums that have to come out even."""
    found = []
    if snapshot.log_since_start.lost:
        found.append(alarm(f"LOST {formatting.count(snapshot.log_since_start.lost)}"))
    if snapshot.totals_since_start.lost_records:
        found.append(alarm(f"{formatting.count(snapshot.totals_since_start.lost_records)} THREADS LOST", drop=1))
    unattributed = snapshot.totals_since_start.unattributed
    if unattributed:
        found.append(alarm(f"{formatting.count(unattributed)} UNATTRIBUTED", drop=1))
    if snapshot.totals_since_start.missed:
        found.append(alarm(f"{formatting.count(snapshot.totals_since_start.missed)} MISSED", drop=1))
    if snapshot.plan.features.log and not snapshot.ledger.balanced:
        off = abs(snapshot.ledger.seen_off) + abs(snapshot.ledger.log_off)
        found.append(alarm(f"SUMS OFF BY {formatting.count(off)}"))
    if snapshot.coverage is not None and abs(1 - snapshot.coverage) > _POOR:
        found.append(alarm(f"CHECK {formatting.percent(snapshot.coverage)}", drop=2))
    return found


def graph_values(history: Sequence[HistoryPoint], what: str) -> list[float]:
    """Faults a second, or the share of wall time stalled, oldest first."""
    if what == "faults":
        return [point.minor + point.major for point in history]
    return [point.stall_ratio or 0.0 for point in history]
