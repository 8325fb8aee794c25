"""How many logged faults a second pftop can take in, with the kernel side's limit lifted."""

from __future__ import annotations

from tests.bench.inside import Inside
from tests.bench.loads import saturated
from tests.bench.report import Result, Setting, Table, middle

RATES = (10_000, 100_000, 1_000_000)
WAYS = {"decoded": "read and decoded", "booked": "and attributed, booked, shown as lines"}


def run(setting: Setting) -> Result:
    """One process faults as fast as it can; the other core is pftop's."""
    seconds = setting.pick(3, 0.5)
    result = Result()
    rows: list[tuple[str, ...]] = []
    with saturated(setting.directory, 1):
        driver = Inside()
        try:
            for rate in RATES if not setting.quick else RATES[1:]:
                answers = [driver.ask("intake", rate=rate, seconds=seconds) for _ in range(setting.rounds)]
                for way, words in WAYS.items():
                    found = {key: middle([a[way][key] for a in answers]) for key in answers[0][way]}
                    found["could_take_per_s"] = 1e6 / found["cpu_s_per_million"]
                    result.figures[f"{rate}/s a CPU, {way}"] = found
                    cost = f"{found['cpu_s_per_million']:.2f}"
                    shares = (f"{found['lost_share']:.2%}", f"{found['cpu_ratio']:.0%}")
                    could = f"{found['could_take_per_s']:,.0f}"
                    rows.append((f"at most {rate:,}/s, {words}", f"{found['per_s']:,.0f}", *shares, cost, could))
        finally:
            driver.close()
    head = ("log limit a CPU", "events/s", "lost", "of a core", "CPU-s a million", "a core's worth/s")
    result.tables.append(Table("logged faults taken in", head, rows, ("the command line allows 10,000/s a CPU",)))
    return result
