"""Which errors of a look at a path say that nothing is there, rather than that its disk does not answer."""

from __future__ import annotations

import errno
from typing import Final

ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
