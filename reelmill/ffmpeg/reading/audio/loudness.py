"""How loud a whole audio track is to people."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.filter import Graph

from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import blame_disk, open_media
from reelmill.ffmpeg.reading.tracks import decodable_audio

#: What the measure yields where there is nothing to hear (its absolute gate, ITU-R BS.1770-5).
SILENCE: Final = -70.0


def integrated_loudness(path: Path, track: int = 0) -> float:
    """Integrated loudness of an audio track, by ITU-R BS.1770 and EBU R 128.

    What does not decode is passed over.

    Args:
        path: the file.
        track: among the file's audio streams, from 0.

    Returns:
        LUFS; ``SILENCE`` where there is no such track.

    Raises:
        FileMissing, NotAVideo, InputError: the file does not open.
    """
    with open_media(path) as container:
        stream = dict(decodable_audio(container)).get(track)
        if stream is None:
            return SILENCE
        meter = _Meter(stream)
        packets = demuxed(container, stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return meter.loudness
                if packet.size == 0 and packet.pts is not None:
                    continue  # libavcodec would take an empty packet in mid-stream for the end
                for frame in cast(list[AudioFrame], packet.decode()):
                    meter.add(frame)
            except (FFmpegError, EOFError) as error:
                blame_disk(error, path)
                continue


class _Meter:
    """ffmpeg's ``ebur128`` over one stream, made ready by its first frame."""

    def __init__(self, stream: AudioStream) -> None:
        self.loudness = SILENCE  # LUFS, of all frames so far
        self._stream = stream
        self._graph: Graph | None = None

    def add(self, frame: AudioFrame) -> None:
        if self._graph is None:
            self._graph = Graph()
            source = self._graph.add_abuffer(template=self._stream)
            self._graph.link_nodes(source, self._graph.add("ebur128", "metadata=1"), self._graph.add("abuffersink"))
            self._graph.configure()
        self._graph.push(frame)
        while True:
            try:
                measured = self._graph.pull()
            except (av.error.BlockingIOError, EOFError):
                return
            self.loudness = float(measured.metadata.get("lavfi.r128.I", self.loudness))
