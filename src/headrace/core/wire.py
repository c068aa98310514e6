"""Commands and their replies as bytes, for a store that is asked from another process."""

from functools import cache
from typing import Any, Final, Union, get_args

import msgspec
from msgspec import Struct

from headrace.core import commands as _commands
from headrace.core import errors, flow_errors, schedule_errors
from headrace.core.commands import Command
from headrace.core.errors import Refused

_KINDS: Final = tuple(
    kind for name in _commands.__all__ if issubclass(kind := getattr(_commands, name), Command) and kind is not Command
)


def write_commands(commands: tuple[Command[Any], ...]) -> bytes:
    """Commands as JSON bytes."""
    return _encoder.encode(commands)


def read_commands(raw: bytes | msgspec.Raw) -> tuple[Command[Any], ...]:
    """The same commands again."""
    return _decoder.decode(raw)  # type: ignore[no-any-return]


def write_replies(replies: tuple[object, ...]) -> bytes:
    """What a store answered, refusals included, as JSON bytes."""
    return _encoder.encode(
        [_Reply(refusal=reply) if isinstance(reply, Refused) else _Reply(value=reply) for reply in replies]
    )


def read_replies(raw: bytes | msgspec.Raw, commands: tuple[Command[Any], ...]) -> tuple[Any, ...]:
    """The answers to these commands."""
    found = msgspec.json.decode(raw, type=list[_Answer], dec_hook=_refusal)
    return tuple(
        answer.refusal if answer.refusal is not None else _reader(type(command)).decode(answer.value)
        for answer, command in zip(found, commands, strict=True)
    )


class _Reply(Struct):
    value: Any = None
    refusal: Any = None


class _Answer(Struct):
    value: msgspec.Raw = msgspec.Raw(b"null")
    refusal: Refused | None = None


def _plain(value: object) -> object:
    if isinstance(value, Refused):
        return {"code": value.code, "fields": value.fields}
    raise NotImplementedError(f"{type(value).__name__} has no form on the wire")


def _refusal(kind: type, value: Any) -> object:
    """One of our own refusals, by its code: no other class is ever made of what was read."""
    if kind is Refused:
        return _refusals()[value["code"]](**value["fields"])
    raise NotImplementedError(f"{kind.__name__} has no form on the wire")


@cache
def _refusals() -> dict[str, type[Refused]]:
    kinds = (kind for module in (errors, flow_errors, schedule_errors) for kind in vars(module).values())
    known = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Refused))
    return {kind.code: kind for kind in known}


@cache
def _reader(kind: type[Command[Any]]) -> msgspec.json.Decoder[Any]:
    (reply,) = get_args(vars(kind)["__orig_bases__"][0])
    return msgspec.json.Decoder(reply, dec_hook=_refusal)


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain)
_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(tuple[Union[_KINDS], ...])  # type: ignore[valid-type]  # noqa: UP007
