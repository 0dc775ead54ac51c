"""What a job needs of the chunk store, from its first chunk until its film or copy is published."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reelmill.operations.chunk_store.eviction import always, tidy
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.publishing.workspace import held
from reelmill.settings import get_settings

#: The lock under which claims are set and chunks dropped: nobody claims what another is about to drop.
_CLAIMS_LOCK: Final = "claims of the chunk store"


class JobClaim:
    """The claim of one job, which holds its recipe's workspace.

    What a job claims stays in the store when it is killed. The last job that claims a chunk drops it at its end.

    Args:
        bench: what the job works with.
        recipe: of what the job makes.
    """

    def __init__(self, bench: Workbench, recipe: str):
        self._bench, self._recipe = bench, recipe
        self._store = Store(bench.root)
        self._keys: set[str] = set()

    def add(self, keys: Iterable[str]) -> None:
        """Claim chunks before they are looked for; the first time, bring the store within its bounds.

        What an earlier attempt claimed stays claimed, so that none of it goes before this one comes to it.

        Args:
            keys: of the chunks.

        Raises:
            LockLost, PlatformError: see ``held``.
            SiteError: the media root belongs to another site.
        """
        first = not self._keys
        with held(_CLAIMS_LOCK, self._bench.report):
            self._keys |= self._earlier() if first else set()
            self._keys.update(keys)
            self._store.claim(self._recipe, self._bench.run_id, sorted(self._keys))
        if first:
            tidy(self._bench.root, get_settings().chunk_store_bytes, always, self._bench.report)

    def drop_chunks(self) -> None:
        """Drop the chunks that no other job claims, and end the claim.

        Raises:
            LockLost, PlatformError: see ``held``.
        """
        self._end(spare_others=True)

    def reject_chunks(self) -> None:
        """Drop all chunks of a film or copy that is not what it should be, and end the claim.

        Whichever is bad, nobody may find it again: another job that claims one makes it anew.

        Raises:
            LockLost, PlatformError: see ``held``.
        """
        self._end(spare_others=False)

    def _end(self, *, spare_others: bool) -> None:
        keys = self._keys | self._earlier()
        if not keys:
            self._store.release(self._recipe)
            return
        with held(_CLAIMS_LOCK, self._bench.report):
            others = (claim.keys for claim in self._store.claims() if claim.recipe != self._recipe)
            self._store.drop(keys.difference(*others) if spare_others else keys)
            self._store.release(self._recipe)

    def _earlier(self) -> set[str]:
        claims = (claim.keys for claim in self._store.claims() if claim.recipe == self._recipe)
        return set().union(*claims)
