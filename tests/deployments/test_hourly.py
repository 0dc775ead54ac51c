"""What a site does once an hour: on time, one thing whatever becomes of another, and old jobs as the setting has it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text

import deployments.hourly
import deployments.site
from deployments.hourly import HOURLY, archive_old_jobs, export_catalogue
from deployments.site import Site
from deployments.supervisor import Notify
from flows.validate import validate
from reelmill.catalogue import advisory_lock
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.exports import kept_exports
from reelmill.clock import FakeClock
from reelmill.dispatch import Dispatcher
from reelmill.dispatch.tables.prefect_tables import flow_run
from reelmill.dispatch.testing import MemorySite
from reelmill.doctor import repair
from reelmill.doctor.findings import Finding, Severity
from reelmill.errors import PlatformError, UserError
from reelmill.operations.ownership import require_ours
from reelmill.queue.rule import Rule, RuleJob
from reelmill.settings import Settings, get_settings
from reelmill.site_discovery import PrefectServer
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes
from tests.dispatch.run_server import TableServer, archiving
from tests.metrics.prefect_database import beside_catalogue, write_run
from tests.refusals import refused

_HOUR = 3600.0
_CHECK = 0.5  # seconds between two checks of a site

Duty = Callable[[Settings, Notify], None]


class Duties:
    """Two duties of an hour, the first of which meets what it is given."""

    def __init__(self) -> None:
        self.meets: Exception | None = None
        self.done: list[str] = []

    def first(self, _: Settings, notify: Notify) -> None:
        """Done, or met with trouble."""
        self.done.append("first")
        if self.meets is not None:
            raise self.meets
        notify("all is tidy")

    def second(self, _settings: Settings, _notify: Notify) -> None:
        """Done."""
        self.done.append("second")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """What a site goes by."""
    found = FakeClock(datetime.now(UTC))
    found.sleep(1e6)  # a node that has been up for a while
    monkeypatch.setattr(deployments.site, "time", SimpleNamespace(monotonic=found.monotonic))
    return found


@pytest.fixture
def duties(monkeypatch: pytest.MonkeyPatch) -> Duties:
    """In the place of what a site does."""
    found = Duties()
    monkeypatch.setattr(deployments.site, "HOURLY", {"first": found.first, "second": found.second})
    return found


@pytest.fixture
def said() -> list[str]:
    """What whoever brings the site up reads."""
    return []


@pytest.fixture
def site(catalogue: str, media_root: MediaRoot, clock: FakeClock, said: list[str]) -> Site:
    """A site that has just come up, as far as what it does once an hour is concerned."""
    found = Site(get_settings(), said.append)
    found.server = PrefectServer(api_url="http://127.0.0.1:9/api")
    found.tidy()
    return found


def _pass(site: Site, clock: FakeClock, seconds: float) -> None:
    """So much time passes; the site is checked at its end."""
    clock.sleep(seconds)
    site._check_rest()


def test_each_is_done_once_an_hour_and_not_as_the_site_comes_up(site: Site, clock: FakeClock, duties: Duties) -> None:
    for seconds in (_CHECK, _HOUR - 2 * _CHECK):
        _pass(site, clock, seconds)
        assert duties.done == []
    for hour in range(1, 4):
        _pass(site, clock, 2 * _CHECK)
        assert duties.done == ["first", "second"] * hour
        _pass(site, clock, _CHECK)
        _pass(site, clock, _HOUR - 2 * _CHECK)
        assert duties.done == ["first", "second"] * hour


@pytest.mark.parametrize(
    "trouble",
    [
        PlatformError("The Prefect server does not answer."),
        UserError("Another process is at it."),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_one_that_fails_stops_no_other_and_is_said_once(
    site: Site, clock: FakeClock, duties: Duties, said: list[str], trouble: Exception
) -> None:
    duties.meets = trouble
    for _ in range(3):
        _pass(site, clock, _HOUR + _CHECK)
    assert duties.done == ["first", "second"] * 3
    assert len(said) == 1
    assert said[0].startswith(str(trouble.args[-1]))
    duties.meets = None
    _pass(site, clock, _HOUR + _CHECK)
    assert said[1:] == ["all is tidy"]
    duties.meets = trouble
    _pass(site, clock, _HOUR + _CHECK)
    assert len(said) == 3, "it had been mended"


def test_a_server_that_is_away_stops_none_of_the_real_ones(
    site: Site, clock: FakeClock, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    site.settings = site.settings.model_copy(update={"keep_jobs_days": 90})
    begun: list[str] = []

    def noted(what: str, act: Duty) -> Duty:
        def noting(settings: Settings, notify: Notify) -> None:
            begun.append(what)
            act(settings, notify)

        return noting

    monkeypatch.setattr(deployments.site, "HOURLY", {what: noted(what, act) for what, act in HOURLY.items()})
    _pass(site, clock, _HOUR + _CHECK)
    assert begun == [
        "deployments that were replaced",
        "archiving",
        "images of before the upgrade",
        "export of the catalogue",
    ]
    assert len(said) > 1
    assert all("Prefect server" in line for line in said[:-1])
    assert kept_exports.every(MediaRoot(site.settings.media_root)) != []  # which no server is needed for


def test_the_daily_export_has_the_rules(
    catalogue: str, media_root: MediaRoot, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    server = MemorySite()
    server.deploy("validate", pool="cpu", schema=validate.parameters.model_dump())
    monkeypatch.setattr(deployments.hourly, "dispatcher", server.dispatcher)
    rule = Rule("check", "home", (RuleJob("validate"),), on=True)
    with server.dispatcher() as prefect:
        prefect.rules.add(rule)
    require_ours(media_root)
    export_catalogue(Settings(media_root=media_root.path), said.append)
    (export,) = kept_exports.every(media_root)
    (line,) = kept_exports.lines_of_site(export)
    assert (line["table"], line["row"]["name"], line["row"]["on"]) == ("rule", "check", True)
    assert said == [f"the catalogue was exported to {export}"]
    with server.dispatcher() as prefect:
        prefect.rules.remove("check")
    # And the doctor puts it back, with the videos.
    monkeypatch.setattr(repair, "dispatcher", server.dispatcher)
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))
    lost = Finding("lost_records", Severity.FAULT, "", repairable=True, names=(export.name,))
    (restored,) = repair.plan(Settings(media_root=media_root.path), [lost])
    restored.act(Notes())
    with server.dispatcher() as prefect:
        assert prefect.rules.read("check").rule == rule


@pytest.fixture
def old_jobs(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jobs that ended 10, 20, 30, 40 and 50 days ago, on a site that archives two at a time."""
    monkeypatch.setattr(advisory_lock, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr("reelmill.dispatch.services.archive.PORTION", 1)
    with beside_catalogue(catalogue, monkeypatch):
        for days in (10, 20, 30, 40, 50):
            ended = datetime.now(UTC) - timedelta(days=days)
            write_run([("COMPLETED", "Completed", None, 0)], end_time=ended)

        @contextmanager
        def opened() -> Iterator[Dispatcher]:
            with archiving(TableServer()) as prefect:
                yield prefect

        monkeypatch.setattr(deployments.hourly, "dispatcher", opened)
        yield


def _left() -> list[int]:
    """Days since the ends of the jobs that are there."""
    with get_engine().connect() as connection:
        ended = connection.scalars(select(flow_run.c.end_time)).all()
    return sorted((datetime.now(UTC) - end).days for end in ended)


def _settings(days: int | None) -> Settings:
    return get_settings().model_copy(update={"keep_jobs_days": days})


@pytest.mark.parametrize(
    ("days", "left"), [(None, [10, 20, 30, 40, 50]), (60, [10, 20, 30, 40, 50]), (25, [10, 20]), (45, [10, 20, 30, 40])]
)
def test_jobs_are_kept_for_the_days_of_the_setting(old_jobs: None, days: int | None, left: list[int]) -> None:
    said: list[str] = []
    archive_old_jobs(_settings(days), said.append)
    assert _left() == left
    gone = 5 - len(left)
    assert said == ([f"{gone} jobs older than {days} days archived in {get_settings().archive_dir}"] if gone else [])


def test_a_site_with_very_many_old_jobs_is_held_up_for_some_files_an_hour(
    old_jobs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployments.hourly, "_PORTIONS", 2)
    for left in ([10, 20, 30], [10], []):
        archive_old_jobs(_settings(5), lambda _: None)
        assert _left() == left


def test_what_another_process_is_at_is_left_to_it(old_jobs: None) -> None:
    lock = advisory_lock.try_acquire("archive of jobs")
    assert lock is not None
    try:
        with refused(UserError):
            archive_old_jobs(_settings(25), lambda _: None)
        assert len(_left()) == 5
    finally:
        lock.release()
