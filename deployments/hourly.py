"""What a site does on its server once an hour; each is a trouble of its own where it goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from prefect.client.orchestration import get_client

from deployments import renaming
from deployments.supervisor import Notify
from reelmill.catalogue.exports import kept_exports
from reelmill.catalogue.models import utc_now
from reelmill.dispatch import dispatcher, server_errors
from reelmill.doctor import images
from reelmill.errors import PlatformError, UserError
from reelmill.operations.ownership import require_ours
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import plural

#: Files of old jobs that are written in an hour, which takes some seconds each: a million jobs do not hold up the site.
_PORTIONS: Final = 4


def delete_replaced(_: Settings, notify: Notify) -> None:
    """Delete deployments that others have replaced, once no job of theirs is left.

    Args:
        notify: called with a line on each.

    Raises:
        PlatformError: the server is away.
    """
    with server_errors(), get_client(sync_client=True) as client:
        renaming.delete_replaced(client, notify)


def archive_old_jobs(settings: Settings, notify: Notify) -> None:
    """Archive some of the jobs that are older than the setting ``keep_jobs_days``; all stay where it is unset.

    Args:
        settings: of the site.
        notify: called with a line where any were.

    Raises:
        UserError: another process is at it.
        PlatformError: the server, the database or the disk is away.
    """
    days = settings.keep_jobs_days
    if days is None:
        return
    with dispatcher() as prefect:
        jobs = prefect.archive.write(timedelta(days=days), portions=_PORTIONS)
    if jobs:
        notify(f"{jobs} jobs older than {days} days archived in {settings.archive_dir}")


def export_catalogue(settings: Settings, notify: Notify) -> None:
    """Keep an export of the catalogue, with rules and settings, with the library, once a day.

    Args:
        settings: of the site.
        notify: called with a line where one was written.

    Raises:
        UserError: the catalogue has lost videos of the newest export, which stays as it is.
        OSError: the disk refuses.
        PlatformError: the database is away.
    """
    root = MediaRoot(settings.media_root)
    root.require()
    require_ours(root, claim=False)
    trouble = ""

    def of_site() -> list[dict[str, Any]]:
        nonlocal trouble
        try:
            with dispatcher() as prefect:
                return list(prefect.transfer.lines())
        except (PlatformError, UserError) as error:  # better an export without them than none
            trouble = f", without rules and settings: {error}"
            return []

    path = kept_exports.write_daily(root, f"{utc_now():%Y-%m-%d}", of_site)
    if path is not None:
        notify(f"the catalogue was exported to {path}{trouble}")


def record_images(settings: Settings, notify: Notify) -> None:
    """Record the images on the disk that older versions had no rows for, once after an upgrade.

    Args:
        settings: of the site.
        notify: called with a line where any were.

    Raises:
        UserError: the media root belongs to another site.
        OSError: the disk does not answer.
        PlatformError: the database is away.
    """
    if not images.are_to_be_adopted():
        return
    root = MediaRoot(settings.media_root)
    root.require()
    require_ours(root, claim=False)
    if count := images.adopt_all(root):
        notify(f"{plural(count, 'image')} of before the upgrade {'is' if count == 1 else 'are'} in the catalogue now")


#: By whose trouble it is.
HOURLY: Final[Mapping[str, Callable[[Settings, Notify], None]]] = {
    "deployments that were replaced": delete_replaced,
    "archiving": archive_old_jobs,
    "images of before the upgrade": record_images,
    "export of the catalogue": export_catalogue,
}
