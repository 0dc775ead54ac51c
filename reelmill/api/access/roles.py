"""The roles of the API, and what each of them may."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a route demands of whoever calls it."""

    CREATE_JOBS = "create jobs"
    MANAGE_JOBS = "read and steer jobs"
    READ_VIDEOS = "read videos"
    READ_METRICS = "read metrics"
    READ_SETTINGS = "read settings"
    CHANGE_SETTINGS = "change settings"


class Role(StrEnum):
    """What somebody is to the API."""

    SUPER_ADMIN = "SUPER_ADMIN"
    AUTOMATION = "AUTOMATION"
    VIEWER = "VIEWER"
    SCRAPER = "SCRAPER"


ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.SUPER_ADMIN: frozenset(Permission),
    Role.AUTOMATION: frozenset({Permission.CREATE_JOBS}),
    Role.VIEWER: frozenset({Permission.READ_VIDEOS, Permission.READ_SETTINGS}),
    # Metrics name nodes and what they have, which is no viewer's affair; and what lies in a file beside Prometheus for
    # ever must open nothing else.
    Role.SCRAPER: frozenset({Permission.READ_METRICS}),
}
