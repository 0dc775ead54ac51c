"""The chunk store stays within its bounds: what was used longest ago goes first, and never what a job still needs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from reelmill.operations.chunk_store.store import Claim, Store, StoreEntry
from reelmill.operations.ownership import require_ours
from reelmill.operations.publishing.workspace import trying
from reelmill.report import Report
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import in_bytes, plural

#: How long the chunks of a notebook's or a script's job are kept, of which nobody can say whether it comes back.
_NAMELESS_SECONDS: Final = 7 * 86_400.0


def always(_run_id: uuid.UUID) -> bool:
    """For a caller without a Prefect server: every job may be resumed."""
    return True


def choose_evicted(entries: Sequence[StoreEntry], needed: frozenset[str], limit: int) -> list[StoreEntry]:
    """What goes (pure): all that is unfinished, then complete chunks, until the rest fits; nothing that is needed.

    Args:
        entries: all there is, the one used longest ago first.
        needed: keys of what must stay.
        limit: bytes that may stay.

    Returns:
        Those that go, in the order in which they go.
    """
    free = [entry for entry in entries if entry.key not in needed]
    evicted = [entry for entry in free if not entry.complete]
    excess = sum(entry.size for entry in entries) - sum(entry.size for entry in evicted) - limit
    for entry in free:
        if excess > 0 and entry.complete:
            evicted.append(entry)
            excess -= entry.size
    return evicted


def tidy(root: MediaRoot, limit: int, resumable: Callable[[uuid.UUID], bool], report: Report) -> int:
    """Bring the chunk store within ``limit`` bytes.

    Args:
        root: the media root.
        limit: bytes that may stay. What live and resumable jobs need stays even where it is more.
        resumable: whether a flow run may still be gone on with.
        report: where lines on what goes are logged.

    Returns:
        How many bytes were freed.

    Raises:
        SiteError: the media root belongs to another site, whose jobs at work this database does not know.
        PlatformError: the database, which knows who is at work, is away.
    """
    require_ours(root)
    store, needed = Store(root), set[str]()
    for claim in store.claims():
        if not claim.legible:
            report.line(f"the claim {claim.recipe} is damaged, so that nobody knows what it is on; it keeps nothing")
        if _needed(claim, resumable):
            needed |= claim.keys
        else:
            store.release(claim.recipe)
            report.line(f"chunks of {claim.run_id or 'an old script'} are free to go: nobody will go on with it")
    evicted = []
    for entry in choose_evicted(store.entries(), frozenset(needed), limit):
        with trying(entry.key) as alone:
            if alone:  # nobody is making it just now
                store.drop([entry.key])
                evicted.append(entry)
    freed = sum(entry.size for entry in evicted)
    if evicted:
        report.line(f"{plural(len(evicted), 'chunk')} removed, {in_bytes(freed)}")
    return freed


def _needed(claim: Claim, resumable: Callable[[uuid.UUID], bool]) -> bool:
    with trying(claim.recipe) as alone:
        if not alone:  # its job is at work
            return True
    if claim.run_id is None:
        return time.time() - claim.at < _NAMELESS_SECONDS
    return resumable(claim.run_id)
