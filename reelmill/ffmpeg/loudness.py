"""How loud a whole sound track is, as people hear it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
from av.error import FFmpegError
from av.filter import Graph

from reelmill.ffmpeg.probe import blame_disk, open_media

#: What the measure answers where there is nothing to hear (its absolute gate, ITU-R BS.1770-5).
SILENCE: Final = -70.0


def integrated(path: Path) -> float:
    """Integrated loudness of the first sound track in LUFS, by ITU-R BS.1770 and EBU R 128; ``SILENCE`` without one.

    What does not decode is passed over.

    Raises:
        FileMissing, NotAVideo, InputError: the file does not open.
    """
    loudness = SILENCE
    with open_media(path) as container:
        if not container.streams.audio:
            return loudness
        stream = container.streams.audio[0]
        graph: Graph | None = None
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return loudness
                if packet.size == 0 and packet.pts is not None:
                    continue  # libavcodec would take an empty packet in mid-stream for the end
                for frame in packet.decode():
                    if graph is None:
                        graph = Graph()
                        source = graph.add_abuffer(template=stream)
                        graph.link_nodes(source, graph.add("ebur128", "metadata=1"), graph.add("abuffersink"))
                        graph.configure()
                    graph.push(frame)
                    loudness = _read(graph, loudness)
            except (FFmpegError, EOFError) as error:
                blame_disk(error, path)
                continue


def _read(graph: Graph, loudness: float) -> float:
    """Take out what has been measured; answers with the last figure, which is that of all so far."""
    while True:
        try:
            measured = graph.pull()
        except (av.error.BlockingIOError, EOFError):
            return loudness
        loudness = float(measured.metadata.get("lavfi.r128.I", loudness))
