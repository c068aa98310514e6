"""Functions of the user's that workers call when something has happened, given jobs where the engine gives leases."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from inspect import isawaitable, iscoroutinefunction, isfunction
from typing import Any, Final, Literal, TypeAlias

from headrace.client import Client
from headrace.core.commands import Get
from headrace.core.errors import Misuse
from headrace.core.jobs import Failure, JobRef, Lease
from headrace.engine.hooks import Hooks
from headrace.job import Job, known_job

Happening: TypeAlias = Literal["failed", "stalled", "started", "stopped"]
HAPPENINGS: Final = ("failed", "stalled", "started", "stopped")


class Listeners:
    """The listeners of an app, in order of registration."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._functions: dict[str, list[Callable[..., Any]]] = {name: [] for name in HAPPENINGS}

    def of(self, happening: object) -> list[Callable[..., Any]]:
        """The functions to be called at this, to be added to; `Misuse` if nothing of this name ever happens."""
        if not isinstance(happening, str) or happening not in self._functions:
            near = get_close_matches(str(happening), HAPPENINGS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(HAPPENINGS)}"
            raise Misuse(f"nothing called {happening!r} happens; {hint}")
        return self._functions[happening]

    def hooks(self) -> Hooks:
        """All of them, as the engine calls them."""
        functions = self._functions
        return Hooks(
            failed=tuple(map(self._failed, functions["failed"])),
            stalled=tuple(map(self._stalled, functions["stalled"])),
            started=tuple(functions["started"]),
            stopped=tuple(functions["stopped"]),
        )

    def _failed(self, function: Callable[..., Any]) -> Callable[[Lease, Failure], Any]:
        @wraps(function)
        def call(lease: Lease, failure: Failure) -> Any:
            load = self._client.loader(lease.queue, lease.name)
            return function(Job(self._client, JobRef(lease.queue, lease.id), lease.name, load, lease), failure)

        return call

    def _stalled(self, function: Callable[..., Any]) -> Callable[[JobRef], Any]:
        @wraps(function)
        async def call(ref: JobRef) -> None:
            (record,) = (await self._client.run(Get((ref,)))).jobs
            answer = function(Job[Any](self._client, ref, "") if record is None else known_job(self._client, record))
            if isawaitable(answer):
                await answer

        return call


def refuse_plain(function: Any) -> None:
    """`Misuse` of a middleware that cannot be awaited: with it every job would fail."""
    if not callable(function) or (isfunction(function) and not iscoroutinefunction(function)):
        name = getattr(function, "__name__", repr(function))
        raise Misuse(f"the middleware {name} is not async; write async def {name}(context, next)")


def refuse_uncallable(happening: str, function: object) -> None:
    """`Misuse` of a listener that nobody can call."""
    if not callable(function):
        raise Misuse(f"{function!r} is to hear of {happening!r}, and cannot be called; give a function")


def refuse_function(decorator: str, value: object) -> None:
    """Without its parentheses a decorator would take the function for a name, and register nothing."""
    if callable(value):
        raise Misuse(f"@app.{decorator} stands without its parentheses; write @app.{decorator}(…)")
