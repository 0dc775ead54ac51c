"""Which pages there are. A page is a module of ``reelmill.pages.views`` with a function under ``@page``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from reelmill.api.access.roles import Permission

_VIEWS: Final = "reelmill.pages.views"

#: Builds a page: ``async def jobs(view: View, …)``; what else it takes are parameters of its path.
Builder = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Page:
    """A page: its address, and its entry in the navigation where it has one."""

    path: str  # of its own, such as /jobs/{job_id}
    title: str
    permission: Permission | None  # without which it shows nothing
    build: Builder
    icon: str | None  # of Material Icons; None: it has no entry in the navigation
    place: int  # of its entry, from 0
    section: str  # path of the entry that is marked while it is open


_PAGES: Final[dict[str, Page]] = {}


def page(
    path: str,
    title: str,
    *,
    permission: Permission | None,
    icon: str | None = None,
    place: int = 100,
    section: str | None = None,
) -> Callable[[Builder], Builder]:
    """Add a page.

    Example:
        >>> @page("/nodes", "Nodes", permission=Permission.MANAGE_JOBS, icon="dns", place=30)
        ... async def nodes(view: View) -> None:
        ...     await view.section(lambda: view.site().nodes, show_nodes)

    Args:
        path: its address; in braces what its function takes.
        title: in the navigation and as its heading.
        permission: without which it shows nothing; None: everybody who is known may open it.
        icon: of Material Icons, for the navigation; None: no entry.
        place: of its entry: 0 is Home, 10 Jobs, 20 the library, 30 nodes, 40 the doctor, 50 settings.
        section: path of the entry that is marked while it is open; None: its own.

    Returns:
        What adds a function that builds it.
    """

    def added(build: Builder) -> Builder:
        _PAGES[path] = Page(path, title, permission, build, icon, place, section or path)
        return build

    return added


def all_pages() -> list[Page]:
    """Every page, in the order of the navigation; the modules of ``views`` are loaded first."""
    views: Any = importlib.import_module(_VIEWS)
    for module in pkgutil.iter_modules(views.__path__):
        importlib.import_module(f"{_VIEWS}.{module.name}")
    return sorted(_PAGES.values(), key=lambda each: (each.place, each.path))
