from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from blocks import MediaLibrary, TranscoderSettings
from blocks.stored import SiteBlock
from deployments.site import Site
from reelmill.ffmpeg.transcoder import TranscoderOptions
from reelmill.operations.jobs.scan import EXTENSIONS


@pytest.mark.parametrize("kind", [MediaLibrary, TranscoderSettings])
def test_a_person_finds_each_block_and_field_explained(kind: type[SiteBlock]) -> None:
    assert kind.get_block_type_name().startswith("Reelmill ")
    assert kind.get_description()
    for name, field in kind.model_fields.items():
        if name != "block_type_slug":
            assert field.description, name
            assert not field.is_required(), name


@pytest.mark.site
@pytest.mark.parametrize("kind", [MediaLibrary, TranscoderSettings])
def test_what_people_saved_is_what_flows_read(on_site: Site, kind: type[SiteBlock]) -> None:
    assert kind.current().model_dump(exclude={"block_type_slug"})
    if kind is TranscoderSettings:
        TranscoderSettings(threads=3).save("default", overwrite=True)
        assert TranscoderSettings.current().threads == 3
    else:
        MediaLibrary(directory_types=["films"]).save("default", overwrite=True)
        assert MediaLibrary.current().scannable == ("inbox", "films")
    kind().save("default", overwrite=True)


def test_defaults() -> None:
    library = MediaLibrary()
    assert library.scannable == ("inbox", "videos", "shows", "home")
    assert tuple(library.extensions) == EXTENSIONS
    assert TranscoderSettings().options() == TranscoderOptions()
    assert not TranscoderSettings(software_fallback=False).options().software_fallback
    assert TranscoderSettings(max_height=720).options().max_height == 720
    assert TranscoderSettings(binary="/opt/ffmpeg").options().binary == Path("/opt/ffmpeg")


@pytest.mark.parametrize("names", [["inbox"], ["playback"], ["a/b"], [".."], [""], []])
def test_directory_types_are_plain_folder_names(names: list[str]) -> None:
    with pytest.raises(ValidationError):
        MediaLibrary(directory_types=names)
    taken = Draft202012Validator(MediaLibrary.model_json_schema())  # all that the pages and the API go by
    assert not taken.is_valid({"directory_types": names})
    assert taken.is_valid({"directory_types": ["films", "Süße Träume", "..."]})
