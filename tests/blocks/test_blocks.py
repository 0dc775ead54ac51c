from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from prefect import get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from pydantic import ValidationError

from blocks import MediaLibrary, TranscoderSettings
from blocks.stored import SiteBlock
from deployments.site import Site
from reelmill.errors import UserError
from reelmill.ffmpeg.transcoder import TranscoderOptions
from reelmill.operations.jobs.scan import EXTENSIONS
from tests.refusals import refused


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


@pytest.mark.site
def test_what_was_saved_and_cannot_be_is_not_passed_over(on_site: Site) -> None:
    """Past the pages and the API, the server takes whatever it is sent."""
    TranscoderSettings(max_height=480).save("default", overwrite=True)
    with get_client(sync_client=True) as client:
        slug = TranscoderSettings.get_block_type_slug()
        saved = client.read_block_document_by_name("default", slug)
        wrong = BlockDocumentUpdate(block_schema_id=saved.block_schema_id, data={"stall_timeout": -1})
        client.update_block_document(saved.id, wrong)
    refusal = refused(UserError)
    with refusal:
        TranscoderSettings.current()
    assert str(refusal.error).startswith("What is saved as Reelmill transcoder cannot be (stall_timeout: ")
    TranscoderSettings().save("default", overwrite=True)
    assert TranscoderSettings.current().max_height == 1080


def test_a_value_that_python_does_not_take_is_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_name: str) -> TranscoderSettings:
        return TranscoderSettings(max_height=480, stall_timeout=10**400)  # a number for a schema

    monkeypatch.setattr(TranscoderSettings, "load", load)
    refusal = refused(UserError)
    with refusal:
        TranscoderSettings.current()
    assert "stall_timeout" in str(refusal.error)


@pytest.mark.parametrize("names", [["inbox"], ["playback"], ["a/b"], [".."], [""], ["a\nb"], ["a" * 256], []])
def test_directory_types_are_plain_folder_names(names: list[str]) -> None:
    with pytest.raises(ValidationError):
        MediaLibrary(directory_types=names)
    taken = Draft202012Validator(MediaLibrary.model_json_schema())  # all that the pages and the API go by
    assert not taken.is_valid({"directory_types": names})
    assert taken.is_valid({"directory_types": ["films", "Süße Träume", "..."]})
