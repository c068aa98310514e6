"""A task that calls the API, and does as it is told when that says 429."""

from urllib.error import HTTPError
from urllib.request import urlopen

import headrace

TIMEOUT_S = 10


def make_client(url: str, api: str) -> headrace.App:
    """An app that looks up cities at this API."""
    app = headrace.App(url, settings=headrace.Settings())

    @app.task(queue="api", attempts=1)
    def look_up(city: str) -> str:
        try:
            with urlopen(f"{api}/cities/{city}", timeout=TIMEOUT_S):
                return f"{city} found"
        except HTTPError as refusal:
            with refusal:
                if refusal.code != 429:
                    raise
                raise headrace.RateLimited(float(refusal.headers.get("Retry-After", 1))) from None

    return app
