"""Objects of JSON text into which others are merged: the notes of a job, and its data when they are patched."""

from typing import Any

import msgspec


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except msgspec.DecodeError:
        return False


def merged(text: str, more: str) -> str:
    """The first object with the members of the second: RFC 7396."""
    return msgspec.json.encode(_patched(msgspec.json.decode(text), msgspec.json.decode(more))).decode()


def _patched(value: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged key by key, a null removes its key, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    patched = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            patched.pop(key, None)
        else:
            patched[key] = _patched(patched.get(key), part)
    return patched
