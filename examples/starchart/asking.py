"""How the clients of the stand-ins ask: JSON over HTTP, where what went wrong is an error of one of two kinds."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TIMEOUT_S = 10


class Remote:
    """A service at a URL. Blocking, so its place is a thread: a task that is a plain function runs in one.

    `unavailable` is raised when it could not answer: asked again later, it may. `refused` is raised when it understood
    and said no: asked again, it will say no again.
    """

    def __init__(self, url: str, name: str, *, unavailable: type[Exception], refused: type[Exception]) -> None:
        self._url, self._name = url, name
        self._unavailable, self._refused = unavailable, refused

    def ask(self, path: str, body: object = None, *, key: str = "") -> dict[str, Any]:
        """The answer to a GET, or with a body to a POST, whose `key` marks what is the same request again."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Idempotency-Key": key} if key else {}
        try:
            with urlopen(Request(self._url + path, data, headers), timeout=TIMEOUT_S) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except HTTPError as error:
            with error:
                why = f"{self._name} answered {error.code}: {json.load(error)['error']}"
            raise (self._unavailable if error.code >= 500 else self._refused)(why) from None
        except (URLError, TimeoutError, ConnectionError) as error:
            raise self._unavailable(f"{self._name} does not answer: {error}") from error
