"""Pages of lists, as every list of the API has them."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from reelmill.api.naming import ApiModel

#: The most items on a page.
LARGEST: Final = 200

#: The last page that can be asked for by its number; cursors go on further.
LAST: Final = 1_000_000


class Pagination(ApiModel):
    """Where a page stands among the others."""

    page: int = Field(description="1 is the first")
    limit: int = Field(description="items on a page")
    total: int = Field(description="items on all pages")
    total_pages: int
    next: str | None = Field(
        default=None,
        description="hand it back (as `before` of jobs, as `after` of videos) for the page that follows, whatever "
        "comes in meanwhile; null where nothing follows",
    )
