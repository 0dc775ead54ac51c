"""A logged command is read by a shell as what was run, also as Prefect's own logs print it."""

from __future__ import annotations

import io
import re
import shlex
from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reelmill.ffmpeg.commands.web_copy import reencode
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.command_line import command_line
from tests.ffmpeg.golden import info

_EMOJI = re.compile(r":[a-z0-9_+-]+:", re.IGNORECASE)


def _printed(line: str) -> str:
    """As rich prints a line of a log; Prefect's ``--watch`` leaves its markup on."""
    written = io.StringIO()
    Console(file=written, width=100_000).print(line, soft_wrap=True)
    return written.getvalue()


@given(st.lists(st.text(alphabet="av:[]0s/@#'\" \\$+-\n", max_size=12)))
def test_a_shell_reads_the_arguments(arguments: list[str]) -> None:
    line = command_line(["ffmpeg", *arguments])
    assert shlex.split(line) == ["ffmpeg", *arguments]
    assert shlex.split(_printed(line)) == ["ffmpeg", *arguments]
    assert not _EMOJI.search(line)


def test_a_real_command_survives(tmp_path: Path) -> None:
    facts = info(audio=["aac", "aac"], rotation=90, sample_aspect=Fraction(4, 3))
    command = reencode(tmp_path / "a [b] :v: c.mp4", facts, tmp_path / "b.mp4", Encoding(max_kbit=900))
    assert any(_EMOJI.search(argument) for argument in command)  # as ffmpeg is given it
    line = command_line(["ffmpeg", *command])
    assert shlex.split(_printed(line)) == ["ffmpeg", *command]
    assert not _EMOJI.search(line)
