"""Commands and replies survive the way to another process."""

from headrace.core import wire
from headrace.core.backoff import Exponential
from headrace.core.commands import Add, Added, Annotate, Annotated, Get, Move, Moved, Tree
from headrace.core.errors import LeaseLost, NoSuchJob
from headrace.core.jobs import JobRef, NewJob, Options
from headrace.core.query import parse

REF = JobRef("q", "1")


def test_commands_come_back_as_they_were() -> None:
    commands = (
        Add((NewJob("q", "x", '{"a":1}', options=Options(attempts=3, backoff=Exponential(5))),), "r"),
        Annotate(REF, "t", progress="50", lines=("a", "ü")),
        Annotate(REF, patch='{"a":1}', where=parse("failed data.a[0].b:x*")),
        Tree(REF, depth=1),
        Get((REF,)),
    )
    assert wire.read_commands(wire.write_commands(commands)) == commands


def test_replies_come_back_as_what_their_commands_promise() -> None:
    commands = (Add(()), Annotate(REF), Move((REF, REF), "retry"))
    replies = (Added((REF,)), Annotated(), Moved((None, NoSuchJob(queue="q", id="1"))))
    assert wire.read_replies(wire.write_replies(replies), commands) == replies


def test_a_refusal_comes_back_as_the_same_error_with_its_fields() -> None:
    (reply,) = wire.read_replies(wire.write_replies((LeaseLost(queue="q", id="1"),)), (Annotate(REF),))
    assert type(reply) is LeaseLost
    assert reply == LeaseLost(queue="q", id="1")
