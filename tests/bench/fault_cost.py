"""What a fault costs while it is watched: every way, in turn, each run paired with one that nothing watches."""

from __future__ import annotations

from collections import defaultdict

from tests.bench import ways
from tests.bench.loads import SHAPES, FaultLoop, Lap, Shape
from tests.bench.report import Bar, Figures, Result, Setting, Table, absent, cell, middle
from tests.live.harness import PLANS

NAME = "fault"
ALONE = "nothing"
RIVALS = (("x_hist", ways.HISTOGRAM_NAME, 0.5), ("x_count", ways.COUNT_NAME, 1.2))
"""Whose figure, the rival, and how many times what it adds pftop may add."""
HEAD = ("ns a fault", "median", "best lap", "added", "x hist()", "x count()")
NOTES = (
    "median: of the rounds' means in wall time, madvise and waiting for a CPU included; best lap: CPU time of the",
    "least disturbed 4,096 faults. added: best lap less that of the same loop alone, run just before and after;",
    "x: that, over what bpftrace added in the same round; all medians over the rounds.",
    "pftop's histograms cannot be switched off, so there is no setting without them.",
)


class Runs:
    """Laps by way and shape, a pair a round: alone, and watched."""

    def __init__(self) -> None:
        self.pairs: defaultdict[tuple[str, str], list[tuple[Lap, Lap]]] = defaultdict(list)

    def added(self, way: str, shape: str) -> list[float]:
        """ns a fault of the least disturbed lap, by round."""
        return [watched.best_ns - alone.best_ns for alone, watched in self.pairs[way, shape]]

    def ratio(self, way: str, rival: str, shape: str) -> float | None:
        """What a way adds over what its rival added in the same round."""
        both = zip(self.added(way, shape), self.added(rival, shape), strict=False)
        ratios = [mine / theirs for mine, theirs in both if theirs]
        return middle(ratios) if ratios else None


def between(before: Lap, after: Lap) -> Lap:
    """The loop alone at the time of the watched one: what else the machine does changes meanwhile."""
    mean, best = (before.mean_ns + after.mean_ns) / 2, (before.best_ns + after.best_ns) / 2
    return Lap(mean, best, before.faults + after.faults)


def measure(setting: Setting, found: list[ways.Way]) -> Runs:
    """All rounds."""
    runs, seconds = Runs(), setting.pick(0.5, 0.1)

    def lap(shape: Shape, tell: ways.Tell) -> Lap:
        loop = FaultLoop(setting.directory, seconds, shape)
        tell(loop.pids[0])
        return loop.run()

    for _ in range(setting.rounds):
        for way in found:
            alone = {shape: lap(shape, ways.ignore) for shape in SHAPES}
            with way.attach() as tell:
                watched = {shape: lap(shape, tell) for shape in SHAPES}
            for shape in SHAPES:
                after = alone[shape] if setting.quick else lap(shape, ways.ignore)
                runs.pairs[way.name, shape.name].append((between(alone[shape], after), watched[shape]))
    return runs


def figures_of(runs: Runs, way: str, shape: str, rivals: bool) -> Figures:
    """One way's figures in one shape."""
    watched = [pair[1] for pair in runs.pairs[way, shape]]
    found: Figures = {
        "mean_ns": middle([lap.mean_ns for lap in watched]),
        "best_ns": middle([lap.best_ns for lap in watched]),
        "added_ns": middle(runs.added(way, shape)),
    }
    if rivals:
        found["x_hist"] = runs.ratio(way, ways.HISTOGRAM_NAME, shape)
        found["x_count"] = runs.ratio(way, ways.COUNT_NAME, shape)
    return found


def table_of(shape: str, figures: Figures, rounds: int) -> Table:
    """One shape's table."""
    rows: list[tuple[str, ...]] = []
    for name, found in figures.items():
        if "missing" in found:
            rows.append(absent(name, found["missing"]))
            continue
        ratios = [cell(found[key], 2) if key in found else "-" for key in ("x_hist", "x_count")]
        rows.append((name, *(cell(found[key]) for key in ("mean_ns", "best_ns", "added_ns")), *ratios))
    return Table(f"{shape}, {rounds} interleaved rounds", HEAD, rows)


def alone_of(runs: Runs, shape: str) -> Figures:
    """The loop with nothing watching."""
    laps = [pair[0] for (_, of), pairs in runs.pairs.items() if of == shape for pair in pairs]
    means, bests = [lap.mean_ns for lap in laps], [lap.best_ns for lap in laps]
    return {"mean_ns": middle(means), "best_ns": middle(bests), "added_ns": 0.0}


def bars_of(figures: Figures) -> list[Bar]:
    """The pure fault loop, all counters and histograms, log on, by the plan that runs on such a host."""
    bars = []
    for shape, by_way in figures.items():
        for name, found in by_way.items():
            if name == f"pftop {PLANS[0]}, + log (default)" and "x_hist" in found:
                for key, rival, limit in RIVALS:
                    # where one is not told from nothing, their ratio is noise
                    sure = min(found["added_ns"], by_way[rival]["added_ns"]) > 0 < found[key]
                    bars.append(Bar(f"{name}, {shape}, over {rival}", found[key], limit, " x", sure))
    return bars


def run(setting: Setting) -> Result:
    """All ways in all shapes."""
    everything = [
        way for way in ways.all_ways() if not setting.ways or any(word in way.name for word in setting.ways)
    ]
    here = [way for way in everything if not way.missing]
    runs = measure(setting, here)
    rivals = {ways.HISTOGRAM_NAME, ways.COUNT_NAME} <= {way.name for way in here}
    result = Result()
    for shape in SHAPES:
        figures: Figures = {ALONE: alone_of(runs, shape.name)}
        for way in everything:
            missing = {"missing": way.missing}
            figures[way.name] = missing if way.missing else figures_of(runs, way.name, shape.name, rivals)
        result.figures[shape.name] = figures
        result.tables.append(table_of(shape.name, figures, setting.rounds))
    last = result.tables[-1]
    result.tables[-1] = Table(last.title, last.head, last.rows, NOTES)
    # bars are for the plan of a real machine, beside everything
    if not setting.ways:
        result.bars = bars_of(result.figures)
    return result
