"""The decoding of a finished film, a stretch of it on each core or machine."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reelmill.errors import InputError
from reelmill.fan_out import FanOut
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.index import NotCuttable, read_index
from reelmill.ffmpeg.stretches import Stretch, check_beside, check_stretch, stretches, together
from reelmill.ffmpeg.tally import DecodeReport
from reelmill.layout import MediaRoot
from reelmill.operations.slots import slot
from reelmill.operations.travelling import Travelling
from reelmill.settings import get_settings

_Work = tuple[str, Stretch | None]  # a path relative to the media root; None: all beside the pictures


@dataclass(frozen=True)
class SideBySide:
    """Decodes a whole film, as ``check_whole`` does."""

    root: MediaRoot
    fan_out: FanOut
    seconds: Fraction  # of film that are worth a work of its own

    def __call__(self, path: Path) -> DecodeReport:
        """Decode ``path``, a file under the root.

        Raises:
            NotAVideo, InputError: it does not open.
            Unreadable: the disk does not give its bytes.
        """
        try:
            parts = stretches(read_index(path), self.seconds)
        except NotCuttable:
            return check_whole(path)
        if len(parts) == 1:
            return check_whole(path)
        relative = path.relative_to(self.root.path).as_posix()
        works: list[_Work] = [(relative, None), *((relative, part) for part in parts)]
        try:
            beside, *pictures = self.fan_out(Travelling(_look, self.root), works)
        except InputError:  # another machine does not see it, or not yet: what holds is what is seen here
            return check_whole(path)
        return together(pictures, beside)


def _look(root: MediaRoot, work: _Work) -> DecodeReport:
    relative, stretch = work
    path = root.resolve(relative)
    with slot(get_settings().slot_dir):
        return check_beside(path) if stretch is None else check_stretch(path, stretch)
