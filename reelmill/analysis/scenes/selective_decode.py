"""Every frame of a time range as a thumbnail of luma, decoded only where something may have happened.

Three readings, each of less: the packets and the keyframes; of every GOP the frames that others refer to, as far as
needed to know how it goes on, with all frames where packets are unusually large; and every frame of GOPs in which a
scene may still begin unseen. What was not decoded then lies evenly between the frames that were.

All of this is decided GOP by GOP, so it does not depend on where a time range begins and ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import dropwhile, islice
from pathlib import Path
from typing import Final

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from reelmill.analysis.frames.frame_reader import read_frames
from reelmill.analysis.scenes import gop_activity
from reelmill.analysis.scenes.cuts import changes
from reelmill.analysis.scenes.gop import Gop, GopSurvey, packets, survey_gops
from reelmill.analysis.scenes.luma_thumbnails import PIXELS, Luma, LumaThumbnails, luma_thumbnail
from reelmill.ffmpeg.reading.probe import main_video, open_media

_Packets = Iterator["Packet[VideoStream]"]

#: Frames after which it is first checked how a GOP goes on, and between that and the next check.
_FIRST_CHECK: Final = 12
_CHECK_EVERY: Final = 4


def thumbnails(path: Path, first: Fraction, end: Fraction) -> LumaThumbnails:
    """All frames that begin from ``first`` seconds up to, not including, ``end``.

    Returns:
        Their thumbnails; those that were not decoded are interpolated.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    found = survey_gops(path, first, end)
    if found is None or not found.gops:
        return decode_all(path, first, end)
    decoder = _SelectiveDecoder(path, found)
    decoder.decode_references()
    decoder.decode_doubtful(first, end)
    return decoder.thumbnails(first, end)


def decode_all(path: Path, first: Fraction, end: Fraction) -> LumaThumbnails:
    """The same with every frame decoded: what is done where packets hold too little.

    Returns:
        The thumbnails of all frames that decode.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    times: list[Fraction] = []
    luma: list[Luma] = []
    for time, frame in read_frames(path, max(0, int(first)), every=True):
        if time >= end:
            break
        if time >= first and (not times or time > times[-1]):
            times.append(time)
            luma.append(luma_thumbnail(frame))
    return LumaThumbnails(tuple(times), np.stack(luma) if luma else np.zeros((0, PIXELS), np.float32))


class _SelectiveDecoder:
    """What has been decoded of the GOPs of a survey."""

    def __init__(self, path: Path, found: GopSurvey) -> None:
        self._path = path
        self._survey = found
        self._gops = found.gops
        self._all = found.gops if found.after is None else (*found.gops, found.after)
        self._firsts = [gop.first for gop in found.gops]
        self._seen: dict[int, Luma] = dict(found.keys)  # by PTS
        self._settled: dict[int, int] = {}  # by number, the GOPs whose end follows from their beginning: up to this PTS
        # Numbers of GOPs that are decoded whole; at first those whose packets hold too little.
        self._whole = {number for number, gop in enumerate(found.gops) if gop.long or not self._bounded(number)}

    def _next(self, number: int) -> int | None:
        """The keyframe after a GOP; None where the file ends."""
        return self._all[number + 1].first if number + 1 < len(self._all) else None

    def _bounded(self, number: int) -> bool:
        """Whether the frames at both ends of a GOP decode."""
        return self._firsts[number] in self._seen and self._next(number) in (None, *self._survey.keys)

    def decode_references(self) -> None:
        """Decode the frames that others refer to, of each GOP as far as needed."""
        with open_media(self._path) as container:
            stream = _stream(container)
            decoder = _ThumbnailDecoder(stream, self._seen)
            for number, read in self._packets_by_gop(container, stream):
                if number < len(self._gops) and number not in self._whole:
                    self._decode_gop(number, read, decoder)
                else:
                    decoder.empty()
            decoder.empty()

    def _decode_gop(self, number: int, read: _Packets, decoder: _ThumbnailDecoder) -> None:
        gop = self._gops[number]
        progress = _GopProgress(gop, self._all[number + 1] if number + 1 < len(self._all) else None, self._seen)
        if progress.settled(1):
            decoder.empty()
            self._settled[number] = gop.first
            return
        marked = progress.marked()
        for position, packet in enumerate(read):
            if decoder.is_empty and gop.pts[position] < gop.first:
                continue  # it refers to the GOP before, too
            decoded = decoder.feed(packet, every=bool(marked[position]))
            if decoded is None:
                self._whole.add(number)
                continue
            progress.add(decoded)
            checked = position + 1 - progress.ahead - _FIRST_CHECK
            if checked >= 0 and checked % _CHECK_EVERY == 0 and progress.settled(position + 1 - progress.ahead):
                decoder.empty()
                self._settled[number] = max(pts for pts in gop.pts[: position + 1] if pts in self._seen)
                return

    def decode_doubtful(self, first: Fraction, end: Fraction) -> None:
        """Decode every frame, from ``first`` to ``end`` seconds, of the GOPs in which a scene may begin unseen."""
        self._whole |= self._doubtful()
        if not self._whole:
            return
        closer: dict[int, Luma] = {}
        with open_media(self._path) as container:
            stream = _stream(container)
            decoder = _ThumbnailDecoder(stream, closer, lambda pts: first <= self._survey.time(pts) < end)
            for number, read in self._packets_by_gop(container, stream):
                gop, settled_at = self._all[number], self._settled.get(number)
                for packet in read if settled_at is None else islice(read, gop.until(settled_at)):
                    # Those shown before the keyframe refer to the GOP before, and belong to it.
                    leads = packet.pts is not None and packet.pts < gop.first
                    ends = number - 1 in self._whole and not decoder.is_empty and (leads or packet.is_keyframe)
                    if ends or (number in self._whole and not leads):
                        decoder.feed(packet, every=True)
                if number not in self._whole or number in self._settled:
                    decoder.empty()
            decoder.empty()
        for pts in [pts for pts in self._seen if self._is_whole(pts)]:
            del self._seen[pts]
        self._seen.update(closer)

    def _is_whole(self, pts: int) -> bool:
        """Whether a frame is shown in one of the GOPs decoded whole, and among those frames of it that are."""
        number = bisect_right(self._firsts, pts) - 1
        return number in self._whole and pts <= self._settled.get(number, pts)

    def _doubtful(self) -> set[int]:
        """The numbers of the GOPs in which a scene may begin between two frames that were decoded."""
        shown = self._shown
        known = np.array([place for place, pts in enumerate(shown) if pts in self._seen], np.intp)
        if not known.size:  # an edit list begins in the only GOP, after its keyframe
            return set(range(len(self._gops)))
        steps = changes(np.stack([self._seen[shown[place]] for place in known]))
        gaps = np.diff(known)
        found = set()
        for number in set(range(len(self._gops))) - self._whole:
            begin, end = self._firsts[number], self._settled.get(number, self._next(number))
            first = np.searchsorted(known, bisect_left(shown, begin))
            last = np.searchsorted(known, len(shown) if end is None else bisect_left(shown, end))
            if gop_activity.doubtful(steps[first:last], gaps[first:last]):
                found.add(number)
        return found

    @cached_property
    def _shown(self) -> list[int]:
        """The PTS of all frames, in the order they are shown."""
        shown = {pts for gop in self._all for pts in gop.pts if pts not in gop.hidden}
        return sorted(pts for pts in shown if pts >= self._firsts[0])

    def _packets_by_gop(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, _Packets]]:
        """The packets of each GOP of the survey with its number, and those that begin the GOP after."""
        read = packets(container, stream, self._survey.start)
        read = dropwhile(lambda packet: packet.pts != self._firsts[0], read)
        for number, gop in enumerate(self._all):
            packets_of_gop = islice(read, len(gop))
            yield number, packets_of_gop
            deque(packets_of_gop, maxlen=0)

    def thumbnails(self, first: Fraction, end: Fraction) -> LumaThumbnails:
        """What was decoded, and between that what must have been there."""
        shown = [pts for pts in self._shown if pts in self._seen or not self._is_whole(pts)]
        known = np.array([place for place, pts in enumerate(shown) if pts in self._seen], np.intp)
        if not known.size:
            return LumaThumbnails((), np.zeros((0, PIXELS), np.float32))
        inside = np.arange(*(bisect_left(shown, self._survey.pts(time)) for time in (first, end)), dtype=np.intp)
        rows = np.stack([self._seen[shown[place]] for place in known])
        right = np.searchsorted(known, inside).clip(0, known.size - 1)
        left = np.where(known[right] <= inside, right, np.maximum(right - 1, 0))
        share = (inside - known[left]) / np.maximum(known[right] - known[left], 1)
        share = share.clip(0, 1).astype(np.float32)[:, None]
        luma = rows[left] + (rows[right] - rows[left]) * share
        return LumaThumbnails(tuple(self._survey.time(shown[place]) for place in inside), luma)


class _GopProgress:
    """What is known of one GOP while it is decoded."""

    def __init__(self, gop: Gop, later: Gop | None, seen: dict[int, Luma]) -> None:
        self.course = gop_activity.Course(gop.sizes, 0 if later is None else int(later.sizes[0]))
        # Packets read before frames come: every other is skipped, and a decoder may hold back one more than it must.
        self.ahead = 2 * gop.delay + 2
        self._gop, self._later = gop, later
        self._seen = seen
        self._shown = [gop.first]
        self._still = 0  # since which of them hardly anything moves
        self._alike = 0  # since which packet they are like the next keyframe

    def marked(self) -> NDArray[np.bool_]:
        """Of which packets every frame is wanted, not only those that others refer to; shape (packets,)."""
        marked = self.course.spikes
        # Just before a keyframe that may begin a scene, too: those here that lead over to ours, and those at the end.
        marked |= np.array(self._gop.pts) < self._gop.first
        if self._later is not None and not gop_activity.alike(
            self._seen[self._gop.first], self._seen[self._later.first]
        ):
            marked[-(self._gop.delay + 2) :] = True
        return marked

    def add(self, decoded: Sequence[int]) -> None:
        """Frames that were decoded, in the order they are shown."""
        for pts in decoded:
            if pts > self._shown[-1]:
                if gop_activity.stirs(self._seen[self._shown[-1]], self._seen[pts]):
                    self._still = len(self._shown)
                self._shown.append(pts)

    def settled(self, count: int) -> bool:
        """Whether it follows from the first ``count`` packets how the GOP goes on; if so, its end is noted."""
        pts, last = self._gop.pts, self._shown[-1]
        after = None if self._later is None else self._seen[self._later.first]
        # Frames come out in the order they are shown, so these are all that others refer to up to the last of them.
        count = next((place for place in range(1, count) if pts[place] > last), count)
        if self._later is not None and after is not None and gop_activity.alike(self._seen[last], after):
            if not self._gop.full(self._later):
                return self.course.calm(count)  # a keyframe that came before it was time may end another scene
            self._alike = min(self._alike, count + self.ahead)
            return self.course.returns(count, self._alike)
        self._alike = len(pts)
        if self._later is not None and (self._later.leads or self._gop.regular(self._later)):
            return False  # the scene may begin before the keyframe
        still = self._shown[self._still]
        begin = 1 + max((place for place in range(count) if pts[place] <= still), default=count)
        if not self.course.goes_on(begin, count):
            return False
        done = (count - begin) / (len(pts) - begin)
        if not gop_activity.settled(self._seen[still], self._seen[last], done, after):
            return False
        self._seen[max(pts)] = self._seen[last]
        return True


def _stream(container: InputContainer) -> VideoStream:
    found = main_video(container)
    assert found is not None
    return found[1]


class _ThumbnailDecoder:
    """Turns packets into thumbnails by PTS."""

    def __init__(
        self, stream: VideoStream, seen: dict[int, Luma], wanted: Callable[[int], bool] = lambda _: True
    ) -> None:
        # Time ranges are decoded side by side, one a core; and by one thread frames come out as soon as they can.
        stream.thread_count = 1
        stream.codec_context.options = {"skip_loop_filter": "all"}
        self._context = stream.codec_context
        self._seen = seen
        self._wanted = wanted
        self._every = True
        self.is_empty = True

    def feed(self, packet: Packet[VideoStream], *, every: bool) -> list[int] | None:
        """Decode a packet, or skip it where no other frame refers to it and not ``every`` one is wanted.

        Returns:
            The PTS of the frames that came out; None where it does not decode.
        """
        if every != self._every:
            self._context.skip_frame = "DEFAULT" if every else "NONREF"
            self._every = every
        self.is_empty = False
        return self._decode(packet)

    def empty(self) -> None:
        """Get out what is still held back; what follows refers to nothing before."""
        if not self.is_empty:
            self._decode(None)
            self._context.flush_buffers()
            self.is_empty = True

    def _decode(self, packet: Packet[VideoStream] | None) -> list[int] | None:
        decoded = []
        try:
            frames = self._context.decode(packet)
        except (FFmpegError, EOFError):
            return None
        for frame in frames:
            pts = frame.pts
            if pts is not None and not frame.is_corrupt:
                decoded.append(pts)
                if pts not in self._seen and self._wanted(pts):
                    self._seen[pts] = luma_thumbnail(frame)
        return decoded
