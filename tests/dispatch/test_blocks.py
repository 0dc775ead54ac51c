"""What the people of a site agree on, in memory and on a real server: read, changed, refused, and written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from blocks import MediaLibrary, TranscoderSettings
from deployments.site import Site
from reelmill.dispatch import Actor, Dispatcher, dispatcher
from reelmill.dispatch.testing import MemorySite
from reelmill.errors import UnknownName, WrongParameter
from tests.api.memory import configure
from tests.refusals import refused

_BY = Actor("alice", "the attic is dark", origin="api")
_LIBRARY, _TRANSCODER = "reelmill-media-library", "reelmill-transcoder"


@pytest.fixture
def in_memory() -> Iterator[Dispatcher]:
    site = MemorySite()
    for kind in (MediaLibrary, TranscoderSettings):
        configure(site, kind)
    with site.dispatcher() as opened:
        yield opened


@pytest.fixture(params=["memory", pytest.param("server", marks=pytest.mark.site)])
def prefect(request: pytest.FixtureRequest) -> Iterator[Dispatcher]:
    if request.param == "memory":
        yield request.getfixturevalue("in_memory")
        return
    request.getfixturevalue("on_site")
    with dispatcher() as opened:
        yield opened
    for kind in (MediaLibrary, TranscoderSettings):
        kind().save("default", overwrite=True)


def test_every_block_is_read_whole(prefect: Dispatcher) -> None:
    library, transcoder = prefect.blocks.all()
    assert (library.name, transcoder.name) == (_LIBRARY, _TRANSCODER)
    assert (transcoder.title, transcoder.description) == (
        "Reelmill transcoder",
        "Which ffmpeg and encoder to use, and when to give up on one.",
    )
    assert library.values == MediaLibrary().model_dump(exclude={"block_type_slug"})
    assert transcoder.values == TranscoderSettings().model_dump(exclude={"block_type_slug"})
    assert transcoder.schema["properties"]["max_height"]["maximum"] == 4320


def test_a_change_keeps_the_other_values_and_is_written_down(prefect: Dispatcher) -> None:
    blocks, before = prefect.blocks, prefect.audit.entries().total
    blocks.change(_TRANSCODER, {"threads": 3})
    changed = blocks.change(_TRANSCODER, {"max_height": 720, "encoder": "auto"}, _BY)
    assert (changed.values["threads"], changed.values["max_height"]) == (3, 720)
    assert {state.name: state for state in blocks.all()}[_TRANSCODER] == changed
    assert blocks.change(_TRANSCODER, {"max_height": 720}, _BY) == changed  # it is so already
    trail = prefect.audit.entries()
    assert trail.total == before + 2
    entry = trail.entries[0]
    assert (entry.action, entry.actor, entry.origin, entry.reason) == (
        "settings.change",
        "alice",
        "api",
        "the attic is dark",
    )
    assert entry.details == {
        "block": _TRANSCODER,
        "names": ["max_height"],
        "before": {"max_height": 1080},
        "after": {"max_height": 720},
    }


@pytest.mark.parametrize(
    ("block", "values", "sentence"),
    [
        (_TRANSCODER, {"max_height": 9999}, "max_height: 9999 is greater than the maximum of 4320."),
        (_TRANSCODER, {"threads": 0}, "threads: 0 is less than the minimum of 1."),
        (_TRANSCODER, {"encoder": "vhs"}, "encoder: 'vhs' is not one of ['auto', 'x264', 'nvenc']."),
        (_TRANSCODER, {"stall_timeout": float("nan")}, "stall_timeout: nan is no number that counts."),
        (_TRANSCODER, {"threads": 2, "speed": 3}, "Reelmill transcoder has no 'speed'; it has "),
        (_TRANSCODER, {"stall_timeout": 10**400}, "stall_timeout: a number of so many digits does not count."),
        (_TRANSCODER, {"stall_timeout": 1e9}, "stall_timeout: 1000000000.0 is greater than the maximum of 2592000.0."),
        (_TRANSCODER, {"binary": "/opt/a\nb"}, "binary: '/opt/a\\nb' is not the path of a program."),
        (_TRANSCODER, {"binary": "x" * 10**6}, f"binary: '{'x' * 59}… has 1000000 characters; 4096 are the most."),
        (_LIBRARY, {"settle_seconds": 10**5000}, "settle_seconds: a number of so many digits does not count."),
        (_LIBRARY, {"extensions": [""]}, "extensions: '' is not the ending of a file, "),
        (_LIBRARY, {"extensions": ["mp4"] * 100_000}, "extensions: 100000 entries are too many; 100 are the most."),
        (_LIBRARY, {"system_folders": ["*"]}, "system_folders: '*' is not the name of a folder; "),
        (_LIBRARY, {"directory_types": ["\ud800"]}, "directory_types: a character in it cannot be stored."),
        (_LIBRARY, {"directory_types": ["a\nb"]}, "directory_types: 'a\\nb' is not the plain name of a folder of "),
        (_LIBRARY, {"directory_types": ["x" * 300]}, f"directory_types: '{'x' * 59}… has 300 characters; 255 "),
        (_LIBRARY, {"directory_types": ["films", "films"]}, "directory_types: 'films' is there twice."),
        (_LIBRARY, {"directory_types": []}, "directory_types: [] should be non-empty."),
        (
            _LIBRARY,
            {"directory_types": ["films", "playback"]},
            "directory_types: 'playback' is not the plain name of a folder of library/; inbox, public, ",
        ),
    ],
)
def test_what_a_block_does_not_take_is_refused_whole(
    in_memory: Dispatcher, block: str, values: dict[str, Any], sentence: str
) -> None:
    before, refusal = in_memory.blocks.all(), refused(WrongParameter, parameter=[*values][-1])
    with refusal:
        in_memory.blocks.change(block, values)
    assert str(refusal.error).startswith(sentence)
    assert in_memory.blocks.all() == before


def test_pages_share_a_reading_and_see_what_was_changed(in_memory: Dispatcher) -> None:
    first = in_memory.blocks.recent()
    assert in_memory.blocks.recent() is first
    changed = in_memory.blocks.change(_TRANSCODER, {"threads": 3})
    assert in_memory.blocks.recent()[1] == changed != first[1]
    assert (first[1].saved, changed.saved) == (False, True)


def test_a_secret_is_one_wherever_its_schema_says_so() -> None:
    site, hidden = MemorySite(), {"type": "string", "format": "password", "writeOnly": True}
    optional = {"anyOf": [hidden, {"type": "null"}], "default": None}
    schema = {"properties": {"key": optional, "token": {"type": "string"}, "name": {"type": "string"}}}
    site.configure("reelmill-door", "Door", schema={**schema, "secret_fields": ["token.*"]})
    with site.dispatcher() as prefect:
        (block,) = prefect.blocks.all()
        prefect.blocks.change("reelmill-door", {"key": "hidden", "name": "front"})
        assert prefect.audit.entries().entries[0].details["after"] == {"name": "front"}
    assert block.secrets == {"key", "token"}


def test_a_block_that_there_is_not_is_named(in_memory: Dispatcher) -> None:
    with refused(UnknownName, name="secret", known=(_LIBRARY, _TRANSCODER)):
        in_memory.blocks.change("secret", {"key": "x"})


@pytest.mark.site
def test_jobs_go_by_what_was_changed(on_site: Site) -> None:
    with dispatcher() as prefect:
        prefect.blocks.change(_TRANSCODER, {"max_height": 480})
        assert TranscoderSettings.current().max_height == 480
        prefect.blocks.change(_TRANSCODER, {"max_height": 1080})
        # One that somebody has deleted is made anew.
        TranscoderSettings.delete("default")
        assert prefect.blocks.change(_TRANSCODER, {"threads": 2}).values["max_height"] == 1080
        assert TranscoderSettings.current().threads == 2
        TranscoderSettings().save("default", overwrite=True)
