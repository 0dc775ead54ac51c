"""An ffmpeg that says it went well: a stand-in that spoils what it was to write, and exits 0."""

from __future__ import annotations

from pathlib import Path

from reelmill.ffmpeg.binary import find_ffmpeg

#: What it leaves of the real file, which it has made as ``$real``, at ``$last``, and of each segment.
LIES = {
    "half a file": 'head -c $(( $(stat -c %s "$real") / 2 )) "$real" > "$last"',
    "garbage": 'head -c 20000 /dev/urandom > "$last"',
    "an empty file": ': > "$last"',
    "nothing": "true",
    "the wrong codec": '"$ffmpeg" -v error -y -i "$real" -c:v mpeg4 -c:a copy -f mp4 "file:$last"',
    "the first half of the film": '"$ffmpeg" -v error -y -i "$real" -t "$half" -c copy $front -f "$form" "file:$last"',
}


def liar(script: Path, lie: str, names: str, *, half: float = 1.0, form: str = "mp4") -> Path:
    """Write the stand-in; whatever it does not spoil goes to the real ffmpeg.

    Args:
        script: where to.
        lie: one of ``LIES``.
        names: of the files it spoils, as a pattern of the shell.
        half: seconds that "the first half" keeps.
        form: of the file, as ffmpeg names it.
    """
    front = "-movflags +faststart" if form == "mp4" else ""
    script.write_text(f"""#!/bin/bash
ffmpeg="{find_ffmpeg()}"
half={half} form={form} front="{front}"
last="${{@: -1}}"; last="${{last#file:}}"
case "$(basename "$last")" in {names}) ;; *) exec "$ffmpeg" "$@" ;; esac
case "$last" in */.reelmill/*) ;; *) exec "$ffmpeg" "$@" ;; esac
"$ffmpeg" "${{@:1:$#-1}}" "file:$last.real" || exit 1
for real in "$last.real" "$(dirname "$last")"/[0-9]*.mkv.real; do
    [ -e "$real" ] || continue
    last="${{real%.real}}"
    echo "$(basename "$last")" >> "$0.lies"
    {LIES[lie]}
    rm -f "$real"
done
exit 0
""")
    script.chmod(0o755)
    return script
