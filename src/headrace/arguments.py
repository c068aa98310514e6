"""A task's signature as data: arguments bound by name, checked and written as JSON, and read back before a run.

What is checked when a job is added is the JSON itself, by the decoder that the worker will use; so data that was
accepted here fits there, unless the code has changed in between.
"""

import inspect
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final, Generic, TypeVar, get_type_hints

import msgspec

from headrace.core import codec
from headrace.core.errors import InvalidData, Misuse
from headrace.engine.context import Returns

R = TypeVar("R")

ARGUMENTS_MAX: Final = 255

_REFUSED: Final = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only; arguments are stored by name, so leave out the /",
    inspect.Parameter.VAR_POSITIONAL: "takes any number of arguments; take a list instead",
    inspect.Parameter.VAR_KEYWORD: "takes arguments of any name; take a dict instead",
}


class FromChild(Generic[R]):
    """The default of an argument that a child provides."""

    def __init__(self, task: Returns[R]) -> None:
        self.task = task

    def __repr__(self) -> str:
        return f"<from the child {self.task.name}>"


def from_child(task: Returns[R]) -> R:
    """A default for an argument: what the one child of this task has returned, read when the job runs.

    A call of the task must have exactly one such child, or be given the argument: `Misuse` when it is enqueued. A job
    whose child has no result at run, because it failed and was ignored, fails with `invalid-data` unless it was given
    the argument. The function called directly needs the argument.
    """
    known: Any = task
    if not callable(getattr(known, "load_result", None)):
        raise Misuse(f"from_child takes a task, not {task!r}; decorate the function with @app.task first")
    return FromChild(task)  # type: ignore[return-value]


class Signature:
    """The arguments and the result of one function."""

    def __init__(self, task: str, function: Callable[..., Any]) -> None:
        """Read the function's hints; `Misuse` if its arguments or its result cannot travel as JSON."""
        self.task = task
        parameters = _parameters(task, function)
        hints = _hints(task, function)
        fields: list[Any] = []
        for parameter in parameters:
            hint = _supported(task, f"the argument {parameter.name!r}", hints.get(parameter.name, Any))
            if parameter.default is parameter.empty:
                fields.append((parameter.name, hint))
            else:
                fields.append((parameter.name, hint | msgspec.UnsetType, msgspec.UNSET))
        # Struct wants the required fields first; by name, their order means nothing.
        fields.sort(key=len)
        self.type: Final = msgspec.defstruct(task, fields, forbid_unknown_fields=True)
        self._what: Final = f"the data of {task!r}"
        self._names: Final = tuple(field[0] for field in fields)
        self._has_defaults: Final = any(len(field) > 2 for field in fields)
        self._places: Final = tuple(one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD)
        self.from_children: Final = {
            one.name: one.default.task for one in parameters if isinstance(one.default, FromChild)
        }
        self._decoder: Final = msgspec.json.Decoder(self.type)
        self._result: Final = msgspec.json.Decoder(_supported(task, "the result", hints.get("return", Any)))

    def write(self, args: tuple[Any, ...], kwargs: dict[str, Any], limit: int) -> str:
        """The given arguments as a JSON object; `InvalidData` if the function would not take them."""
        given = self._bound(args, kwargs) if args else kwargs
        text = codec.encode(given, self._what, limit)
        try:
            self._decoder.decode(text)
        except msgspec.ValidationError as error:
            raise InvalidData(task=self.task, problem=self._unknown(given) or str(error)) from None
        return text

    def wanted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
        """The names of the tasks of which a call with these arguments needs a child."""
        given = {*self._places[: len(args)], *kwargs}
        return tuple(task.name for name, task in self.from_children.items() if name not in given)

    def read(self, data: str) -> dict[str, Any]:
        """The arguments in stored data, for a call by name; `InvalidData` if they do not fit."""
        try:
            found = self._decoder.decode(data)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise InvalidData(task=self.task, problem=str(error)) from None
        # One level deep: what the arguments themselves are made of stays what it is.
        given = msgspec.structs.asdict(found)
        if not self._has_defaults:
            return given
        return {name: value for name, value in given.items() if value is not msgspec.UNSET}

    def load_result(self, text: str) -> Any:
        """A stored result as the type that the function promises; `InvalidData` if it is something else."""
        try:
            return self._result.decode(text)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise InvalidData(f"the result does not fit what the task {self.task!r} promises: {error}") from None

    def _unknown(self, given: dict[str, Any]) -> str | None:
        """What to say of an argument that the function does not have."""
        for name in given:
            if name not in self._names:
                near = get_close_matches(name, self._names, 1)
                known = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(self._names) or 'none'}"
                return f"it has no argument {name!r}; {known}"
        return None

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if len(args) > len(self._places):
            problem = f"it takes at most {len(self._places)} arguments by position, {len(args)} were given"
            raise InvalidData(task=self.task, problem=problem)
        given: dict[str, Any] = dict(zip(self._places, args))  # noqa: B905 - to name the default takes half as long again
        if not kwargs:
            return given
        twice = given.keys() & kwargs.keys()
        if twice:
            raise InvalidData(task=self.task, problem=f"{', '.join(sorted(twice))} given twice")
        return given | kwargs


def _parameters(task: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    if not inspect.isfunction(function):
        raise Misuse(f"a task is a function, not {function!r}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise Misuse(f"the task {task!r} is a generator; return a value instead of yielding")
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters:
        if parameter.kind in _REFUSED:
            raise Misuse(f"the argument {parameter.name!r} of the task {task!r} {_REFUSED[parameter.kind]}")
    if any(parameter.name == "self" for parameter in parameters):
        raise Misuse(f"the task {task!r} takes 'self'; a task is a plain function, not a method")
    if len(parameters) > ARGUMENTS_MAX:
        raise Misuse(f"the task {task!r} has more than {ARGUMENTS_MAX} arguments")
    return parameters


def _hints(task: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise Misuse(
            f"a type hint of the task {task!r} cannot be resolved: {error}; define it above the task"
        ) from None


def _supported(task: str, what: str, hint: Any) -> Any:
    hint = Any if hint is object else hint
    try:
        odd = next(_customs(msgspec.inspect.type_info(hint)), None)
    except TypeError as error:
        raise Misuse(f"the type of {what} of the task {task!r} cannot be checked: {error}") from None
    if odd is not None:
        raise Misuse(
            f"{what} of the task {task!r} has the type {getattr(odd, '__name__', odd)}, which has no form in JSON; "
            "use builtin types, dataclasses, TypedDicts, msgspec Structs, datetime, UUID, Decimal or enums"
        )
    return hint


def _customs(info: Any) -> Iterator[Any]:
    """The types in a description that msgspec does not know, wherever they hide."""
    seen: set[int] = set()
    waiting = [info]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting += item
        elif isinstance(item, msgspec.inspect.CustomType | msgspec.inspect.RawType):
            if item != msgspec.inspect.CustomType(object):
                yield getattr(item, "cls", msgspec.Raw)
        elif isinstance(item, msgspec.inspect.Type | msgspec.inspect.Field) and id(item) not in seen:
            seen.add(id(item))
            waiting += [getattr(item, name) for name in item.__struct_fields__]
