"""Commands about logs: append-only channels of entries with consecutive positions from 1."""

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.log import Entry, Gap


class Published(Struct, frozen=True):
    """The position of the last entry of the call."""

    position: int


class Publish(Command[Published], frozen=True):
    """Append `bodies` (JSON text each) to a channel, which is made if need be.

    With `expected`, only if that is the channel's last position (0: empty or new): `Conflict` otherwise. With `key`,
    each entry carries it.
    """

    channel: str
    bodies: tuple[str, ...]
    key: str = ""
    expected: int | None = None


class Entries(Struct, frozen=True):
    """Entries in order. `last` is the channel's last position (0 if it has none); `gap` what was trimmed unread."""

    entries: tuple[Entry, ...]
    last: int
    gap: Gap | None = None


class Read(Command[Entries], frozen=True):
    """The entries of a channel after position `after`. A channel that does not exist is empty."""

    channel: str
    after: int = 0
    limit: int = 1_000


class Committed(Struct, frozen=True):
    """The position that is now committed."""

    position: int


class Commit(Command[Committed], frozen=True):
    """Remember that reader `name` has seen a channel up to `position`; it never goes back.

    Without `position`: where the reader stands (0: nowhere yet).
    """

    channel: str
    name: str
    position: int | None = None


class Trimmed(Struct, frozen=True):
    """How many entries went."""

    count: int


class Trim(Command[Trimmed], frozen=True):
    """Remove all but the newest `keep` entries of a channel. Positions are never used twice."""

    channel: str
    keep: int = 0


class ChannelRecord(Struct, frozen=True):
    """A channel: its last position, and the first one that is still kept (last + 1 when it is empty)."""

    name: str
    first: int
    last: int


class ChannelList(Struct, frozen=True):
    """Channels by name; `cursor` is the name to continue after, None when it was the last page."""

    channels: tuple[ChannelRecord, ...]
    cursor: str | None = None


class Channels(Command[ChannelList], frozen=True):
    """The channels whose name begins with `prefix`, by name (in order of code points)."""

    prefix: str = ""
    limit: int = 1_000
    after: str = ""
