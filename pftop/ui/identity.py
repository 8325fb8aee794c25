"""Owns the block that says who a process is and what it does now, over the drill-down and in the side pane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from pftop import formatting
from pftop.events import Identity, ProcessKey
from pftop.model.shares import shares
from pftop.model.snapshot import ProcessDetail, ProcessRow, Snapshot
from pftop.text import Safe, fit
from pftop.ui.canvas import Canvas, Line
from pftop.ui.facts import Piece, fact, pack
from pftop.ui.process_pane import did, heat

_UNKNOWN = Identity()


def row_of(snapshot: Snapshot, key: ProcessKey | None) -> ProcessRow | None:
    """The row of a process, while it has one."""
    return next((row for row in snapshot.processes if row.key == key), None)


def detail_of(snapshot: Snapshot, key: ProcessKey | None) -> ProcessDetail | None:
    """The depth of a process, once it is counted."""
    return snapshot.detail if snapshot.detail is not None and snapshot.detail.key == key else None


def _gone(row: ProcessRow | None, snapshot: Snapshot) -> ProcessRow | None:
    """The last row of a process that has none any more; its end may have come while the picture was paused."""
    return row if row is None or row.exited else replace(row, exited=True, exited_at_ns=snapshot.ts_ns)


def _retaining(detail: ProcessDetail | None, known: ProcessDetail | None) -> ProcessDetail | None:
    """The depth, with what was known before of who it is where ``/proc`` tells it no more; a state does not last."""
    if detail is None or known is None:
        return detail or known
    unknown = {name for name, value in asdict(detail.identity).items() if value is None} - {"state"}
    old = {name: getattr(known.identity, name) for name in unknown}
    return replace(detail, identity=replace(detail.identity, **old)) if old else detail


class IdentityPane(Canvas):
    """A crumb line, then as many lines about the process as there are."""

    GROUND = "panel"

    def __init__(self, crumb: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._crumb = crumb
        self._snapshot: Snapshot | None = None
        self._key: ProcessKey | None = None
        self._row: ProcessRow | None = None
        self._detail: ProcessDetail | None = None
        self._paused_s: float | None = None
        self.with_causes = True
        """Whether it says what the faults were for; not where a pane of its own does."""

    @property
    def row(self) -> ProcessRow | None:
        """The process's row, or the last one it had."""
        return self._row

    @property
    def detail(self) -> ProcessDetail | None:
        """The process's depth, or the last that was known of it."""
        return self._detail

    def forget(self) -> None:
        """Know nothing of any process."""
        self._key = self._row = self._detail = None

    def show(self, snapshot: Snapshot, key: ProcessKey | None, paused_s: float | None = None) -> None:
        """Show a process; of one that is gone, what was last known."""
        same = key == self._key
        self._snapshot, self._key, self._paused_s = snapshot, key, paused_s
        self._row = row_of(snapshot, key) or (_gone(self._row, snapshot) if same else None)
        self._detail = _retaining(detail_of(snapshot, key), self._detail if same else None)
        self.repaint()

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """The most telling lines first."""
        if self._key is None or self._snapshot is None:
            return [self.pen().write(" no process selected", "dim").line]
        causes = [self._cause_line(width)] if self.with_causes else []
        return [
            self._crumb_line(width),
            self._now_line(width),
            self._who_line(width),
            *causes,
            self._command_line(width),
            self._place_line(width),
            self._access_line(),
        ]

    @property
    def _identity(self) -> Identity:
        return self._detail.identity if self._detail is not None else _UNKNOWN

    def _crumb_line(self, width: int) -> Line:
        """Where one is: pftop, then the process."""
        assert self._key is not None
        assert self._snapshot is not None
        row = self._row
        right = []
        if self._paused_s is not None:
            text = f" PAUSED {formatting.elapsed(self._paused_s)} "
            right.append(Piece(0, ((text, "on-notice"),), ground="notice"))
        if row is None or row.exited:
            right.append(Piece(0, ((" EXITED ", "on-notice"),), ground="notice"))
        if self._crumb:
            right.append(Piece(9, ((formatting.clock(self._snapshot.time)[:8], "label"),)))
        room = max(width - sum(p.width + 2 for p in right) - len(self._crumb) - 12, 8)
        name = row.comm if row is not None else Safe("")
        crumb = ((f" {self._crumb} > ", "label"),) if self._crumb else ((" ", "label"),)
        who = Piece(0, (*crumb, (str(self._key.pid), "title"), (" ", "text"), (fit(name, room).rstrip(), "title")))
        return pack(self.pen(), [who], right, width)

    def _now_line(self, width: int) -> Line:
        """What it does now, or what it did."""
        row, snapshot = self._row, self._snapshot
        assert snapshot is not None
        if row is None:
            return self.pen().write(" it has no row any more", "exited").line
        if row.exited:
            return self.pen().write(" did " + fit(did(row), width - 5), "exited").line
        per_s = 1e9 / max(snapshot.interval_ns, 1)
        ratio = None if row.stall_ns is None else row.stall_ns / max(snapshot.interval_ns, 1)
        label, ink = ("stall ", "label"), heat(ratio)
        stalled = f"{formatting.stall(row.stall_ns, snapshot.interval_ns)} ms/s"
        invalid = None if row.invalid is None else row.invalid * per_s
        pieces = [
            Piece(0, ((" min ", "label"), (formatting.rate(row.minor * per_s) + "/s", "minor"))),
            fact("maj", formatting.rate(row.major * per_s) + "/s", "major" if row.major else "dim"),
            fact("inv", formatting.rate(invalid), "invalid" if invalid else "dim", drop=2),
            Piece(0, (label, (f"{stalled} {formatting.percent(ratio)}", ink)), brief=(label, (stalled, ink))),
        ]
        spark = formatting.spark(row.trend, min(30, max(width - 60, 8)), ascii=self.ascii)
        pieces.append(Piece(1, ((spark, "graph"),)))
        return pack(self.pen(), pieces, [], width)

    def _who_line(self, width: int) -> Line:
        """Owner, age, threads and memory."""
        who, row, snapshot = self._identity, self._row, self._snapshot
        assert snapshot is not None
        user = who.user or (row.info.user if row is not None else None)
        rss = who.rss_bytes if who.rss_bytes is not None else row.info.rss_bytes if row is not None else None
        now = snapshot.time
        if row is not None and row.exited_at_ns is not None:
            now -= (snapshot.ts_ns - row.exited_at_ns) / 1e9
        up = formatting.UNKNOWN if who.started is None else formatting.elapsed(now - who.started)
        threads = formatting.UNKNOWN if who.threads is None else str(who.threads)
        pieces = [
            Piece(0, ((" user ", "label"), (fit(user or formatting.UNKNOWN, 14).rstrip(), "text"))),
            fact("up", up, drop=1),
            fact("threads", threads, drop=2),
            fact("rss", formatting.size(rss), drop=0),
            fact("swap", formatting.size(who.swap_bytes), drop=3),
        ]
        if who.state:
            pieces.append(fact("state", who.state, drop=4))
        if who.ppid is not None:
            pieces.append(fact("parent", str(who.ppid), drop=5))
        return pack(self.pen(), pieces, [], width)

    def _command_line(self, width: int) -> Line:
        """The command line, which mostly begins with the executable."""
        row = self._row
        command = self._identity.cmdline or (row.info.command if row is not None else Safe(""))
        return self._labelled("cmd", command, width)

    def _place_line(self, width: int) -> Line:
        """Executable and cgroup."""
        who = self._identity
        half = width // 2
        pen = self.pen().write(" exe ", "label").write(fit(who.exe or formatting.UNKNOWN, half - 6)).to(half)
        return pen.write(" cgroup ", "label").write(fit(who.cgroup or formatting.UNKNOWN, width - half - 8)).line

    def _access_line(self) -> Line:
        """Kinds of access over the interval."""
        row = self._row
        if row is None:
            return []
        pen = self.pen().write(" last tick  ", "label")
        for label, n in (
            ("read", row.read),
            ("write", row.write),
            ("exec", row.exec),
            ("in kernel", row.kernel_mode),
        ):
            pen.write(f"{label} ", "label").write(formatting.count(n) + "  ")
        return pen.line

    def _cause_line(self, width: int) -> Line:
        """What its faults were for since pftop started: by the time they took, or by number."""
        found = shares(self._row) if self._row is not None else None
        if found is None or not found.ranked:
            return self.pen().write(" causes ", "label").write(formatting.UNKNOWN, "dim").line
        timed = any(share.ns for share in found.ranked)
        label = (" time by cause" if timed else " causes") + (", logged faults" if found.partial else "")
        pieces = [Piece(0, ((label, "label"),))]
        for place, share in enumerate(found.ranked, 1):
            part = formatting.percent(share.of_time if timed else share.of_faults)
            amount = formatting.duration(share.ns) if timed else formatting.count(share.faults)
            texts = ((f"{share.cause} ", "strong" if place == 1 else "text"), (part, "text"), (f" {amount}", "label"))
            pieces.append(Piece(place, texts))
        return pack(self.pen(), pieces, [], width)

    def _labelled(self, label: str, text: str, width: int) -> Line:
        """A label and a text cut to the line."""
        return self.pen().write(f" {label} ", "label").write(fit(text, width - len(label) - 2)).line
