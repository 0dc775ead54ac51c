"""One block of each kind serves a site: how it is found, what its texts may hold, what stands in for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from prefect.blocks.core import Block
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from reelmill.errors import UserError

#: The name under which ``reelmill deploy`` saves each block.
DEFAULT: Final = "default"


@dataclass(frozen=True)
class Unlike:
    """Refuses texts, in Python and in the schema: what else changes a block (pages, REST API) has nothing but that.

    Args:
        pattern: is found in what is refused.
        meaning: of what is taken, as the end of "it is not ...".
    """

    pattern: str
    meaning: str

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "not": {"pattern": self.pattern}, "description": self.meaning}

    def _check(self, text: str) -> str:
        if re.search(self.pattern, text):
            raise ValueError(f"{text!r} is not {self.meaning}")
        return text


class SiteBlock(Block):
    """A block with a default for every field, so that its absence is no error."""

    @classmethod
    def current(cls) -> Self:
        """The site's block as people last saved it; the defaults where none was saved.

        Returns:
            The block.

        Raises:
            UserError: what was saved cannot be: going on by the defaults would do what nobody agreed on.
        """
        return cls.saved() or cls()

    @classmethod
    def saved(cls) -> Self | None:
        """The site's block as people last saved it; None where none was.

        Returns:
            The block, or None.

        Raises:
            UserError: what was saved cannot be.
            RuntimeError: Prefect cannot load it for another reason.
        """
        try:
            found = cls.load(DEFAULT)
        except ValidationError as error:
            raise cls._refusal(error) from error
        except RuntimeError as error:  # what Prefect makes of it
            if isinstance(error.__cause__, ValidationError):
                raise cls._refusal(error.__cause__) from error
            raise
        except ValueError:  # what Prefect raises for an unknown block document or type
            return None
        assert isinstance(found, cls)
        return found

    @classmethod
    def _refusal(cls, error: ValidationError) -> UserError:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return UserError(
            f"What is saved as {cls.get_block_type_name()} cannot be ({wrong}); change it on the page Settings."
        )
