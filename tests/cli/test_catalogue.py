"""``reelmill catalogue``: to a file and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from tests.cli.queue_in_memory import Shell, shell


@pytest.fixture
def reelmill(catalogue: str) -> Iterator[Shell]:
    with session() as opened:
        opened.add(Video(title="A", path="inbox/a.mp4", directory_type="inbox", filename="a.mp4", size=1, mtime_ns=1))
    with shell() as opened_shell:
        yield opened_shell


def test_there_and_back(reelmill: Shell, tmp_path: Path) -> None:
    file = tmp_path / "library.jsonl.gz"
    assert reelmill.json("catalogue", "export", str(file)) == {"file": str(file), "rows": 1}
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))
    found = reelmill.json("catalogue", "import", str(file))
    assert found == {"added": {"video": 1}, "known": {}, "renamed": 0, "left_out": 0}
    assert reelmill.json("catalogue", "import", str(file))["known"] == {"video": 1}


def test_what_cannot_be_done_is_refused(reelmill: Shell, tmp_path: Path) -> None:
    taken = tmp_path / "taken.jsonl.gz"
    taken.write_bytes(b"theirs")
    commands = (("export", taken), ("export", tmp_path / "a.json"), ("import", taken), ("import", tmp_path / "no"))
    for command, file in commands:
        assert isinstance(reelmill("catalogue", command, str(file), code=1).exception, UserError)
    assert taken.read_bytes() == b"theirs"
