"""The database: does it answer, is its schema ours, does its clock agree with this node's?"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from reelmill.catalogue.engine import Revisions, database_url, revisions
from reelmill.doctor.findings import Finding, fault, ok, warning
from reelmill.errors import PlatformError
from reelmill.queue.job import CLOCKS_APART
from reelmill.settings import Settings

_CONNECT_SECONDS: Final = 10
#: Retries, leases and sweeps are counted in minutes: a clock this wrong, in seconds, makes them early or late.
_FAR_APART: Final = 60.0


def check_database(settings: Settings) -> list[Finding]:
    """Everything about the database. Nothing is migrated; an embedded server that is not up is started for the look."""
    if settings.database_url is None and not (settings.postgres_dir / "data" / "PG_VERSION").exists():
        sentence = f"There is no database in {settings.postgres_dir} yet."
        return [fault("database", sentence, "`reelmill up` makes it; or set REELMILL_DATABASE_URL or _DATA_DIR")]
    try:
        url = database_url(settings)
        engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": _CONNECT_SECONDS})
        with engine.connect() as connection:
            before = time.time()
            now, version = connection.execute(text("SELECT clock_timestamp(), current_setting('server_version')")).one()
            ahead = _ahead(now, before, time.time())
            found = revisions(connection)
    except (PlatformError, OperationalError) as error:
        return [fault("database", f"The database does not answer: {_first_line(error)}", _way_out(settings))]
    return [ok("database", f"PostgreSQL {version} answers."), clock("database", ahead), schema(found)]


def _way_out(settings: Settings) -> str:
    if settings.database_url is None:
        return f"`reelmill up` starts it; its log: {settings.postgres_dir / 'data' / 'server.log'}"
    return "start the server that REELMILL_DATABASE_URL names, or correct the URL"


def _ahead(now: datetime, before: float, after: float) -> float:
    return now.timestamp() - (before + after) / 2


def _first_line(error: PlatformError | OperationalError) -> str:
    said = error.orig if isinstance(error, OperationalError) and error.orig is not None else error
    return (str(said).strip().splitlines() or ["no reason given"])[0]


def clock(whose: str, ahead: float) -> Finding:
    """What is to be said of another's clock (pure).

    Args:
        whose: the database or the server.
        ahead: seconds it is ahead of this node's.

    Returns:
        One finding.
    """
    check = f"{whose}_clock"
    if abs(ahead) <= CLOCKS_APART.total_seconds():
        return ok(check, f"The clock of the {whose} agrees with this node's (within {max(1, abs(ahead)):.0f} s).")
    sentence = f"The clock of the {whose} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this node's."
    remedy = "let both keep time by NTP (`timedatectl set-ntp true`)"
    return fault(check, sentence, remedy) if abs(ahead) > _FAR_APART else warning(check, sentence, remedy)


def schema(found: Revisions) -> Finding:
    """What is to be said of the catalogue's schema (pure)."""
    if found.current == found.head:
        return ok("schema", f"The catalogue's schema is up to date ({found.head}).")
    if found.known:
        sentence = (
            f"The catalogue's schema is at {found.current or 'nothing yet'}, and this version wants {found.head}."
        )
        return fault("schema", sentence, "--repair migrates it, and so does `reelmill up`", repairable=True)
    sentence = (
        f"The catalogue's schema ({found.current}) is of another version of Reelmill than this one ({found.head})."
    )
    return fault("schema", sentence, "install the version of Reelmill that the rest of the site has")
