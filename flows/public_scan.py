"""Job type ``public_scan``: the same for the folder ``public/``."""

from __future__ import annotations

from flows.job import JOB, job
from flows.result import show_result
from flows.scan import scan_folder
from flows.scan_follow_up import follow_up
from flows.site_flow import flow
from reelmill.operations.jobs.scan import ScanResult
from reelmill.storage.media_root import PUBLIC


@flow(name="public_scan", **JOB)
def public_scan() -> ScanResult:
    """Bring the catalogue up to date with the folder of public videos.

    * Files whose size and time are unchanged are not opened.
    * Nothing is deleted: a vanished file keeps its record, marked missing.
    """
    with job("public_scan"):
        result = scan_folder(PUBLIC, skip_existing=True, allowed=(PUBLIC,))
        follow_up("public_scan", {}, result)
        return show_result(result)
