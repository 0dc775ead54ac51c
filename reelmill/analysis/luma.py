"""Every picture of a stretch of video as a small plane, decoded only where something may have happened.

Three readings, each of less: the packets and the keyframes; of every group of pictures those that others refer to, as
far as needed to tell how it goes on, with all pictures where packets are unusually large; and every picture of groups
in which a scene may still begin unseen. What was not decoded then lies evenly between its neighbours.

All of this is decided group by group, so it does not depend on where a stretch begins and ends.
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

from reelmill.analysis import quiet
from reelmill.analysis.cuts import changes
from reelmill.analysis.frames import pictures
from reelmill.analysis.groups import Group, Survey, packets, survey
from reelmill.analysis.planes import PIXELS, Plane, Planes, plane
from reelmill.ffmpeg.probe import main_video, open_media

_Packets = Iterator["Packet[VideoStream]"]

#: Pictures after which a group is first asked how it goes on, and then again and again.
_FIRST_ASKED: Final = 12
_ASKED_EVERY: Final = 4


def planes(path: Path, first: Fraction, end: Fraction) -> Planes:
    """All pictures that begin from ``first`` seconds up to, not including, ``end``.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    found = survey(path, first, end)
    if found is None or not found.groups:
        return every(path, first, end)
    walk = _Walk(path, found)
    walk.look()
    walk.look_closer(first, end)
    return walk.planes(first, end)


def every(path: Path, first: Fraction, end: Fraction) -> Planes:
    """The same with every picture decoded: what is done where packets say too little.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    times: list[Fraction] = []
    luma: list[Plane] = []
    for time, frame in pictures(path, max(0, int(first)), every=True):
        if time >= end:
            break
        if time >= first and (not times or time > times[-1]):
            times.append(time)
            luma.append(plane(frame))
    return Planes(tuple(times), np.stack(luma) if luma else np.zeros((0, PIXELS), np.float32))


class _Walk:
    """What has been seen of the groups of a survey."""

    def __init__(self, path: Path, found: Survey) -> None:
        self._path = path
        self._survey = found
        self._groups = found.groups
        self._all = found.groups if found.after is None else (*found.groups, found.after)
        self._firsts = [group.first for group in found.groups]
        self._seen: dict[int, Plane] = dict(found.keys)  # by stamp
        self._told: dict[int, int] = {}  # numbers of groups whose end follows from their beginning: up to this stamp
        # Numbers of groups that are decoded whole; of the first ones already clear that packets say nothing of them.
        self._whole = {number for number, group in enumerate(found.groups) if group.long or not self._bounded(number)}

    def _next(self, number: int) -> int | None:
        """The keyframe after a group; None where the file ends."""
        return self._all[number + 1].first if number + 1 < len(self._all) else None

    def _bounded(self, number: int) -> bool:
        """Whether the pictures at both ends of a group decode."""
        return self._firsts[number] in self._seen and self._next(number) in (None, *self._survey.keys)

    def look(self) -> None:
        """Look at the pictures that others refer to, of each group as far as needed."""
        with open_media(self._path) as container:
            stream = _stream(container)
            decoder = _Decoder(stream, self._seen)
            for number, read in self._grouped(container, stream):
                if number < len(self._groups) and number not in self._whole:
                    self._look_at(number, read, decoder)
                else:
                    decoder.empty()
            decoder.empty()

    def _look_at(self, number: int, read: _Packets, decoder: _Decoder) -> None:
        group = self._groups[number]
        look = _Look(group, self._all[number + 1] if number + 1 < len(self._all) else None, self._seen)
        if look.settled(1):
            decoder.empty()
            self._told[number] = group.first
            return
        every = look.every()
        for position, packet in enumerate(read):
            if decoder.is_empty and group.stamps[position] < group.first:
                continue  # it refers to the group before, too
            came = decoder.feed(packet, every=bool(every[position]))
            if came is None:
                self._whole.add(number)
                continue
            look.add(came)
            asked = position + 1 - look.ahead - _FIRST_ASKED
            if asked >= 0 and asked % _ASKED_EVERY == 0 and look.settled(position + 1 - look.ahead):
                decoder.empty()
                self._told[number] = max(stamp for stamp in group.stamps[: position + 1] if stamp in self._seen)
                return

    def look_closer(self, first: Fraction, end: Fraction) -> None:
        """Look at every picture, from ``first`` to ``end`` seconds, of the groups in which a scene may begin unseen."""
        self._whole |= self._doubtful()
        if not self._whole:
            return
        closer: dict[int, Plane] = {}
        with open_media(self._path) as container:
            stream = _stream(container)
            decoder = _Decoder(stream, closer, lambda stamp: first <= self._survey.time(stamp) < end)
            for number, read in self._grouped(container, stream):
                group, told = self._all[number], self._told.get(number)
                for packet in read if told is None else islice(read, group.until(told)):
                    # Those shown before the keyframe refer to the group before, and are part of it.
                    leads = packet.pts is not None and packet.pts < group.first
                    ends = number - 1 in self._whole and not decoder.is_empty and (leads or packet.is_keyframe)
                    if ends or (number in self._whole and not leads):
                        decoder.feed(packet, every=True)
                if number not in self._whole or number in self._told:
                    decoder.empty()
            decoder.empty()
        for stamp in [stamp for stamp in self._seen if self._is_whole(stamp)]:
            del self._seen[stamp]
        self._seen.update(closer)

    def _is_whole(self, stamp: int) -> bool:
        """Whether a picture is shown in one of the groups decoded whole, and in the part of it that is."""
        number = bisect_right(self._firsts, stamp) - 1
        return number in self._whole and stamp <= self._told.get(number, stamp)

    def _doubtful(self) -> set[int]:
        """The numbers of the groups in which a scene may begin between two pictures that were decoded."""
        stamps = self._shown
        known = np.array([place for place, stamp in enumerate(stamps) if stamp in self._seen], np.intp)
        steps = changes(np.stack([self._seen[stamps[place]] for place in known]))
        gaps = np.diff(known)
        found = set()
        for number in set(range(len(self._groups))) - self._whole:
            begin, end = self._firsts[number], self._told.get(number, self._next(number))
            first = np.searchsorted(known, bisect_left(stamps, begin))
            last = np.searchsorted(known, len(stamps) if end is None else bisect_left(stamps, end))
            if quiet.doubtful(steps[first:last], gaps[first:last]):
                found.add(number)
        return found

    @cached_property
    def _shown(self) -> list[int]:
        """The stamps of all pictures, in the order they are shown."""
        shown = {stamp for group in self._all for stamp in group.stamps if stamp not in group.hidden}
        return sorted(stamp for stamp in shown if stamp >= self._firsts[0])

    def _grouped(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, _Packets]]:
        """The packets of each group of the survey with its number, and those that begin the group after."""
        read = packets(container, stream, self._survey.start)
        read = dropwhile(lambda packet: packet.pts != self._firsts[0], read)
        for number, group in enumerate(self._all):
            part = islice(read, len(group))
            yield number, part
            deque(part, maxlen=0)

    def planes(self, first: Fraction, end: Fraction) -> Planes:
        """What was seen, and between that what must have been there."""
        shown = [stamp for stamp in self._shown if stamp in self._seen or not self._is_whole(stamp)]
        known = np.array([place for place, stamp in enumerate(shown) if stamp in self._seen], np.intp)
        if not known.size:
            return Planes((), np.zeros((0, PIXELS), np.float32))
        inside = np.arange(*(bisect_left(shown, self._survey.stamp(time)) for time in (first, end)), dtype=np.intp)
        rows = np.stack([self._seen[shown[place]] for place in known])
        right = np.searchsorted(known, inside).clip(0, known.size - 1)
        left = np.where(known[right] <= inside, right, np.maximum(right - 1, 0))
        share = (inside - known[left]) / np.maximum(known[right] - known[left], 1)
        share = share.clip(0, 1).astype(np.float32)[:, None]
        luma = rows[left] + (rows[right] - rows[left]) * share
        return Planes(tuple(self._survey.time(shown[place]) for place in inside), luma)


class _Look:
    """What is seen of one group while it is read."""

    def __init__(self, group: Group, later: Group | None, seen: dict[int, Plane]) -> None:
        self.course = quiet.Course(group.sizes, 0 if later is None else int(later.sizes[0]))
        # Packets read before pictures come: every other is skipped, and a decoder may hold back one more than it must.
        self.ahead = 2 * group.delay + 2
        self._group, self._later = group, later
        self._seen = seen
        self._shown = [group.first]
        self._still = 0  # since which of them hardly anything moves
        self._alike = 0  # since which packet they are like the next keyframe

    def every(self) -> NDArray[np.bool_]:
        """Of which packets every picture is wanted, not only those that others refer to; shape (packets,)."""
        marked = self.course.spikes
        # Just before a keyframe that may begin a scene, too: those here that lead over to ours, and those at the end.
        marked |= np.array(self._group.stamps) < self._group.first
        if self._later is not None and not quiet.alike(self._seen[self._group.first], self._seen[self._later.first]):
            marked[-(self._group.delay + 2) :] = True
        return marked

    def add(self, came: Sequence[int]) -> None:
        """Pictures that were decoded, in the order they are shown."""
        for stamp in came:
            if stamp > self._shown[-1]:
                if quiet.stirs(self._seen[self._shown[-1]], self._seen[stamp]):
                    self._still = len(self._shown)
                self._shown.append(stamp)

    def settled(self, count: int) -> bool:
        """Whether the first ``count`` packets tell how the group goes on; if so, its end is put down."""
        stamps, last = self._group.stamps, self._shown[-1]
        after = None if self._later is None else self._seen[self._later.first]
        # Pictures come out in the order they are shown, so these are all that others refer to up to the last of them.
        count = next((place for place in range(1, count) if stamps[place] > last), count)
        if self._later is not None and after is not None and quiet.alike(self._seen[last], after):
            if not self._group.full(self._later):
                return self.course.calm(count)  # a keyframe that came before it was time may end another scene
            self._alike = min(self._alike, count + self.ahead)
            return self.course.returns(count, self._alike)
        self._alike = len(stamps)
        if self._later is not None and (self._later.leads or self._group.regular(self._later)):
            return False  # the scene may begin before the keyframe
        still = self._shown[self._still]
        begin = 1 + max((place for place in range(count) if stamps[place] <= still), default=count)
        if not self.course.goes_on(begin, count):
            return False
        done = (count - begin) / (len(stamps) - begin)
        if not quiet.settled(self._seen[still], self._seen[last], done, after):
            return False
        self._seen[max(stamps)] = self._seen[last]
        return True


def _stream(container: InputContainer) -> VideoStream:
    found = main_video(container)
    assert found is not None
    return found[1]


class _Decoder:
    """Turns packets into planes by stamp."""

    def __init__(
        self, stream: VideoStream, seen: dict[int, Plane], wanted: Callable[[int], bool] = lambda _: True
    ) -> None:
        stream.thread_count = 1  # ranges run side by side, one a core; and pictures come out as soon as they can
        stream.codec_context.options = {"skip_loop_filter": "all"}
        self._context = stream.codec_context
        self._seen = seen
        self._wanted = wanted
        self._every = True
        self.is_empty = True

    def feed(self, packet: Packet[VideoStream], *, every: bool) -> list[int] | None:
        """Decode a packet, or skip it where no other picture refers to it and not ``every`` one is wanted.

        Answers with the stamps of what came out, or None where it does not decode.
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
        came = []
        try:
            frames = self._context.decode(packet)
        except (FFmpegError, EOFError):
            return None
        for frame in frames:
            stamp = frame.pts
            if stamp is not None and not frame.is_corrupt:
                came.append(stamp)
                if stamp not in self._seen and self._wanted(stamp):
                    self._seen[stamp] = plane(frame)
        return came
