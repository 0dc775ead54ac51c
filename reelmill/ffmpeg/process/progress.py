"""What ``ffmpeg -progress`` prints, read block by block (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Progress:
    """One block: how far the output has come."""

    frames: int = 0
    out_time: Fraction = Fraction(0)  # seconds of output written
    size: int = 0  # bytes written
    speed: float | None = None  # seconds of output per second of wall time

    def fraction_of(self, duration: Fraction | None) -> float:
        """``out_time`` over ``duration``, kept within 0 and 1; 0 where the duration is unknown."""
        if not duration or duration <= 0:
            return 0.0
        return min(1.0, max(0.0, float(self.out_time / duration)))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # "N/A" before the first frame
        return 0


def _speed(text: str) -> float | None:
    try:
        return float(text.strip().removesuffix("x"))
    except ValueError:
        return None


@dataclass
class ProgressReader:
    """Turns the lines that ffmpeg prints into one ``Progress`` a block."""

    _fields: dict[str, str] = field(default_factory=dict)

    def feed(self, line: str) -> Progress | None:
        """Add one ``key=value`` line; the ``progress=`` line ends a block, which is returned."""
        key, _, value = line.strip().partition("=")
        self._fields[key] = value
        if key != "progress":
            return None
        fields, self._fields = self._fields, {}
        return Progress(
            frames=_number(fields.get("frame", "0")),
            out_time=Fraction(_number(fields.get("out_time_us", "0")), 1_000_000),
            size=_number(fields.get("total_size", "0")),
            speed=_speed(fields.get("speed", "")),
        )
