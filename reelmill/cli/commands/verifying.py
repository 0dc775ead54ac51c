"""``reelmill verify``: what an examination found, as text and as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.verify import Expectation, Proof, Source, examine
from reelmill.operations.chunk_store.readable import briefly_readable

#: Nobody has promised a copy for the web, so any codec will do, and the index may stand where it likes.
_OPEN: Final = Expectation(codec=None, pixel_format=None, audio_codec=None, faststart=False)


def examined(file: Path, against: Path | None) -> Proof:
    """Decode all of ``file``; hold it against its source where one is given.

    Returns:
        What was found, and how the file differs from its source.

    Raises:
        InputError: the source cannot be read. A file that cannot is a finding.
        FfmpegFailed, ProcessStalled, DiskFull: the source's times or colours lie and it could not be mended.
    """
    if against is None:
        return examine(file, _OPEN)
    with briefly_readable(Transcoder(), against, probe(against)) as (path, info, fault):
        source = Source(path, info, tone_mapped=None, exact=False)
        proof = examine(file, replace(_OPEN, source=source))
    return replace(proof, notes=(Finding(FindingKind.SOURCE_MENDED, text=fault), *proof.notes)) if fault else proof


def as_json(file: Path, proof: Proof) -> dict[str, Any]:
    """What a program reads: the file, whether it is good, why not, and what was found of it."""
    return {
        "file": str(file),
        "ok": proof.ok,
        "reasons": [finding.sentence for finding in proof.findings],
        "findings": [finding.to_json() for finding in proof.findings],
        "notes": [note.to_json() for note in proof.notes],
        "facts": facts(proof),
    }


def facts(proof: Proof) -> dict[str, Any]:
    """What was found, in plain values; times are seconds. Empty where the file does not open."""
    info, report = proof.info, proof.report
    if info is None or report is None:
        return {}
    video, companions = info.video, proof.companions
    offsets = [
        {"track": o.track, "place": o.place, "seconds": round(o.seconds, 4), "by": "audio" if o.heard else "times"}
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
        "notes": [note.sentence for note in proof.notes],
    }


def as_text(file: Path, proof: Proof) -> list[str]:
    """What a person reads, line by line; of what does not open, why."""
    if proof.info is None:
        return [f"{finding.sentence}." for finding in proof.findings]
    lines = [f"{file.name} {'is good' if proof.ok else 'is not good'}"]
    lines += [f"  wrong: {finding.sentence}" for finding in proof.findings]
    lines += [f"  note:  {note.sentence}" for note in proof.notes]
    for name, value in facts(proof).items():
        if name not in ("notes", "offsets"):
            lines.append(f"  {name:13} {_plain(value)}")
    for offset in proof.offsets:
        how = "heard" if offset.heard else "by its times"
        where = f"audio {offset.track + 1} {offset.place}"
        lines.append(f"  {where:13} {1000 * offset.seconds:+.1f} ms against the source, {how}")
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return "; ".join(_plain(inner) for inner in value) or "none"
    return "none" if value is None else str(value)
