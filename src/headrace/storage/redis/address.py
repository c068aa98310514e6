"""What a URL says: where Redis is, how it is found there, and how to introduce oneself.

    redis://user:password@host:6379/0                         one server; rediss:// with TLS, verified
    redis+sentinel://host1:26379,host2:26379/0?master=name    the primary that Sentinels name
    redis+cluster://host1:6379,host2:6379                     the node that has the keys

`valkey` may stand for `redis` in each. What a URL says beyond what is known is refused, so that no setting is silently
without effect.
"""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from headrace.core.errors import BadUrl

Kind: TypeAlias = Literal["server", "sentinel", "cluster"]
Place: TypeAlias = tuple[str, int]

_SCHEME: Final = re.compile(r"(?:redis|valkey)(s?)(?:\+(sentinel|cluster))?")
_PORTS: Final[Mapping[Kind, int]] = {"server": 6379, "sentinel": 26379, "cluster": 6379}
_OF_TLS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs"})
_OF_SENTINEL: Final = frozenset({"master", "sentinel_username", "sentinel_password"})
_OF_ALL: Final = frozenset({"username", "password", "db"})
_REQUIRED: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_YES: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Address(Struct, frozen=True, kw_only=True):
    """Where a Redis is and how to introduce oneself."""

    kind: Kind
    seeds: tuple[Place, ...]
    """The server; or Sentinels, or nodes, of which one that answers is enough."""
    database: int = 0
    username: str = ""
    password: str = ""
    master: str = ""
    """By which name Sentinels know the primary."""
    sentinel_username: str = ""
    sentinel_password: str = ""
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return ",".join(f"{host}:{port}" for host, port in self.seeds)


class _Wrong(ValueError):
    """What is wrong with a URL, to be said after its scheme."""


def address_of(url: str) -> Address:
    """Where `url` points, or `BadUrl`, which never shows what might be a password."""
    scheme = url.partition("://")[0]
    try:
        return _address(url)
    except ValueError as error:
        problem = str(error) if isinstance(error, _Wrong) else f"cannot be understood: {error}"
        raise BadUrl(url=f"{scheme}://…", problem=problem) from None


def _address(url: str) -> Address:
    parts = urlsplit(url)
    scheme = _SCHEME.fullmatch(parts.scheme)
    if scheme is None:
        raise _Wrong("names no Redis")
    kind: Kind = "sentinel" if scheme[2] == "sentinel" else "cluster" if scheme[2] == "cluster" else "server"
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    known = _OF_ALL | (_OF_TLS if scheme[1] else set()) | (_OF_SENTINEL if kind == "sentinel" else set())
    if unknown := sorted(options.keys() - known):
        raise _Wrong(f"has options that are not known for it: {', '.join(unknown)}")
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    address = Address(
        kind=kind,
        seeds=tuple(_place(host, _PORTS[kind]) for host in hosts.split(",")),
        database=_database(parts.path.removeprefix("/") or options.get("db", "0")),
        username=unquote(username) or options.get("username", ""),
        password=unquote(password) or options.get("password", ""),
        master=options.get("master", ""),
        sentinel_username=options.get("sentinel_username", ""),
        sentinel_password=options.get("sentinel_password", ""),
        tls=_context(options) if scheme[1] else None,
    )
    _check(address)
    return address


def _check(address: Address) -> None:
    if address.kind == "server" and len(address.seeds) > 1:
        raise _Wrong("names several hosts; write redis+sentinel:// or redis+cluster:// for what they are")
    if address.kind == "sentinel" and not address.master:
        raise _Wrong("does not say which primary; write ?master= and the name that the Sentinels know it by")
    if address.kind == "cluster" and address.database:
        raise _Wrong("names a database, and a cluster has only one; leave it out")


def _place(host: str, port: int) -> Place:
    parts = urlsplit(f"//{host}")
    try:
        return parts.hostname or "localhost", parts.port or port
    except ValueError:
        raise _Wrong("has a port that is no number from 1 to 65535") from None


def _database(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text):
        raise _Wrong("has a database that is no number; write redis://host:6379/0")
    return int(text)


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    required = options.get("ssl_cert_reqs", "required")
    if required not in _REQUIRED:
        raise _Wrong(f"has ssl_cert_reqs={required}; it is {', '.join(_REQUIRED)}")
    checked = options.get("ssl_check_hostname", "true").lower()
    if checked not in _YES:
        raise _Wrong(f"has ssl_check_hostname={checked}; it is true or false")
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        if name in options and not Path(options[name]).is_file():
            raise _Wrong(f"has {name}={options[name]}, and there is no such file")
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        context.check_hostname = _YES[checked] and required != "none"
        context.verify_mode = _REQUIRED[required]
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    except OSError as error:  # an SSLError is one
        raise _Wrong(f"has a certificate or key that cannot be used: {error}") from None
    return context
