"""What is to be said of disks of their own below the media root that are away: nothing of theirs is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reelmill.doctor.findings import Finding, fault, listed
from reelmill.operations.disks import AwayDisk
from reelmill.wording import plural

#: The check that names the videos of such disks.
AWAY: Final = "away_disks"


def away(disks: Sequence[AwayDisk]) -> list[Finding]:
    """What is to be said of disks that are not mounted (pure).

    Args:
        disks: those away.

    Returns:
        One fault, or nothing where all are there.
    """
    if not disks:
        return []
    names = [path for disk in disks for path in disk.paths]
    places = listed([disk.place for disk in disks])
    sentence = f"{plural(len(disks), 'disk')} not mounted, with {plural(len(names), 'known video')}: {places}."
    remedy = "mount what is away; where it was emptied for good, --repair marks its videos as missing"
    return [fault(AWAY, sentence, remedy, repairable=True, names=names)]
