"""Owns how numbers become text: every unit, width and rounding rule; unknown (None) is always "-".

Cells do not use humanize: a column needs a fixed width and no locale, and humanize gives neither.
Its sentences serve where a text stands alone (``ago``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

UNKNOWN = "-"

_NS_PER_S = 1_000_000_000
_DECIMAL_UNITS = "kMGTPE"
_BINARY_UNITS = "KMGTPE"
# Unit, nanoseconds, and the value below which one decimal is shown: most faults take microseconds,
# so that is where "18.3" is worth a cell.
_SHORT_UNITS = (("us", 1_000, 100), ("ms", 1_000_000, 10), ("s", _NS_PER_S, 10))
_SECONDS_SHOWN = 100
_BLOCKS = " ▁▂▃▄▅▆▇█"
_BLOCKS_ASCII = " .:-=+*#@"
_BAR = " ▏▎▍▌▋▊▉█"


def count(n: int | None) -> str:
    """A number of things in at most 5 characters: "999", "1.23k", "48.2k", "312k", "1.20M"."""
    if n is None:
        return UNKNOWN
    if n < 0:
        return f"-{count(-n)}"
    if n < 1000:
        return str(n)
    value = float(n)
    for unit in _DECIMAL_UNITS:
        value /= 1000
        for decimals in (2, 1, 0):
            text = f"{value:.{decimals}f}"
            if len(text) <= 4 and float(text) < 1000:
                return text + unit
    return ">999E"


def rate(value: float | None) -> str:
    """Things per second in at most 5 characters: "0", "<0.1", "0.4", "3", "3.2", then as ``count``."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return ">999E"
    if value <= 0:
        return "0"
    if value < 0.05:
        return "<0.1"
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    return count(round(value))


def duration(ns: int | None) -> str:
    """A time in at most 6 characters: "812ns", "1.2us", "18.0us", "2.1ms", "18ms", "74s", "3m12s"."""
    if ns is None:
        return UNKNOWN
    if ns < 0:
        return f"-{duration(-ns)}"
    if ns < 1000:
        return f"{ns}ns"
    for unit, unit_ns, fine_below in _SHORT_UNITS:
        value = ns / unit_ns
        if round(value, 1) < fine_below:
            return f"{value:.1f}{unit}"
        if round(value) < (_SECONDS_SHOWN if unit == "s" else 1000):
            return f"{value:.0f}{unit}"
    minutes, seconds = divmod(round(ns / _NS_PER_S), 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 100:
        return f"{hours}h{minutes:02}m"
    return f"{min(hours // 24, 99999)}d"


def stall(ns: int | None, interval_ns: int) -> str:
    """Milliseconds stalled per second of wall time, at most 5 characters: "0", "0.42", "6.1", "1.2k"."""
    if ns is None or interval_ns <= 0:
        return UNKNOWN
    value = ns / interval_ns * 1000
    if value <= 0:
        return "0"
    if value < 0.005:
        return "<0.01"
    if value < 0.995:
        return f"{value:.2f}"
    if value < 99.95:
        return f"{value:.1f}"
    if value < 999.5:
        return f"{value:.0f}"
    for unit in _DECIMAL_UNITS:
        value /= 1000
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return ">999E"


def percent(ratio: float | None) -> str:
    """A share of 1 in at most 5 characters: "0%", "<0.1%", "6.1%", "99.7%", "100%", "812%".

    Rounding makes neither something of nothing nor all of almost all: 0 % and 100 % are never rounded to.
    """
    if ratio is None or math.isnan(ratio) or ratio < 0:
        return UNKNOWN
    if ratio == 0:
        return "0%"
    value = ratio * 100
    if value < 0.05:
        return "<0.1%"
    if ratio < 1:
        return f"{min(value, 99.9):.1f}%"
    if value < 9999.5:
        return f"{value:.0f}%"
    return f"{value / 1000:.0f}k%" if value < 999_500 else ">1M%"


def size(n: int | None) -> str:
    """Bytes in binary units, at most 5 characters: "812B", "64.0K", "512K", "2.1G"."""
    if n is None:
        return UNKNOWN
    if n < 0:
        return f"-{size(-n)}"
    if n < 1024:
        return f"{n}B"
    value = float(n)
    for unit in _BINARY_UNITS:
        value /= 1024
        if value < 99.95:
            return f"{value:.1f}{unit}"
        if round(value) < 1024:
            return f"{value:.0f}{unit}"
    return ">999E"


def address(value: int) -> str:
    """A virtual address: "0x55d0c8e1f000"."""
    return f"{value:#x}"


def clock(time_s: float, *, utc: bool = False) -> str:
    """Seconds since the epoch as a time of day, local unless ``utc``: "12:04:07.113"."""
    moment = datetime.fromtimestamp(time_s, UTC if utc else None)
    return moment.time().isoformat(timespec="milliseconds")


def iso_time(time_s: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC: "2026-11-21T12:04:07.113+00:00"."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")


def ago(seconds: float) -> str:
    """How long since, in words: "a moment ago", "2 minutes ago"."""
    # Importing humanize costs more than the rest of this module; --help must not pay for it.
    import humanize

    return f"{humanize.naturaldelta(max(seconds, 0.0))} ago"


def elapsed(seconds: float) -> str:
    """A running time: "00:05:12", from a day on "3d02h"."""
    whole = max(int(seconds), 0)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours < 24:
        return f"{hours:02}:{minute:02}:{second:02}"
    days, hour = divmod(hours, 24)
    return f"{days}d{hour:02}h"


def span(seconds: float) -> str:
    """About how long something takes, in at most 7 characters: "12 s", "2 min", "2.5 h"."""
    value, unit = max(seconds, 0.0), "s"
    for larger in ("min", "h"):
        if round(value) < 120:
            break
        value, unit = value / 60, larger
    exact = f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"
    return f"{exact} {unit}"


def spark(values: Sequence[float], width: int, *, ascii: bool = False, top: float | None = None) -> str:
    """A line chart of exactly ``width`` cells, newest at the right, scaled to ``top`` or its own maximum.

    0, missing, negative and NaN are blank; anything above 0 is not.
    """
    if width <= 0:
        return ""
    marks = _BLOCKS_ASCII if ascii else _BLOCKS
    window = values[-width:]
    scale = top if top is not None and top > 0 else max((v for v in window if math.isfinite(v)), default=0.0)
    return "".join(marks[_level(v, scale)] for v in window).rjust(width)


def bar(ratio: float, width: int, *, ascii: bool = False) -> str:
    """A horizontal bar of exactly ``width`` cells; never blank above 0, full from 1 on."""
    if width <= 0:
        return ""
    if not ratio > 0:
        return " " * width
    ratio = min(ratio, 1.0)
    if ascii:
        return ("#" * max(1, round(ratio * width))).ljust(width)
    full, eighths = divmod(max(1, round(ratio * width * 8)), 8)
    return ("█" * full + (_BAR[eighths] if eighths else "")).ljust(width)


def _level(value: float, scale: float) -> int:
    """0 for nothing, 1 to 8 for how high ``value`` stands against ``scale``."""
    if not value > 0:
        return 0
    if value >= scale:
        return 8
    return max(1, math.ceil(value / scale * 8))
