"""Is a finished file what it should be? ffmpeg's exit code is never proof, so the file itself is examined.

Comes in: comparisons of a file with what it was made of.
Uses: errors, ffmpeg.codecs, ffmpeg.commands, ffmpeg.encoding, ffmpeg.finding, ffmpeg.geometry, ffmpeg.reading,
    ffmpeg.verify.matches.
"""

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.containers.mp4_boxes import faststart
from reelmill.ffmpeg.verify.content import content_of, shown_faults
from reelmill.ffmpeg.verify.detail_asked import ANY_SETTINGS, DetailAsked
from reelmill.ffmpeg.verify.expectation import Expectation, Source, cut_short, lasts
from reelmill.ffmpeg.verify.film_segments import FilmSegment, shown_box
from reelmill.ffmpeg.verify.matches.image_match import ImageSource, require_shown
from reelmill.ffmpeg.verify.proof import Decoder, Proof, examine, require_good, verify, verify_intermediate
from reelmill.ffmpeg.verify.source_frames import first_frame_time

__all__ = [
    "ANY_SETTINGS",
    "Decoder",
    "DetailAsked",
    "Expectation",
    "FilmSegment",
    "Finding",
    "FindingKind",
    "ImageSource",
    "Proof",
    "Source",
    "content_of",
    "cut_short",
    "examine",
    "faststart",
    "first_frame_time",
    "lasts",
    "require_good",
    "require_shown",
    "shown_box",
    "shown_faults",
    "verify",
    "verify_intermediate",
]
