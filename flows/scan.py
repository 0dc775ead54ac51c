"""Job type ``scan``: bring the catalogue up to date with one folder of the library."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, task
from pydantic import Field

from blocks import MediaLibrary
from flows.job import BRIEFLY_RETRIED, JOB, job, workbench
from reelmill.operations import scan as operation
from reelmill.operations.scan import ScanResult

DirectoryType = Annotated[str, Field(min_length=1, max_length=100)]


@task(name="scan folder", **BRIEFLY_RETRIED)
def scan_folder(directory_type: str, skip_existing: bool, allowed: tuple[str, ...]) -> ScanResult:
    """Walk, probe what is new or changed, and record it."""
    library, bench = MediaLibrary.current(), workbench()
    bench.root.require()  # before its folders are made, which would hide that it is not mounted
    bench.root.create()
    if directory_type in library.directory_types:  # a type somebody just added is a folder to fill
        bench.root.folder(directory_type).mkdir(exist_ok=True)
    result = operation.scan(
        bench.root,
        directory_type,
        directory_types=allowed,
        extensions=library.extensions,
        settle_seconds=library.settle_seconds,
        skip_existing=skip_existing,
        report=bench.report,
    )
    bench.report.line(f"result: {result}")
    return result


@flow(name="scan", **JOB)
def scan(directory_type: DirectoryType = "videos", skip_existing: bool = True) -> ScanResult:
    """Bring the catalogue up to date with one folder: new, changed and vanished files.

    Nothing is deleted: a vanished file keeps its record, marked missing. A file still being written waits for the
    next scan. An unreadable file becomes a record with the reason.

    Args:
        directory_type: `inbox`, or a directory type of the MediaLibrary block.
        skip_existing: Leave files alone whose size and time are unchanged; off, every file is probed again.
    """
    with job("scan", directory_type=directory_type, skip_existing=skip_existing):
        return scan_folder(directory_type, skip_existing, MediaLibrary.current().scannable)
