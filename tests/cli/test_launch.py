"""``reelmill launch`` against a site's API on a real port."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reelmill.cli.main import app
from reelmill.errors import CapabilityError, PlatformError, UserError
from reelmill.launch.client import SiteApi, TokenRefused, TryAgain
from reelmill.launch.plan import PlannedJob
from tests.launch.unsteady_site import UnsteadySite, node, unsteady_site


@pytest.fixture
def remote() -> Iterator[UnsteadySite]:
    """The site, before anything was sent."""
    with unsteady_site() as opened:
        yield opened


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where the results go."""
    return tmp_path / "results.json"


def _launch(remote: UnsteadySite, output: Path, *arguments: str) -> Result:
    command = ["launch", "--server", remote.url, "--output", str(output), "--delay", "0", "--count", "12"]
    return CliRunner().invoke(app, [*command, "--batch-size", "5", *arguments])


def _results(output: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(output.read_text())
    return found


def test_all_jobs_are_sent_and_written_down(remote: UnsteadySite, output: Path) -> None:
    output.write_text("what an earlier launch left")
    result = _launch(remote, output, "--verbose")
    assert result.exit_code == 0, result.output
    assert [record["id"] for record in _results(output)] == [job["id"] for job in remote.jobs]
    assert {record["submission"] for record in _results(output)} == {"sent"}
    assert "12 sent, 0 failed" in result.stdout
    assert "reelmill jobs stats" in result.stdout


def test_the_same_seed_sends_the_same_work_as_new_jobs(remote: UnsteadySite, output: Path) -> None:
    sent = []
    for _ in range(2):
        _launch(remote, output, "--seed", "3")
        sent.append([(record["params"], record["lane"]) for record in _results(output)])
    assert sent[0] == sent[1]
    assert len(remote.jobs) == 24


def test_a_dry_run_prints_the_jobs_and_sends_none(remote: UnsteadySite, output: Path) -> None:
    result = _launch(remote, output, "--dry-run", "--scenario", "360p30-vp9", "--duration", "5")
    assert result.exit_code == 0, result.output
    bodies = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(bodies) == 12
    assert all(body["params"] | {"name": "360p30-vp9", "duration": 5} == body["params"] for body in bodies)
    assert remote.requests == []
    assert not output.exists()


def test_ctrl_c_ends_after_the_batch_and_still_writes(remote: UnsteadySite, output: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    remote.behave = ["ok", lambda: os.kill(os.getpid(), signal.SIGINT)]
    result = _launch(remote, output)
    assert result.exit_code == 130, result.output
    assert [record["submission"] for record in _results(output)] == ["sent"] * 10 + ["unsent"] * 2
    assert len(remote.jobs) == 10
    assert signal.getsignal(signal.SIGINT) == before


def test_sigterm_ends_it_like_ctrl_c(remote: UnsteadySite, output: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    remote.behave = ["ok", lambda: os.kill(os.getpid(), signal.SIGTERM)]
    result = _launch(remote, output)
    assert result.exit_code == 130, result.output
    assert [record["submission"] for record in _results(output)] == ["sent"] * 10 + ["unsent"] * 2
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_batch_that_is_broken_off_may_have_been_taken(
    remote: UnsteadySite, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, sent = SiteApi.submit, []

    def twice_ended(api: SiteApi, jobs: Sequence[PlannedJob], key: str) -> list[Mapping[str, Any]]:
        sent.append(key)
        if len(sent) == 2:
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
        return submit(api, jobs, key)

    monkeypatch.setattr(SiteApi, "submit", twice_ended)
    result = _launch(remote, output)
    assert result.exit_code == 130, result.output
    assert [record["submission"] for record in _results(output)] == ["sent"] * 5 + ["failed"] * 5 + ["unsent"] * 2
    assert "is not known" in _results(output)[5]["error"]


def test_what_fails_makes_the_launch_fail(remote: UnsteadySite, output: Path) -> None:
    remote.behave = ["wrong"]
    result = _launch(remote, output)
    assert result.exit_code == 1
    assert [record["submission"] for record in _results(output)] == ["failed"] * 5 + ["sent"] * 7


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"ready": False}, TryAgain),
        ({"nodes": []}, PlatformError),
        ({"nodes": [node("cpu", encoders=())]}, CapabilityError),
        ({"token": "secret"}, TokenRefused),
    ],
)
def test_a_site_that_cannot_take_it_is_found_out_first(
    remote: UnsteadySite, output: Path, change: dict[str, Any], kind: type[Exception]
) -> None:
    for name, value in change.items():
        setattr(remote, name, value)
    assert type(_launch(remote, output).exception) is kind
    assert remote.requests == []
    assert not output.exists()


def test_a_token_is_taken_from_the_environment(
    remote: UnsteadySite, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.token = "secret"
    monkeypatch.setenv("REELMILL_TOKEN", "secret")
    assert _launch(remote, output).exit_code == 0
    assert "secret" not in output.read_text()


def test_a_token_is_taken_from_a_file_and_never_from_the_command_line(
    remote: UnsteadySite, output: Path, tmp_path: Path
) -> None:
    remote.token = "secret"
    file = tmp_path / "token"
    assert type(_launch(remote, output, "--token-file", str(file)).exception) is UserError
    file.write_text("secret\n")
    assert _launch(remote, output, "--token-file", str(file)).exit_code == 0
    assert _launch(remote, output, "--token", "secret").exit_code == 2


@pytest.mark.parametrize("arguments", [("--duration", "300-30"), ("--priority", "3", "--queue", "live")])
def test_options_that_make_no_sense_are_refused_first(
    remote: UnsteadySite, output: Path, arguments: tuple[str, ...]
) -> None:
    assert type(_launch(remote, output, *arguments).exception) is UserError


def test_results_that_could_not_be_written_are_refused_first(remote: UnsteadySite, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere" / "results.json"):
        assert type(_launch(remote, place).exception) is UserError
    assert remote.requests == []
