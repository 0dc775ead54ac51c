"""Settings: what the people of the site agree on, read and changed."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from pydantic import Field, field_validator
from pydantic.alias_generators import to_camel

from reelmill.api.access.caller import Caller, requires
from reelmill.api.access.roles import Permission
from reelmill.api.errors import InvalidRequest, documented
from reelmill.api.naming import ApiModel, inside, outside
from reelmill.api.routes.reasons import Reason, actor_of
from reelmill.api.services import Site
from reelmill.api.texts import Params, Text
from reelmill.dispatch import BlockState
from reelmill.errors import WrongParameter

router: Final = APIRouter(prefix="/api/media/settings", tags=["site"])

Reader = Annotated[Caller, Depends(requires(Permission.READ_SETTINGS))]
Changer = Annotated[Caller, Depends(requires(Permission.CHANGE_SETTINGS))]
BlockName = Annotated[Text, Path(alias="name", description="of the block", examples=["reelmill-transcoder"])]


class BlockItem(ApiModel):
    """What the people of the site agree on, in one block."""

    name: str = Field(examples=["reelmill-transcoder"])
    title: str = Field(examples=["Reelmill transcoder"])
    description: str
    values: dict[str, Any] = Field(description="all of them, in camelCase; secrets are obscured")
    value_schemas: dict[str, Any] = Field(description="what each value may be, and its default, as JSON Schema has it")


class BlockItems(ApiModel):
    """All blocks, in the order of their titles."""

    data: list[BlockItem]


class NewValues(Reason):
    """Values to be changed; the others stay."""

    values: Params = Field(
        min_length=1, description="by name, in camelCase or snake_case", examples=[{"maxHeight": 720}]
    )

    @field_validator("values")
    @classmethod
    def _named_once(cls, values: dict[str, Any]) -> dict[str, Any]:
        inside(values)
        return values


@router.get("", summary="What the site's people agree on")
def list_settings(services: Site, _caller: Reader) -> BlockItems:
    """The blocks of the site, which are in the Prefect UI, too. Settings of single nodes are their environment."""
    return BlockItems(data=[_item(block) for block in services.dispatcher.blocks.all()])


@router.patch("/{name}", summary="Change what the site's people agree on", responses=documented(404, 422))
def change_settings(services: Site, caller: Changer, name: BlockName, new: NewValues) -> BlockItem:
    """Jobs that start after it go by it; what runs goes on as it began."""
    try:
        changed = services.dispatcher.blocks.change(name, inside(new.values), actor_of(caller, new))
    except WrongParameter as error:
        raise InvalidRequest(str(error), f"values.{to_camel(error.parameter)}") from error
    return _item(changed)


def _item(block: BlockState) -> BlockItem:
    """A block as the API shows it (pure)."""
    return BlockItem(
        name=block.name,
        title=block.title,
        description=block.description,
        values=outside(block.values),
        value_schemas=outside(block.schema["properties"]),
    )
