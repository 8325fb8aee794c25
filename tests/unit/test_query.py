"""Owns the proof that a filter matches what it says and that a bad one is explained, never a crash."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.model.query import MAX_DEPTH, QueryError, parse
from pftop.model.snapshot import ProcessRow
from tests.factories import SECOND_NS, make_latency, make_row

POSTGRES = make_row(pid=10, uid=26, causes={"huge": 1}, causes_total={"swap-in": 3, "cow": 0, "first-touch": 1})
REDIS = make_row(
    pid=20,
    uid=0,
    user="root",
    comm="redis-server",
    command="/usr/bin/redis-server *:6379",
    minor=2_000,
    major=0,
    invalid=1,
    causes={"bus": 1},
    stall_ns=300_000_000,
    rss_bytes=3 << 30,
    latency_total=make_latency(p50_ns=900, p99_ns=5_000_000, max_ns=2 * SECOND_NS),
)
KERNEL = make_row(
    pid=30,
    uid=0,
    user="root",
    comm="kworker/0:1",
    command="kworker/0:1",
    minor=0,
    major=0,
    invalid=None,
    stall_ns=None,
    rss_bytes=None,
    latency_total=None,
)
ROWS = (POSTGRES, REDIS, KERNEL)


def found(text: str, rows: tuple[ProcessRow, ...] = ROWS, interval_ns: int = SECOND_NS) -> list[int]:
    query = parse(text)
    return [row.pid for row in rows if query.matches(row, interval_ns)]


@pytest.mark.parametrize(
    ("text", "pids"),
    [
        ("", [10, 20, 30]),
        ("   ", [10, 20, 30]),
        ("postgres", [10]),
        ("POSTGRES", [10]),
        ("writer", [10]),
        ("postgres writer", [10]),
        ("postgres redis", []),
        ("postgres|redis", [10, 20]),
        ("postgres | redis", [10, 20]),
        ("postgres or redis", [10, 20]),
        ("postgres OR redis|kworker", [10, 20, 30]),
        ("postgres|redis maj>0", [10]),
        ("maj>0 postgres|redis", [10]),
        ("postgres and maj>0", [10]),
        ("(redis maj>0) | postgres", [10]),
        ("(redis|kworker) uid:0", [20, 30]),
        ("!postgres", [20, 30]),
        ("not postgres", [20, 30]),
        ("!!postgres", [10]),
        ("!(postgres|redis)", [30]),
        ("! redis uid:0", [30]),
        ("(sd-pam)", []),
        ("/^redis/", [20]),
        ("/^REDIS|kwork/", [20, 30]),
        (r"/usr\/bin/", [20]),
        ("/usr/bin/", [20]),
        ("/^postgres$/", [10]),
        ("/writer$/|redis", [10, 20]),
        ('"postgres: writer"', [10]),
        ('"or"', [30]),
        ('"/usr/bin"', [20]),
        ("postgres:", [10]),
        ("kworker/0:1", [30]),
        ("*:6379", [20]),
        ("pid:10", [10]),
        ("pid:10,30", [10, 30]),
        ("pid:10,", [10]),
        ("PID:1", []),
        ("user:root", [20, 30]),
        ("user:postgres,root", [10, 20, 30]),
        ("user:ROOT", [20, 30]),
        ("user:roo", []),
        ("uid:0", [20, 30]),
        ("uid:26", [10]),
        ("comm:server", [20]),
        ("comm:writer", []),
        ("cmd:writer", [10]),
        ('cmd:"S: W"', [10]),
        ("cause:swap", [10]),
        ("cause:cow", []),
        ("cause:swap-in", [10]),
        ("cause:SW", [10]),
        ("cause:cow,swap", [10]),
        ("cause:cow,", []),
        ("cause:huge", []),
        ("cause:touch", [10]),
        ("cause:bus", [20]),
        ("!cause:bus", [10, 30]),
        ('"maj"', []),
        ("majx", []),
        ("/(writ)+er/", [10]),
    ],
)
def test_what_matches(text: str, pids: list[int]) -> None:
    assert found(text) == pids


@pytest.mark.parametrize(
    ("text", "pids"),
    [
        ("maj>0", [10]),
        ("MAJ>0", [10]),
        ("maj>=10", [10]),
        ("maj>10", []),
        ("maj=10", [10]),
        ("maj<10", [20, 30]),
        ("maj<=10", [10, 20, 30]),
        ("min>=1k", [20]),
        ("min>=2K", [20]),
        ("min>2k", []),
        ("min<.5k", [10, 30]),
        ("inv>0", [20]),
        ("inv<1", [10]),
        ("faults=100", [10]),
        ("faults>10", [10, 20]),
        ("stall>2%", [20]),
        ("stall<2%", [10]),
        ("stall=30%", [20]),
        ("stall>5ms", [10, 20]),
        ("stall>7ms", [20]),
        ("stall>0", [10, 20]),
        ("p50<850ns", [10]),
        ("p50<10us", [10, 20]),
        ("p50<10µs", [10, 20]),
        ("p90=2us", [10, 20]),
        ("p99>1ms", [20]),
        ("max>1s", [20]),
        ("max>0", [10, 20]),
        ("rss>1g", [20]),
        ("rss>1GiB", [20]),
        ("rss=64M", [10]),
        ("rss=3g", [20]),
        ("rss>1", [10, 20]),
        ("!rss>1g", [10, 30]),
    ],
)
def test_comparisons(text: str, pids: list[int]) -> None:
    assert found(text) == pids


def test_rates_are_per_second_whatever_the_interval() -> None:
    assert found("maj>=5", interval_ns=2 * SECOND_NS) == [10]
    assert found("maj>5", interval_ns=2 * SECOND_NS) == []
    assert found("stall>16%", interval_ns=2 * SECOND_NS) == []
    assert found("stall>14%", interval_ns=2 * SECOND_NS) == [20]
    assert found("stall=150ms", interval_ns=2 * SECOND_NS) == [20]


def test_an_interval_that_is_not_quite_a_second_changes_no_whole_number() -> None:
    one = (make_row(pid=1, major=1),)
    for interval_ns in (SECOND_NS - 3_000_000, SECOND_NS + 3_000_000):
        assert found("maj=1", one, interval_ns) == [1]
        assert found("maj>=1", one, interval_ns) == [1]
        assert found("maj>1", one, interval_ns) == []
        assert found("maj<1", one, interval_ns) == []


def test_no_interval_means_no_rate() -> None:
    assert found("maj>=0", interval_ns=0) == []


@pytest.mark.parametrize(
    ("text", "position", "part"),
    [
        ("foo:bar", 0, "no field foo; fields are pid:, user:"),
        ("x foo>1", 2, "no field foo"),
        ("pid:abc", 4, "takes numbers"),
        ("pid:1,x", 4, "'x'"),
        ("pid:-1", 4, "takes numbers"),
        ("uid:²", 4, "takes numbers"),
        ("pid:", 4, "missing after pid:"),
        ("pid>1", 0, "write pid:1"),
        ("uid=0", 0, "write uid:0"),
        ("maj:1", 0, "maj>1"),
        ("maj>", 4, "number is missing"),
        ("maj> 0", 4, "number is missing"),
        ("maj >0", 4, "without blanks"),
        ("maj>x", 4, "not a number"),
        ("maj>1ms", 4, "no unit of maj"),
        ("maj>1..2", 4, "not a number"),
        ("maj>-1", 4, "not a number"),
        ("p99>1", 4, "add a unit: p99>1ms"),
        ("p99>2%", 4, "no unit of p99"),
        ("stall>2", 6, "stall>2% or stall>5ms"),
        ("cause:nonsense", 6, "there is no cause 'nonsense'; causes are unknown, first-touch"),
        ("x cause:cow,zz", 8, "no cause 'zz'"),
        ("cause:,", 6, "no cause ''"),
        ("maj", 3, "add a comparison, for example maj>10"),
        ("x MAJ", 5, "add a comparison"),
        ("!stall", 6, "stall>2%"),
        ("p99 | x", 3, "p99>1ms"),
        ("rss )", 3, "rss>1g"),
        ("/(a+)+$/", 1, "repeated group"),
        ("/(a|aa)+$/", 1, "repeated group"),
        ("/((ab?)c){2,}/", 1, "repeated group"),
        ("/(?:x*y)*/", 1, "repeated group"),
        ("/.*.*.*.*.*x/", 1, "more than 4 repeats"),
        ("rss>5%", 4, "no unit of rss"),
        ("stall>5q", 6, "'q' is no unit of stall; units are ns, us, ms, s, %"),
        ("p99>5q", 4, "units are ns, us, ms, s"),
        (r"pid:1\2", 4, r"not '1\2'"),
        (r"maj>\d", 4, r"'\d' is not a number"),
        (r"cause:\w", 6, r"no cause '\w'"),
        ("/(/", 1, "bad regular expression: missing )"),
        ("/re", 0, "close the regular expression"),
        ("x /usr/bin/redis", 2, "quote text that starts with /"),
        ('x "re', 2, "quote is not closed"),
        ("(a", 0, "not closed"),
        ("a)", 1, "closes nothing"),
        ("()", 1, "missing before )"),
        ("a |", 3, "missing here"),
        ("| a", 0, "missing before |"),
        ("a || b", 3, "missing before |"),
        ("a or", 4, "missing here"),
        ("!", 1, "missing here"),
        ("a" * 1001, 1000, "at most 1000"),
    ],
)
def test_a_bad_filter_is_explained_where_it_is_bad(text: str, position: int, part: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert part in caught.value.message
    assert caught.value.position == position


def test_nesting_is_bounded() -> None:
    assert found("(" * MAX_DEPTH + "redis" + ")" * MAX_DEPTH) == [20]
    with pytest.raises(QueryError, match="inside each other"):
        parse("(" * (MAX_DEPTH + 1) + "redis" + ")" * (MAX_DEPTH + 1))
    assert found("!" * 998 + "redis"[0]) == found("r")


def test_a_doubtful_pattern_prints_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    parse("/[[a]/")
    assert not list(recwarn)


@pytest.mark.parametrize(
    "pattern", ["(a+)?b", r"\(a+\)+", "[(a+)]+", "(abc)+", "a+b*c?", "(a|b)", "(?i:ab)+", "[]|]+(x)+"]
)
def test_patterns_that_end_soon_are_taken(pattern: str) -> None:
    assert parse(f"/{pattern}/").text


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(a?){40}b", "(a{1,20}){1,20}$", "(?P<n>a+)+$", "(?:(a)*)+$"]
)
def test_patterns_that_may_not_end_are_refused(pattern: str) -> None:
    with pytest.raises(QueryError, match="repeated group"):
        parse(f"/{pattern}/")


def test_a_pattern_looks_at_the_beginning_of_a_text() -> None:
    row = make_row(command="x" * 10_000 + "needle")
    assert not parse("/needle/").matches(row, SECOND_NS)
    began = time.perf_counter()
    assert not parse("/x*x*x*needle/").matches(make_row(command="x" * 100 + "y" * 10_000), SECOND_NS)
    assert time.perf_counter() - began < 5


def test_only_an_empty_text_is_empty() -> None:
    assert parse(" ").empty
    assert not parse("x").empty
    assert parse("a  b").text == "a  b"


PIECES = [
    "(",
    ")",
    "|",
    "!",
    "/",
    '"',
    "\\",
    " ",
    "or",
    "not",
    "and",
    "pid:",
    "maj",
    "p99",
    ">",
    ">=",
    "=",
    "1",
    "k",
    "%",
    "ms",
    "a",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_any_text_is_a_filter_or_a_query_error(text: str) -> None:
    problem = None
    try:
        assert {type(parse(text).matches(row, SECOND_NS)) for row in ROWS} == {bool}
    except QueryError as error:
        problem = error
    if problem is not None:
        assert problem.message
        assert 0 <= problem.position <= len(text)
