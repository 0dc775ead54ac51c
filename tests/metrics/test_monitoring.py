"""The alerts and dashboards that a site ships are valid by Prometheus's own tools, and ask for metrics that exist."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest
import yaml

from reelmill import metrics
from reelmill.dispatch import totals
from tests.metrics.prometheus import MONITORING, program
from tests.metrics.queries import BOARDS, board, queries

#: What each dashboard has to show, by a word of the titles of its panels.
_SHOWN: Final = {
    "scheduler": ("active", "state", "queue length", "priority", "type", "nodes", "gpu memory"),
    "nodes": ("cpu", "gpu", "memory"),
    "hardware": ("temperature", "power", "load", "memory"),
    "transcoding": ("duration", "speed", "vmaf", "bandwidth of encodes", "bandwidth of the api"),
}
_UNITS: Final = {"none", "percentunit", "bytes", "celsius", "watt", "joule", "s", "Bps"}


def test_the_rules_are_rules() -> None:
    _promtool("check", "rules", "alerts.yml")


def test_each_alert_fires_when_it_should_and_not_when_it_should_not() -> None:
    _promtool("test", "rules", "alerts_test.yml")
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    cases = [case for test in yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
             for case in test["alert_rule_test"]]  # fmt: skip
    for rule in rules:
        fires = {bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]}
        assert fires == {True, False}, rule["alert"]
        assert {"summary", "description"} <= rule["annotations"].keys()
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_what_is_installed_has_all_of_it() -> None:
    """The wheel takes its packages whole, but for what git ignores."""
    root = MONITORING.parents[1]
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    ignored = [line.strip("/") for line in (root / ".gitignore").read_text().splitlines() if line and line[0] != "#"]
    assert not wheel.keys() & {"include", "exclude", "only-include"}
    shipped = [path.relative_to(root) for path in MONITORING.rglob("*") if path.is_file()]
    assert {"prometheus.yml", "alerts.yml", "scheduler.json"} <= {path.name for path in shipped}
    for path in shipped:
        assert path.parts[0] in wheel["packages"], path
        for each in (path, *path.parents):
            assert not [rule for rule in ignored if each.match(rule)], path


def test_the_configuration_is_one(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        (tmp_path / name).write_text((MONITORING / name).read_text())
    (tmp_path / "reelmill.token").write_text("token")
    _promtool("check", "config", "prometheus.yml", cwd=tmp_path)


def _promtool(*arguments: str, cwd: Path = MONITORING) -> None:
    done = subprocess.run([program("promtool"), *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_what_grafana_takes(path: Path) -> None:
    shown = board(path)
    assert shown["uid"] == f"reelmill-{path.stem}"
    assert shown["title"]
    assert shown["schemaVersion"] >= 36
    assert [one["type"] for one in shown["templating"]["list"] if one["name"] == "datasource"] == ["datasource"]
    panels = shown["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"], panel
        assert panel["description"], panel["title"]
        assert panel["type"] in ("timeseries", "stat", "gauge", "bargauge")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS, panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_the_panels_of_a_dashboard_do_not_lie_over_each_other(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board(path)["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_four_dashboards_show_what_they_are_for() -> None:
    assert {path.stem for path in BOARDS} == _SHOWN.keys()
    for path in BOARDS:
        titles = [panel["title"].lower() for panel in board(path)["panels"]]
        for word in _SHOWN[path.stem]:
            assert any(word in title for title in titles), (path.stem, word)


def test_no_query_asks_for_a_metric_that_nobody_has() -> None:
    """By name; on a real Prometheus, ``test_scraped.py`` tries each query."""
    rooms = (Path(folder) for room in (metrics, totals) for folder in room.__path__)
    source = "".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    for what, query in queries():
        for name in re.findall(r"\bmedia_\w+", query):
            assert re.sub(r"_(bucket|sum|count)$", "", name) in source, (what, name)
