"""``reelmill doctor``: the findings as a person or a program reads them, and repairs after they were shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from reelmill.errors import ReelmillError, UserError
from reelmill.findings import Finding, Severity, healthy, several
from reelmill.layout import MediaRoot
from reelmill.operations.check import manifest
from reelmill.report import Report
from reelmill.settings import get_settings
from reelmill.site import find_prefect_server

_COLOURS: Final = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.FAULT: "red"}


@dataclass(frozen=True)
class Asked:
    """What the person asked for; see the command's options."""

    check: bool
    deep: bool
    originals: Path | None
    save_originals: Path | None
    repair: bool
    yes: bool
    as_json: bool


class _Lines(Report):
    """Keeps the lines, and says them as they come where somebody reads along."""

    def __init__(self, silent: bool):
        self.lines: list[str] = []
        self._silent = silent

    def line(self, text: str) -> None:
        self.lines.append(text)
        if not self._silent:
            typer.echo(f"  {text}")

    def progress(self, fraction: float, text: str = "") -> None:
        """Nothing: a check of one folder or of ten thousand files ends when it ends."""


def run_doctor(asked: Asked) -> int:
    """Examine, repair if asked to, and answer with the exit code: 1 where a fault is left."""
    findings = _examine(asked)
    if not asked.as_json:
        _show(findings)
    done: list[str] = []
    if asked.repair:
        done = _repair(asked, findings)
        if done:
            findings = _examine(asked)
            if not asked.as_json:
                typer.echo("after that:")
                _show(findings)
    if asked.as_json:
        answer: dict[str, Any] = {"healthy": healthy(findings), "findings": [found.to_json() for found in findings]}
        typer.echo(json.dumps(answer | ({"repaired": done} if asked.repair else {}), ensure_ascii=False))
    if asked.save_originals is not None:
        _save(asked.save_originals)
    return 0 if healthy(findings) else 1


def _examine(asked: Asked) -> list[Finding]:
    server = not asked.check and find_prefect_server()
    from reelmill.doctor.examination import Wanted, examine  # late: Prefect reads its environment when imported
    from workpools.pools import pools

    wanted = Wanted(
        library_only=asked.check,
        server=server,
        pools=[pool.name for pool in pools()],
        deep=asked.deep,
        originals=None if asked.originals is None else _read(asked.originals),
    )
    return examine(get_settings(), wanted)


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"The manifest {path} cannot be read: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UserError(f"{path} is no manifest: it must hold paths and their SHA-256, as --save-originals writes it.")
    return found


def _save(path: Path) -> None:
    found = manifest(MediaRoot(get_settings().media_root))
    path.write_text(json.dumps(found, indent=1))
    typer.echo(f"{several(len(found), 'original')} written to {path}", err=True)


def _show(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
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
        console.print(f"{several(faults, 'fault')}, {several(warnings, 'warning')}")


def _repair(asked: Asked, findings: Sequence[Finding]) -> list[str]:
    """Show what would be done, ask, do it; answers with what was done, and said."""
    from reelmill.doctor.repair import plan

    repairs = plan(get_settings(), findings)
    if not repairs:
        typer.echo("nothing here that can be repaired without you", err=True)
        return []
    typer.echo("--repair would:", err=asked.as_json)
    for repair in repairs:
        typer.echo(f"  {repair.sentence}", err=asked.as_json)
    if not asked.yes and not typer.confirm("Do it?", err=asked.as_json):
        return []
    report = _Lines(silent=asked.as_json)
    for repair in repairs:
        report.line(repair.sentence)
        try:
            repair.act(report)
        except ReelmillError as error:
            report.line(f"could not: {error}")
    return report.lines
