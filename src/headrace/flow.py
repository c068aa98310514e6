"""A flow of calls as the new jobs of one `Add`."""

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
