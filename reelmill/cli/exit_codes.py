"""What the exit code of every command means: one table."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from reelmill.errors import PlatformError, ReelmillError, SiteError, UserError


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_SITE = 3
    INTERRUPTED = 130


#: In words, for the help of the command line.
MEANING: Final = {
    ExitCode.OK: "done; all jobs have completed",
    ExitCode.FAILED: "something failed: a job, or a file that is at fault",
    ExitCode.USAGE: "what was asked for makes no sense",
    ExitCode.NO_SITE: "no site is up, or a server of it does not respond",
    ExitCode.INTERRUPTED: "ended by Ctrl-C, or by a no to a question",
}


def exit_code(error: ReelmillError) -> ExitCode:
    """How a command ends over an error (pure)."""
    if isinstance(error, UserError):
        return ExitCode.USAGE
    if isinstance(error, PlatformError) and not isinstance(error, SiteError):
        return ExitCode.NO_SITE
    return ExitCode.FAILED


def in_words() -> str:
    """The table, as one paragraph."""
    return "Exit codes: " + "; ".join(f"{code.value} {words}" for code, words in MEANING.items()) + "."
