"""The one loop over the files that a command was given: a bad one is reported in its place and stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer

from reelmill.classification import classify
from reelmill.cli.views.output import Output, print_json
from reelmill.errors import ReelmillError

Found = TypeVar("Found")
Named = TypeVar("Named", str, Path)


@dataclass(frozen=True)
class FileError:
    """Why a file, or what else was named, cannot be used."""

    file: str | Path
    error: ReelmillError | OSError

    @property
    def document(self) -> dict[str, str]:
        """As programs read it."""
        return {"file": str(self.file), "error": self.sentence, "failure_class": str(classify(self.error)[0])}

    @property
    def sentence(self) -> str:
        """As people read it."""
        if isinstance(self.error, OSError):
            return f"{self.file} cannot be read: {self.error.strerror or self.error}."
        return str(self.error)


@dataclass(frozen=True)
class FileReport:
    """What a command found of one file."""

    document: Mapping[str, Any]  # for programs
    lines: Sequence[str] = ()  # for people
    error: str | None = None  # why it cannot be used, a sentence
    good: bool = True


def each(files: Sequence[Named], work: Callable[[Named], Found]) -> Iterator[Found | FileError]:
    """Work on files, or on what else was named, one after the other.

    Args:
        files: as they were named.
        work: what is done with one.

    Yields:
        What each gave, or why it cannot be used.
    """
    for file in files:
        try:
            yield work(file)
        except (ReelmillError, OSError) as error:
            yield FileError(file, error)


def report_each(files: Sequence[Path], output: Output, examine: Callable[[Path], FileReport]) -> None:
    """Examine files and print what was found.

    People read of each as it comes, errors on standard error. Programs get the document of a single file, and a list
    with the document of each of several.

    Args:
        files: as they were named.
        output: for whom.
        examine: returns what is to be printed of one.

    Raises:
        typer.Exit: 1, once all were examined, where one cannot be used or is not good.
    """
    reports = []
    for found in each(files, examine):
        report = FileReport(found.document, error=found.sentence) if isinstance(found, FileError) else found
        reports.append(report)
        if output == "table":
            _print(report)
    if output == "json":
        documents = [report.document for report in reports]
        print_json(documents if len(files) > 1 else documents[0])
    if any(report.error is not None or not report.good for report in reports):
        raise typer.Exit(1)


def _print(report: FileReport) -> None:
    if report.error is not None:
        typer.echo(report.error, err=True)
    for line in report.lines:
        typer.echo(line)
