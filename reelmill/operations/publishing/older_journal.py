"""What journals of 0.3, which knew no rows of sources and no columns of figures, say of both in their details."""

from __future__ import annotations

from typing import Any

from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.storage.media_root import PLAYBACK


def sources_and_figures(video: Video, source: Video) -> tuple[SourceSegment, ...]:
    """Write the figures of a web copy into its record, as the upgrade does for those that were recorded (pure).

    Args:
        video: the record that the product is to become.
        source: that of the one video it was made from.

    Returns:
        What it was made of.
    """
    kept: dict[str, Any] = video.details or {}
    if video.directory_type == PLAYBACK:
        cost = kept.get("cost") or {}
        video.source_size = cost.get("bytes_in") or source.size
        video.encode_cpu_seconds, video.encode_joules = cost.get("cpu_seconds"), cost.get("joules")
        video.vmaf = cost.get("vmaf")
    times = {"source_start": kept.get("start"), "source_end": kept.get("end")}
    return (SourceSegment.whole(source).model_copy(update=times),)
