"""Parts of a film, each encoded once: kept in the chunk store until it is published, for whoever goes on with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from reelmill.catalogue.models import Video
from reelmill.errors import OutputRejected
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.energy import NOT_MEASURABLE, Energy
from reelmill.ffmpeg.progress import Progress
from reelmill.ffmpeg.transcoder import Encoded
from reelmill.operations.store import Store
from reelmill.operations.tidying import always, tidy
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import held
from reelmill.settings import get_settings

_SOURCE: Final = "source"


def part_key(bench: Workbench, video: Video, path: Path, command: Sequence[str]) -> str:
    """The name of a part: what it is made of, by which ffmpeg, and how.

    Args:
        bench: whose ffmpeg makes it.
        video: the record of its source.
        path: the source's file.
        command: ffmpeg's arguments that make it, into a file that is called the same each time.
    """
    anywhere = [argument.replace(str(path), _SOURCE) for argument in command]  # the root may be mounted elsewhere
    return recipe("part", [fingerprint(video, path)], build=version(bench.transcoder.ffmpeg), command=anywhere)


class Parts:
    """The encoded parts of one film; use as a context.

    At its end they are forgotten: nobody needs them any more, or, where the film was rejected, one of them is bad and
    nobody knows which. After any other error they stay for the next run.

    Args:
        bench: what to work with.
        film: the film's recipe; whoever holds its workspace is alone with it.
        keys: names of all its parts, so that none is tidied away while the first are made.
    """

    def __init__(self, bench: Workbench, film: str, keys: Sequence[str]):
        self._bench, self._film, self._keys = bench, film, tuple(keys)
        self._store = Store(bench.root)

    def __enter__(self) -> Self:
        if self._keys:
            self._store.claim(self._film, self._bench.run_id, self._keys)
            tidy(self._bench.root, get_settings().chunk_store_bytes, always, self._bench.report)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, OutputRejected):
            self._store.drop(self._keys)
            self._store.release(self._film)

    def made(self, key: str, name: str, encode: Callable[[Path], Encoded]) -> tuple[Path, Encoded]:
        """A part, and what it cost whichever run made it.

        Args:
            key: its own.
            name: as people know it.
            encode: makes it and looks whether it is good.
        """
        with held(key, self._bench.report):
            found = self._store.find(key)
            if found is not None:
                self._bench.report.line(f"{name}: made before")
                return found.path, _before(**found.facts)
            with self._store.unfinished(key) as path:
                encoded = encode(path)
                facts = {
                    "seconds": encoded.seconds,
                    "cpu_seconds": encoded.cpu_seconds,
                    "frames": encoded.last.frames,
                    "encoder": encoded.encoder,
                }
                return self._store.keep(key, path, facts).path, encoded


def _before(*, seconds: float, cpu_seconds: float, frames: int, encoder: str) -> Encoded:
    energy = Energy(None, f"{NOT_MEASURABLE}: not all was made here and now")
    return Encoded(seconds, cpu_seconds, Progress(frames=frames), (), encoder, energy)
