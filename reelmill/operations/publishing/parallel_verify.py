"""The decoding of a finished film, a run of GOPs of it on each core or node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from reelmill import guard
from reelmill.errors import InputError
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.decode_request import NO_REQUEST, DecodeRequest
from reelmill.ffmpeg.reading.packet_index import NotCuttable, read_index
from reelmill.ffmpeg.reading.parallel_decode import (
    GopRun,
    check_gop_run,
    check_other_tracks,
    gop_runs,
    merged_report,
    split_request,
)
from reelmill.hardware.core_slots import slot
from reelmill.operations.context import local_media_root
from reelmill.operations.remote_task import RemoteTask
from reelmill.parallel import FanOut
from reelmill.settings import get_settings
from reelmill.storage.media_root import MediaRoot

_Work = tuple[str, GopRun | None, DecodeRequest]  # a path relative to the media root; None: all that is not video


@dataclass(frozen=True)
class ParallelDecoder:
    """Decodes a whole film as ``check_whole`` does, by many cores or nodes."""

    root: MediaRoot
    fan_out: FanOut
    seconds: Fraction  # of film that are worth a work of its own

    def __call__(self, path: Path, request: DecodeRequest = NO_REQUEST) -> DecodeReport:
        """Decode ``path``, a file under the root.

        Args:
            path: the film.
            request: what else is wanted of it.

        Returns:
            What ``check_whole`` returns for it.

        Raises:
            LockLost: the work is not ours any more.
            NotAVideo, InputError: it does not open.
            Unreadable: the disk does not give its bytes.
        """
        try:
            index = read_index(path)
        except NotCuttable:
            return check_whole(path, request)
        runs = gop_runs(index, self.seconds)
        if len(runs) == 1:
            return check_whole(path, request)
        relative = path.relative_to(self.root.path).as_posix()
        requests = split_request(request, runs, index)
        works: list[_Work] = [(relative, None, replace(request, frames=()))]
        works += [(relative, run, wanted) for run, wanted in zip(runs, requests, strict=True)]
        try:
            beside, *reports = self.fan_out(RemoteTask(_decode, self.root, local_media_root), works, _check_ours)
        except InputError:  # another node does not see it, or not yet: what holds is what is seen here
            return check_whole(path, request)
        return merged_report(reports, beside)


def _check_ours(_: DecodeReport) -> None:
    guard.check()


def _decode(root: MediaRoot, work: _Work) -> DecodeReport:
    relative, run, request = work
    path = root.path / relative  # our own work folder, which may be a link to another disk
    with slot(get_settings().slot_dir):
        return check_other_tracks(path, request) if run is None else check_gop_run(path, run, request)
