"""The whole examination: each part is looked at, whatever is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reelmill.doctor import database, machine
from reelmill.errors import PlatformError, ResourceError
from reelmill.findings import Finding, Severity, fault
from reelmill.layout import MediaRoot
from reelmill.operations.check import check_library
from reelmill.report import Report
from reelmill.settings import Settings

_GOOD = Severity.OK


@dataclass(frozen=True)
class Wanted:
    """What is to be looked at."""

    library_only: bool = False
    server: bool = True  # whether there is one to look at
    pools: Sequence[str] = ()  # the work pools a site must have
    deep: bool = False  # decode every video
    originals: Mapping[str, str] | None = None  # see ``check.manifest``


def examine(settings: Settings, wanted: Wanted, report: Report | None = None) -> list[Finding]:
    """Look at everything that is wanted; nothing is changed.

    Args:
        settings: this machine's.
        wanted: what to look at.
        report: where progress goes.
    """
    stored = database.look(settings)
    if wanted.library_only:
        return [
            *(found for found in stored if found.severity is not _GOOD),
            *_library(settings, wanted, stored, report),
        ]
    from reelmill.doctor import queue  # late: Prefect takes a second to import

    return [
        *(queue.look(settings, wanted.pools) if wanted.server else [queue.away()]),
        *stored,
        *machine.look(settings),
        *_library(settings, wanted, stored, report),
    ]


def _library(settings: Settings, wanted: Wanted, stored: Sequence[Finding], report: Report | None) -> list[Finding]:
    # Reading the catalogue migrates it, and an examination changes nothing.
    if any(found.check in ("database", "schema") and found.severity is not _GOOD for found in stored):
        return []
    try:
        return check_library(
            MediaRoot(settings.media_root), deep=wanted.deep, originals=wanted.originals, report=report
        )
    except (PlatformError, ResourceError) as error:
        return [fault("library", str(error), "mend that, and look again")]
