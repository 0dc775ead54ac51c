from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from deployments.stanzas import prefect_yaml, stanzas
from reelmill.catalogue.videos.video_parameters import KEY, video_parameters
from reelmill.errors import SiteError
from reelmill.queue.job_type import JobType
from reelmill.storage.media_root import GIFS, OUTPUT_TYPES, THUMBNAILS

#: Job type -> (pools it is deployed to, VRAM in MB), as the design lists them; one added later needs no row.
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
    names: list[str] = []
    for stanza in stanzas():
        name = stanza.flow().name
        pool = stanza.work_pool.name
        found.setdefault(name, set()).add(pool)
        names.append(f"{name}/{stanza.name}")
        vram = stanza.work_pool.job_variables.vram_mb
        assert (vram == 0) is (pool == "cpu"), name
        assert vram in (0, EXPECTED[name][1] if name in EXPECTED else vram), name
        assert stanza.entrypoint == f"flows.{name}.{name}"
        assert stanza.tags == [pool]
    assert {name: found.get(name) for name in EXPECTED} == {name: pools for name, (pools, _) in EXPECTED.items()}
    assert len(names) == len(set(names))
    assert {f"{name}/{name}" for name in found} | {"reencode/reencode-cpu", "scenario/scenario-cpu"} == set(names)


def test_every_flow_file_has_a_stanza() -> None:
    folder = Path(__file__).parent.parent.parent / "flows"
    files = {path.stem for path in folder.glob("*.py") if "@flow(" in path.read_text()}
    assert files == {stanza.flow().name for stanza in stanzas()}


def test_what_an_operation_declares_travels_in_the_schema_of_its_flow() -> None:
    declaring = 0
    for stanza in stanzas():
        flow = stanza.flow()
        if importlib.util.find_spec(f"reelmill.operations.jobs.{flow.name}") is None:
            continue  # a scan of another folder
        operation = importlib.import_module(f"reelmill.operations.jobs.{flow.name}")
        declared = getattr(operation, "JOB_TYPE", JobType())
        schema = parameter_schema(flow).model_dump(exclude_unset=True)
        assert (JobType.from_schema(schema) or JobType()) == replace(declared, folder=""), flow.name
        assert set(declared.unless_given) <= set(schema["properties"]), flow.name
        assert declared.folder in ("", *OUTPUT_TYPES, THUMBNAILS, GIFS), flow.name
        declaring += declared.repeats
    assert declaring >= 4


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
        ({"name": "cpu"}, "scan or scan-cpu"),
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
    for stanza in stanzas():
        flow = stanza.flow()
        assert flow.description
        for name, schema in parameter_schema(flow).properties.items():
            assert schema.get("description"), (flow.name, name)
    (encode,) = [s.flow() for s in stanzas() if s.name == "reencode" and s.entrypoint.endswith(".reencode")]
    crf = parameter_schema(encode).properties["crf"]
    assert (crf["minimum"], crf["maximum"], crf["default"]) == (0, 51, 23)


def test_a_description_is_a_short_paragraph_and_then_a_list() -> None:
    for stanza in stanzas():
        paragraph, *rest = (stanza.flow().description or "").split("\n\n")
        assert 20 < len(paragraph) < 240, stanza.name
        assert len(rest) <= 1, stanza.name
        for text in rest:
            assert text.startswith("* ") or len(text) < 120, stanza.name


def test_parameters_that_take_videos_are_marked_and_show_by_what_names() -> None:
    taking = 0
    for stanza in stanzas():
        schema = parameter_schema(stanza.flow()).model_dump(exclude_unset=True)
        marked = video_parameters(schema)
        assert marked == {name for name in schema["properties"] if name.startswith("video_id")}, stanza.entrypoint
        for name in marked:
            assert KEY in str(schema["properties"][name]), stanza.entrypoint
            assert "`inbox/chaplin.mp4`" in schema["properties"][name]["description"], stanza.entrypoint
            assert "'examples': ['chaplin.mp4']" in str(schema["properties"][name]), stanza.entrypoint
        taking += bool(marked)
    assert taking >= 12
