"""Owns the header: the machine, its totals, its latest history, and how far all of it can be trusted."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pftop import formatting
from pftop.model.snapshot import Snapshot
from pftop.ui.canvas import Canvas, Line
from pftop.ui.facts import Piece, Standing, graph_values, machine, pack, totals, trust
from pftop.ui.graph import binned, columns

GRAPH_LEAST = 12
HISTORY = 120
"""Points of history, a tick each: two minutes of seconds."""
_SPAN_WIDTH = 7


class Pace:
    """When the latest ticks came, as far as they were shown: a point of history does not tell how long it took."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=2 * HISTORY)
        """Number and time of ticks, first the moment when counting began."""

    def note(self, snapshot: Snapshot) -> None:
        """Remember a tick."""
        if not self._seen:
            began = max(snapshot.seq - 1, 0), snapshot.ts_ns - snapshot.interval_ns
            if snapshot.seq > 1:
                self._seen.append((0, snapshot.ts_ns - snapshot.elapsed_ns))
            self._seen.append(began)
        if snapshot.seq > self._seen[-1][0]:
            self._seen.append((snapshot.seq, snapshot.ts_ns))

    def seconds(self, snapshot: Snapshot) -> float:
        """How long the tick's history took; ticks that were not shown count as evenly spread."""
        first = snapshot.seq - len(snapshot.history)
        numbers, times = zip(*self._seen, strict=True)
        return (snapshot.ts_ns - float(np.interp(first, numbers, times))) / 1e9


class Header(Canvas):
    """One to four lines over the main screen."""

    GROUND = "panel"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._standing = Standing()
        self._pace = Pace()

    def show(self, snapshot: Snapshot | None, standing: Standing) -> None:
        """Show a tick, and what is said beside it."""
        self._snapshot, self._standing = snapshot, standing
        if snapshot is not None:
            self._pace.note(snapshot)
        self.repaint()

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """As much as the height allows, the most telling first."""
        if self._snapshot is None:
            return [self.pen().write(" pftop ", "title").write(" waiting for the first tick", "dim").line]
        snapshot, standing = self._snapshot, self._standing
        if height == 1:
            return [self._status_line(snapshot, standing, width)]
        left, right = machine(snapshot, standing, width)
        lines = [pack(self.pen(), left, right, width)]
        figures, state = totals(snapshot, width), trust(snapshot, standing, width)
        if height == 2:
            return [*lines, pack(self.pen(), figures, [p for p in state if p.urgent], width)]
        lines.append(pack(self.pen(), figures, [] if width < 120 else state, width))
        if height == 3:
            return [*lines, self._spark_line(snapshot, [] if width >= 120 else state, width)]
        return [*lines, *self._graphs(snapshot, width, height - 2)]

    def _status_line(self, snapshot: Snapshot, standing: Standing, width: int) -> Line:
        """All there is room for on a tiny terminal."""
        state = [p for p in trust(snapshot, standing, width) if p.urgent]
        # The name goes last, and before any number is cut.
        figures = [replace(piece, drop=piece.drop and piece.drop + 1) for piece in totals(snapshot, width)]
        left = [Piece(1, ((" pftop", "title"),)), *figures]
        if standing.paused_s is not None:
            left.insert(1, Piece(0, ((" PAUSED ", "on-notice"),), ground="notice"))
        return pack(self.pen(), left, state, width)

    def _span(self, snapshot: Snapshot) -> str:
        """How long ago what the graphs show began."""
        return formatting.span(self._pace.seconds(snapshot))

    def _spark_line(self, snapshot: Snapshot, pieces: list[Piece], width: int) -> Line:
        """History in one line, and the pieces after it."""
        used = sum(piece.width + 2 for piece in pieces)
        # As wide for "12 s" as for "2 min", or the graph would be binned anew as it fills.
        label = f" {self._span(snapshot)} ".ljust(_SPAN_WIDTH)
        room = max(width - used - len(label) - 2, GRAPH_LEAST)
        values = binned(graph_values(snapshot.history, "faults"), room, snapshot.seq, HISTORY)
        spark = formatting.spark(values, min(room, HISTORY), ascii=self.ascii)
        graph = Piece(0, ((label, "label"), (spark, "graph")))
        return pack(self.pen(), [graph], pieces, width)

    def _graphs(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        """Faults and stall of the latest ticks, side by side, with their peaks."""
        history = snapshot.history
        room = (width - 2 - 2 * 18) // 2
        faults = graph_values(history, "faults")
        stalls = graph_values(history, "stall")
        left = columns(binned(faults, room, snapshot.seq, HISTORY), room, height, ascii=self.ascii)
        right = columns(binned(stalls, room, snapshot.seq, HISTORY), room, height, ascii=self.ascii)
        peak = formatting.rate(max(faults, default=0.0)) + "/s"
        worst = formatting.stall(int(max(stalls, default=0.0) * 1e9), 1_000_000_000) + " ms/s"
        span = self._span(snapshot)
        captions = [(f" faults, {span}", f" stall, {span}"), (f" peak {peak}", f" peak {worst}")]
        lines = []
        for y in range(height):
            first, second = captions[y] if y < 2 else ("", "")
            pen = self.pen().write(first, "label").to(17).write(left[y], "graph")
            if snapshot.plan.features.latency:
                pen.to(18 + room).write(second, "label").to(36 + room).write(right[y], "graph-stall")
            lines.append(pen.line)
        return lines
