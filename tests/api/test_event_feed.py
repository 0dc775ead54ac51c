"""The stream of events: nothing is missed, the slow are cut off, and nobody polls for nobody."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reelmill.api.event_feed import EventFeed, Pace
from reelmill.api.event_views import sent_changes
from reelmill.dispatch import LaneState, PoolState, Progress
from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.errors import PlatformError, UserError
from reelmill.queue.job import Job, job_view
from tests.patience import PATIENCE
from tests.queue.facts import NOW, RUN
from tests.refusals import refused

_QUICK = Pace(poll=0.01, heartbeat=0.05)
_SITE = SiteNow(
    pools=(PoolState("cpu", 5, 0, False, 0, (LaneState("idle", 10, False, 0),)),),
    nodes=(),
    vram=(),
    waiting={},
    read_at=datetime(2026, 1, 1, tzinfo=UTC),
)


class Happenings:
    """A site whose jobs change when a test has them change; a cursor is how many changes were read."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.site = _SITE
        self.readings = 0
        self.away = False

    def change(self) -> Job:
        """A job changes."""
        self.jobs.append(job_view(replace(RUN, id=uuid.uuid4()), NOW, 3))
        return self.jobs[-1]

    def changes(self, after: str | None) -> Changes:
        """See ``JobReader.changes``."""
        self.readings += 1
        if self.away:
            raise PlatformError("The database does not answer.")
        if after is not None and not after.isdecimal():
            raise UserError("That is no cursor.")
        seen = len(self.jobs) if after is None else int(after)
        new = self.jobs[seen:]
        return Changes(new, {each.id: Progress(0.5, "half") for each in new}, str(seen + len(new)))

    def now(self) -> SiteNow:
        """See ``SiteSnapshot.now``."""
        return self.site


class Listener:
    """Somebody who reads a stream."""

    def __init__(self, stream: AsyncIterator[str]):
        self._stream, self.text = stream, ""

    async def until(self, what: str) -> str:
        """Read on until something has come; everything up to there."""
        async with asyncio.timeout(PATIENCE):
            while what not in self.text:
                self.text += await anext(self._stream)
        return self.text

    async def end(self) -> None:
        """Read on until the stream ends."""
        async with asyncio.timeout(PATIENCE):
            async for _ in self._stream:
                pass

    async def close(self) -> None:
        """Hang up."""
        await self._stream.aclose()  # type: ignore[attr-defined]


def _events(text: str, name: str) -> list[dict[str, Any]]:
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return [json.loads(lines[1].removeprefix("data: ")) for lines in blocks if lines[:1] == [f"event: {name}"]]


def _feed(site: Happenings, **options: Any) -> EventFeed:
    return EventFeed(site.changes, site.now, _QUICK, **options)


def test_a_listener_has_the_lanes_first_and_then_what_changes() -> None:
    async def scene() -> None:
        site = Happenings()
        before = site.change()
        listener = Listener(await _feed(site).open(None))
        await listener.until("event: lane")
        after = site.change()
        text = await listener.until(str(after.id))
        assert [event["lane"] for event in _events(text, "lane")] == ["idle"]
        assert {event["id"] for event in _events(text, "job")} == {str(after.id)}
        assert str(before.id) not in text
        assert _events(text, "job")[0]["progress"] == 50.0
        site.site = replace(_SITE, pools=(replace(_SITE.pools[0], drained=True),))
        text = await listener.until('"drained":true')
        assert [event["drained"] for event in _events(text, "lane")] == [False, True]
        await listener.close()

    asyncio.run(scene())


def test_a_lane_that_changes_while_somebody_comes_is_not_missed() -> None:
    async def scene() -> None:
        site = Happenings()
        feed = _feed(site)
        first = Listener(await feed.open(None))
        await first.until("event: lane")
        second = Listener(await feed.open(None))
        site.site = replace(_SITE, pools=(replace(_SITE.pools[0], drained=True),))
        await first.until('"drained":true')  # what the poller has sent before the second one listens
        text = await second.until('"drained":true')
        assert [event["drained"] for event in _events(text, "lane")] == [False, True]
        await first.close()
        await second.close()

    asyncio.run(scene())


def test_a_stream_goes_on_from_its_last_event_id() -> None:
    async def scene() -> None:
        site = Happenings()
        feed = _feed(site)
        listener = Listener(await feed.open(None))
        await listener.until("event: lane")
        first = site.change()
        text = await listener.until("id: 1")
        await listener.close()
        missed = site.change()
        again = Listener(await feed.open("1"))
        text = await again.until(str(missed.id))
        assert str(first.id) not in text
        assert text.index(str(missed.id)) < text.index("id: 2")
        await again.close()

    asyncio.run(scene())


def test_one_poller_feeds_all_and_ends_with_the_last_listener() -> None:
    async def scene() -> None:
        site = Happenings()
        feed = _feed(site)
        listeners = [Listener(await feed.open(None)) for _ in range(5)]
        assert not feed.polling
        for listener in listeners:
            await listener.until("event: lane")
        changed = site.change()
        for listener in listeners:
            await listener.until(str(changed.id))
        assert feed.polling
        for listener in listeners:
            await listener.close()
        assert not feed.polling
        await asyncio.sleep(0)
        readings = site.readings
        for _ in range(5):
            await asyncio.sleep(_QUICK.poll)
        assert site.readings == readings

    asyncio.run(scene())


def test_who_is_too_slow_is_cut_off_and_does_not_hold_up_the_others() -> None:
    async def scene() -> None:
        site = Happenings()
        feed = _feed(site, backlog=2)
        slow, quick = Listener(await feed.open(None)), Listener(await feed.open(None))
        await slow.until("event: lane")
        await quick.until("event: lane")
        for _ in range(6):
            await quick.until(str(site.change().id))
        await slow.end()
        await quick.until(str(site.change().id))
        await quick.close()

    asyncio.run(scene())


def test_a_silent_stream_has_heartbeats_and_outlives_a_server_that_is_away() -> None:
    async def scene() -> None:
        site = Happenings()
        listener = Listener(await _feed(site).open(None))
        await listener.until("event: lane")
        site.away = True
        listener.text = ""
        await listener.until(": still here")
        changed = site.change()
        site.away = False
        await listener.until(str(changed.id))
        await listener.close()

    asyncio.run(scene())


@pytest.mark.parametrize(("away", "kind"), [(False, UserError), (True, PlatformError)])
def test_what_cannot_be_opened_is_refused_before_anything_is_sent(away: bool, kind: type[Exception]) -> None:
    async def scene() -> None:
        site = Happenings()
        site.away = away
        with refused(kind):
            await _feed(site).open("nonsense")

    asyncio.run(scene())


def test_where_more_has_changed_than_is_sent_lists_are_to_be_read_anew() -> None:
    assert sent_changes(Changes([], {}, "7", complete=False)) == "event: reload\ndata: {}\n\nid: 7\n\n"
    assert sent_changes(Changes([], {}, "7")) == ""


def test_a_job_that_was_cleared_is_named() -> None:
    text = sent_changes(Changes([], {}, "7", removed=[RUN.id]))
    assert (_events(text, "removed"), text.endswith("\n\nid: 7\n\n")) == ([{"id": str(RUN.id)}], True)
