"""Calls, and flows of them, as the new jobs of one `Add`."""

from collections.abc import Iterable
from typing import Any, cast

from headrace.call import Call
from headrace.core.errors import Misuse
from headrace.core.jobs import NewJob


def plan(call: Call[Any]) -> list[NewJob]:
    """The jobs of a call, its own first; what is no call is `Misuse`."""
    if not isinstance(cast("object", call), Call):
        hint = "; write task.call(…)" if callable(call) else ""
        raise Misuse(f"a call is needed, not {type(call).__name__}{hint}")
    return call.jobs()


def plan_many(calls: Iterable[Call[Any]]) -> tuple[list[NewJob], list[int]]:
    """The jobs of many calls, and where among them that of each call stands."""
    jobs: list[NewJob] = []
    roots: list[int] = []
    for call in calls:
        roots.append(len(jobs))
        jobs += plan(call)
    return jobs, roots
