"""Text in an element of one's choice: headings, paragraphs, cells; whatever is in it, it stays text."""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement


class Text(TextElement):
    """An element of HTML that holds text alone.

    Args:
        tag: such as ``h2``.
        text: that it holds.
        classes: of the element.
    """

    def __init__(self, tag: str, text: str, classes: str = ""):
        super().__init__(tag=tag, text=text)
        self.classes(classes)
