"""Home: what runs, what waits and why, what failed today, in one look."""

from __future__ import annotations

from reelmill.api.access.roles import Permission
from reelmill.pages.components.text import Text
from reelmill.pages.registry import page
from reelmill.pages.view import View


@page("/", "Home", permission=Permission.MANAGE_JOBS, icon="home", place=0)
async def home(_view: View) -> None:
    """Build the page."""
    Text("h1", "Home")
