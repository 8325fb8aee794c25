"""Both ledgers come out even at every tick, whatever threads do and whatever is lost on the way."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from pftop.events import FaultKind
from tests.unit.fake_kernel import FAMILY
from tests.unit.test_aggregate import infos, started

TIDS = st.integers(1, 5)


class LedgerMachine(RuleBasedStateMachine):
    """Random lives of threads; both ledgers are looked at after every sample."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.books = started()

    def make(self, tid: int) -> None:
        if tid not in self.kernel.threads:
            tgid = 1 + tid % 2
            self.kernel.make(tid, tgid, 10 * tgid, flags=FAMILY if tid == 4 else 0)

    @rule(tid=TIDS, kind=st.sampled_from(list(FaultKind)))
    def fault(self, tid: int, kind: FaultKind) -> None:
        self.make(tid)
        self.kernel.fault(tid, kind)

    @rule(tid=TIDS)
    def begin(self, tid: int) -> None:
        self.make(tid)
        self.kernel.begin(tid)

    @rule(tid=TIDS, ring_full=st.booleans(), group_dead=st.booleans())
    def end_thread(self, tid: int, ring_full: bool, group_dead: bool) -> None:
        if tid in self.kernel.threads:
            self.kernel.retire(tid, ring_full=ring_full, group_dead=group_dead)

    @rule()
    def drain(self) -> None:
        self.books.ingest(self.kernel.drain())

    @rule(racing=st.lists(TIDS, max_size=3))
    def tick(self, racing: list[int]) -> None:
        def race() -> None:
            for tid in set(racing) & set(self.kernel.threads):
                self.kernel.fault(tid)
                self.kernel.retire(tid)

        taken = self.books.take(self.kernel.sample(after_map=race))
        shown = self.books.finish(taken, infos(taken), 0.0)
        assert (shown.ledger.seen_off, shown.ledger.log_off) == (0, 0)
        sums = shown.totals_since_start
        assert sums.failed is not None
        booked = sums.minor + sums.major + sums.failed
        if self.kernel.counters.lost_records:
            assert booked <= self.kernel.total()
        else:
            assert booked == self.kernel.total()

    def teardown(self) -> None:
        self.tick([])


LedgerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLedgers = LedgerMachine.TestCase
