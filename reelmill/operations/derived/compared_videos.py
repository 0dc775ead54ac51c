"""The videos of a library that are compared with each other, and their perceptual hashes: by the million."""

from __future__ import annotations

import uuid
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from reelmill.analysis.similarity.hash_file import HashFile
from reelmill.analysis.similarity.perceptual_hash import Hashes
from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import searching
from reelmill.catalogue.videos.searching import VideoFacts
from reelmill.errors import OutsideMediaRoot
from reelmill.operations.context import Workbench
from reelmill.operations.derived.perceptual_hash_cache import perceptual_hashes
from reelmill.parallel import FanOut
from reelmill.report import Share

_AT_ONCE: Final = 1000  # videos
#: Of so many that cannot be compared the reason is kept.
_REASONS: Final = 1000
#: Share of the work that is to hash what has no hashes yet.
_HASHING: Final = 0.9


class ComparedVideos:
    """Videos by their places in the order of ``searching.best_first``, so that the best stands for all of a set.

    Of each only its id is held, and a number or two.

    Args:
        directory_type: compare those of one directory type; None: all but what our own jobs made.
    """

    def __init__(self, directory_type: str | None) -> None:
        self._ids = bytearray()  # 16 bytes each
        self._first = array("q")  # the place of the first of the same content
        self.hashed = array("q")  # the places of those with hashes, ascending
        self.exact: dict[int, list[int]] = {}  # by the place of the first of a content, the others of it
        self.skipped: dict[str, str] = {}  # path -> why it could not be compared; the first thousand
        with session() as opened:
            for video_id, first in searching.best_first(opened, directory_type):
                self._ids += video_id.bytes
                self._first.append(first)
        self._stands = bytearray(len(self._first))  # by place: it has hashes, and its file is as it was scanned

    def hash_into(self, hashes: HashFile, bench: Workbench, fan_out: FanOut) -> None:
        """Add the hashes of each to ``hashes``, in the order of ``hashed``; an exact copy of one before needs none.

        Raises:
            NotMounted: the whole library is away.
        """
        bench.root.require()
        total = len(self._first)
        for start in range(0, total, _AT_ONCE):
            places = range(start, min(total, start + _AT_ONCE))
            share = Share(bench.report, _HASHING * start / total, _HASHING * places.stop / total)
            found = self._hashes_of(places, replace(bench, report=share), fan_out)
            for place in sorted(found):
                hashes.add(found[place])
                self.hashed.append(place)

    def _hashes_of(self, places: Sequence[int], bench: Workbench, fan_out: FanOut) -> dict[int, Hashes]:
        videos = self._facts(places)
        firsts = [place for place in videos if self._first[place] == place]
        found = self._hashed(firsts, videos, bench, fan_out)
        for place in firsts:
            self._stands[place] = place in found and _as_scanned(bench, videos[place])
        others = []
        for place in videos.keys() - set(firsts):
            if self._stands[self._first[place]] and _as_scanned(bench, videos[place]):
                self.exact.setdefault(self._first[place], []).append(place)
            else:
                others.append(place)
        return found | self._hashed(others, videos, bench, fan_out)

    def _hashed(
        self, places: Sequence[int], videos: Mapping[int, VideoFacts], bench: Workbench, fan_out: FanOut
    ) -> dict[int, Hashes]:
        found, failed = perceptual_hashes(bench, [videos[place] for place in places], fan_out=fan_out)
        paths = {video.id: video.path for video in videos.values()}
        for video_id, reason in failed.items():
            if len(self.skipped) < _REASONS:
                self.skipped[paths[video_id]] = reason
        return {place: found[videos[place].id] for place in places if videos[place].id in found}

    def with_exact_copies(self, sets: Iterable[Sequence[int]]) -> list[list[int]]:
        """Sets of the same videos, given as places in ``hashed``, and the exact copies, as places; the best first."""
        found, alone = [], dict(self.exact)
        for same in sets:
            places = [self.hashed[number] for number in same]
            found.append(sorted([*places, *chain.from_iterable(alone.pop(place, ()) for place in places)]))
        return sorted([*found, *([first, *sorted(others)] for first, others in alone.items())])

    def each_facts(self, places: Collection[int]) -> dict[int, VideoFacts]:
        """The facts of the videos at some places; not of those that have gone since."""
        wanted, found = sorted(places), dict[int, VideoFacts]()
        for start in range(0, len(wanted), _AT_ONCE):
            found |= self._facts(wanted[start : start + _AT_ONCE])
        return found

    def _facts(self, places: Sequence[int]) -> dict[int, VideoFacts]:
        ids = {uuid.UUID(bytes=bytes(self._ids[16 * place : 16 * place + 16])): place for place in places}
        with session() as opened:
            found = searching.facts_of(opened, ids)
        return {place: found[video_id] for video_id, place in ids.items() if video_id in found}


def _as_scanned(bench: Workbench, video: VideoFacts) -> bool:
    """Whether a file is of the size and time at which its content id was recorded."""
    try:
        stat = bench.root.resolve(video.path).stat()
    except (OSError, OutsideMediaRoot):
        return False
    return (stat.st_size, stat.st_mtime_ns) == (video.size, video.mtime_ns)
