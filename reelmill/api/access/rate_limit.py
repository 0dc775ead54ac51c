"""The limit on failed logins, for each address by itself (pure over a clock, and of bounded memory)."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from typing import Final

from reelmill.clock import SYSTEM, Clock

#: So many at once, and from then on one each ``_SECONDS / ATTEMPTS``.
ATTEMPTS: Final = 10
_SECONDS: Final = 60.0

#: Addresses that are remembered; the one that has been silent for longest is forgotten first.
_ADDRESSES: Final = 4096

#: How much of an IPv6 address is one household's: whoever has one address there has all of them.
_IPV6_PREFIX: Final = 64


class FailedLogins:
    """Counts failed logins by address; may be used by several threads at once.

    It is a leaky bucket: one number an address, the time at which all it has done will be forgotten.

    Args:
        clock: by which they are forgotten.
    """

    def __init__(self, clock: Clock = SYSTEM):
        self._clock = clock
        self._lock = threading.Lock()
        self._forgotten_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._forgotten_at)

    def record(self, address: str) -> float:
        """Record a failed login, unless its address has had too many already.

        Args:
            address: that it came from.

        Returns:
            0 where it was recorded; else the seconds until that address may fail again.
        """
        each, now, origin = _SECONDS / ATTEMPTS, self._clock.monotonic(), origin_of(address)
        with self._lock:
            forgotten_at = max(now, self._forgotten_at.pop(origin, now)) + each
            if forgotten_at > now + _SECONDS:
                self._forgotten_at[origin] = forgotten_at - each
                return forgotten_at - now - _SECONDS
            self._forgotten_at[origin] = forgotten_at
            while len(self._forgotten_at) > _ADDRESSES:
                self._forgotten_at.popitem(last=False)
        return 0.0


def origin_of(address: str) -> str:
    """What counts as one address.

    Args:
        address: as the server has it; behind a proxy it is what the proxy has written.

    Returns:
        The address itself, the network of one of IPv6, or ``unknown``.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip.packed, _IPV6_PREFIX), strict=False))
    return str(ip)
