"""What an examination found: a sentence each, how bad it is, and the way out (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reelmill.report import printable

_NAMED: Final = 3  # names in a sentence; all of them are in ``Finding.names``


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # works, and somebody should look
    FAULT = "fault"  # something is lost, at risk or does not work


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str  # what was looked at, e.g. ``missing_files``
    severity: Severity
    sentence: str
    remedy: str | None = None  # the way out; None where nothing is wrong
    repairable: bool = False  # ``reelmill doctor --repair`` can do it safely
    names: tuple[str, ...] = ()  # of all that it is about: paths, workers, jobs

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "check": self.check,
            "severity": str(self.severity),
            "sentence": self.sentence,
            "remedy": self.remedy,
            "repairable": self.repairable,
            "names": list(self.names),
        }


def ok(check: str, sentence: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Severity.OK, sentence)


def warning(check: str, sentence: str, remedy: str, *, repairable: bool = False, names: Iterable[str] = ()) -> Finding:
    """Somebody should look."""
    return Finding(check, Severity.WARNING, sentence, remedy, repairable, tuple(map(printable, names)))


def fault(check: str, sentence: str, remedy: str, *, repairable: bool = False, names: Iterable[str] = ()) -> Finding:
    """Something is wrong."""
    return Finding(check, Severity.FAULT, sentence, remedy, repairable, tuple(map(printable, names)))


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether none of them is a fault."""
    return all(finding.severity is not Severity.FAULT for finding in findings)


def clean(findings: Iterable[Finding]) -> bool:
    """Whether there is not even a warning."""
    return all(finding.severity is Severity.OK for finding in findings)


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(printable, names[:_NAMED])) + more
