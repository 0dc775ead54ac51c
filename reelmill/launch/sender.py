"""Jobs are handed in batch by batch: each once, however often a request has to be repeated."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from reelmill.clock import SYSTEM, Clock
from reelmill.errors import UserError
from reelmill.launch.client import TokenRefused, TryAgain
from reelmill.launch.pace import Pace, backoff
from reelmill.launch.plan import PlannedJob

#: Tries of one batch; with the waits between them a server has two minutes to come back.
TRIES: Final = 9

_UNKNOWN: Final = "Whether the site has these jobs is not known."


class Submission(StrEnum):
    """What became of a job of a launch."""

    SENT = "sent"
    FAILED = "failed"
    UNSENT = "unsent"  # the launch ended before it


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch: all of its jobs, or none."""

    jobs: Sequence[PlannedJob]
    ids: Sequence[str]  # of the jobs, in their order; none where it failed
    statuses: Sequence[str]  # as the API names them
    error: str | None  # why it failed
    tries: int
    seconds: float  # all tries, and the waits between them
    at: datetime  # when that ended
    last: bool = False  # nothing more is sent: the server is gone, or somebody has ended the launch


class Api(Protocol):
    """See ``client.SiteApi``."""

    def submit(self, jobs: Sequence[PlannedJob], key: str) -> Sequence[Mapping[str, Any]]:
        """Hand jobs in."""


class Sender:
    """Hands in the batches of one launch, one at a time, so that a slow server is never asked for two.

    Args:
        api: of the site.
        pace: how long it is waited between batches.
        launch: unlike that of any other launch; the keys of the batches begin with it.
        wait: waits so many seconds; returns True at once where somebody ends the launch.
        clock: of the times in results.
    """

    def __init__(self, api: Api, pace: Pace, launch: str, wait: Callable[[float], bool], clock: Clock = SYSTEM):
        self._api, self._pace, self._launch = api, pace, launch
        self._wait, self._clock = wait, clock

    def send(self, batches: Sequence[Sequence[PlannedJob]]) -> Iterator[BatchResult]:
        """Hand all batches in.

        Args:
            batches: in their order.

        Yields:
            What became of each; fewer than there are batches where the launch ended early.

        Raises:
            TokenRefused: the API does not take our token, so that the others would fail as well.
        """
        for number, jobs in enumerate(batches, 1):
            result = self._send_one(f"{self._launch}-{number}", jobs)
            yield result
            if result.last or (number < len(batches) and self._wait(self._pace.after(result.seconds))):
                return

    def _send_one(self, key: str, jobs: Sequence[PlannedJob]) -> BatchResult:
        started = self._clock.monotonic()

        def result(
            tries: int, error: str | None = None, taken: Sequence[Mapping[str, Any]] = (), *, last: bool = False
        ) -> BatchResult:
            return BatchResult(
                jobs=jobs,
                ids=[str(one.get("id")) for one in taken],
                statuses=[str(one.get("status")) for one in taken],
                error=error,
                tries=tries,
                seconds=self._clock.monotonic() - started,
                at=self._clock.now(),
                last=last,
            )

        for tries in range(1, TRIES + 1):
            try:
                return result(tries, taken=self._api.submit(jobs, key))
            except TokenRefused:
                raise
            except KeyboardInterrupt:  # while the site may be taking them
                return result(tries, f"Ended by hand in the middle of it. {_UNKNOWN}", last=True)
            except UserError as error:
                return result(tries, str(error))
            except TryAgain as error:
                trouble = error
            if tries == TRIES or self._wait(backoff(tries, random.random(), trouble.retry_after)):
                break
        return result(tries, f"{trouble} {_UNKNOWN}", last=True)
