"""Text in an element of one's choice: headings, paragraphs, cells; whatever is in it, it stays text."""

from __future__ import annotations

from typing import TypeVar

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

T = TypeVar("T", bound=Element)


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


def prose(tag: str, text: str, classes: str = "") -> Element:
    """A sentence in which what stands between backticks is code, as our messages have it.

    Args:
        tag: such as ``p``.
        text: of the sentence.
        classes: of the element.

    Returns:
        The element.
    """
    with Element(tag).classes(classes) as made:
        for place, words in enumerate(text.split("`")):
            if words:
                Text("code" if place % 2 else "span", words)
    return made


def labelled(element: T, label: str) -> T:
    """Name an element for a screen reader; the name may hold anything, since it is never read as attributes.

    Args:
        element: that is named.
        label: its name.

    Returns:
        The element.
    """
    element._props["aria-label"] = label
    return element
