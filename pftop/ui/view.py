"""Owns how the user looks at the processes: filter, order, pause and the log switch; shared by the screens."""

from __future__ import annotations

from collections.abc import Sequence

from pftop.events import ProcessKey
from pftop.model import query, table
from pftop.model.snapshot import LogLine, ProcessRow, Snapshot
from pftop.options import Options
from pftop.ui.followed import Followed

_MATCHES_KEPT = 20_000


class View:
    """The choices that outlive a screen, and the rows they make of a snapshot."""

    def __init__(self, options: Options, sort: str, followed: Followed | None = None) -> None:
        self._options = options
        self._followed = followed or Followed(options.command)
        self.sort = options.sort or sort
        self.reverse = options.reverse
        self.query = query.parse("")
        self.show_log = True
        self.paused: Snapshot | None = None
        """The picture that stands still, while there is one."""
        self.paused_since = 0.0
        self.paused_lines: tuple[tuple[int, LogLine], ...] = ()
        """The log's lines then, with their numbers: those that come meanwhile push them out of the store."""
        self.paused_end = 0
        """The number of the next line then."""
        self.total = 0
        """Rows before the filter, of the last ``rows``."""
        self._matched: set[ProcessKey] = set()
        self._changed = False
        try:
            self.query = query.parse(options.filter_text)
        except query.QueryError:
            # The command line checks its filter; a bad one here only means that nothing is filtered.
            self.query = query.parse("")

    def rows(self, snapshot: Snapshot) -> Sequence[ProcessRow]:
        """The rows to show, in order."""
        rows = [row for row in snapshot.processes if self.allowed(row)]
        self.total = len(rows)
        chosen = table.select(rows, self.query, self.sort, self.reverse, snapshot.interval_ns)
        if self.filters:
            before = len(self._matched)
            if before > _MATCHES_KEPT:
                self._matched.clear()
            self._matched.update(row.key for row in chosen)
            self._changed = self._changed or len(self._matched) != before
        return chosen

    @property
    def filters(self) -> bool:
        """Whether any row may be left out."""
        options = self._options
        return not self.query.empty or bool(options.pids or options.command) or options.uid is not None

    def set_query(self, found: query.Query) -> None:
        """Filter by this from now on."""
        self.query = found
        self._matched.clear()

    def wants(self, key: ProcessKey) -> bool:
        """Whether the log shows this process: whoever matched once since the filter was set.

        Not only who matches now, or the lines of a process would go whenever ``maj>0`` stops being true.
        """
        return not self.filters or key in self._matched

    @property
    def preferred(self) -> frozenset[int] | None:
        """PIDs whose lines the log shows; None when it shows everyone's."""
        return frozenset(key.pid for key in self._matched) if self.filters else None

    def take_changed(self) -> bool:
        """Whether the log may show more processes than when this was last asked."""
        changed, self._changed = self._changed, False
        return changed

    def allowed(self, row: ProcessRow) -> bool:
        """Whether the command line's ``--pid``, ``--user`` and command let the row through; no filter undoes them."""
        options = self._options
        if options.pids and row.pid not in options.pids:
            return False
        if options.command and not row.family:
            return False
        return options.uid is None or row.uid == options.uid

    @property
    def restriction(self) -> str:
        """The command line's restriction, for the header."""
        parts = [self._followed.title] if self._options.command else []
        if self._options.pids:
            parts.append("pid " + ",".join(map(str, self._options.pids)))
        if self._options.user is not None or self._options.uid is not None:
            parts.append(f"user {self._options.user or self._options.uid}")
        return " ".join(parts)

    def sort_by(self, key: str) -> None:
        """Sort by a column; the one that is sorted by already is turned round."""
        self.reverse = not self.reverse if key == self.sort else False
        self.sort = key

    def step_sort(self, columns: Sequence[str], step: int) -> None:
        """Sort by the column beside the current one."""
        at = columns.index(self.sort) if self.sort in columns else 0
        self.sort = columns[max(min(at + step, len(columns) - 1), 0)]
        self.reverse = False

    @property
    def descending(self) -> bool:
        """Whether the largest stands on top."""
        column = next(c for c in table.COLUMNS if c.key == self.sort)
        return column.descending != self.reverse
