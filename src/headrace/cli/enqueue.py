"""`headrace enqueue`: add a job of a task, with its arguments as name=value."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias, get_type_hints

import msgspec
from cyclopts import Parameter

from headrace.app import App
from headrace.call import Call
from headrace.cli import output
from headrace.cli.failure import Exit, Stop, complain, exit_of, meant, say
from headrace.cli.options import SHOWN, Shown, seconds, whole
from headrace.cli.record import raw
from headrace.cli.target import Target, load
from headrace.core.results import JobFailed
from headrace.dedup import Dedup
from headrace.job import Job
from headrace.options import CallOptions
from headrace.task import AnyTask

Priority: TypeAlias = Annotated[
    int | None,
    Parameter(converter=whole, metavar="N", help="1 is first; without one a job goes before all that have one."),
]


async def enqueue(
    app: Target,
    task: Annotated[str, Parameter(name="TASK", help="The name of the task.")],
    values: Annotated[
        list[str] | None, Parameter(name="NAME=VALUE", help="Arguments: JSON, or else text.", consume_multiple=True)
    ] = None,
    /,
    *,
    delay: Annotated[str | None, Parameter(metavar="SPAN", help="Run it this much later: 30, 15m, 1.5h.")] = None,
    priority: Priority = None,
    job_id: Annotated[str | None, Parameter(metavar="ID", help="The id; if it is taken, nothing is added.")] = None,
    dedup: Annotated[
        str | None, Parameter(metavar="KEY", help="The dedup key; while it is taken, nothing is added.")
    ] = None,
    dedup_ttl: Annotated[
        str | None, Parameter(metavar="SPAN", help="Take the key for so long, not until the job has finished.")
    ] = None,
    keep_last: Annotated[
        bool, Parameter(help="If the job of the key runs, add this one when it has finished.")
    ] = False,
    expires: Annotated[
        str | None, Parameter(metavar="SPAN", help="Let it fail if nobody has started it this long after now.")
    ] = None,
    wait: Annotated[bool, Parameter(help="Wait for the result and print it; exit 1 if the job failed.")] = False,
    timeout: Annotated[str | None, Parameter(metavar="SPAN", help="Wait no longer than this.")] = None,
    common: Shown = SHOWN,
) -> int:
    """Add a job, and print its QUEUE/ID.

    Example: headrace enqueue jobs:app create_record name=www value=192.0.2.1 --wait
    """
    if timeout is not None and not wait:
        raise Stop("--timeout ends the waiting; give --wait, too")
    options = CallOptions()
    if delay is not None:
        options["delay"] = seconds("--delay", delay)
    if expires is not None:
        options["expires"] = seconds("--expires", expires)
    if priority is not None:
        options["priority"] = priority
    if job_id is not None:
        options["job_id"] = job_id
    if (key := _dedup(dedup, dedup_ttl, keep_last=keep_last)) is not None:
        options["dedup"] = key
    limit = None if timeout is None else seconds("--timeout", timeout)
    async with load(app, common.url) as opened:
        call = _call(opened, task, values or ())
        job = await opened.enqueue(call.options(**options))
        if job.is_duplicate:
            say(_not_added(job))
        if wait:
            say(f"{'found' if job.is_duplicate else 'added'} {job.ref}; waiting for its result")
            return await _outcome(job, limit, common.json)
        if common.json:
            output.document(_told(job))
        else:
            output.line(str(job.ref))
    return Exit.OK


def _told(job: Job[Any]) -> dict[str, Any]:
    identity = {"job": str(job.ref), "queue": job.queue, "id": job.id, "name": job.name}
    return identity | {"is_duplicate": job.is_duplicate, "is_kept": job.is_kept}


def _not_added(job: Job[Any]) -> str:
    if job.is_kept:
        return f"kept: {job.ref} runs and has the dedup key; this is added when that has finished"
    return f"nothing was added: {job.ref} has its id or dedup key"


def _dedup(key: str | None, ttl: str | None, *, keep_last: bool) -> Dedup | None:
    if key is not None:
        return Dedup(key, None if ttl is None else seconds("--dedup-ttl", ttl), keep_last=keep_last)
    if ttl is not None:
        raise Stop("--dedup-ttl is how long a key is taken; give --dedup, too")
    if keep_last:
        raise Stop("--keep-last keeps a job whose key is taken; give --dedup, too")
    return None


def _call(app: App, name: str, values: Sequence[str]) -> Call[Any]:
    task = app.tasks.get(name)
    if task is None:
        raise Stop(f"there is no task {name!r}{meant(name, app.tasks)}", "no-such-task", Exit.NOT_FOUND)
    return task.call(**_arguments(task, values))


def _arguments(task: AnyTask, values: Sequence[str]) -> dict[str, Any]:
    hints = get_type_hints(task.shape, include_extras=True)
    given: dict[str, Any] = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name:
            raise Stop(f"{value!r} is no argument; write name=value")
        if name in given:
            raise Stop(f"the argument {name!r} is given twice")
        given[name] = _value(text, hints.get(name, Any))
    return given


def _value(text: str, hint: Any) -> Any:
    """JSON if it parses, else text; what parses but does not fit the argument, and would as text, is text too.

    So `zip=10115` is text for a `str`, and a number for an `int` or for an argument of any type.
    """
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return text if not _fits(text, hint) and _fits(msgspec.json.encode(text), hint) else value


def _fits(json: str | bytes, hint: Any) -> bool:
    try:
        msgspec.json.decode(json, type=hint)
    except msgspec.ValidationError:
        return False
    return True


async def _outcome(job: Job[Any], limit: float | None, is_json: bool) -> int:
    try:
        await job.result(limit)
    except JobFailed as failed:
        if is_json:
            failure = {key: failed.fields[key] for key in ("reason", "cause", "kind")}
            output.document({"job": str(job.ref), "state": "failed", "failure": failure})
        complain(str(failed), failed.code)
        return exit_of(failed)
    text = (job.record.result if job.record else None) or "null"
    if is_json:
        output.document({"job": str(job.ref), "state": "completed", "result": raw(text)})
    else:
        value = msgspec.json.decode(text)
        output.line(value if isinstance(value, str) else text)
    return Exit.OK
