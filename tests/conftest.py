"""What every test has: a clean environment, a catalogue of its own on one real PostgreSQL, no child left behind."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from prefect.settings import temporary_settings
from sqlalchemy import create_engine, text

from deployments.site import Site
from reelmill.catalogue import advisory_lock
from reelmill.catalogue import engine as catalogue_engine
from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.operations.context import Workbench
from reelmill.settings import Settings, get_settings
from reelmill.storage.media_root import MediaRoot
from tests import distribution
from tests.empty_catalogue import empty
from tests.processes import SESSION_PROCESSES, children
from tests.skips import summary

#: Holds the site of the session, where it is up.
_SESSION_SITE: Final = ExitStack()

REAL_MEDIA = Path(__file__).parent.parent.parent / "shared" / "media"


# A shell starts what runs in its background with Ctrl-C ignored, and children would inherit that from us.
signal.signal(signal.SIGINT, signal.default_int_handler)


# How long an example takes tells how busy the machine is, and nothing of the code.
hypothesis_settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("house")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """After all that pytest itself has to say."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    if line := summary(report.longrepr[2] for report in skipped):
        terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> distribution.Distribution:
    """One process has the session's site, with all tests that work on it."""
    return distribution.Distribution(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """What is collected stays: nobody looks for garbage in it, while it grows or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes none shall be left with a site at the end."""
    if hasattr(config, "workerinput"):  # as pytest-xdist marks each of several
        items[:] = distribution.longest_first(items)


def pytest_runtest_protocol(item: pytest.Item) -> None:
    """A process that has run all tests of the site needs it no longer."""
    if hasattr(item.config, "workerinput") and not distribution.on_site(item.path):
        _SESSION_SITE.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No second process brings up a site because nothing says that a file needs one."""
    if "site" in getattr(item, "fixturenames", ()) and not distribution.on_site(item.path):
        pytest.fail(f"{item.path.name} works on the site: give its fixture the type that says so, `on_site: Site`")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of the developer's machine reaches a test, and none of a test's reaches the next."""
    for name in [name for name in os.environ if name.startswith("REELMILL_") or name.endswith("_API_AUTH_STRING")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist has its processes print 80
    monkeypatch.setenv("REELMILL_DATA_DIR", str(tmp_path / "no-site-here"))
    monkeypatch.setenv("REELMILL_MEDIA_ROOT", str(tmp_path / "media"))
    monkeypatch.setenv("REELMILL_API", "off")  # a process more, which few tests are about
    monkeypatch.setenv("REELMILL_DISK_RESERVE_MB", "0")  # some tests work on disks of one megabyte
    get_settings.cache_clear()
    before = {name for name in os.environ if name.startswith("PREFECT_")}
    yield
    for name in {name for name in os.environ if name.startswith("PREFECT_")} - before:
        del os.environ[name]  # what looking for a site has found, its login among it
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
    monkeypatch.setattr(advisory_lock, "RETURN_SECONDS", 0.0)  # the tests' server may have started just now
    monkeypatch.setattr(advisory_lock, "GRACE_SECONDS", 0.0)  # some tests end our connections, and nobody's but ours
    get_settings.cache_clear()
    engine = catalogue_engine.get_engine()
    with engine.begin() as connection:
        empty(connection)
    return url


@pytest.fixture
def second_site(
    catalogue: str, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Another site, with a catalogue of its own: inside ``with second_site():`` this process works for that one."""
    name = f"second_{uuid.uuid4().hex[:8]}"
    server = create_engine(catalogue, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    url = catalogue.replace("+psycopg", "").replace("/reelmill?", f"/{name}?")

    @contextmanager
    def there() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setenv("REELMILL_DATABASE_URL", url)
            patch.setenv("REELMILL_NODE_NAME", "second")
            get_settings.cache_clear()
            yield
        get_settings.cache_clear()

    yield there
    with there():
        catalogue_engine.get_engine().dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


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
    settings = Settings(data_dir=open_folder / "site", media_root=open_folder / "media", prefect_port=4300, api="off")
    with _SESSION_SITE as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        _point_at(patch, settings)
        patch.setenv("REELMILL_RETRY_BASE_SECONDS", "0.5")  # a retry comes after 1, 2, 4 seconds
        up = stack.enter_context(Site(settings))
        stack.enter_context(temporary_settings(up.client_settings))
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
        empty(connection)
    return site


def _point_at(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    patch.setenv("REELMILL_DATA_DIR", str(settings.data_dir))
    patch.setenv("REELMILL_MEDIA_ROOT", str(settings.media_root))
    patch.delenv("REELMILL_DATABASE_URL", raising=False)
    get_settings.cache_clear()
