"""Owns the header: the machine, its totals, two minutes of history, and how far all of it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from pftop import formatting
from pftop.model.snapshot import Snapshot
from pftop.ui.canvas import Canvas, Line
from pftop.ui.facts import Piece, Standing, graph_values, machine, pack, totals, trust
from pftop.ui.graph import binned, columns

GRAPH_LEAST = 12
HISTORY = 120
"""Points of history: two minutes of seconds."""


class Header(Canvas):
    """One to four lines over the main screen."""

    GROUND = "panel"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._standing = Standing()

    def show(self, snapshot: Snapshot | None, standing: Standing) -> None:
        """Show a tick, and what is said beside it."""
        self._snapshot, self._standing = snapshot, standing
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
        left = [Piece(0, ((" pftop", "title"),)), *totals(snapshot, width)]
        if standing.paused_s is not None:
            left.insert(1, Piece(0, ((" PAUSED ", "on-notice"),), ground="notice"))
        return pack(self.pen(), left, state, width)

    def _spark_line(self, snapshot: Snapshot, pieces: list[Piece], width: int) -> Line:
        """History in one line, and the pieces after it."""
        used = sum(piece.width + 2 for piece in pieces)
        room = max(width - used - 6, GRAPH_LEAST)
        values = binned(graph_values(snapshot.history, "faults"), room, snapshot.seq, HISTORY)
        spark = formatting.spark(values, min(room, HISTORY), ascii=self.ascii)
        graph = Piece(0, ((" 2m ", "label"), (spark, "graph")))
        return pack(self.pen(), [graph], pieces, width)

    def _graphs(self, snapshot: Snapshot, width: int, height: int) -> list[Line]:
        """Faults and stall over two minutes, side by side, with their peaks."""
        history = snapshot.history
        room = (width - 2 - 2 * 18) // 2
        faults = graph_values(history, "faults")
        stalls = graph_values(history, "stall")
        left = columns(binned(faults, room, snapshot.seq, HISTORY), room, height, ascii=self.ascii)
        right = columns(binned(stalls, room, snapshot.seq, HISTORY), room, height, ascii=self.ascii)
        peak = formatting.rate(max(faults, default=0.0)) + "/s"
        worst = formatting.stall(int(max(stalls, default=0.0) * 1e9), 1_000_000_000) + " ms/s"
        captions = [(" faults, 2 min", " stall, 2 min"), (f" peak {peak}", f" peak {worst}")]
        lines = []
        for y in range(height):
            first, second = captions[y] if y < 2 else ("", "")
            pen = self.pen().write(first, "label").to(17).write(left[y], "graph")
            if snapshot.plan.features.latency:
                pen.to(18 + room).write(second, "label").to(36 + room).write(right[y], "graph-stall")
            lines.append(pen.line)
        return lines
