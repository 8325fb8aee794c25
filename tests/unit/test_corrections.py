"""A line of the log that a later one stands for is dropped, and what it said was skipped is not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pftop.events import Records
from pftop.source import wire
from pftop.source.corrections import among, corrected, keep_extremes
from pftop.source.header import header

CORRECTS = header().numbers["EVENT_CORRECTS"]
KINDS = header().enums["fault_kind"]


def events(*lines: tuple[int, int, str, int, bool]) -> Records:
    made = wire.empty("fault_event", len(lines))
    for at, (tid, ts_ns, kind, skipped, again) in enumerate(lines):
        made["tid"][at], made["ts_ns"][at], made["kind"][at] = tid, ts_ns, KINDS[f"FAULT_{kind}"]
        made["skipped"][at] = skipped
        made["flags"][at] = CORRECTS if again else 0
    # as decoded from bytes: not to be written to
    made.flags.writeable = False
    return made


def told(found: Records) -> list[tuple[int, int, int, int]]:
    return list(zip(*(found[name].tolist() for name in ("tid", "ts_ns", "kind", "skipped")), strict=True))


def test_without_corrections_nothing_is_copied() -> None:
    lines = events((1, 10, "MINOR", 3, False), (2, 10, "MAJOR", 0, False))
    assert corrected(lines) is lines
    assert len(corrected(wire.empty("fault_event"))) == 0


def test_the_later_line_stands_for_the_one_of_its_thread_and_moment() -> None:
    lines = events(
        (1, 10, "MINOR", 3, False),
        (2, 10, "MINOR", 0, False),
        (7, 12, "MINOR", 5, False),
        (7, 12, "INVALID", 1, True),
        (1, 10, "MAJOR", 0, True),
        (1, 11, "MINOR", 2, False),
    )
    assert told(corrected(lines)) == [
        (2, 10, KINDS["FAULT_MINOR"], 0),
        (7, 12, KINDS["FAULT_INVALID"], 6),
        (1, 10, KINDS["FAULT_MAJOR"], 3),
        (1, 11, KINDS["FAULT_MINOR"], 2),
    ]


def test_a_correction_whose_line_was_read_before_stays() -> None:
    assert told(corrected(events((1, 10, "MAJOR", 4, True)))) == [(1, 10, KINDS["FAULT_MAJOR"], 4)]


def test_many_in_any_order() -> None:
    rng = np.random.default_rng(7)
    tids = rng.permutation(1000).tolist()
    lines = [(tid, 5, "MINOR", tid % 3, False) for tid in tids] + [
        (tid, 5, "MAJOR", 0, True) for tid in tids[::-1] if tid % 7 == 0
    ]
    found = told(corrected(events(*[lines[at] for at in rng.permutation(len(lines))])))
    assert len(found) == 1000
    assert sorted(found) == [
        (tid, 5, KINDS["FAULT_MAJOR" if tid % 7 == 0 else "FAULT_MINOR"], tid % 3) for tid in range(1000)
    ]


def test_a_fresh_fault_is_no_extreme_yet() -> None:
    now = 50_000_000_000
    records = wire.empty("thread_record", 3)
    records["minor_max_ns"], records["minor_min_ns"] = [900, 800, 700], [10, 20, 30]
    last = records["provision"]
    # settled; ended a second ago; ended a moment ago
    last["ts_ns"] = [0, now - 1_000_000_000, now - 100_000]
    last["latency_ns"] = [0, 800, 700]
    last["minor_max_ns"], last["minor_min_ns"] = [1, 2, 3], [4, 5, 6]
    keep_extremes(records, now)
    assert records["minor_max_ns"].tolist() == [900, 800, 3]
    assert records["minor_min_ns"].tolist() == [10, 20, 6]


@given(
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5)), st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5))
)
def test_a_key_is_among_others_or_is_not(keys: list[int], others: list[int]) -> None:
    found = among(np.array(keys, np.uint64), np.array(others, np.uint64))
    assert found.tolist() == [key in others for key in keys]
