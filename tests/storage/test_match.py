"""The two ways to say whether data fits, in Python and in SQL, on whatever data and path."""

import json
from collections.abc import Iterator
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.commands import Add, Find
from headrace.core.jobs import NewJob
from headrace.core.query import Query
from headrace.core.terms import Data
from headrace.storage.memory.add import add
from headrace.storage.memory.reads import find
from headrace.storage.memory.world import World
from headrace.storage.sql.connect import connect, migrate
from headrace.storage.sql.lite import Ledger, apply

keys = st.sampled_from(("a", "0", "1", "", "[0]", "a.b", '"', "ü", "$"))
plain: st.SearchStrategy[Any] = st.sampled_from((None, True, 0, 1, -2.5, "", "0", "x", "ü*"))
values = st.recursive(
    plain, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)), max_leaves=8
)
strange = st.one_of(keys, st.integers(0, 3))
signs = st.sampled_from(("=", "=", ">=", "<"))
patterns = st.sampled_from((("", ""), ("0",), ("1",), ("x",), ("null",), ("true",)))


@st.composite
def terms(draw: st.DrawFn, value: Any) -> Data:
    """A term about a place in the value, more often than not one that is there."""
    path: list[str | int] = []
    while len(path) < 4 and (not path or isinstance(value, dict | list)):
        inside = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        key = draw(st.sampled_from(inside)) if inside and draw(st.integers(0, 5)) else draw(strange)
        path.append(key)
        value = value[key] if key in inside else None
    return Data(tuple(path), draw(signs), draw(patterns), draw(st.booleans()))


@pytest.fixture(scope="module")
def db() -> Iterator[apsw.Connection]:
    made = connect(":memory:")
    migrate(made, ":memory:")
    yield made
    made.close()


@given(drawn=values.flatmap(lambda value: st.tuples(st.just(value), st.lists(terms(value), min_size=1, max_size=6))))
def test_both_find_the_same(db: apsw.Connection, drawn: tuple[object, list[Data]]) -> None:
    value, asked = drawn
    world, jobs = World(), Add((NewJob("q", "x", json.dumps(value)),))
    add(world, jobs, 0)
    db.execute("begin")
    try:
        ledger = Ledger(db, 0)
        apply(ledger, jobs)
        for term in asked:
            command = Find("q", "waiting", where=Query((term,)))
            assert apply(ledger, command) == find(world, command, 0), (value, str(term))
    finally:
        db.execute("rollback")
