"""What logged faults teach of causes: the same sums in whatever batches they come."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pftop.causes import NUMBER
from pftop.events import FaultKind, ProcessKey, Records
from pftop.model.learning import Learning
from pftop.source import wire

CAUSES = [NUMBER[name] for name in ("unknown", "cow", "stack")]
FAULT = st.tuples(
    st.sampled_from([7, 8]),
    st.sampled_from([70, 71]),
    st.sampled_from(CAUSES),
    st.sampled_from(list(FaultKind)),
    st.integers(0, 2**40),
)


def events(faults: list[tuple[int, int, int, FaultKind, int]]) -> Records:
    made = wire.empty("fault_event", len(faults))
    for name, column in zip(
        ("tgid", "start_ns", "cause", "kind", "latency_ns"), zip(*faults, strict=True), strict=False
    ):
        made[name] = column
    return made


@given(st.lists(st.lists(FAULT, max_size=30), max_size=5))
def test_sums_by_process_and_cause_are_those_of_the_faults(
    batches: list[list[tuple[int, int, int, FaultKind, int]]],
) -> None:
    learning, expected = Learning(), dict[tuple[ProcessKey, int], tuple[int, int]]()
    for batch in batches:
        learning.add(events(batch))
        for pid, start_ns, cause, kind, latency_ns in batch:
            if cause != NUMBER["unknown"] and kind <= FaultKind.MAJOR:
                count, time_ns = expected.get((ProcessKey(pid, start_ns), cause), (0, 0))
                expected[ProcessKey(pid, start_ns), cause] = count + 1, time_ns + latency_ns
    assert learning.take() == expected
    assert not learning.take()


def test_what_is_kept_does_not_grow_with_the_faults() -> None:
    learning = Learning()
    many = wire.empty("fault_event", 1000)
    many["tgid"], many["cause"] = np.arange(1000) % 3, NUMBER["cow"]
    for _ in range(50):
        learning.add(many)
    assert len(learning._sums) == 3
    assert sum(count for count, _ in learning.take().values()) == 50_000
