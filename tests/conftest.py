"""What every test has: a clean environment, a catalogue of its own on one real PostgreSQL, no child left behind."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import text

from deployments.site import Site
from reelmill.catalogue import engine as catalogue_engine
from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.layout import MediaRoot
from reelmill.operations.workbench import Workbench
from reelmill.settings import Settings, get_settings
from tests.processes import SESSION_PROCESSES, children

REAL_MEDIA = Path(__file__).parent.parent.parent / "shared" / "media"


# A shell starts what runs in its background with Ctrl-C ignored, and children would inherit that from us.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of the developer's machine reaches a test, and none of a test's reaches the next."""
    for name in [name for name in os.environ if name.startswith("REELMILL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path / "no-site-here"))
    monkeypatch.setenv("REELMILL_MEDIA_ROOT", str(tmp_path / "media"))
    monkeypatch.setenv("REELMILL_DISK_RESERVE_MB", "0")  # some tests work on disks of one megabyte
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def _no_error_logged(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that passes while something logs an ERROR did not pass."""
    yield
    if request.node.get_closest_marker("site") is None:
        errors = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
        assert not errors, [r.getMessage() for r in errors]


@pytest.fixture(autouse=True)
def _no_child_left() -> Iterator[None]:
    before = children()
    yield
    left = children() - before
    assert not left, [process.cmdline() for process in left]


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter when the tests run as root; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="reelmill-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    """One real server for the whole session."""
    server = EmbeddedPostgres(open_folder / "postgres")
    server.acquire()
    yield server
    server.release()


@pytest.fixture
def catalogue(postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty catalogue; answers with its URL, which the settings point at."""
    url = postgres.url()
    monkeypatch.setenv("REELMILL_DATABASE_URL", url.replace("+psycopg", ""))
    get_settings.cache_clear()
    engine = catalogue_engine.get_engine()
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE catalogue.video CASCADE"))
    return url


@pytest.fixture
def media_root(tmp_path: Path) -> MediaRoot:
    """A media root with its folders."""
    root = MediaRoot(tmp_path / "media")
    root.create()
    return root


@pytest.fixture
def bench(catalogue: str, media_root: MediaRoot) -> Workbench:
    """A workbench on an empty library."""
    return Workbench(root=media_root)


@pytest.fixture(scope="session")
def real_media() -> Path:
    """The shared folder of real clips, where it is present."""
    if not (REAL_MEDIA / "files.csv").is_file():
        pytest.skip("the shared folder of real clips is not here")
    return REAL_MEDIA


@pytest.fixture(scope="session")
def site(open_folder: Path) -> Iterator[Site]:
    """A whole running site, one for the session: PostgreSQL, Prefect server, a worker for each pool."""
    settings = Settings(data_dir=open_folder / "site", media_root=open_folder / "media", prefect_port=4300)
    with pytest.MonkeyPatch.context() as patch:
        _point_at(patch, settings)
        patch.setenv("REELMILL_RETRY_BASE_SECONDS", "0.5")  # a retry comes after 1, 2, 4 seconds
        with Site(settings) as up, temporary_settings({PREFECT_API_URL: up.api_url}):
            SESSION_PROCESSES.update(child.pid for child in psutil.Process().children())
            yield up
    get_settings.cache_clear()


@pytest.fixture
def on_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The running site with an empty library, which this test's settings point at."""
    _point_at(monkeypatch, site.settings)
    root = MediaRoot(site.settings.media_root)
    shutil.rmtree(root.path)
    root.create()
    with catalogue_engine.get_engine().begin() as connection:
        connection.execute(text("TRUNCATE catalogue.video CASCADE"))
    return site


def _point_at(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    patch.setenv("REELMILL_DATA_DIR", str(settings.data_dir))
    patch.setenv("REELMILL_MEDIA_ROOT", str(settings.media_root))
    patch.delenv("REELMILL_DATABASE_URL", raising=False)
    get_settings.cache_clear()
