"""The REST API of a site, as the launcher needs it: one call is one try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from reelmill.errors import PlatformError, UserError
from reelmill.launch.plan import PlannedJob
from reelmill.launch.workers import POOLS, LiveWorker, live_workers

#: Seconds in which a batch is handed in, or the try has failed.
TIMEOUT: Final = 60.0

_READY: Final = "/readyz"
_NODES: Final = "/api/media/nodes"
_BULK: Final = "/api/media/jobs/bulk"

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class TryAgain(PlatformError):
    """The API does not respond, or asks to be left alone for a while.

    Carries ``retry_after``, the seconds that it asks for; None: it names none.
    """

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message, retry_after)
        self.retry_after = retry_after


class TokenRefused(UserError):
    """The API does not take our token, for whatever we may ask."""


class SiteApi:
    """The API of one site.

    Args:
        server: its URL.
        token: a bearer token; None: the API asks for none.
        timeout: seconds that one request may take.

    Raises:
        UserError: the URL is none.
    """

    def __init__(self, server: str, token: str | None = None, timeout: float = TIMEOUT):
        self.server = server.rstrip("/")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            self._client = httpx.Client(base_url=self.server, headers=headers, timeout=timeout)
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise UserError(f"{server!r} or its token cannot be used: {error}.") from error
        if self._client.base_url.scheme not in ("http", "https"):
            raise UserError(f"{server!r} is no address of an API; write it like http://127.0.0.1:4100.")

    def __enter__(self) -> SiteApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def require_ready(self) -> None:
        """Check that the site can take jobs.

        Raises:
            TryAgain: it does not respond, or is not well.
            UserError: this is no API of ours.
        """
        self._ask("GET", _READY)

    def workers(self) -> list[LiveWorker]:
        """The workers that may take a load test now.

        Returns:
            At least one.

        Raises:
            PlatformError: no worker is online, or see ``require_ready``.
            UserError: see ``require_ready``, or the token is not taken.
        """
        found = live_workers(_items(self._ask("GET", _NODES)))
        if not found:
            raise PlatformError(
                f"No worker of the pools {' and '.join(POOLS)} is online at {self.server}; `reelmill nodes list` "
                "lists the nodes, and `reelmill up` starts one."
            )
        return found

    def submit(self, jobs: Sequence[PlannedJob], key: str) -> list[Mapping[str, Any]]:
        """Hand jobs in; with the same key again they are the same jobs.

        Args:
            jobs: at once, all of them or none.
            key: of this batch.

        Returns:
            What the API has of each, in their order.

        Raises:
            TryAgain: see ``require_ready``; whether the site has the jobs is not known.
            UserError: it does not take them, and never will.
        """
        body = {"jobs": [job.body for job in jobs]}
        taken = _items(self._ask("POST", _BULK, body, {"Idempotency-Key": key}))
        if len(taken) != len(jobs):
            raise UserError(f"{self.server} was handed {len(jobs)} jobs and lists {len(taken)}; is it a Reelmill API?")
        return taken

    def _ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        try:
            response = self._client.request(method, path, json=body, headers=dict(headers or {}))
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
            raise TryAgain(f"No API responds at {self.server} ({trouble}); is the site up?") from error
        if response.status_code in _AGAIN:
            raise TryAgain(f"{self.server} is not ready: {_message(response)}", _retry_after(response))
        if response.status_code in (401, 403):
            raise TokenRefused(
                f"{self.server} does not let us in: {_message(response)} Set REELMILL_TOKEN or give --token-file; "
                "`reelmill token create NAME --role SUPER_ADMIN` makes one."
            )
        if not response.is_success:
            raise UserError(f"{self.server} does not take {method} {path}: {_message(response)}")
        try:
            found = response.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise UserError(f"{self.server} is no Reelmill API: {path} is no JSON object there.")
        return found


def _items(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = found.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _message(response: httpx.Response) -> str:
    """What an error's body has to offer; a proxy in between may send anything."""
    try:
        body = response.json()
        return f"it lacks {', '.join(body['missing'])}." if "missing" in body else str(body["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}."


def _retry_after(response: httpx.Response) -> float | None:
    written = response.headers.get("Retry-After", "")
    return float(written) if written.isdecimal() and len(written) < 7 else None
