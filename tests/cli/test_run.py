"""``reelmill run`` and what every command has in common: its exit codes, its start, its pipes."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed, Running
from typer.testing import CliRunner

from reelmill.cli.commands import watch
from reelmill.cli.exit_codes import MEANING, ExitCode, exit_code
from reelmill.cli.main import app
from reelmill.errors import DamagedVideo, PlatformError, SiteError, UserError
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.queue.job import JobStatus
from reelmill.queue.result_key import result_key
from tests.cli.queue_in_memory import Shell, shell

ROOT = Path(__file__).parent.parent.parent
PROGRAM = str(Path(sys.executable).parent / "reelmill")


@pytest.fixture
def reelmill() -> Iterator[Shell]:
    with shell() as opened:
        yield opened


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def _jobs(reelmill: Shell) -> list[uuid.UUID]:
    return [job.id for job in reelmill.prefect.jobs.search().jobs][::-1]


def _set(reelmill: Shell, number: int, state: object) -> None:
    reelmill.client.set_flow_run_state(_jobs(reelmill)[number], state, force=True)  # type: ignore[arg-type]


def test_jobs_are_run_to_their_end_and_one_that_failed_is_exit_1(reelmill: Shell) -> None:
    reelmill.clock.steps = [
        lambda: _set(reelmill, 0, Running()),
        lambda: _set(reelmill, 0, Completed(message="well")),
        lambda: _set(reelmill, 1, Failed(message="no luck")),
        lambda: reelmill.clock.sleep(60),
    ]
    result = reelmill("run", "validate", "a", "b", code=1)
    first, second = result.stdout.splitlines()
    assert "completed" in first
    assert second.endswith("failed: no luck")
    assert result.stderr.count("no worker online in the pool cpu") == 2  # once for each, while it waits
    assert reelmill.clock.steps == []


def test_the_result_card_is_shown(reelmill: Shell) -> None:
    made = ResultCard(
        "a_b.mp4 was re-encoded",
        (("made", "playback/a_b.mp4"), ("size", "84 MB -> 31 MB")),
        ("a cover | two is left out",),
        ItemTable(("id", "path"), (("1234", "a"), ("5", "b"))),
    )

    def end() -> None:
        (job_id,) = _jobs(reelmill)
        body = {"key": result_key(job_id), "type": "markdown", "data": made.markdown(), "flow_run_id": str(job_id)}
        reelmill.client.request("POST", "/artifacts/", json=body)
        _set(reelmill, 0, Completed())

    reelmill.clock.steps = [end]
    first, *rest = reelmill("run", "validate", "a").stdout.splitlines()
    assert "completed" in first
    assert rest == list(made.lines())


def test_a_job_that_is_deleted_meanwhile_is_exit_1(reelmill: Shell) -> None:
    def delete() -> None:
        _set(reelmill, 0, Completed())
        reelmill.prefect.bulk.clear(_jobs(reelmill)[:1])

    reelmill.clock.steps = [
        delete,
        lambda: _set(reelmill, 0, Completed()),
    ]
    result = reelmill.json("run", "validate", "a", "b", code=1)
    assert [(job["parameters"]["video_id"], job["status"]) for job in result["jobs"]] == [("b", "completed")]
    (error,) = result["errors"]
    assert "deleted" in error["error"]


def test_all_well_is_exit_0_and_json_alone_on_standard_output(reelmill: Shell) -> None:
    reelmill.clock.steps = [lambda: _set(reelmill, 0, Completed())]
    (job,) = reelmill.json("run", "validate", "a", "a")["jobs"]
    assert (job["status"], job["parameters"]) == ("completed", {"video_id": "a"})


def test_a_server_that_is_away_for_a_while_is_waited_for(reelmill: Shell) -> None:
    def away() -> None:
        raise PlatformError("gone.")

    job = reelmill.prefect.jobs.submit("validate", {"video_id": "a"})
    reelmill.clock.steps = [away, lambda: None, away, lambda: None, lambda: _set(reelmill, 0, Completed())]
    (done,) = watch.watch(reelmill.prefect, [job.id], reelmill.clock)
    assert done.status is JobStatus.COMPLETED


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_where_nobody_can_be_asked_leaves_jobs_running(reelmill: Shell) -> None:
    reelmill.clock.steps = [_interrupt]
    result = reelmill("run", "validate", "a", code=130)
    (job_id,) = _jobs(reelmill)
    assert reelmill.prefect.jobs.read(job_id).status is JobStatus.PENDING
    command = result.stderr.splitlines()[-1].partition("to cancel: reelmill ")[2]
    reelmill(*command.split())
    assert reelmill.prefect.jobs.read(job_id).status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("reply", "status"), [("y\n", JobStatus.CANCELLED), ("n\n", JobStatus.PENDING), ("", "pending")]
)
def test_ctrl_c_asks_who_can_be_asked(
    reelmill: Shell, monkeypatch: pytest.MonkeyPatch, reply: str, status: JobStatus
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(reply))
    job = reelmill.prefect.jobs.submit("validate", {"video_id": "a"})
    (after,) = watch.interrupted(reelmill.prefect, [job.id])
    assert after.status == status


def test_each_kind_of_error_has_its_exit_code() -> None:
    assert [exit_code(error) for error in (DamagedVideo(""), UserError(""), PlatformError(""), SiteError(""))] == [
        1,
        2,
        3,
        1,
    ]
    assert MEANING.keys() == set(ExitCode)
    documented = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "docs" / "USING.md").read_text(), re.MULTILINE)
    assert documented == [(str(code.value), words) for code, words in MEANING.items()]


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("command", [["jobs", "list"], ["deploy"]])
def test_without_a_site_one_sentence_names_the_ways_out(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with temporary_settings(restore_defaults=[PREFECT_API_URL, PREFECT_API_AUTH_STRING]):  # a site of other tests
        error = CliRunner().invoke(app, command).exception
    assert isinstance(error, PlatformError)
    assert "reelmill up" in str(error)
    assert "PREFECT_API_URL" in str(error)


def test_a_server_that_is_away_is_one_sentence_and_exit_3() -> None:
    away = _run("jobs", "list", PREFECT_API_URL="http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES="0")
    assert (away.returncode, away.stdout, away.stderr.count("\n")) == (3, "", 1)


def test_help_and_completion_need_no_prefect() -> None:
    code = "import sys, reelmill.cli.main as m; m.app(['--help'], standalone_mode=False)"
    heavy = "[name for name in ('prefect', 'numpy', 'sqlalchemy', 'av', 'rich.progress') if name in sys.modules]"
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; print({heavy})"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "[]"
    words = {"_REELMILL_COMPLETE": "complete_bash", "COMP_WORDS": "reelmill run re", "COMP_CWORD": "2"}
    assert _run(**words).stdout.split() == ["reencode"]


def test_a_table_stays_readable_in_a_narrow_terminal(reelmill: Shell) -> None:
    job = reelmill.prefect.jobs.submit("validate", {"video_id": "a"})
    for columns in (40, 80, 200):
        text = CliRunner(env={"COLUMNS": str(columns)}).invoke(app, ["jobs", "list"]).stdout
        assert str(job.id)[:13] in text  # in one piece, to be copied
        assert "default-medium" in text
        assert columns < 80 or max(map(len, text.splitlines())) <= columns


def test_a_pipe_that_closes_is_no_traceback() -> None:
    script = (
        "from reelmill.cli.views.output import print_json, print_table\n"
        "import sys\n"
        "from reelmill.cli.main import app\n"
        "@app.command()\n"
        "def flood(json: bool = False) -> None:\n"
        "    while True:\n"
        "        print_json(list(range(9999))) if json else print_table(['a'], [[n] for n in range(999)])\n"
        "app()\n"
    )
    for arguments in (["flood"], ["flood", "--json"]):
        with subprocess.Popen(
            [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == ""
