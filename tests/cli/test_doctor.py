"""``reelmill doctor`` as a person or a script calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reelmill.cli.main import app
from reelmill.errors import UserError
from reelmill.operations.context import Workbench
from tests.clips import clip
from tests.operations.library import add


@pytest.fixture
def library(bench: Workbench) -> Path:
    add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48"))
    return bench.root.path


def test_the_library_alone(library: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--check"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "healthy"
    (library / "inbox/a.mp4").unlink()
    result = CliRunner().invoke(app, ["doctor", "--check"])
    assert result.exit_code == 1
    assert "fault   1 record of files that are not there: inbox/a.mp4.\n         -> put them back" in result.stdout
    shown = json.loads(CliRunner().invoke(app, ["doctor", "--check", "--output", "json"]).stdout)
    assert shown["healthy"] is False
    assert [found["names"] for found in shown["findings"] if found["severity"] == "fault"] == [["inbox/a.mp4"]]


def test_originals_against_a_manifest(library: Path, tmp_path: Path) -> None:
    kept = tmp_path / "originals.json"
    assert CliRunner().invoke(app, ["doctor", "--check", "--save-originals", str(kept)]).exit_code == 0
    assert list(json.loads(kept.read_text())) == ["inbox/a.mp4"]
    assert CliRunner().invoke(app, ["doctor", "--check", "--deep", "--originals", str(kept)]).exit_code == 0
    (library / "inbox/a.mp4").write_bytes(b"other")
    result = CliRunner().invoke(app, ["doctor", "--check", "--originals", str(kept)])
    assert result.exit_code == 1
    assert "1 original not as in the manifest: inbox/a.mp4." in result.stdout
    kept.write_text("[1]")
    for unfit in (kept, tmp_path, tmp_path / "gone.json", library / "inbox/a.mp4"):
        refused = CliRunner().invoke(app, ["doctor", "--check", "--originals", str(unfit)])
        assert isinstance(refused.exception, UserError)
        assert str(unfit) in str(refused.exception)
    for unfit in (tmp_path, tmp_path / "gone" / "a.json"):
        refused = CliRunner().invoke(app, ["doctor", "--check", "--save-originals", str(unfit)])
        assert isinstance(refused.exception, UserError)


def test_a_repair_is_shown_and_asked_for(library: Path) -> None:
    (library / ".reelmill/work/0123").mkdir()
    asked = CliRunner().invoke(app, ["doctor", "--check", "--repair"], input="n\n")
    assert "--repair would:\n  finish or undo what dead runs left" in asked.stdout
    assert (library / ".reelmill/work/0123").is_dir()
    done = CliRunner().invoke(app, ["doctor", "--check", "--repair"], input="y\n")
    assert "removed: the unfinished work of a run that was ended, 0123" in done.stdout
    assert done.stdout.splitlines()[-1] == "healthy"
    assert not (library / ".reelmill/work/0123").exists()
    (library / ".reelmill/work/0123").mkdir()
    shown = json.loads(CliRunner().invoke(app, ["doctor", "--check", "--repair", "--yes", "--output", "json"]).stdout)
    assert shown["healthy"]
    assert len(shown["repaired"]) == 2
    assert not (library / ".reelmill/work/0123").exists()


def test_without_a_site_the_rest_is_looked_at(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("PREFECT_PROFILE", raising=False)
    result = CliRunner().invoke(app, ["doctor", "--output", "json"])
    assert result.exit_code == 1
    found = {found["check"]: found for found in json.loads(result.stdout)["findings"]}
    assert found["server"]["severity"] == "fault"
    assert "reelmill up" in found["server"]["remedy"]
    assert found["records"]["severity"] == found["database"]["severity"] == found["encoders"]["severity"] == "ok"
