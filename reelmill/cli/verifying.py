"""``reelmill verify``: what an examination found, as text and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.verify import Expectation, Proof, Source, examine

_OPEN = Expectation(codec=None, pixel_format=None, audio_codec=None, faststart=False)


def examined(file: Path, against: Path | None) -> Proof:
    """Decode all of ``file``; hold it against its source where one is given.

    Raises:
        InputError: the source cannot be read. A file that cannot is a finding.
    """
    if against is None:
        return examine(file, _OPEN)
    source = Source(against, probe(against), tone_mapped=None)
    return examine(file, Expectation(codec=None, pixel_format=None, audio_codec=None, source=source))


def as_json(file: Path, proof: Proof) -> dict[str, Any]:
    """What a program reads: the file, whether it is good, why not, and what was found of it."""
    return {"file": str(file), "ok": proof.ok, "reasons": list(proof.findings), "facts": facts(proof)}


def facts(proof: Proof) -> dict[str, Any]:
    """What was found, in plain values; times are seconds. Empty where the file does not open."""
    info, report = proof.info, proof.report
    if info is None or report is None:
        return {}
    video, companions = info.video, proof.companions
    offsets = [
        {"track": o.track, "place": o.place, "seconds": round(o.seconds, 4), "by": "sound" if o.heard else "times"}
        for o in proof.offsets
    ]
    return {
        "container": info.container,
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "pixel_format": video.pixel_format,
        "hdr": video.hdr,
        "colours": {"primaries": video.primaries, "transfer": video.transfer, "matrix": video.matrix},
        "duration": None if report.content is None else float(report.content),
        "frames": report.frames,
        "monotone": report.ordered,
        "decodes": not report.errors,
        "faststart": proof.faststart,
        "audio": list(info.audio_codecs),
        "subtitles": [{"codec": s.codec, "language": s.language, "lines": len(s.lines)} for s in companions.subtitles],
        "chapters": [{"start": c.start, "end": c.end, "title": c.title} for c in companions.chapters],
        "offsets": offsets,
        "notes": list(proof.notes),
    }


def as_text(file: Path, proof: Proof) -> list[str]:
    """What a person reads, line by line."""
    lines = [f"{file.name} {'is good' if proof.ok else 'is not good'}"]
    lines += [f"  wrong: {finding}" for finding in proof.findings]
    lines += [f"  note:  {note}" for note in proof.notes]
    for name, value in facts(proof).items():
        if name not in ("notes", "offsets"):
            lines.append(f"  {name:13} {_plain(value)}")
    for offset in proof.offsets:
        how = "heard" if offset.heard else "by its times"
        where = f"sound {offset.track + 1} {offset.place}"
        lines.append(f"  {where:13} {1000 * offset.seconds:+.1f} ms against the source, {how}")
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_plain(part) for part in value) or "none"
    return "none" if value is None else str(value)
