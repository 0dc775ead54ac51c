from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deployments.stanzas import prefect_yaml, stanzas
from reelmill.errors import SiteError

#: Job type -> (pools it is deployed to, VRAM in MB), as the design lists them.
EXPECTED = {
    "scan": ({"cpu"}, 0),
    "public_scan": ({"cpu"}, 0),
    "validate": ({"cpu"}, 0),
    "thumbnail_generate": ({"cpu"}, 0),
    "move_to_library": ({"cpu"}, 0),
    "compile_gif": ({"cpu"}, 0),
    "duplicates_report": ({"cpu"}, 0),
    "reencode": ({"cpu", "gpu_encode"}, 4000),
    "compile_quad": ({"gpu_encode"}, 4000),
    "compile_random": ({"gpu_encode"}, 2000),
    "compile_mega": ({"gpu_encode"}, 6000),
    "digest": ({"gpu_ai"}, 8000),
    "tag_generation": ({"gpu_ai"}, 6000),
    "scene_extract": ({"gpu_ai"}, 8000),
    "clip_generate": ({"gpu_ai"}, 6000),
    "highlight_generate": ({"gpu_ai"}, 8000),
    "scenario": ({"cpu", "gpu_encode"}, 2000),
}


def test_every_flow_is_deployed_where_and_as_the_design_says() -> None:
    found: dict[str, set[str]] = {}
    for stanza in stanzas():
        name = stanza.flow().name
        found.setdefault(name, set()).add(stanza.name)
        vram = stanza.work_pool.job_variables.vram_mb
        assert vram == (0 if stanza.name == "cpu" else EXPECTED[name][1]), name
        assert stanza.entrypoint == f"flows.{name}.{name}"
        assert stanza.tags == [stanza.work_pool.name]
    assert found == {name: pools for name, (pools, _) in EXPECTED.items()}


def test_every_flow_file_has_a_stanza() -> None:
    folder = Path(__file__).parent.parent.parent / "flows"
    files = {path.stem for path in folder.glob("*.py") if "@flow(" in path.read_text()}
    assert files == set(EXPECTED)


def test_scan_is_scheduled_nightly() -> None:
    (scan,) = [stanza for stanza in stanzas() if stanza.entrypoint == "flows.scan.scan"]
    assert [schedule.cron for schedule in scan.schedules] == ["0 3 * * *"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"entrypont": "x"}, "entrypont"),
        ({"work_pool": {"name": "cpu", "work_queue_name": "default-medium", "job_variables": {"vram": 1}}}, "vram"),
        ({"work_pool": {"name": "gpu", "work_queue_name": "default-medium", "job_variables": {"vram_mb": 1}}}, "'gpu'"),
        ({"work_pool": {"name": "cpu", "work_queue_name": "default", "job_variables": {"vram_mb": 1}}}, "'default'"),
        ({"tags": []}, "tag"),
        ({"work_pool": {"name": "cpu", "work_queue_name": "idle", "job_variables": {"vram_mb": -1}}}, "vram_mb"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    content = yaml.safe_load(prefect_yaml().read_text())
    content["deployments"][0] |= change
    wrong = tmp_path / "prefect.yaml"
    wrong.write_text(yaml.safe_dump(content))
    with pytest.raises(SiteError, match=words):
        stanzas(wrong)


def test_parameters_reach_people_with_descriptions_and_bounds() -> None:
    from prefect.utilities.callables import parameter_schema

    for stanza in stanzas():
        flow = stanza.flow()
        assert flow.description
        for name, schema in parameter_schema(flow).properties.items():
            assert schema.get("description"), (flow.name, name)
    (encode,) = [s.flow() for s in stanzas() if s.name == "gpu_encode" and s.entrypoint.endswith(".reencode")]
    crf = parameter_schema(encode).properties["crf"]
    assert (crf["minimum"], crf["maximum"], crf["default"]) == (0, 51, 23)
