"""One block of each kind serves a site: how it is found, and what stands in for it where there is none."""

from __future__ import annotations

from typing import Final, Self

from prefect.blocks.core import Block

#: The name under which ``reelmill deploy`` saves each block.
DEFAULT: Final = "default"


class SiteBlock(Block):
    """A block with a default for every field, so that its absence is no error."""

    @classmethod
    def current(cls) -> Self:
        """The site's block as people last saved it; the defaults where none was saved."""
        try:
            found = cls.load(DEFAULT)
        except ValueError:  # what Prefect raises for an unknown block document or type
            return cls()
        assert isinstance(found, cls)
        return found
