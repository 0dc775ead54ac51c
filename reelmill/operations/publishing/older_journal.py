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
    whole = SourceSegment.whole(source)
    several = kept.get("segments") or kept.get("moments")
    taken = [one for one in (several if isinstance(several, list) else [kept]) if isinstance(one, dict)]
    segments = [
        whole.model_copy(update={"source_start": begin, "source_end": end}) for begin, end in map(_times, taken)
    ]
    return _laid_end_to_end(segments) if kept.get("segments") else tuple(segments)


def _times(kept: dict[str, Any]) -> tuple[float | None, float | None]:
    """From where to where, in seconds; None is what was not kept as a number."""
    found = [kept.get(name) for name in ("start", "end")]
    begin, end = (float(one) if isinstance(one, (int, float)) else None for one in found)
    return begin, end


def _laid_end_to_end(segments: list[SourceSegment]) -> tuple[SourceSegment, ...]:
    """The segments of a digest, which follow one another; moments of highlights fade into one another."""
    laid, at = list[SourceSegment](), 0.0
    for one in segments:
        if one.source_start is None or one.source_end is None:
            return tuple(segments)
        until = at + one.source_end - one.source_start
        laid.append(one.model_copy(update={"starts_at": at, "ends_at": until}))
        at = until
    return tuple(laid)
