"""An app on Redis: what it needs, and whom it shares a server with."""

import subprocess
import sys
import uuid

import pytest
import redis

import headrace
from headrace.errors import BadUrl, Misuse

PREFIXES = ("shop", "post")


def test_without_the_extra_the_url_says_what_to_install() -> None:
    code = "import sys; sys.modules['hiredis'] = None; import headrace; headrace.App('redis://me:secret@host/0')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("headrace.core.errors.BadUrl: ")
    assert last.endswith("needs the package hiredis; install it with: pip install 'headrace[redis]'")
    assert "secret" not in done.stderr.replace(code, "")


async def test_without_a_prefix_its_queues_are_those_of_bullmq(valkey_url: str) -> None:
    name = f"q{uuid.uuid4().hex[:8]}"
    async with headrace.App(settings=headrace.Settings(url=valkey_url)) as app:
        await app.queue(name).add("send")
        with redis.Redis.from_url(valkey_url, decode_responses=True) as server:
            assert server.hget(f"bull:{name}:1", "name") == "send"
        await app.queue(name).obliterate()


async def test_apps_of_different_prefixes_do_not_see_each_other(valkey_url: str) -> None:
    mark = uuid.uuid4().hex[:8]
    shop, post = (
        headrace.App(settings=headrace.Settings(url=valkey_url, prefix=f"{name}-{mark}")) for name in PREFIXES
    )
    async with shop, post:
        job = await shop.queue("mail").add("send", {"to": "ada"}, job_id="letter")
        again = await post.queue("mail").add("send", {"to": "eve"}, job_id="letter")
        assert not again.is_duplicate
        assert (await job.refresh()).data != (await again.refresh()).data
        await shop.schedules.put("nightly", headrace.Every(60), shop.queue("mail").call("send"))
        async with shop.lock("billing", ttl=30), post.lock("billing", ttl=30):
            assert [len(await app.locks.list()) for app in (shop, post)] == [1, 1]
        await shop.queue("mail").pause()
        assert [(await app.queues())[0].is_paused for app in (shop, post)] == [True, False]
        assert [len(await app.schedules.list()) for app in (shop, post)] == [1, 0]
        await shop.schedules.remove("nightly")
        await shop.queue("mail").obliterate()
        assert [queue.name for queue in await post.queues()] == ["mail"]
        await post.queue("mail").obliterate()


@pytest.mark.parametrize("prefix", ["", "a~b", "shop:", "x" * 101])
def test_a_prefix_that_could_be_taken_for_something_else_is_refused(prefix: str) -> None:
    with pytest.raises((BadUrl, Misuse), match="prefix"):
        headrace.App(settings=headrace.Settings(url="redis://127.0.0.1:1/0", prefix=prefix))


async def test_there_are_no_transactions_of_yours_and_the_password_is_not_told(valkey_url: str) -> None:
    url = valkey_url.replace("redis://", "redis://me:secret@")
    app = headrace.App(settings=headrace.Settings(url=url))
    with pytest.raises(Misuse, match="SQLite can") as caught:
        app.within(object())
    assert "me:***@" in str(caught.value)
