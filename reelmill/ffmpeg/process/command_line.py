"""A command as one line of a log that can be pasted into a shell, whatever shows the log."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final

#: Where Prefect's command line and its log on a terminal, which print with rich, would show something else: a word
#: between two colons as an emoji (``:v:``), one in brackets (``[s0]``) or a backslash before a bracket not at all.
_TAKEN_AMISS: Final = re.compile(r"(?<=:)(?=[\w+-]+:)|(?<=\[)(?=[a-zA-Z#/@])|(?<=\\)(?=\[)")


def command_line(argv: Sequence[str]) -> str:
    """The line that a shell reads as these arguments.

    Two single quotes are nothing to a shell, within a quoted text and outside of one, so they stand wherever something
    would be taken amiss.

    Args:
        argv: the program and its arguments.

    Returns:
        The line; ``shlex.split`` gives the arguments back.
    """
    return _TAKEN_AMISS.sub("''", shlex.join(argv))
