"""Job type ``move_to_library``: an original goes to another folder of the library."""

from __future__ import annotations

from prefect import task

from blocks import MediaLibrary
from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import show_result
from flows.scan import DirectoryType
from flows.site_flow import flow
from flows.video_names import same_video
from reelmill.operations.jobs import move_to_library as operation
from reelmill.operations.jobs.move_to_library import MoveResult
from reelmill.storage.media_root import PUBLIC


@task(name="move video", **BRIEFLY_RETRIED)
def move_video(video_id: str, directory_type: str) -> MoveResult:
    """Rename, or copy, compare and remove; the record follows."""
    types = (*MediaLibrary.current().scannable, PUBLIC)
    return operation.move_to_library(workbench(), video_id, directory_type, directory_types=types)


@flow(name="move_to_library", **JOB)
def move_to_library(video_id: VideoName, directory_type: DirectoryType) -> MoveResult:
    """Move a video from one folder of the library to another, for example out of the inbox.

    * Its id, its links and what was made of it stay.
    * Nothing is ever overwritten: a name that is taken gets a count.
    * To another disk it is copied, and the original removed once both are compared.
    * Moving it where it is does nothing.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`; what
            Reelmill made into `playback`, `compilations` or `digests` stays there.
        directory_type: Where to: `inbox`, `public`, or a directory type of the MediaLibrary block.
    """
    with job("move_to_library", video_id=video_id, directory_type=directory_type):
        video_id = same_video(video_id)
        return show_result(move_video(video_id, directory_type))
