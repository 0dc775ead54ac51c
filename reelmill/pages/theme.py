"""Light and dark, and the files that pages are drawn with: all of them from this installation, none from elsewhere."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import HTTPConnection

ASSETS: Final = Path(__file__).parent / "assets"

#: Where ``ASSETS`` is served.
ASSETS_PATH: Final = "/assets"

#: Holds what was chosen; pages' scripts write it.
THEME_COOKIE: Final = "reelmill_theme"


class Theme(StrEnum):
    """What somebody has chosen."""

    AUTO = "auto"  # as the system has it
    LIGHT = "light"
    DARK = "dark"

    @property
    def dark(self) -> bool | None:
        """As NiceGUI has it."""
        return {"auto": None, "light": False, "dark": True}[self]

    @property
    def body_class(self) -> str:
        """The class of the body of a page that has no script."""
        return {"auto": "rm-auto", "light": "body--light", "dark": "body--dark"}[self]


def chosen(connection: HTTPConnection) -> Theme:
    """What was chosen in the browser that asks."""
    try:
        return Theme(connection.cookies.get(THEME_COOKIE, ""))
    except ValueError:
        return Theme.AUTO


@cache
def asset(name: str) -> str:
    """The address of a file of ``ASSETS``; it changes with what is in the file, so that browsers may keep it."""
    version = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:12]
    return f"{ASSETS_PATH}/{name}?v={version}"
