"""What a site outlives: a share, a disk or a server that does not answer for a while."""

from __future__ import annotations

import errno
import math
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from deployments.member import Member
from deployments.processes import DEATHS, Child
from deployments.site import Site
from deployments.supervisor import Supervisor
from reelmill.errors import NotMounted, PlatformError, SiteError
from reelmill.operations.ownership import owner, require_ours
from reelmill.settings import Settings, get_settings
from reelmill.site_discovery import PrefectServer
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import SiteTrouble
from tests.patience import PATIENCE
from tests.refusals import refused

Second = Callable[[], AbstractContextManager[None]]


class Looking(Supervisor):
    """Looks at one thing, and meets what it is told to."""

    def __init__(self, meets: Iterator[Exception | None]):
        self.said: list[str] = []
        self.looks = 0
        super().__init__(self.said.append)
        self._meets = meets

    def _up(self, stack: ExitStack) -> None:
        """Nothing to bring up."""

    def _check_rest(self) -> None:
        self.looks += 1
        met = next(self._meets)
        if met is not None:
            raise met


def _stale() -> OSError:
    return OSError(errno.ESTALE, "Stale file handle", "/media/.reelmill/chunks")


@pytest.mark.parametrize(
    ("met", "said"),
    [
        (_stale, "Stale file handle (/media/.reelmill/chunks); the next check shows whether it stays"),
        (lambda: PermissionError(errno.EACCES, "Permission denied"), "Permission denied; the next check"),
        (lambda: NotMounted("The media root is empty."), "The media root is empty."),
        (lambda: PlatformError("The database does not answer."), "The database does not answer."),
    ],
)
def test_trouble_that_stays_is_outlived_and_said_once(met: Callable[[], Exception], said: str) -> None:
    up = Looking(iter([met(), met(), met(), None, met(), met()]))
    with up:
        for look in range(1, 7):
            up.watch(1e-6)
            assert up.looks == look
    assert len(up.said) == 2, up.said  # once, and again after it had been mended
    assert all(line.startswith(said) for line in up.said)


def test_another_trouble_is_said_too() -> None:
    up = Looking(iter([_stale(), NotMounted("gone"), _stale()]))
    for _ in range(3):
        up.watch(1e-6)
    assert [line.partition(" (")[0] for line in up.said] == ["Stale file handle", "gone", "Stale file handle"]


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        Looking(iter([ZeroDivisionError()])).watch(1e-6)


def test_a_process_that_cannot_be_started_now_is_tried_again(tmp_path: Path) -> None:
    """The disk of the logs is away: no death of the process, however often it is looked at."""
    logs = tmp_path / "logs"
    logs.mkdir()
    up = Looking(iter([None] * (DEATHS + 4)))
    child = Child.start("short", ["this"], {}, logs)
    up._children.append(child)
    try:
        child.wait(PATIENCE)
        logs.rename(tmp_path / "away")
        for _ in range(DEATHS + 3):
            up.watch(1e-6)
        assert len(up.said) == 1
        assert up.said[0].startswith("short cannot be started again just now: [Errno 2]")
        (tmp_path / "away").rename(logs)
        up.watch(1e-6)
        assert up.said[1].startswith("short ended with code ")
    finally:
        child.end(20)


@pytest.fixture
def settings(catalogue: str, media_root: MediaRoot) -> Settings:
    return get_settings()


def test_no_process_is_started_again_before_the_database_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Prefect's server would end at once, again and again, while a database that was killed recovers."""
    said: list[str] = []
    site = Site(settings, said.append)
    site._tidied = math.inf
    child = Child.start("short", ["this"], {}, tmp_path)
    site._children.append(child)
    try:
        child.wait(PATIENCE)
        with monkeypatch.context() as away:
            away.setenv("REELMILL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
            get_settings.cache_clear()
            for _ in range(DEATHS + 3):
                site.watch(1e-6)
        assert len(said) == 1
        assert said[0].startswith("The catalogue's database does not answer")
        get_settings.cache_clear()
        site.watch(1e-6)
        assert said[1].startswith("short ended with code ")
    finally:
        child.end(20)


def test_tidying_outlives_a_share_that_does_not_answer(settings: Settings, media_root: MediaRoot) -> None:
    said: list[str] = []
    site = Site(settings, said.append)
    site.server = PrefectServer(api_url="http://127.0.0.1:9/api")  # who asks it has claims to ask about
    media_root.chunks.mkdir(parents=True)
    claim = media_root.chunks / "a.claim"
    claim.symlink_to(claim)  # who reads it gets an error of the file system
    site.tidy()
    site.tidy()
    assert [line.partition(" (")[0] for line in said] == ["Too many levels of symbolic links"]
    claim.unlink()
    site.tidy()
    assert len(said) == 1


def test_up_refuses_another_sites_library(settings: Settings, media_root: MediaRoot, second_site: Second) -> None:
    require_ours(media_root)
    ours = owner(media_root)
    (media_root.path / "digests").rmdir()
    (media_root.work / "half").mkdir()
    with second_site(), refused(SiteError, trouble=SiteTrouble.OTHER_SITE, about=str(media_root.path)):
        Site(get_settings()).__enter__()
    assert owner(media_root) == ours
    assert not (media_root.path / "digests").exists()
    assert (media_root.work / "half").is_dir()


def test_a_library_is_taken_over_where_that_is_asked_for(
    settings: Settings, media_root: MediaRoot, second_site: Second
) -> None:
    require_ours(media_root)
    with second_site():
        Site(get_settings(), take_over=True)._prepare(media_root)
        require_ours(media_root)
        Site(get_settings())._prepare(media_root)  # and from then on as its own
    with refused(SiteError, trouble=SiteTrouble.OTHER_SITE):
        Site(settings)._prepare(media_root)


def test_join_refuses_what_is_not_the_sites_library(
    settings: Settings, media_root: MediaRoot, second_site: Second
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        member = Member(f"http://127.0.0.1:{port}/api", f"tcp://127.0.0.1:{port}", lambda _: None)
        with refused(SiteError, trouble=SiteTrouble.NO_SITE):
            member.__enter__()
        assert owner(media_root) is None
        with second_site():
            require_ours(media_root)
        with refused(SiteError, trouble=SiteTrouble.OTHER_SITE):
            member.__enter__()


def test_a_media_root_that_is_a_file_is_a_sentence(settings: Settings, media_root: MediaRoot) -> None:
    shutil.rmtree(media_root.path)
    media_root.path.write_text("not a folder")
    with refused(SiteError, trouble=SiteTrouble.MEDIA_ROOT):
        Site(settings).__enter__()
