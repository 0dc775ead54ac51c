"""``reelmill catalogue``: to a file and back."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.cli.main import app
from reelmill.cli.server import dispatcher_from
from reelmill.dispatch import Dispatcher
from reelmill.errors import PlatformError, UserError
from reelmill.queue.rule import Rule, RuleJob
from tests.cli.queue_in_memory import Shell, shell


@pytest.fixture
def reelmill(catalogue: str) -> Iterator[Shell]:
    with session() as opened:
        opened.add(Video(title="A", path="inbox/a.mp4", directory_type="inbox", filename="a.mp4", size=1, mtime_ns=1))
    with shell() as opened_shell:
        yield opened_shell


def test_there_and_back(reelmill: Shell, tmp_path: Path) -> None:
    file = tmp_path / "library.jsonl.gz"
    assert reelmill.json("catalogue", "export", str(file)) == {"file": str(file), "rows": 1, "of_site": 0}
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))
    found = reelmill.json("catalogue", "import", str(file))
    of_site: dict[str, Any] = {"restored": [], "differing": []}
    assert found == {"added": {"video": 1}, "known": {}, "renamed": 0, "left_out": 0, **of_site}
    assert reelmill.json("catalogue", "import", str(file))["known"] == {"video": 1}


def test_rules_and_settings_go_along(reelmill: Shell, tmp_path: Path) -> None:
    file = tmp_path / "library.jsonl.gz"
    kept = Rule("check", "home", (RuleJob("validate", {"depth": "full"}, "cpu"),), on=True)
    other = Rule("other", "home", (RuleJob("validate"),))
    rules, blocks = reelmill.prefect.rules, reelmill.prefect.blocks
    properties = {
        "threads": {"type": "integer", "default": 0},
        "encoder": {"type": "string", "default": "auto"},
        "password": {"type": "string", "format": "password", "writeOnly": True, "default": ""},
    }
    reelmill.site.configure("reelmill-transcoder", "Transcoder", schema={"properties": properties})
    for rule in (kept, other):
        rules.add(rule)
    blocks.change("reelmill-transcoder", {"threads": 3, "encoder": "x264", "password": "hidden"})
    assert reelmill.json("catalogue", "export", str(file))["of_site"] == 3
    assert b"hidden" not in gzip.decompress(file.read_bytes())
    reelmill("catalogue", "import", str(file))
    rules.remove("check")
    rules.turn("other", on=True)
    blocks.change("reelmill-transcoder", {"threads": 0, "encoder": "nvenc"})
    found = reelmill.json("catalogue", "import", str(file))
    assert found["restored"] == ["rule check is there again, on", "Transcoder: threads is 3 again"]
    assert [sentence.partition(" is ")[0] for sentence in found["differing"]] == ["rule other", "Transcoder: encoder"]
    assert found["left_out"] == 0
    assert rules.read("check").rule == kept
    (block,) = blocks.all()
    assert (block.values["threads"], block.values["encoder"]) == (3, "nvenc")
    assert reelmill.json("catalogue", "import", str(file))["restored"] == []


def test_a_repair_takes_back_nothing_that_a_person_did(reelmill: Shell) -> None:
    """Who removed a rule, or put a value back to its default, has decided; only an import is asked to undo it."""
    rules, blocks, transfer = reelmill.prefect.rules, reelmill.prefect.blocks, reelmill.prefect.transfer
    schema = {"properties": {"threads": {"type": "integer", "default": 0}}}
    reelmill.site.configure("reelmill-transcoder", "Transcoder", schema=schema)
    for name in ("check", "other"):
        rules.add(Rule(name, "home", (RuleJob("validate"),)))
    blocks.change("reelmill-transcoder", {"threads": 3})
    lines = [*transfer.lines(), {"table": "rule", "row": {"name": "half", "directory_type": "home", "jobs": [{}]}}]
    rules.remove("check")
    blocks.change("reelmill-transcoder", {"threads": 0})
    found = transfer.load(lines, unattended=True)
    assert found.restored == ()
    assert {sentence.partition(" is ")[0] for sentence in found.differing} == {
        "rule check",
        "rule half: its line in the export",
        "Transcoder: threads",
    }
    rules.remove("other")
    assert len(transfer.load(lines, unattended=True).restored) == 2  # nobody has a rule any more
    assert transfer.load(lines).restored == ("Transcoder: threads is 3 again",)


def test_without_a_server_the_catalogue_goes_alone(catalogue: str, tmp_path: Path) -> None:
    def away() -> AbstractContextManager[Dispatcher]:
        raise PlatformError("No site is up.")

    file = tmp_path / "library.jsonl.gz"
    with dispatcher_from(away):
        assert (
            "without rules and settings: No site is up."
            in CliRunner().invoke(app, ["catalogue", "export", str(file)]).stderr
        )
    assert file.exists()


def test_what_cannot_be_done_is_refused(reelmill: Shell, tmp_path: Path) -> None:
    taken = tmp_path / "taken.jsonl.gz"
    taken.write_bytes(b"theirs")
    commands = (("export", taken), ("export", tmp_path / "a.json"), ("import", taken), ("import", tmp_path / "no"))
    for command, file in commands:
        assert isinstance(reelmill("catalogue", command, str(file), code=1).exception, UserError)
    assert taken.read_bytes() == b"theirs"
