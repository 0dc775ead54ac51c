"""Job type ``public_scan``: the same for the folder ``public/``."""

from __future__ import annotations

from prefect import flow

from flows.job import JOB, job
from flows.scan import scan_folder
from reelmill.layout import PUBLIC
from reelmill.operations.scan import ScanResult


@flow(name="public_scan", **JOB)
def public_scan() -> ScanResult:
    """Bring the catalogue up to date with the folder of public videos.

    Works like `scan`: files whose size and time are unchanged are not opened, and nothing is ever deleted.
    """
    with job("public_scan"):
        return scan_folder(PUBLIC, skip_existing=True, allowed=(PUBLIC,))
