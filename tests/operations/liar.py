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


def _otherwise(filters: str) -> str:
    coded = "-fps_mode passthrough -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"
    return (
        f'coded="{coded}"; [ "$form" = gif ] && coded="-loop 0"; [ "$form" = image2 ] && coded="-q:v 3 -update 1"; '
        f'"$ffmpeg" -v error -y -i "$real" {filters} $coded $front -f "$form" "file:$last"'
    )


#: The same film otherwise: it decodes, and each of its frames stands where it should.
OTHERWISE = {
    "black": _otherwise("-vf lutyuv=y=minval:u=128:v=128"),
    "its negative": _otherwise("-vf negate"),
    "upside down": _otherwise("-vf vflip"),
    "mirrored": _otherwise("-vf hflip"),
    "colourless": _otherwise("-vf hue=s=0"),
    "another range": _otherwise("-vf scale=in_range=tv:out_range=pc,setparams=range=tv"),
    "muted": _otherwise("-af volume=0"),
    "too quiet": _otherwise("-af volume=-40dB"),
    "a dead channel": _otherwise("-af 'pan=stereo|c0=c0'"),
    "swapped channels": _otherwise("-af 'pan=stereo|c0=c1|c1=c0'"),
}


#: A few frames of a long film, between those that are looked at closely: black, or another one in their place.
FEW = {
    "black": _otherwise("-vf \"drawbox=color=black:t=fill:enable='between(n,130,134)'\""),
    "foreign": _otherwise("-filter_complex '[0:v]split[a][b];[a][b]freezeframes=first=130:last=134:replace=20'"),
    "repeated": _otherwise("-filter_complex '[0:v]split[a][b];[a][b]freezeframes=first=130:last=134:replace=129'"),
}


def liar(script: Path, lie: str, names: str, *, half: float = 1.0, form: str = "mp4") -> Path:
    """Write the stand-in; whatever it does not spoil goes to the real ffmpeg.

    Args:
        script: where to.
        lie: one of ``LIES`` or ``OTHERWISE``, or of ``FEW`` and "frames".
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
    {(LIES | OTHERWISE | {f"{lie} frames": how for lie, how in FEW.items()})[lie]}
    rm -f "$real"
done
exit 0
""")
    script.chmod(0o755)
    return script
