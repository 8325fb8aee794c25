"""Owns the filter language: text to a ``Query`` that says which process rows match.

Blank-separated terms must all match; ``|`` or ``or`` between terms means either, and binds tighter than
the blank, so ``nginx|redis maj>0`` is (nginx or redis) and faulting majorly. ``!`` or ``not`` negates,
``( )`` groups. A term is a word or a ``"quoted text"`` (found in comm or command, in any case), a
``/regular expression/``, a field (``pid:1,2 user:a,b uid:0 comm:text cmd:text cause:name``) or a comparison
(``maj>0 min>=1k stall>2% stall>5ms p99>1ms rss>1g``). Latency is that since pftop started, as in the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pftop.causes import NAMES
from pftop.model.comparison import COMPARED, Test, ValueProblem, comparison, example
from pftop.model.pattern import PatternProblem, matcher
from pftop.model.shares import had, named
from pftop.model.snapshot import ProcessRow
from pftop.text import quoted

MAX_LENGTH = 1000
"""Characters in a filter."""
MAX_DEPTH = 20
"""Brackets inside brackets."""

_FIELDS = ("pid", "user", "uid", "comm", "cmd", "cause")
_TOKEN = re.compile(
    r"""(?P<mark>[()|!])
    | "(?P<quoted>[^"]*)"
    | /(?P<regex>(?:\\.|[^/\\]|/(?![\s|)]|\Z))+)/(?=[\s|)]|\Z)
    | (?P<name>[a-zA-Z]+):"(?P<value>[^"]*)"
    | (?P<word>[^\s|()]+)""",
    re.VERBOSE | re.DOTALL,
)
_FIELD = re.compile(r"([a-zA-Z][a-zA-Z0-9_]*):(.*)", re.DOTALL)
_COMPARISON = re.compile(r"([a-zA-Z][a-zA-Z0-9_]*)(>=|<=|>|<|=)(.*)", re.DOTALL)


class QueryError(ValueError):
    """A filter that cannot be read at ``position``, from 0: ``short`` for a human, ``message`` with ``listed``."""

    def __init__(self, short: str, position: int, listed: str = "") -> None:
        self.message = f"{short}; {listed}" if listed else short
        super().__init__(self.message)
        self.short, self.position, self.listed = short, position, listed


@dataclass(frozen=True, slots=True)
class Query:
    """A filter that was understood."""

    text: str
    _test: Test = field(repr=False, compare=False)

    @property
    def empty(self) -> bool:
        """Whether every row matches because nothing was asked for."""
        return not self.text.strip()

    def matches(self, row: ProcessRow, interval_ns: int) -> bool:
        """Whether the row is shown; ``interval_ns`` is what its counts are over."""
        return self._test(row, interval_ns)


def parse(text: str) -> Query:
    """Understand a filter; raises QueryError and nothing else."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"a filter has at most {MAX_LENGTH} characters", MAX_LENGTH)
    if not text.strip():
        return Query(text, lambda row, interval_ns: True)
    parser = _Parser(_tokens(text), len(text))
    test = parser.all_of(0)
    if (extra := parser.peek) is not None:
        raise QueryError("this ) closes nothing", extra.position)
    return Query(text, test)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """mark, quoted, regex, value (of the field ``name``) or word."""
    text: str
    position: int
    name: str = ""

    def is_mark(self, *marks: str) -> bool:
        """Whether this is one of these signs, or the word for it."""
        if self.kind == "mark":
            return self.text in marks
        return self.kind == "word" and {"or": "|", "not": "!", "and": "&"}.get(self.text.lower()) in marks


def _tokens(text: str) -> tuple[_Token, ...]:
    """Split a filter into signs and terms."""
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        assert found is not None, "every character that is not blank begins a token"
        kind = str(found.lastgroup)
        tokens.append(_Token(kind, found[kind], at, found["name"] or ""))
        at = found.end()
    return tuple(tokens)


class _Parser:
    """Reads tokens from left to right; every method leaves off after what it read."""

    def __init__(self, tokens: tuple[_Token, ...], end: int) -> None:
        self._tokens, self._end, self._next = tokens, end, 0

    @property
    def peek(self) -> _Token | None:
        """The next token, if any."""
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, *marks: str) -> bool:
        """Read the next token if it is one of these signs."""
        token = self.peek
        taken = token is not None and token.is_mark(*marks)
        self._next += taken
        return taken

    def all_of(self, depth: int) -> Test:
        """Terms that must all match, up to a closing bracket or the end."""
        tests = [self._any_of(depth)]
        while (token := self.peek) is not None and not token.is_mark(")"):
            self._take("&")
            tests.append(self._any_of(depth))
        if len(tests) == 1:
            return tests[0]
        return lambda row, interval_ns: all(test(row, interval_ns) for test in tests)

    def _any_of(self, depth: int) -> Test:
        """Terms of which one must match."""
        tests = [self._one(depth)]
        while self._take("|"):
            tests.append(self._one(depth))
        if len(tests) == 1:
            return tests[0]
        return lambda row, interval_ns: any(test(row, interval_ns) for test in tests)

    def _one(self, depth: int) -> Test:
        """A term, a negated term or a group."""
        negated = False
        while self._take("!"):
            negated = not negated
        token = self.peek
        if token is None:
            raise QueryError("something to look for is missing here", self._end)
        if token.is_mark("|", ")", "&"):
            raise QueryError(f"something to look for is missing before {token.text}", token.position)
        self._next += 1
        test = self._group(token, depth) if token.is_mark("(") else self._term(token)
        if not negated:
            return test
        return lambda row, interval_ns: not test(row, interval_ns)

    def _term(self, token: _Token) -> Test:
        """A term; the name of a number alone is one that is not finished, and would match next to nothing."""
        after = self.peek
        compares = after is not None and after.kind == "word" and after.text[0] in "<>="
        name = token.text.lower()
        if token.kind == "word" and name in COMPARED and not compares:
            hint = f"add a comparison, for example {example(name)}"
            raise QueryError(hint, token.position + len(token.text))
        return _term(token)

    def _group(self, opening: _Token, depth: int) -> Test:
        """What stands in brackets, after the opening one."""
        if depth >= MAX_DEPTH:
            raise QueryError(f"more than {MAX_DEPTH} brackets inside each other", opening.position)
        test = self.all_of(depth + 1)
        if not self._take(")"):
            raise QueryError("this ( is not closed", opening.position)
        return test


def _term(token: _Token) -> Test:
    """The test a single term stands for."""
    match token.kind:
        case "quoted":
            return _contains(token.text)
        case "regex":
            return _regex(token)
        case "value":
            return _field(token, token.name, token.text)
        case _:
            return _word(token)


def _word(token: _Token) -> Test:
    """A word: a comparison, a field or plain text."""
    text = token.text
    if text[0] in "<>=":
        raise QueryError(f"a field is missing before {text[0]}: write maj>0, without blanks", token.position)
    if text[0] == '"':
        raise QueryError("this quote is not closed", token.position)
    if text[0] == "/":
        hint = "close the regular expression with /, or quote text that starts with /"
        raise QueryError(hint, token.position)
    if found := _COMPARISON.fullmatch(text):
        name, operator, value = found.groups()
        if _names_a_field(name):
            return _compare(token, name, operator, value)
    elif (found := _FIELD.fullmatch(text)) and _names_a_field(found[1]):
        name, value = found.groups()
        if value or name.lower() in _FIELDS:
            return _field(token, name, value)
    return _contains(text)


def _names_a_field(name: str) -> bool:
    """Whether a name is meant as a field: one of ours in any case, or any plain lowercase one."""
    return name.islower() or name.lower() in {*_FIELDS, *COMPARED}


def _compare(token: _Token, name: str, operator: str, value: str) -> Test:
    if name.lower() in _FIELDS:
        raise QueryError(f"{name} is not compared: write {name.lower()}:{value or 'text'}", token.position)
    if name.lower() not in COMPARED:
        raise _unknown(token, name)
    try:
        return comparison(name.lower(), operator, value)
    except ValueProblem as problem:
        raise QueryError(str(problem), token.position + len(name) + len(operator)) from None


def _field(token: _Token, name: str, value: str) -> Test:
    key = name.lower()
    if key in COMPARED:
        raise QueryError(f"{key} is a number: write {key}>1, {key}<=1, {key}=1", token.position)
    if key not in _FIELDS:
        raise _unknown(token, name)
    wanted = value.casefold()
    if not wanted:
        raise QueryError(f"something is missing after {key}:", token.position + len(name) + 1)
    match key:
        case "pid" | "uid":
            return _number(token, key, value)
        case "user":
            users = frozenset(wanted.split(","))
            return lambda row, interval_ns: row.info.user.casefold() in users
        case "comm":
            return lambda row, interval_ns: wanted in row.comm.casefold()
        case "cmd":
            return lambda row, interval_ns: wanted in row.info.command.casefold()
        case _:
            return _cause(token, wanted)


def _cause(token: _Token, wanted: str) -> Test:
    """``cause:`` with one or more names, or how they begin: that is what stands there while one types."""
    names: frozenset[str] = frozenset()
    for part in wanted.rstrip(",").split(","):
        found = named(part) if part else frozenset()
        if not found:
            position = token.position + len("cause:")
            raise QueryError(f"there is no cause {quoted(part)}", position, f"causes are {', '.join(NAMES)}")
        names |= found
    return lambda row, interval_ns: had(row, names)


def _number(token: _Token, key: str, value: str) -> Test:
    """``pid:`` and ``uid:`` with one or more numbers."""
    parts = value.rstrip(",").split(",")
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            hint = f"{key}: takes numbers, like {key}:1 or {key}:1,2, not {quoted(part)}"
            raise QueryError(hint, token.position + 4)
    numbers = frozenset(int(part) for part in parts)
    if key == "pid":
        return lambda row, interval_ns: row.pid in numbers
    return lambda row, interval_ns: row.uid in numbers


def _contains(text: str) -> Test:
    wanted = text.casefold()
    return lambda row, interval_ns: wanted in row.comm.casefold() or wanted in row.info.command.casefold()


def _regex(token: _Token) -> Test:
    try:
        found = matcher(token.text)
    except PatternProblem as problem:
        raise QueryError(str(problem), token.position + 1) from None
    return lambda row, interval_ns: found(row.comm) or found(row.info.command)


def _unknown(token: _Token, name: str) -> QueryError:
    fields = ", ".join(f"{f}:" for f in _FIELDS)
    listed = f"fields are {fields} and {', '.join(COMPARED)}; quote it to look for the text itself"
    return QueryError(f"there is no field {name}", token.position, listed)
