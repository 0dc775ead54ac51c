"""A place of a page that is built anew only where what it shows has changed: what has the focus in it keeps it."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui


class Place:
    """An element whose content depends on some values.

    Args:
        classes: of the element.
    """

    def __init__(self, classes: str = "rm-section"):
        self._element = ui.element("div").classes(classes)
        self._shown: object = None

    def show(self, values: object, build: Callable[[], None]) -> None:
        """Show something.

        Args:
            values: that it depends on.
            build: builds elements of it; called where the values are others than before.
        """
        if self._element.is_deleted or self._shown == (values,):
            return
        self._shown = (values,)
        self._element.clear()
        with self._element:
            build()
