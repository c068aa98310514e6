"""Which jobs fit a query, on SQLite: the terms become rows that one statement compares with all the jobs of a page."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from headrace.core.query import Query
from headrace.core.terms import Data, Number, Pattern, States, Term, Text, small
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

SQL: Final = load("match")
_WORDS: Final = frozenset({"true", "false", "null"})
_SPECIAL: Final = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]"})


def fitting(ledger: Ledger, where: Query | None, keys: Sequence[int]) -> set[int]:
    """Those of the jobs that fit; all of them if nothing is asked."""
    if where is None or not where.terms:
        return set(keys)
    step = {"keys": as_json(keys), "terms": _terms(where), "now": ledger.now}
    return {row[0] for row in ledger.rows(SQL.fitting, step)}


@lru_cache(maxsize=64)
def _terms(where: Query) -> str:
    return as_json([_row(term) | {"is_negated": int(term.is_negated)} for term in where.terms])


def _row(term: Term) -> dict[str, Any]:
    match term:
        case States(states):
            return {"field": "state", "states": states}
        case Text("error", pattern):
            return {"field": "error", "pattern": _glob(("", *map(small, pattern), ""))}
        case Text(field, pattern):
            return {"field": field, "pattern": _glob(pattern)}
        case Number(field, sign, value):
            return {"field": field, "sign": sign, "number": value}
        case Data(path, sign, pattern):
            word = pattern[0] if len(pattern) == 1 and pattern[0] in _WORDS else None
            keys = "".join(
                f"[{key}]" if isinstance(key, int) else f".{json.dumps(key, ensure_ascii=False)}" for key in path
            )
            row = {"field": "data", "path": f"${keys}", "sign": sign, "number": term.number}
            return row | {"pattern": _glob(pattern), "word": word}


def _glob(pattern: Pattern) -> str:
    return "*".join(part.translate(_SPECIAL) for part in pattern)
