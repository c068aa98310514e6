"""What `headrace doctor` looks for in a Redis or Valkey, and what an app in production refuses to work on."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from headrace.core.checks import Found, Verdict, size
from headrace.core.errors import BadConfig

OLDEST: Final = (7, 0)  # the first that knows libraries of functions
SKEW_MS: Final = 1_000  # what the clocks of two machines may differ by
CUTS_RIGHT: Final[Mapping[tuple[int, ...], int]] = {(8, 0): 11, (8, 1): 10, (9, 0): 6}  # of each line of Valkey
MEMORY_WARN: Final = 0.8  # of what the server may use
MEMORY_FAIL: Final = 0.95


class UnsafeStore(BadConfig):
    """`environment` is production, and the server of the store may lose jobs, or lets strangers in; `problems`."""

    code = "unsafe-store"


class ServerFacts(Struct, frozen=True, kw_only=True):
    """A server as it says of itself; None is what it did not tell, as a managed one may. Sizes in bytes.

    `problem` says why it could not be asked, and then nothing else is known.
    """

    address: str
    is_local: bool  # no packet leaves the machine
    is_encrypted: bool
    is_verified: bool  # by its certificate: who answers is who was meant
    problem: str = ""
    product: str = ""
    version: tuple[int, ...] | None = None
    eviction: str | None = None
    has_log: bool | None = None  # the append-only file
    fsync: str | None = None  # when that is forced to the disk
    cuts_log: bool | None = None  # starts with a log that ends in the middle of a write, and cuts that off by itself
    snapshots: str | None = None  # when all is written to a file; empty for never
    is_open: bool | None = None  # to whoever has no password
    memory: int | None = None
    memory_max: int | None = None  # 0 is without bound
    role: str | None = None
    replicas: int | None = None
    awaits_replicas: bool | None = None  # refuses writes when too few replicas follow
    ahead_ms: int | None = None  # its clock, of ours


ServerCheck: TypeAlias = Callable[[ServerFacts], tuple[Verdict, str, str]]


def server(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """Whether it answers, and knows the commands that we use."""
    if facts.problem:
        return "fail", f"{facts.address} cannot be asked: {facts.problem}", "start it, or name another with --url"
    if facts.version is None:
        return _unknown("what version it is", "INFO")
    said = f"{facts.product} is {'.'.join(map(str, facts.version))}"
    if facts.version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return "fail", f"{said}, older than {wanted}", f"upgrade it to {wanted} or newer, or to any Valkey"
    return "ok", said, ""


def eviction(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """Whether it keeps what it has when its memory is full."""
    if facts.eviction is None:
        return _unknown("whether it throws jobs away when its memory is full", "INFO")
    if facts.eviction != "noeviction":
        said = f"maxmemory-policy is {facts.eviction}: when its memory is full it throws jobs away"
        return "fail", said, "set maxmemory-policy noeviction"
    return "ok", "nothing is thrown away when its memory is full", ""


def durable(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """What a crash of the server, or of its machine, may cost."""
    if not facts.has_log:
        return _snapshots(facts)
    verdict, says, advice = _fsync(facts)
    if not facts.cuts_log or _cuts_right(facts):
        return verdict, says, advice
    torn = "killed in the middle of a write, it may lose jobs two starts later (aof-load-truncated yes)"
    mend = "set aof-load-truncated no: docs/howto/redis-safety.md says what to do when it does not start then"
    return ("warn", torn, mend) if verdict == "ok" else (verdict, f"{says}; {torn}", f"{advice}; {mend}")


def _fsync(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """What a kill of the server, or a power cut, may cost."""
    match facts.fsync:
        case None:
            return _unknown("what a kill or a power cut may cost", "CONFIG GET")
        case "always":
            return "ok", "what was acknowledged is on the disk", ""
        case "everysec":
            said = "a kill may cost the last two seconds, a power cut more on a slow disk (appendfsync everysec)"
            return "warn", said, "if no job may be lost: appendfsync always"
        case other:
            said = f"a power cut may cost half a minute and more (appendfsync {other})"
            return "fail", said, "set appendfsync always, or everysec"


def _cuts_right(facts: ServerFacts) -> bool:
    """Whether it takes away all of a transaction whose end is missing.

    Else its beginning stays in the log, and whatever is written next becomes a part of it with the start after that.
    """
    if facts.product != "Valkey" or facts.version is None:
        return False
    first = CUTS_RIGHT.get(facts.version[:2])
    return first is not None and facts.version[2:] >= (first,)


def _snapshots(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """The same where there is no log, or nobody knows of one."""
    if facts.has_log is None or facts.snapshots is None:
        return _unknown("whether jobs outlive a restart", "INFO and CONFIG GET")
    if not facts.snapshots:
        return "fail", "a restart of the server loses all jobs (appendonly no)", "set appendonly yes"
    said = "a crash loses all jobs since the last snapshot (appendonly no)"
    return "warn", said, "set appendonly yes"


def password(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """Whether it asks who one is."""
    if facts.is_local:
        return "ok", f"only this machine is spoken to ({facts.address})", ""
    if facts.is_open is None:
        return _unknown("whether it asks for a password", "to connect without one")
    if facts.is_open:
        said = "whoever reaches the server may read and change all jobs: it asks for no password"
        return "fail", said, "set requirepass, or an ACL user, and name it in the URL: redis://USER:PASSWORD@…"
    return "ok", "it asks for a password", ""


def tls(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """Whether others on the way can read along, or answer in its place."""
    if not facts.is_local and not facts.is_encrypted:
        said = "the data of jobs, and the password, go over the network in clear"
        return "fail", said, "let the server speak TLS, and write rediss:// in the URL"
    if not facts.is_local and not facts.is_verified:
        said = "whoever stands on the way can pass for the server: its certificate or its name is not checked"
        advice = "leave ssl_cert_reqs and ssl_check_hostname out of the URL; ssl_ca_certs names an authority of yours"
        return "fail", said, advice
    return "ok", "the way is encrypted" if facts.is_encrypted else "nothing leaves this machine", ""


def memory(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """Whether there is room for more jobs."""
    if facts.memory is None or facts.memory_max is None:
        return _unknown("how full its memory is", "INFO")
    if not facts.memory_max:
        return "ok", f"{size(facts.memory)} are in use, without a bound (maxmemory 0)", ""
    said = f"{size(facts.memory)} of {size(facts.memory_max)} are in use"
    share = facts.memory / facts.memory_max
    verdict: Verdict = "fail" if share > MEMORY_FAIL else "warn" if share > MEMORY_WARN else "ok"
    advice = "raise maxmemory, or keep fewer finished jobs: adds are refused when it is full"
    return verdict, said, "" if verdict == "ok" else advice


def replicas(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """Whether it takes writes, and does not do so alone while others are to take over."""
    if facts.role is None or facts.replicas is None:
        return _unknown("whether it has replicas", "INFO")
    if facts.role != "master":
        return "fail", "it is a replica, and takes no writes", "name its primary in the URL"
    if facts.replicas and facts.awaits_replicas is False:
        said = "it goes on alone when its replicas are cut off, and a failover loses those jobs"
        return "fail", said, "set min-replicas-to-write 1; a failover may still cost the last moments"
    count = f"{facts.replicas} replicas follow" if facts.replicas else "no replica follows"
    return "ok", count, ""


def skew(facts: ServerFacts) -> tuple[Verdict, str, str]:
    """Whether its clock, by which delays and leases go, is ours."""
    if facts.ahead_ms is None:
        return _unknown("what its clock shows", "TIME")
    if abs(facts.ahead_ms) > SKEW_MS:
        way = "ahead of" if facts.ahead_ms > 0 else "behind"
        said = f"its clock is {abs(facts.ahead_ms) / 1000:.0f} s {way} that of this machine"
        return "warn", said, "set both right; delays, leases and schedules follow the clock of the server"
    return "ok", "its clock and that of this machine agree", ""


SERVER_CHECKS: Final[Mapping[str, ServerCheck]] = {
    check.__name__: check for check in (server, eviction, durable, password, tls, memory, replicas, skew)
}
_REFUSED: Final = frozenset({"eviction", "durable", "password", "tls", "replicas"})


def judged(facts: ServerFacts) -> list[Found]:
    """What the checks say; of a server that cannot be asked, the first alone."""
    names = list(SERVER_CHECKS)[:1] if facts.problem else SERVER_CHECKS
    return [Found(name, *SERVER_CHECKS[name](facts)) for name in names]


def refuse_unsafe(facts: ServerFacts) -> None:
    """`UnsafeStore` with everything that production does not allow. What could not be checked is allowed."""
    problems = unsafe(facts)
    if problems:
        said = f"{facts.address} is not safe for production:\n  " + "\n  ".join(problems)
        raise UnsafeStore(said, problems=problems)


def unsafe(facts: ServerFacts) -> tuple[str, ...]:
    """What production does not allow, each with what to do."""
    found = [one for one in judged(facts) if one.check in _REFUSED and one.verdict == "fail"]
    return tuple(f"{one.says}; {one.advice}" for one in found)


def _unknown(what: str, needed: str) -> tuple[Verdict, str, str]:
    said = f"{what} could not be checked: {needed} is not allowed"
    return "warn", said, "look it up in the settings of the server"
