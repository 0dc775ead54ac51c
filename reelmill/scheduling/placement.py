"""Which job gets GPU memory where: a pure policy over plain values.

Jobs are taken in order, by lane and then by arrival. One that fits goes to the card it fills best. One that does not
keeps a card for itself, of those that will have room once our jobs there have ended the one with the most to give:
nothing behind it is put there, so the card drains for it, and a stream of small jobs cannot starve a big one. The other
cards stay open to the jobs behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Share:
    """What one admitted job was given of a card."""

    mb: int
    used_mb: int = 0  # of it, what its processes have allocated by now


@dataclass(frozen=True)
class Card:
    """One card, or the virtual budget of a machine without one; sizes in MB."""

    name: str  # gpu0
    total_mb: int
    leased_mb: int = 0  # by the site's own book, which also holds the shares of the dead until their time is up
    free_mb: int | None = None  # as the driver says; None for a virtual budget
    shares: tuple[Share, ...] = ()

    @property
    def to_give(self) -> int:
        """What can be promised to one more job, in MB, 0 or more.

        The driver's free memory already lacks what admitted jobs have allocated, but not what they still may, so that
        is taken off it: min(total - leased, free - sum(max(0, share - used))).
        """
        unleased = self.total_mb - self.leased_mb
        if self.free_mb is None:
            return max(0, unleased)
        promised = sum(max(0, share.mb - share.used_mb) for share in self.shares)
        return max(0, min(unleased, self.free_mb - promised))

    @property
    def drained_mb(self) -> int:
        """What it will have to give once our jobs on it have ended, in MB: all but what others hold."""
        if self.free_mb is None:
            return self.total_mb
        return min(self.total_mb, self.free_mb + sum(share.used_mb for share in self.shares))


@dataclass(frozen=True)
class Waiting:
    """One job that needs GPU memory."""

    id: str
    need_mb: int
    priority: int  # of its lane, lower first
    arrived: float  # seconds of any one clock


@dataclass(frozen=True)
class Placed:
    """Admitted to a card."""

    card: str


@dataclass(frozen=True)
class Waits:
    """Not now."""

    reason: str


@dataclass(frozen=True)
class Impossible:
    """Never here: no card is that large."""

    reason: str


Decision = Placed | Waits | Impossible


def place(cards: Sequence[Card], waiting: Sequence[Waiting]) -> dict[str, Decision]:
    """Decide for every waiting job, each as if those before it had been admitted.

    Args:
        cards: of one machine.
        waiting: its jobs, in any order.
    """
    open_cards = {card.name: card for card in cards}
    kept_for: dict[str, Waiting] = {}
    decisions: dict[str, Decision] = {}
    for job in sorted(waiting, key=lambda job: (job.priority, job.arrived, job.id)):
        decision = _decide(job, open_cards, kept_for)
        decisions[job.id] = decision
        if isinstance(decision, Placed):
            card = open_cards[decision.card]
            open_cards[card.name] = replace(
                card, leased_mb=card.leased_mb + job.need_mb, shares=(*card.shares, Share(job.need_mb))
            )
    return decisions


def _decide(job: Waiting, cards: dict[str, Card], kept_for: dict[str, Waiting]) -> Decision:
    able = [card for card in cards.values() if card.total_mb >= job.need_mb]
    if not able:
        return Impossible(_too_large(job.need_mb, list(cards.values())))
    free = [card for card in able if card.name not in kept_for]
    fitting = [card for card in free if card.to_give >= job.need_mb]
    if fitting:
        return Placed(min(fitting, key=lambda card: (card.to_give - job.need_mb, card.name)).name)
    if not free:
        first = min((kept_for[card.name] for card in able), key=lambda other: (other.priority, other.arrived))
        return Waits(f"{job.need_mb} MB of VRAM needed; a job before it waits for {first.need_mb} MB")
    best = max(free, key=lambda card: (card.drained_mb >= job.need_mb, card.to_give, card.name))
    kept_for[best.name] = job
    return Waits(f"{job.need_mb} MB of VRAM needed and {best.to_give} free on {best.name}{_outside(best)}")


def _outside(card: Card) -> str:
    """Says so where others than our jobs hold the memory."""
    if card.free_mb is None:
        return ""
    outside = card.total_mb - card.free_mb - sum(share.used_mb for share in card.shares)
    return f" ({outside} MB of it used by others)" if outside > card.total_mb // 10 else ""


def _too_large(need_mb: int, cards: Sequence[Card]) -> str:
    if not cards:
        return f"The job needs {need_mb} MB of VRAM and no GPU is alive here."
    largest = max(cards, key=lambda card: card.total_mb)
    return (
        f"The job needs {need_mb} MB of VRAM and the largest GPU alive, {largest.name}, has {largest.total_mb} MB; "
        "lower its vram_mb, or add a larger GPU."
    )


def need_of(vram_mb: int, parameters: dict[str, Any], *, virtual: bool) -> int:
    """What a job takes of this machine's memory: nothing where its back end will not touch the card.

    Args:
        vram_mb: its job variable.
        parameters: of its flow.
        virtual: whether the machine has no card, where everything counts as if it had one.
    """
    return vram_mb if virtual or parameters.get("encoder") != "x264" else 0
