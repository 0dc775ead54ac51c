"""``reelmill doctor``: the findings as a person or a program reads them, and repairs after they were shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from reelmill.cli.views.console import open_console
from reelmill.doctor.findings import Finding, Severity, healthy
from reelmill.doctor.library import manifest
from reelmill.errors import ReelmillError, UserError
from reelmill.report import Report
from reelmill.settings import get_settings
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import plural

_COLOURS: Final = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.FAULT: "red"}


@dataclass(frozen=True)
class DoctorOptions:
    """The options of the command; its help explains them."""

    check: bool
    deep: bool
    originals: Path | None
    save_originals: Path | None
    repair: bool
    yes: bool
    as_json: bool


class _Lines(Report):
    """Collects the lines, and prints each as it comes where somebody reads along."""

    def __init__(self, silent: bool):
        self.lines: list[str] = []
        self._silent = silent

    def line(self, text: str) -> None:
        self.lines.append(text)
        if not self._silent:
            typer.echo(f"  {text}")

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """Nothing: a check of one folder or of ten thousand files ends when it ends."""


def run_doctor(options: DoctorOptions) -> int:
    """Examine, and repair if asked to; the exit code, 1 where a fault is left."""
    findings = _examine(options)
    if not options.as_json:
        _show(findings)
    done: list[str] = []
    if options.repair:
        done = _repair(options, findings)
        if done:
            findings = _examine(options)
            if not options.as_json:
                typer.echo("after that:")
                _show(findings)
    if options.as_json:
        result: dict[str, Any] = {"healthy": healthy(findings), "findings": [found.to_json() for found in findings]}
        typer.echo(json.dumps(result | ({"repaired": done} if options.repair else {}), ensure_ascii=False))
    if options.save_originals is not None:
        _save(options.save_originals)
    return 0 if healthy(findings) else 1


def _examine(options: DoctorOptions) -> list[Finding]:
    from reelmill.doctor.examination import Scope, examine  # late: it takes a second to import
    from workpools.pools import pools

    with _server(options) as server:
        scope = Scope(
            library_only=options.check,
            server=server,
            pools=[pool.name for pool in pools()],
            deep=options.deep,
            originals=None if options.originals is None else _read(options.originals),
        )
        return examine(get_settings(), scope)


def _server(options: DoctorOptions) -> AbstractContextManager[bool]:
    """Whether there is a Prefect server to ask; with its settings in force."""
    if options.check:
        return nullcontext(False)
    from reelmill.dispatch.server.server_choice import chosen_server

    return chosen_server()


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"The manifest {path} cannot be read: {error.strerror}.") from error
    except ValueError:  # no JSON, or no text at all
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UserError(f"{path} is no manifest: it must hold paths and their SHA-256, as --save-originals writes it.")
    return found


def _save(path: Path) -> None:
    root = MediaRoot(get_settings().media_root)
    root.require()
    found = manifest(root)
    try:
        path.write_text(json.dumps(found, indent=1))
    except OSError as error:
        raise UserError(f"The manifest {path} cannot be written: {error.strerror}; name a file that can.") from error
    typer.echo(f"{plural(len(found), 'original')} written to {path}", err=True)


def _show(findings: Sequence[Finding]) -> None:
    console = open_console(soft_wrap=True)
    for finding in sorted(findings, key=lambda finding: list(Severity).index(finding.severity)):
        console.print(f"[{_COLOURS[finding.severity]}]{finding.severity:8}[/]", end="")
        console.print(finding.sentence, markup=False)
        if finding.remedy is not None:
            console.print(f"         -> {finding.remedy}", markup=False)
    faults = sum(finding.severity is Severity.FAULT for finding in findings)
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    if not faults and not warnings:
        console.print("healthy")
    else:
        console.print(f"{plural(faults, 'fault')}, {plural(warnings, 'warning')}")


def _repair(options: DoctorOptions, findings: Sequence[Finding]) -> list[str]:
    """Show what would be done, ask, do it; the lines that report it."""
    from reelmill.doctor.repair import plan

    repairs = plan(get_settings(), findings)
    if not repairs:
        typer.echo("nothing here that can be repaired without you", err=True)
        return []
    typer.echo("--repair would:", err=options.as_json)
    for repair in repairs:
        typer.echo(f"  {repair.sentence}", err=options.as_json)
    if not options.yes and not typer.confirm("Do it?", err=options.as_json):
        return []
    report = _Lines(silent=options.as_json)
    for repair in repairs:
        report.line(repair.sentence)
        try:
            repair.act(report)
        except (ReelmillError, OSError) as error:  # a share that does not answer, too
            report.line(f"could not: {error}")
    return report.lines
