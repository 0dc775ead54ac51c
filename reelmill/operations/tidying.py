"""The chunk store stays within its bounds: what was used longest ago goes first, and never what a job still needs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from reelmill.layout import MediaRoot
from reelmill.operations.store import Claim, Kept, Store
from reelmill.operations.workspace import trying
from reelmill.report import Report

#: How long the pieces of a notebook's or a script's job are kept, of which nobody can say whether it comes back.
_NAMELESS_SECONDS: Final = 7 * 86_400.0


def always(_run_id: uuid.UUID) -> bool:
    """For one who cannot ask: every job may come back."""
    return True


def spare(kept: Sequence[Kept], needed: frozenset[str], limit: int) -> list[Kept]:
    """What goes (pure): all that is unfinished, then whole pieces, until the rest fits; nothing that is needed.

    Args:
        kept: all there is, the one used longest ago first.
        needed: keys of what must stay.
        limit: bytes that may stay.
    """
    free = [piece for piece in kept if piece.key not in needed]
    gone = [piece for piece in free if not piece.complete]
    excess = sum(piece.size for piece in kept) - sum(piece.size for piece in gone) - limit
    for piece in free:
        if excess > 0 and piece.complete:
            gone.append(piece)
            excess -= piece.size
    return gone


def tidy(root: MediaRoot, limit: int, resumable: Callable[[uuid.UUID], bool], report: Report) -> int:
    """Bring the chunk store within ``limit`` bytes; answers how many were freed.

    Args:
        root: the media root.
        limit: bytes that may stay. What live and resumable jobs need stays even where it is more.
        resumable: whether a flow run may still be gone on with.
        report: told of what goes.

    Raises:
        PlatformError: the database, which knows who is at work, is away.
    """
    store, needed = Store(root), set[str]()
    for claim in store.claims():
        if _needed(claim, resumable):
            needed |= claim.keys
        else:
            store.release(claim.recipe)
            report.line(f"chunks of {claim.run_id or 'an old script'} are free to go: nobody will go on with it")
    gone = []
    for piece in spare(store.kept(), frozenset(needed), limit):
        with trying(piece.key) as alone:
            if alone:  # nobody is making it just now
                store.drop([piece.key])
                gone.append(piece)
    if gone:
        report.line(f"{len(gone)} chunks removed, {sum(piece.size for piece in gone) / 1e6:.1f} MB")
    return sum(piece.size for piece in gone)


def _needed(claim: Claim, resumable: Callable[[uuid.UUID], bool]) -> bool:
    with trying(claim.recipe) as alone:
        if not alone:  # its job is at work
            return True
    if claim.run_id is None:
        return time.time() - claim.at < _NAMELESS_SECONDS
    return resumable(claim.run_id)
