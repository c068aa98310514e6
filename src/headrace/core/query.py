"""The query language: which jobs are meant, as text for people and as a value for stores.

A query is a row of terms, `state:failed name:send* age:>1h -data.user:42`, and a job fits if it fits all of them; a
query without terms fits every job. A word alone is a state, or else the name of a queue. Quotes and backslashes let a
sign stand for itself.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final, TypeAlias

from msgspec import Struct

from headrace.core.errors import BadQuery, InvalidOption
from headrace.core.jobs import STATES, State
from headrace.core.settings import span_s
from headrace.core.terms import NUMBERS, TEXTS, Data, Number, Pattern, Sign, States, Term, Text, fits

QUERY_MAX: Final = 2_000  # characters of a query
TERMS_MAX: Final = 50
WILDCARDS_MAX: Final = 8  # in one value: each more makes a long text slower to compare
KEYS_MAX: Final = 16  # in the path of a `data` term, indices included
NUMBER_MAX: Final = 1 << 53
FIELDS: Final = ("state", *TEXTS, *NUMBERS, "data")
SIGNS: Final[tuple[Sign, ...]] = ("<=", ">=", "<", ">", "=")  # the longer ones first

_INDEX: Final = re.compile(r"\[(\d{1,9})\]", re.ASCII)
_INDICES: Final = re.compile(rf"({_INDEX.pattern})+\Z", re.ASCII)
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_Lexed: TypeAlias = list[tuple[str, bool]]
"""Each sign with whether it is plain; one that was quoted or escaped stands for itself."""


class Query(Struct, frozen=True):
    """What a job must fit: all of the terms. As text it can be parsed again."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def states(self) -> tuple[State, ...]:
        """The states that a job which fits can be in."""
        asked = [term for term in self.terms if isinstance(term, States)]
        return tuple(state for state in STATES if all((state in term.states) is not term.is_negated for term in asked))

    def admits(self, queue: str) -> bool:
        """Whether a job of this queue can fit."""
        return all(
            fits(term.pattern, queue) is not term.is_negated
            for term in self.terms
            if isinstance(term, Text) and term.field == "queue"
        )

    def names_queues(self) -> tuple[str, ...]:
        """The queues that are named without a star; nobody would name one that is not there."""
        asked = [term for term in self.terms if isinstance(term, Text) and term.field == "queue"]
        return tuple(term.pattern[0] for term in asked if len(term.pattern) == 1 and not term.is_negated)

    def rest(self) -> "Query | None":
        """What is to be asked of each job, when the queue and the state of all are right; None if that is nothing."""
        terms = tuple(
            term
            for term in self.terms
            if not (isinstance(term, States) or (isinstance(term, Text) and term.field == "queue"))
        )
        return Query(terms) if terms else None

    def and_(self, *terms: Term) -> "Query":
        """This query with more terms."""
        return Query(self.terms + terms)


def parse(text: str) -> Query:
    """The query that a text says; `BadQuery` names the first term that is wrong, its place, and what would be right."""
    if not isinstance(text, str):
        raise InvalidOption(f"the query is {type(text).__name__}; it is text, such as 'failed name:send*'")
    if len(text) > QUERY_MAX:
        raise BadQuery(term=text[:20] + "…", position=1, problem=f"is longer than {QUERY_MAX} signs; ask for less")
    if strange := _NO_TEXT.search(text):
        raise BadQuery(term=ascii(strange[0])[1:-1], position=strange.start() + 1, problem="is no text; leave it out")
    terms = [_Reader(raw, at, lexed).term() for raw, at, lexed in _split(text)]
    if len(terms) > TERMS_MAX:
        raise BadQuery(term=text[:20] + "…", position=1, problem=f"has more than {TERMS_MAX} terms; ask for less")
    return Query(tuple(terms))


def as_query(query: "str | Query") -> Query:
    """A query as it is, or what its text says."""
    return query if isinstance(query, Query) else parse(query)


def _split(text: str) -> list[tuple[str, int, _Lexed]]:
    """The terms as they are written, each with its place counted from 1, and its signs."""
    found: list[tuple[str, int, _Lexed]] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        end, lexed = _lexed(text, at)
        found.append((text[at:end], at + 1, lexed))
        at = end
    return found


def _lexed(text: str, start: int) -> tuple[int, _Lexed]:
    """Where the term that starts here ends, and its signs."""
    lexed: _Lexed = []
    is_quoted, at = False, start
    while at < len(text) and (is_quoted or not text[at].isspace()):
        sign = text[at]
        if sign == "\\":
            at += 1
            if at == len(text):
                raise BadQuery(
                    term=text[start:], position=start + 1, problem="ends with a backslash; write two for one"
                )
            lexed.append((text[at], False))
        elif sign == '"':
            is_quoted = not is_quoted
        else:
            lexed.append((sign, not is_quoted))
        at += 1
    if is_quoted:
        raise BadQuery(term=text[start:], position=start + 1, problem="has a quote that does not end; close it")
    return at, lexed


class _Reader:
    """Reads one term."""

    def __init__(self, raw: str, position: int, lexed: _Lexed) -> None:
        self._raw, self._position = raw, position
        self._is_negated = len(lexed) > 1 and lexed[0] == ("-", True)
        self._signs = lexed[1:] if self._is_negated else lexed

    def term(self) -> Term:
        """The term, or `BadQuery`."""
        if self._is_negated and self._signs[0] == ("-", True):
            raise self._bad("begins with two minus signs; one is enough to say not")
        if (":", True) not in self._signs:
            return self._word(_text(self._signs))
        colon = self._signs.index((":", True))
        field, *keys = (key for part in _parts(self._signs[:colon], ".") for key in self._keys(part))
        value = self._signs[colon + 1 :]
        if keys and field != "data":
            raise self._bad(f"has keys after {field!r}; only data has them, as in data.user:42")
        if not value and not self._raw.endswith('""'):
            raise self._bad('has no value; for an empty text write ""')
        if field == "state":
            return States(self._states(_text(value)), self._is_negated)
        if field == "data":
            return self._data(tuple(keys), value)
        for text in TEXTS:
            if text == field:
                return Text(text, self._pattern(value), self._is_negated)
        for number in NUMBERS:
            if number == field:
                return Number(number, *self._number(number, value), self._is_negated)
        raise self._bad(f"asks for {field!r}; {_meant(str(field), FIELDS)}")

    def _word(self, word: str) -> Term:
        """A word alone: states, or a queue."""
        if not word:
            raise self._bad("is empty; leave it out")
        if any(part in STATES for part in word.split(",")):
            return States(self._states(word), self._is_negated)
        return Text("queue", self._pattern(self._signs), self._is_negated)

    def _keys(self, part: _Lexed) -> Iterator[str | int]:
        """A key, and the indices behind it."""
        plain = "".join(sign if is_plain else " " for sign, is_plain in part)
        indices = _INDICES.search(plain)
        end = indices.start() if indices else len(part)
        if "[" in plain[:end]:
            raise self._bad("has a bracket that is no index; write data.list[0], or quote the key")
        yield _text(part[:end])
        yield from map(int, _INDEX.findall(plain[end:]))

    def _states(self, text: str) -> tuple[State, ...]:
        found: list[State] = []
        for part in text.split(","):
            known: State | None = next((state for state in STATES if state == part), None)
            if known is None:
                raise self._bad(f"names the unknown state {part!r}; {_meant(part, STATES)}")
            found.append(known)
        return tuple(dict.fromkeys(found))

    def _pattern(self, value: _Lexed) -> Pattern:
        parts = tuple(_text(part) for part in _parts(value, "*"))
        if len(parts) - 1 > WILDCARDS_MAX:
            raise self._bad(f"has more than {WILDCARDS_MAX} stars; leave some out")
        return parts

    def _number(self, field: str, value: _Lexed) -> tuple[Sign, int]:
        sign, rest = _sign(value)
        text = _text(rest)
        if field == "age":
            if sign == "=":
                raise self._bad(f"fits one millisecond only; write age:>{text} or age:<{text}")
            try:
                return sign, round(span_s(text) * 1000)
            except ValueError as error:
                raise self._bad(str(error)) from None
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(NUMBER_MAX)) and int(text) <= NUMBER_MAX):
            raise self._bad(f"compares with {text!r}; write a whole number, as in {field}:>=3")
        return sign, int(text)

    def _data(self, keys: tuple[str | int, ...], value: _Lexed) -> Data:
        if not keys or len(keys) > KEYS_MAX:
            raise self._bad(f"needs 1 to {KEYS_MAX} keys, as in data.user:42")
        sign, rest = _sign(value)
        found = Data(keys, sign, self._pattern(rest), self._is_negated)
        if sign != "=" and found.number is None:
            raise self._bad("compares with what is no number; write one, as in data.size:>100")
        return found

    def _bad(self, problem: str) -> BadQuery:
        return BadQuery(term=self._raw, position=self._position, problem=problem)


def _sign(value: _Lexed) -> tuple[Sign, _Lexed]:
    """With which sign a value begins; without any it is to be equal."""
    plain = "".join(sign if is_plain else " " for sign, is_plain in value[:2])
    found: Sign | None = next((sign for sign in SIGNS if plain.startswith(sign)), None)
    return (found, value[len(found) :]) if found else ("=", value)


def _parts(lexed: _Lexed, separator: str) -> list[_Lexed]:
    """What stands between the plain separators."""
    parts: list[_Lexed] = [[]]
    for sign in lexed:
        if sign == (separator, True):
            parts.append([])
        else:
            parts[-1].append(sign)
    return parts


def _text(lexed: _Lexed) -> str:
    return "".join(sign for sign, _ in lexed)


def _meant(given: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(given, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}"
