"""How deeply a video was checked, and which of two verdicts on the same file stands (pure)."""

from __future__ import annotations

from typing import Final, Literal

Depth = Literal["opened", "quick", "full"]

#: Its container and the first frame were read, as every scan does.
OPENED: Final = "opened"
#: All of it was decoded.
FULL: Final = "full"

#: The deepest last.
DEPTHS: Final[tuple[Depth, ...]] = ("opened", "quick", "full")


def outweighs(kept: str | None, depth: Depth, *, valid: bool) -> bool:
    """Whether an earlier verdict on a file that has not changed stands against a new one.

    Who looked at less cannot take back what a deeper check has found. That something is wrong now stands in any case:
    disks rot.

    Args:
        kept: how deeply the earlier check looked; None: there was none, or none that is known.
        depth: of the new one.
        valid: whether the new one found nothing wrong.

    Returns:
        Whether the earlier one is kept, its time with it.
    """
    return valid and kept in DEPTHS[DEPTHS.index(depth) + 1 :]
