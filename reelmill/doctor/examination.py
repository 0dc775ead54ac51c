"""The whole examination: each part is looked at, whatever is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reelmill.doctor.database import check_database
from reelmill.doctor.findings import Finding, Severity, fault
from reelmill.doctor.library import check_library
from reelmill.doctor.node import check_node
from reelmill.errors import PlatformError, ResourceError, SiteError
from reelmill.report import Report
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot

_GOOD = Severity.OK

#: The check that fails where the library belongs to another site; then nothing of it is repaired.
ANOTHERS: Final = "owner"


@dataclass(frozen=True)
class Scope:
    """What is examined."""

    library_only: bool = False
    server: bool = True  # whether there is one to examine
    pools: Sequence[str] = ()  # the work pools a site must have
    deep: bool = False  # decode every video
    originals: Mapping[str, str] | None = None  # see ``library.manifest``


def examine(settings: Settings, scope: Scope, report: Report | None = None) -> list[Finding]:
    """Examine everything in the scope; nothing is changed.

    Args:
        settings: this node's.
        scope: what to examine.
        report: where progress goes.

    Returns:
        A finding for each check.
    """
    stored = check_database(settings)
    if scope.library_only:
        return [
            *(found for found in stored if found.severity is not _GOOD),
            *_library(settings, scope, stored, report),
        ]
    from reelmill.doctor import queue_findings  # late: Prefect takes a second to import

    return [
        *(queue_findings.check_queue(settings, scope.pools) if scope.server else [queue_findings.no_server()]),
        *stored,
        *check_node(settings),
        *_library(settings, scope, stored, report),
    ]


def _library(settings: Settings, scope: Scope, stored: Sequence[Finding], report: Report | None) -> list[Finding]:
    # Reading the catalogue migrates it, and an examination changes nothing.
    if any(found.check in ("database", "schema") and found.severity is not _GOOD for found in stored):
        return []
    try:
        return check_library(MediaRoot(settings.media_root), deep=scope.deep, originals=scope.originals, report=report)
    except SiteError as error:
        return [fault(ANOTHERS, str(error), "nothing of this library is examined or repaired here")]
    except (PlatformError, ResourceError) as error:
        return [fault("library", str(error), "mend that, and look again")]
