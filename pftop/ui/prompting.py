"""Owns what the prompt's text does: a filter tried at every letter, or the seconds between ticks."""

from __future__ import annotations

import math

from textual.widget import Widget

from pftop.model import query
from pftop.ui.filter_bar import FilterBar
from pftop.ui.live_screen import LiveScreen

DELAY_LEAST_S, DELAY_MOST_S = 0.1, 60.0


def read_delay(text: str) -> float | None:
    """Seconds between ticks, or None for what is not one."""
    try:
        seconds = float(text.strip().removesuffix("s"))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and DELAY_LEAST_S <= seconds <= DELAY_MOST_S else None


class Prompting(LiveScreen):
    """The part of the main screen that asks."""

    _asking = ""
    _undo: query.Query
    _bad = False

    @property
    def prompt(self) -> FilterBar:
        """The prompt."""
        return self.query_one("#prompt", FilterBar)

    def refilter_log(self) -> None:
        """Fill the log anew."""
        raise NotImplementedError

    def prompt_home(self) -> None:
        """Give the keyboard back."""
        self.set_focus(self.query_one("#processes"))

    def set_focus(self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False) -> None:
        """Tab or a click elsewhere leaves the prompt: what was typed is kept, or undone if it cannot be read.

        Not at the box's own blur: it comes as a message, and the next key is for what has the keyboard then. None is
        no place to go to: the terminal's window lost the keyboard, and will give it back.
        """
        super().set_focus(widget, scroll_visible, from_app_focus)
        if self._asking and widget is not None and widget is not self.prompt.box:
            self.prompt.action_keep()
            self.prompt.action_undo()

    def action_filter(self) -> None:
        """Ask for a filter."""
        self._asking, self._undo, self._bad = "filter", self.pftop.view.query, False
        self.prompt.ask("Filter", self.pftop.view.query.text)
        self.prompt_count()

    def action_interval(self) -> None:
        """Ask for the seconds between ticks."""
        self._asking, self._bad = "interval", False
        self.prompt.ask("Seconds", f"{self.pftop.feed.interval_s:g}")
        self.prompt.state("0.1 to 60  Enter sets  Esc leaves")

    def action_clear_filter(self) -> None:
        """Take the filter off."""
        if not self.pftop.view.query.empty:
            self._set_query(query.parse(""))
            self.prompt_rest()

    def prompt_changed(self, text: str) -> None:
        """Try what was typed; what cannot be read turns the box red and changes nothing."""
        if self._asking == "interval":
            self._bad = read_delay(text) is None
            self.prompt.state("0.1 to 60  Enter sets  Esc leaves", bad=self._bad)
            return
        try:
            found = query.parse(text)
        except query.QueryError as error:
            self._bad = True
            # A list would be cut off beside the box; the help has it, and the prompt is still open afterwards.
            self.prompt.state(f"{error.short}; F1 lists them" if error.listed else error.message, bad=True)
            return
        self._bad = False
        self._set_query(found)

    def prompt_closed(self, text: str, *, kept: bool) -> None:
        """Keep or undo; what cannot be read is not kept, and stays to be mended."""
        if not self._asking:
            return
        if kept:
            self.prompt_changed(text)
            if self._bad:
                return
        if self._asking == "interval":
            seconds = read_delay(text)
            if kept and seconds is not None:
                self.pftop.feed.set_interval(seconds)
        elif not kept:
            self._set_query(self._undo)
        self._asking = ""
        if self.focused is self.prompt.box:
            self.prompt_home()
        self.prompt_rest()
        self.show_tick()

    def _set_query(self, found: query.Query) -> None:
        """Filter by this from now on."""
        self.pftop.view.set_query(found)
        self.show_tick()
        self.refilter_log()

    def prompt_rest(self) -> None:
        """Show the filter that is on, or nothing."""
        self._bad = False
        self.prompt.rest("Filter", self.pftop.view.query.text)
        self.prompt_count()

    def prompt_count(self) -> None:
        """Say how many match, and what the keys do."""
        if self._bad or self._asking == "interval" or not self.prompt.display:
            return
        keys = "Enter keeps  Esc undoes" if self._asking else "/ edits  Esc clears"
        shown = len(self.query_one("#processes").rows)  # type: ignore[attr-defined]
        self.prompt.state(f"{shown}/{self.pftop.view.total}  {keys}")
