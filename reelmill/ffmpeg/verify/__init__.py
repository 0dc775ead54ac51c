"""Is a finished file what it should be? ffmpeg's exit code is never proof, so the file itself is asked."""

from reelmill.ffmpeg.verify.boxes import faststart
from reelmill.ffmpeg.verify.expectation import Expectation, Source, cut_short, lasts
from reelmill.ffmpeg.verify.proof import Decode, Proof, examine, verify, verify_part

__all__ = [
    "Decode",
    "Expectation",
    "Proof",
    "Source",
    "cut_short",
    "examine",
    "faststart",
    "lasts",
    "verify",
    "verify_part",
]
