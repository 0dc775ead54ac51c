"""How other nodes get into the embedded PostgreSQL: over TCP, with a password made once and stored beside the data."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from reelmill.storage.atomic_files import fsync

PORT: Final = 5432

#: When the server gives up a session that does not answer: 30 + 3 * 10 s. A node that lost its power would hold its
#: locks for two hours else, which is the kernel's own patience.
KEEPALIVES: Final = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}

#: Who may enter: this node's accounts through the socket, whose folder is closed; others with the password.
_RULES: Final = """local all all trust
host all all 0.0.0.0/0 scram-sha-256
host all all ::/0 scram-sha-256
"""


@dataclass(frozen=True)
class RemoteAccess:
    """An address that the server of a data folder listens on."""

    folder: Path
    address: str

    @property
    def password(self) -> str:
        """Made at the first call, and again where a power loss has emptied it; readable by our account alone."""
        path = self.folder / "password"
        kept = _kept(path)
        if kept:
            return kept
        new = path.with_name(f"password.{secrets.token_hex(8)}")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        fsync(new)
        if kept is None:
            with suppress(FileExistsError):  # another process was quicker: its password stands
                os.link(new, path)
            new.unlink()
        else:
            new.replace(path)
        return _kept(path) or ""

    def options(self) -> dict[str, str]:
        """Server options; writes the rules they name."""
        rules = self.folder / "hba.conf"
        rules.write_text(_RULES)
        rules.chmod(0o644)  # the server may run as another account
        return {
            "listen_addresses": self.address,
            "port": str(PORT),
            "hba_file": str(rules),
            **KEEPALIVES,
        }

    def set_password(self, socket: str, user: str) -> None:
        """Make the password hold; ``socket`` is the folder of the server's Unix socket."""
        with psycopg.connect(host=socket, user=user, dbname="postgres", autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(self.password))
            )

    def url(self, user: str, database: str) -> str:
        """With the password in it."""
        return f"postgresql://{user}:{self.password}@{self.address}:{PORT}/{database}"


def _kept(path: Path) -> str | None:
    """The password in a file, empty where that holds none; None where there is no file."""
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except FileNotFoundError:
        return None
