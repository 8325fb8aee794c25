"""Whole records: copied and joined as they are, and by whom nothing is shared."""

from __future__ import annotations

import numpy as np
import pytest

from pftop.events import Records
from pftop.records import copied, joined
from pftop.source import wire


def made(kind: str, count: int) -> Records:
    """Records every byte of which differs from its neighbours'."""
    size = wire.dtype(kind).itemsize * count
    return np.frombuffer(bytes(at * 7 % 251 for at in range(size)), wire.dtype(kind))


@pytest.mark.parametrize("kind", ["fault_event", "thread_record", "thread_rare"])
def test_a_copy_is_the_same_and_its_own(kind: str) -> None:
    records = made(kind, 5)
    copy = copied(records)
    assert copy.dtype == records.dtype
    assert copy.tobytes() == records.tobytes()
    copy["created_ns" if kind != "fault_event" else "ts_ns"] = 1
    assert records.tobytes() == made(kind, 5).tobytes()


def test_every_other_record_is_copied_too() -> None:
    records = made("fault_event", 6)
    assert copied(records[::2]).tobytes() == b"".join(records[at].tobytes() for at in (0, 2, 4))


def test_arrays_are_joined_in_their_order() -> None:
    parts = [made("fault_event", 2), made("fault_event", 0), made("fault_event", 5)[1:]]
    whole = joined(parts)
    assert whole.dtype == parts[0].dtype
    assert whole.tobytes() == b"".join(part.tobytes() for part in parts)
    assert joined(parts[2:]) is parts[2]
