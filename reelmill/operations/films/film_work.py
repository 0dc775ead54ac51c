"""What a film is made with and becomes, and how each film is published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.cost import cost_of_all, with_encoder
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.chunk_store.film_chunks import FilmChunks
from reelmill.operations.context import Workbench
from reelmill.operations.films.film_result import FilmOutput
from reelmill.operations.publishing.publish import Product, publish


@dataclass(frozen=True)
class FilmWork:
    """One film to be made."""

    bench: Workbench
    encoding: Encoding  # of its frames
    folder: Path  # the workspace of ``product.recipe``
    product: Product  # what it becomes; the expectation is filled in when it is planned

    def made_of(self, segments: Iterable[SourceSegment]) -> Self:
        """The same work, once it is known what the film takes of its sources."""
        return replace(self, product=replace(self.product, sources=tuple(segments)))

    def publish(
        self,
        staged: Path,
        expected: Expectation,
        chunks: FilmChunks,
        bytes_in: int,
        details: dict[str, Any] | None = None,
    ) -> FilmOutput:
        """Publish the finished film.

        Args:
            staged: its file, in the workspace.
            expected: what it must be; its duration is given.
            chunks: what it was made of.
            bytes_in: the size of its sources.
            details: to be kept with its record; None: those of the product.

        Returns:
            The film in the library.

        Raises:
            OutputRejected: it is not what it must be.
        """
        product = replace(self.product, expected=expected, details=self.product.details if details is None else details)
        video = publish(self.bench, staged, product)
        spent = [(encoded, encoded.energy) for encoded in chunks.spent]
        cost = cost_of_all(spent, expected.duration or Fraction(0), bytes_in=bytes_in, bytes_out=video.size)
        encoder = spent[0][0].encoder if spent else self.encoding.encoder
        return FilmOutput(video, with_encoder(cost, encoder), chunks.effort)
