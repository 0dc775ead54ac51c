"""Job type ``scan``: bring the catalogue up to date with one folder of the library."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from blocks import MediaLibrary
from flows.job import BRIEFLY_RETRIED, JOB, job, workbench
from flows.result import show_result
from flows.scan_follow_up import follow_up
from flows.site_flow import flow
from flows.video_events import VideoEvents
from reelmill.operations.jobs import scan as operation
from reelmill.operations.jobs.scan import ScanResult
from reelmill.operations.ownership import require_ours

DirectoryType = Annotated[str, Field(min_length=1, max_length=100)]


@task(name="scan folder", **BRIEFLY_RETRIED)
def scan_folder(directory_type: str, skip_existing: bool, allowed: tuple[str, ...]) -> ScanResult:
    """Walk, probe what is new or changed, and record it."""
    library, bench = MediaLibrary.current(), workbench()
    bench.root.require()  # before its folders are made, which would hide that it is not mounted
    require_ours(bench.root, claim=False)
    bench.root.create()
    if directory_type in library.directory_types:  # a type somebody just added is a folder to fill
        bench.root.folder(directory_type).mkdir(exist_ok=True)
    events = VideoEvents(directory_type, bench.report)
    result = operation.scan(
        bench.root,
        directory_type,
        directory_types=allowed,
        extensions=library.extensions,
        system_folders=library.system_folders,
        settle_seconds=library.settle_seconds,
        skip_existing=skip_existing,
        report=bench.report,
        listener=events.changed,
    )
    events.done(result)
    return result


@flow(name="scan", **JOB)
def scan(directory_type: DirectoryType = "videos", skip_existing: bool = True) -> ScanResult:
    """Bring the catalogue up to date with one folder: new, changed and vanished files.

    * Nothing is deleted: a vanished file keeps its record, marked missing.
    * A file still being written waits for a later scan, which this one hands in itself.
    * An unreadable file becomes a record with the reason.

    Args:
        directory_type: `inbox`, or a directory type of the MediaLibrary block.
        skip_existing: Leave files alone whose size and time are unchanged; off, every file is probed again.
    """
    with job("scan", directory_type=directory_type, skip_existing=skip_existing):
        result = scan_folder(directory_type, skip_existing, MediaLibrary.current().scannable)
        follow_up("scan", {"directory_type": directory_type}, result)
        return show_result(result)
